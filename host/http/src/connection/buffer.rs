//! Bytes in at the back, out at the front.

/// A queue of bytes in one piece of memory, which it gives back as soon as it is empty. One word then: there are two
/// in each connection, and both are empty while its request is held.
#[derive(Debug, Default)]
pub(super) struct Buffer(Option<Box<Bytes>>);

#[derive(Debug, Default)]
struct Bytes {
    bytes: Vec<u8>,
    /// How much of the front is used up.
    start: usize,
}

impl Buffer {
    pub(super) fn as_slice(&self) -> &[u8] {
        self.0.as_ref().and_then(|queue| queue.bytes.get(queue.start..)).unwrap_or_default()
    }

    pub(super) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |queue| queue.bytes.len() - queue.start)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How much memory it holds.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.0.as_ref().map_or(0, |queue| queue.bytes.capacity())
    }

    pub(super) fn append(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.back().extend_from_slice(bytes);
        }
    }

    /// The memory to append to. What is used up of the front is cut off when it is the larger part: so each
    /// byte is moved at most once on average, and a queue that is never empty does not grow for ever.
    pub(super) fn back(&mut self) -> &mut Vec<u8> {
        let queue = self.0.get_or_insert_default();
        if queue.start > queue.bytes.len() - queue.start {
            queue.cut();
        }
        &mut queue.bytes
    }

    /// Uses up `count` bytes at the front, or all there are.
    pub(super) fn consume(&mut self, count: usize) {
        match &mut self.0 {
            Some(queue) if count < queue.bytes.len() - queue.start => queue.start += count,
            _ => self.clear(),
        }
    }

    pub(super) fn clear(&mut self) {
        self.0 = None;
    }

    /// The bytes as a vector, without a copy if nothing was used up.
    pub(super) fn into_vec(self) -> Vec<u8> {
        let Some(mut queue) = self.0 else { return Vec::new() };
        queue.cut();
        queue.bytes
    }

    /// Gives back the memory of what is used up, if there is any, before what is left waits for long.
    pub(super) fn trim(&mut self) {
        if self.0.as_ref().is_some_and(|queue| queue.start > 0) {
            self.shrink();
        }
    }

    /// Gives back what memory it can.
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
    fn bytes_come_out_in_order_and_memory_goes_back() {
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
