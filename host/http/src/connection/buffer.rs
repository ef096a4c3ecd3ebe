//! A queue of bytes.

/// A queue of bytes in one piece of memory, which is freed as soon as the queue is empty.
///
/// An empty queue takes one word. Each connection has two queues, and both are empty while its
/// request is suspended.
#[derive(Debug, Default)]
pub(super) struct Buffer(Option<Box<Bytes>>);

#[derive(Debug, Default)]
struct Bytes {
    bytes: Vec<u8>,
    /// How many bytes at the front were consumed. The queue begins behind them.
    start: usize,
}

impl Buffer {
    /// Returns all bytes of the queue.
    pub(super) fn as_slice(&self) -> &[u8] {
        self.0.as_ref().and_then(|queue| queue.bytes.get(queue.start..)).unwrap_or_default()
    }

    /// Returns the number of bytes.
    pub(super) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |queue| queue.bytes.len() - queue.start)
    }

    /// Returns whether the queue is empty.
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns how many bytes of memory the queue holds.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.0.as_ref().map_or(0, |queue| queue.bytes.capacity())
    }

    /// Appends bytes.
    pub(super) fn append(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.back().extend_from_slice(bytes);
        }
    }

    /// Returns the vector to append to.
    ///
    /// Removes the consumed bytes when they are the larger part. So each byte is moved at most once
    /// on average, and a queue that is never empty does not grow for ever.
    pub(super) fn back(&mut self) -> &mut Vec<u8> {
        let queue = self.0.get_or_insert_default();
        if queue.start > queue.bytes.len() - queue.start {
            queue.cut();
        }
        &mut queue.bytes
    }

    /// Removes `count` bytes at the front, or all there are.
    pub(super) fn consume(&mut self, count: usize) {
        match &mut self.0 {
            Some(queue) if count < queue.bytes.len() - queue.start => queue.start += count,
            _ => self.clear(),
        }
    }

    /// Removes all bytes.
    pub(super) fn clear(&mut self) {
        self.0 = None;
    }

    /// Returns the bytes as a vector, without a copy if none were consumed.
    pub(super) fn into_vec(self) -> Vec<u8> {
        let Some(mut queue) = self.0 else { return Vec::new() };
        queue.cut();
        queue.bytes
    }

    /// Frees the memory of consumed bytes, if there are any, before the others wait for long.
    pub(super) fn trim(&mut self) {
        if self.0.as_ref().is_some_and(|queue| queue.start > 0) {
            self.shrink();
        }
    }

    /// Frees as much memory as it can.
    pub(super) fn shrink(&mut self) {
        if self.is_empty() {
            self.clear();
        } else if let Some(queue) = &mut self.0 {
            queue.cut();
            queue.bytes.shrink_to_fit();
        }
    }
}

impl Bytes {
    /// Moves the queue to the front of its memory, over the consumed bytes.
    fn cut(&mut self) {
        self.bytes.drain(..self.start);
        self.start = 0;
    }
}

impl From<Vec<u8>> for Buffer {
    fn from(bytes: Vec<u8>) -> Self {
        Buffer(Some(Box::new(Bytes { bytes, start: 0 })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_in_order_and_an_empty_queue_holds_no_memory() {
        let mut buffer = Buffer::default();
        buffer.append(b"abc");
        buffer.append(b"def");
        buffer.consume(2);
        assert_eq!(buffer.as_slice(), b"cdef");
        buffer.append(b"g");
        assert_eq!((buffer.as_slice(), buffer.len()), (&b"cdefg"[..], 5));
        buffer.consume(99);
        assert!(buffer.is_empty());
        assert_eq!(buffer.capacity(), 0);
    }

    #[test]
    fn a_queue_that_is_never_empty_does_not_grow() {
        let mut buffer = Buffer::default();
        buffer.append(&[0; 1000]);
        for _ in 0..100_000 {
            buffer.append(&[0; 100]);
            buffer.consume(100);
        }
        assert_eq!(buffer.len(), 1000);
        assert!(buffer.capacity() <= 5000, "{}", buffer.capacity());
    }

    #[test]
    fn shrinking_and_taking_keep_the_bytes() {
        let mut buffer = Buffer::default();
        buffer.append(&[7; 100]);
        buffer.consume(90);
        buffer.shrink();
        assert!(buffer.capacity() < 20);
        assert_eq!(buffer.into_vec(), [7; 10]);
    }
}
