//! The totals of what connections keep in memory for their clients: each has a limit, and so has
//! their sum.

use snow_config::Limits;

use super::client::Client;
use crate::context::Context;

/// Bytes that the connections of a worker keep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Buffered {
    /// Of requests that are not whole, and of input that can't be used yet.
    pub input_bytes: usize,
    /// Of answers that clients have not taken yet.
    pub output_bytes: usize,
}

impl Buffered {
    /// Lets something happen to a client, and keeps the totals right.
    pub fn track<S, T>(
        &mut self,
        client: &mut Client<S>,
        happen: impl FnOnce(&mut Client<S>) -> T,
    ) -> T {
        let before = client.buffered();
        let happened = happen(client);
        let after = client.buffered();
        self.input_bytes = self.input_bytes + after.input_bytes - before.input_bytes;
        self.output_bytes = self.output_bytes + after.output_bytes - before.output_bytes;
        happened
    }

    /// Returns whether unfinished requests take more than they may.
    pub fn has_too_much_input(&self, limits: &Limits) -> bool {
        self.input_bytes > limits.worker_input_bytes_max
    }

    /// Returns whether answers take as much as they may.
    pub fn is_output_full(&self, limits: &Limits) -> bool {
        self.output_bytes >= limits.worker_output_bytes_max
    }

    /// Shows the totals to others.
    pub fn count(&self, cx: &Context) {
        cx.stats.input_bytes.set(self.input_bytes as u64);
        cx.stats.output_bytes.set(self.output_bytes as u64);
    }
}
