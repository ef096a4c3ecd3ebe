//! A queue that grows in chunks, without copying.

use std::collections::VecDeque;

/// How many entries a chunk holds at most.
const CHUNK: usize = 256;

/// A first-in, first-out queue for many entries.
///
/// A `VecDeque` of a million entries copies all of them when it doubles, which would stop the
/// worker's loop. This queue allocates one chunk at a time, and frees each chunk as soon as it is
/// empty. An empty queue holds next to no memory.
///
/// ```
/// let mut queue = snow_core::Fifo::new();
/// queue.push_back(1);
/// queue.push_back(2);
/// assert_eq!(queue.pop_front(), Some(1));
/// ```
#[derive(Debug)]
pub struct Fifo<T> {
    /// The chunks, the oldest first. None is empty.
    chunks: VecDeque<VecDeque<T>>,
    /// The number of entries in all chunks.
    len: usize,
}

impl<T> Default for Fifo<T> {
    fn default() -> Self {
        Fifo { chunks: VecDeque::new(), len: 0 }
    }
}

impl<T> Fifo<T> {
    /// Creates an empty queue. Allocates nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the number of entries.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns whether the queue is empty.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends an entry. Allocates at most one chunk.
    pub fn push_back(&mut self, entry: T) {
        self.len += 1;
        match self.chunks.back_mut() {
            Some(chunk) if chunk.len() < CHUNK => chunk.push_back(entry),
            _ => self.chunks.push_back(VecDeque::from([entry])),
        }
    }

    /// Returns the oldest entry.
    pub fn front(&self) -> Option<&T> {
        self.chunks.front()?.front()
    }

    /// Removes and returns the oldest entry.
    pub fn pop_front(&mut self) -> Option<T> {
        let chunk = self.chunks.front_mut()?;
        let entry = chunk.pop_front();
        if chunk.is_empty() {
            self.chunks.pop_front();
        }
        self.len -= usize::from(entry.is_some());
        entry
    }

    /// Removes and returns the oldest entries, at most 256 of them. Moves a chunk as it is, so it
    /// costs no more than [`pop_front`](Self::pop_front).
    pub fn pop_chunk(&mut self) -> VecDeque<T> {
        let chunk = self.chunks.pop_front().unwrap_or_default();
        self.len -= chunk.len();
        chunk
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_out_in_order_one_by_one_or_in_chunks() {
        let mut fifo = Fifo::new();
        (0..600).for_each(|n| fifo.push_back(n));
        assert_eq!(fifo.front(), Some(&0));
        assert_eq!((fifo.pop_front(), fifo.pop_front(), fifo.len()), (Some(0), Some(1), 598));
        assert_eq!(fifo.pop_chunk(), (2..256).collect::<VecDeque<_>>());
        assert_eq!(fifo.pop_chunk().len(), 256);
        let rest: Vec<i32> = std::iter::from_fn(|| fifo.pop_front()).collect();
        assert_eq!(rest, (512..600).collect::<Vec<_>>());
        assert!(fifo.is_empty() && fifo.pop_chunk().is_empty());
    }
}
