//! How much linear memory the instances of a store may have.

use wasmtime::ResourceLimiter;

/// Bounds the linear memories of one store, all together.
pub(crate) struct MemoryCeiling {
    /// Bytes that they have.
    pub bytes: usize,
    /// Bytes that they may have.
    pub bytes_max: usize,
    /// Whether the guest was ever refused more memory: the likely reason of a trap that follows.
    pub was_refused: bool,
}

impl MemoryCeiling {
    /// Makes the ceiling of a store that has no memory yet.
    pub fn new(bytes_max: usize) -> MemoryCeiling {
        MemoryCeiling { bytes: 0, bytes_max, was_refused: false }
    }

    /// Returns whether so little is left that another call may well find too little.
    pub fn is_almost_full(&self) -> bool {
        self.bytes > self.bytes_max / 4 * 3
    }
}

impl ResourceLimiter for MemoryCeiling {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let bytes = self.bytes.saturating_add(desired.saturating_sub(current));
        if bytes > self.bytes_max {
            self.was_refused = true;
            return Ok(false);
        }
        self.bytes = bytes;
        Ok(true)
    }

    fn table_growing(&mut self, _: usize, _: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        // The pool bounds the elements of every table.
        Ok(true)
    }
}
