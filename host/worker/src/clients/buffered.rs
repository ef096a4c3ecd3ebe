//! The totals of what connections keep in memory for their clients: each has a limit, and so has
//! their sum.

use std::cell::Cell;
use std::rc::Rc;

use snow_config::Limits;
use snow_runtime::Share;

use super::client::Client;
use crate::context::Context;

/// Bytes that a connection keeps.
#[derive(Clone, Copy)]
pub(super) struct Buffered {
    /// Of requests that are not whole, and of input that can't be used yet.
    pub input_bytes: usize,
    /// Of answers that the client has not taken yet.
    pub output_bytes: usize,
}

/// Bytes that a worker keeps for all of its clients.
#[derive(Default)]
pub(super) struct Totals {
    input_bytes: usize,
    output_bytes: usize,
    /// Of the bodies of whole requests, which wait for their call, are being read by it, or are kept
    /// for `resume`.
    body_bytes: Rc<Cell<usize>>,
}

impl Totals {
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

    /// Counts a body for as long as its request is kept.
    pub fn share(&self, body_bytes: usize) -> Share {
        match body_bytes {
            0 => Share::default(),
            part => Share::of(&self.body_bytes, part),
        }
    }

    /// Returns whether requests would take more than they may with so many bytes on top.
    pub fn is_too_much_input(&self, more_bytes: usize, limits: &Limits) -> bool {
        self.requests_bytes().saturating_add(more_bytes) > limits.worker_input_bytes_max
    }

    /// Returns how many bytes more requests may take.
    pub fn room_bytes(&self, limits: &Limits) -> u64 {
        limits.worker_input_bytes_max.saturating_sub(self.requests_bytes()) as u64
    }

    fn requests_bytes(&self) -> usize {
        self.input_bytes + self.body_bytes.get()
    }

    /// Returns whether answers take as much as they may.
    pub fn is_output_full(&self, limits: &Limits) -> bool {
        self.output_bytes >= limits.worker_output_bytes_max
    }

    /// Returns whether answers take three quarters of the memory that they may.
    pub fn is_output_nearly_full(&self, limits: &Limits) -> bool {
        self.output_bytes >= limits.worker_output_bytes_max / 4 * 3
    }

    /// Returns whether answers would take more than they may with so many bytes on top.
    pub fn is_too_much_output(&self, more_bytes: usize, limits: &Limits) -> bool {
        self.output_bytes.saturating_add(more_bytes) > limits.worker_output_bytes_max
    }

    /// Shows the totals to others.
    pub fn count(&self, cx: &Context) {
        cx.stats.input_bytes.set(self.requests_bytes() as u64);
        cx.stats.output_bytes.set(self.output_bytes as u64);
    }
}
