//! A bounded pipe: bytes on their way from one thread to another, as fast as the slower one of them.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use crate::sync::{Arc, Mutex, lock};

/// Bytes that a piece counts beside its own. Without it, a writer could fill much memory with pieces
/// of a byte each.
const PIECE_BYTES: usize = 64;

/// A queue of pieces of bytes, with one writer, which is a future, and one reader, which is a loop
/// and never waits.
///
/// The writer asks for [room](Pipe::poll_room) before it [pushes](Pipe::push) a piece, so it is
/// never ahead of the reader by more than the pipe's bound and a piece. The reader
/// [takes](Pipe::take) pieces when it has room for them. If there is none, it goes on with other
/// work, and is told once there is one.
pub struct Pipe<T> {
    state: Mutex<State<T>>,
    bytes_max: usize,
}

struct State<T> {
    pieces: VecDeque<T>,
    /// Bytes of the pieces, with [`PIECE_BYTES`] for each.
    bytes: usize,
    ending: Option<Ending>,
    /// Tells the reader that there is something to take.
    tell: Option<Arc<dyn Fn() + Send + Sync>>,
    /// Whether the reader has found nothing, and is to be told.
    reader_waits: bool,
    /// The writer, if it waits for room.
    writer: Option<Waker>,
}

/// How the content of a pipe ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All of it has come.
    Whole,
    /// The rest is missing.
    Cut,
}

/// What a reader finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken<T> {
    /// The next piece.
    Piece(T),
    /// The end: nothing else will come.
    End(Ending),
    /// Nothing yet: the reader will be told.
    Nothing,
}

impl<T: AsRef<[u8]>> Pipe<T> {
    /// Creates an empty pipe, in which so many bytes wait at most, and one piece.
    pub fn new(bytes_max: usize) -> Pipe<T> {
        let state = State {
            pieces: VecDeque::new(),
            bytes: 0,
            ending: None,
            tell: None,
            reader_waits: false,
            writer: None,
        };
        Pipe { state: Mutex::new(state), bytes_max }
    }

    /// Returns, to the writer, whether there is room for a piece. If not, the writer is woken once
    /// there is.
    pub fn poll_room(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = lock(&self.state);
        if state.bytes < self.bytes_max {
            return Poll::Ready(());
        }
        state.writer = Some(context.waker().clone());
        Poll::Pending
    }

    /// Adds a piece, whether there is room or not. An empty one is left out.
    pub fn push(&self, piece: T) {
        if piece.as_ref().is_empty() {
            return;
        }
        self.change(|state| {
            state.bytes += cost(&piece);
            state.pieces.push_back(piece);
        });
    }

    /// Ends the content. Only the first end counts.
    pub fn end(&self, ending: Ending) {
        self.change(|state| {
            state.ending.get_or_insert(ending);
        });
    }

    /// Changes something, and tells a reader that waits.
    fn change(&self, change: impl FnOnce(&mut State<T>)) {
        let mut state = lock(&self.state);
        change(&mut state);
        let tell = match std::mem::take(&mut state.reader_waits) {
            true => state.tell.clone(),
            false => None,
        };
        // The reader may be told in any way, also one that takes a lock.
        drop(state);
        if let Some(tell) = tell {
            tell();
        }
    }

    /// Begins to read. `tell` is called on the writer's thread whenever there is something to take
    /// after the reader has found [`Nothing`](Taken::Nothing).
    pub fn read(&self, tell: impl Fn() + Send + Sync + 'static) {
        lock(&self.state).tell = Some(Arc::new(tell));
    }

    /// Takes the next piece, and wakes a writer that waits for the room.
    pub fn take(&self) -> Taken<T> {
        let mut state = lock(&self.state);
        let Some(piece) = state.pieces.pop_front() else {
            let ending = state.ending;
            state.reader_waits = ending.is_none();
            return ending.map_or(Taken::Nothing, Taken::End);
        };
        state.bytes -= cost(&piece);
        let writer = match state.bytes < self.bytes_max {
            true => state.writer.take(),
            false => None,
        };
        drop(state);
        if let Some(writer) = writer {
            writer.wake();
        }
        Taken::Piece(piece)
    }
}

impl<T> std::fmt::Debug for Pipe<T> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Pipe").field("bytes_max", &self.bytes_max).finish_non_exhaustive()
    }
}

/// Returns how many bytes a piece counts.
fn cost(piece: &impl AsRef<[u8]>) -> usize {
    piece.as_ref().len() + PIECE_BYTES
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    /// Counts how often it is woken or told.
    #[derive(Default)]
    struct Bell(AtomicUsize);

    impl Bell {
        fn rung(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }

    impl Wake for Bell {
        fn wake(self: Arc<Bell>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn has_room(pipe: &Pipe<&str>, bell: &Arc<Bell>) -> bool {
        let waker = bell.clone().into();
        pipe.poll_room(&mut Context::from_waker(&waker)).is_ready()
    }

    #[test]
    fn a_reader_is_told_once_it_has_found_nothing() {
        let (pipe, bell) = (Pipe::new(100), Arc::new(Bell::default()));
        let told = bell.clone();
        pipe.push("a");
        pipe.read(move || told.clone().wake());
        assert_eq!(pipe.take(), Taken::Piece("a"));
        pipe.push("b");
        assert_eq!(bell.rung(), 0, "it has not looked since");
        assert_eq!(pipe.take(), Taken::Piece("b"));
        assert_eq!(pipe.take(), Taken::Nothing);
        pipe.push("");
        assert_eq!(bell.rung(), 0, "an empty piece is none");
        pipe.push("c");
        pipe.push("d");
        assert_eq!(bell.rung(), 1);
        assert_eq!((pipe.take(), pipe.take()), (Taken::Piece("c"), Taken::Piece("d")));
        assert_eq!(pipe.take(), Taken::Nothing);
        pipe.end(Ending::Cut);
        pipe.end(Ending::Whole);
        assert_eq!(bell.rung(), 2);
        assert_eq!(pipe.take(), Taken::End(Ending::Cut), "the first end counts");
    }

    #[test]
    fn a_writer_waits_for_room_and_is_woken_once() {
        let (pipe, bell) = (Pipe::new(PIECE_BYTES * 2), Arc::new(Bell::default()));
        assert!(has_room(&pipe, &bell));
        pipe.push("12345678");
        assert!(has_room(&pipe, &bell));
        pipe.push("x");
        assert!(!has_room(&pipe, &bell));
        assert_eq!(pipe.take(), Taken::Piece("12345678"));
        assert_eq!(bell.rung(), 1);
        assert_eq!(pipe.take(), Taken::Piece("x"));
        assert_eq!(bell.rung(), 1, "it knows already");
        assert!(has_room(&pipe, &bell));
    }
}
