//! Operations that bring an answer for a client, a piece at a time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::task::{Context, Waker};

use bytes::Bytes;
use snow_core::{Ending, Pipe, Waiter};
use snow_http::Response;
use snow_runtime::{OperationId, Relayed};

use super::Stage;
use crate::rng::Rng;

/// Bytes that wait in a pipe: so few that its writer often has to wait, or as many as in a server.
const PIPE_BYTES: [usize; 2] = [100, 64 << 10];
/// Bytes of a content: less than a worker passes on at a time, or more.
const CONTENT_BYTES: [usize; 3] = [10, 2_000, 150_000];

/// The answers that are on their way.
#[derive(Default)]
pub struct Relays {
    /// Operations whose answers are wanted as they come.
    wished: BTreeSet<OperationId>,
    under_way: BTreeMap<OperationId, UnderWay>,
    /// The pendings of answers that end too early.
    pub cut: BTreeSet<usize>,
    /// How many answers came to their end.
    pub whole: u32,
}

/// An answer on its way.
struct UnderWay {
    content: Arc<Pipe<Bytes>>,
    pieces: VecDeque<Bytes>,
    ending: Ending,
}

impl Relays {
    /// Notes how the answer of an operation is wanted.
    pub fn deliver(&mut self, operation: OperationId, is_relayed: bool) {
        match is_relayed {
            true => self.wished.insert(operation),
            false => self.wished.remove(&operation),
        };
    }

    /// Forgets an operation.
    pub fn cancel(&mut self, operation: OperationId) {
        self.wished.remove(&operation);
        self.under_way.remove(&operation);
    }

    /// Returns whether nothing is under way.
    pub fn is_empty(&self) -> bool {
        self.wished.is_empty() && self.under_way.is_empty()
    }

    /// Returns whether a writer can go on.
    pub fn can_go_on(&self) -> bool {
        self.under_way.values().any(UnderWay::has_room)
    }

    /// Lets the writer of an answer go on by a piece.
    pub fn go_on(&mut self, rng: &mut Rng) {
        let able = self.under_way.iter().filter(|(_, answer)| answer.has_room());
        let able: Vec<OperationId> = able.map(|(operation, _)| *operation).collect();
        let Some(operation) = able.get(rng.below(able.len().max(1))) else { return };
        let answer = self.under_way.get_mut(operation).expect("it was just found");
        match answer.pieces.pop_front() {
            Some(piece) => answer.content.push(piece),
            None => {
                self.whole += u32::from(answer.ending == Ending::Whole);
                let answer = self.under_way.remove(operation).expect("it was just found");
                answer.content.end(answer.ending);
            }
        }
    }
}

impl UnderWay {
    fn has_room(&self) -> bool {
        self.content.poll_room(&mut Context::from_waker(Waker::noop())).is_ready()
    }
}

impl Stage {
    /// Lets the answer of an operation begin that is wanted as it comes. Returns whom that wakes.
    pub(super) fn relay_begins(
        &mut self,
        operation: OperationId,
        pending: usize,
        rng: &mut Rng,
    ) -> Option<Waiter> {
        let Stage { ledger, relays, .. } = self;
        let (pipe_bytes, bytes) = (rng.pick(&PIPE_BYTES), rng.pick(&CONTENT_BYTES));
        let is_cut = rng.percent(15);
        ledger.operation_relays(pending, |text| {
            let content = Bytes::from(format!("{text}{}", ".".repeat(rng.below(bytes))));
            let mut pieces: VecDeque<Bytes> = VecDeque::new();
            let mut rest = content.clone();
            while !rest.is_empty() {
                let most = rest.len().min(if bytes > 10_000 { 30_000 } else { 200 });
                pieces.push_back(rest.split_to(1 + rng.below(most)));
            }
            if is_cut {
                pieces.truncate(rng.below(pieces.len()));
                relays.cut.insert(pending);
            }
            let ending = if is_cut { Ending::Cut } else { Ending::Whole };
            let pipe = Arc::new(Pipe::new(pipe_bytes));
            let answer = UnderWay { content: pipe.clone(), pieces, ending };
            relays.under_way.insert(operation, answer);
            Relayed {
                head: Response { status: 201, ..Response::default() },
                length: Some(content.len() as u64),
                content: pipe,
            }
        })
    }

    /// Returns whether the answer of an operation is wanted as it comes.
    pub(super) fn is_relayed(&self, operation: OperationId) -> bool {
        self.relays.wished.contains(&operation)
    }
}
