//! A queue that grows without copying: in chunks. A `VecDeque` of a million entries copies them all when it doubles,
//! which would stop the loop.

use std::collections::VecDeque;

/// Entries in a chunk.
const CHUNK: usize = 256;

/// First in, first out. An empty one holds no memory to speak of.
#[derive(Debug)]
pub struct Fifo<T> {
    /// None of them is empty.
    chunks: VecDeque<VecDeque<T>>,
    len: usize,
}

impl<T> Default for Fifo<T> {
    fn default() -> Self {
        Fifo { chunks: VecDeque::new(), len: 0 }
    }
}

impl<T> Fifo<T> {
    /// An empty queue. Allocates nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many entries it holds.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Puts an entry in. At worst one chunk is allocated.
    pub fn push_back(&mut self, entry: T) {
        self.len += 1;
        match self.chunks.back_mut() {
            Some(chunk) if chunk.len() < CHUNK => chunk.push_back(entry),
            _ => self.chunks.push_back(VecDeque::from([entry])),
        }
    }

    /// The oldest entry.
    pub fn front(&self) -> Option<&T> {
        self.chunks.front()?.front()
    }

    /// Takes the oldest entry.
    pub fn pop_front(&mut self) -> Option<T> {
        let chunk = self.chunks.front_mut()?;
        let entry = chunk.pop_front();
        if chunk.is_empty() {
            self.chunks.pop_front();
        }
        self.len -= usize::from(entry.is_some());
        entry
    }

    /// Takes the oldest entries, 256 at most.
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
