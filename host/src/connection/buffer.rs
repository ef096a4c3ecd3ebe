//! Bytes in at the back, out at the front.

/// A queue of bytes in one piece of memory, which it gives back as soon as it is empty.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    /// How much of the front is used up.
    start: usize,
}

impl Buffer {
    pub(super) fn as_slice(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How much memory it holds.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    pub(super) fn append(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.back().extend_from_slice(bytes);
        }
    }

    /// The memory to append to. What is used up of the front is cut off when it is the larger part: so each
    /// byte is moved at most once on average, and a queue that is never empty does not grow for ever.
    pub(super) fn back(&mut self) -> &mut Vec<u8> {
        if self.start > self.len() {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        &mut self.bytes
    }

    /// Uses up `count` bytes at the front, or all there are.
    pub(super) fn consume(&mut self, count: usize) {
        self.start += count.min(self.len());
        if self.is_empty() {
            *self = Buffer::default();
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Buffer::default();
    }

    /// The bytes as a vector, without a copy if nothing was used up.
    pub(super) fn into_vec(mut self) -> Vec<u8> {
        if self.start > 0 {
            self.bytes.drain(..self.start);
        }
        self.bytes
    }

    /// Gives back the memory of what is used up, if there is any, before what is left waits for long.
    pub(super) fn trim(&mut self) {
        if self.start > 0 {
            self.shrink();
        }
    }

    /// Gives back what memory it can.
    pub(super) fn shrink(&mut self) {
        self.bytes.drain(..self.start);
        self.start = 0;
        self.bytes.shrink_to_fit();
    }
}

impl From<Vec<u8>> for Buffer {
    fn from(bytes: Vec<u8>) -> Self {
        Buffer { bytes, start: 0 }
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
