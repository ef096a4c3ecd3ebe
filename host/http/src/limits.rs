//! What HTTP may cost. The deployer sets these; the code never waits or buffers without one of them.

/// The limits of one HTTP connection. The unit comes last in every name, before `_max` or `_min`.
///
/// They are passed to each call of a [`Connection`](crate::connection::Connection) and not stored in it: a
/// hundred thousand connections need no hundred thousand copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpLimits {
    /// The request line and all header fields, with their line ends. More is a 431. Values above 65,536 count
    /// as 65,536: the parsed head holds its positions in 16 bits.
    pub head_bytes_max: usize,
    /// Header field lines of one request. More is a 431.
    pub fields_max: usize,
    /// The request target. More is a 414, said while the head is still arriving.
    pub target_bytes_max: usize,
    /// The content of one request, after any chunked coding was removed. More is a 413. A route may ask for
    /// less, never for more.
    pub body_bytes_max: u64,
    /// From the first byte of a head to its last. Then 408.
    pub header_timeout_ms: u64,
    /// The longest pause between two reads of a body. Any byte counts as progress, so this alone would let a
    /// peer send one byte every 29 seconds for years; `body_bytes_per_s_min` bounds the whole. Then 408.
    pub body_timeout_ms: u64,
    /// The average rate a body must keep: it may take `body_timeout_ms` plus the time its received bytes need
    /// at this rate. 0 turns the rule off.
    pub body_bytes_per_s_min: u64,
    /// How long a connection may stay silent between requests, and before its first. Then it is closed.
    pub idle_timeout_ms: u64,
    /// How long it may stay silent once the host is on its way out. Not at once: a request may be on its way already.
    pub drain_idle_ms: u64,
    /// How long output may wait without a single byte of it being taken. Then the connection is dropped.
    pub write_timeout_ms: u64,
    /// How long a connection that the host closes first is read and discarded, so that its last answer is not
    /// lost to a reset (RFC 9112, section 9.6).
    pub linger_ms: u64,
    /// How much is discarded while lingering.
    pub linger_bytes_max: u64,
    /// Above this much unwritten output a streamed body pauses, and no further pipelined request is taken.
    pub output_bytes_max: usize,
    /// One chunk-size line with its extensions. More is a 400.
    pub chunk_line_bytes_max: usize,
    /// The chunk extensions of one body, together. More is a 400. Without it, a body of one-byte chunks would
    /// cost `chunk_line_bytes_max` on the wire for each byte it counts.
    pub chunk_extensions_bytes_max: usize,
    /// The trailer section of one chunked body. It is checked and discarded. More is a 431.
    pub trailer_bytes_max: usize,
}

impl Default for HttpLimits {
    fn default() -> Self {
        HttpLimits {
            head_bytes_max: 65_536,
            fields_max: 100,
            target_bytes_max: 8_192,
            body_bytes_max: 8_388_608,
            header_timeout_ms: 10_000,
            body_timeout_ms: 30_000,
            body_bytes_per_s_min: 256,
            idle_timeout_ms: 60_000,
            drain_idle_ms: 250,
            write_timeout_ms: 30_000,
            linger_ms: 1_000,
            linger_bytes_max: 262_144,
            output_bytes_max: 1_048_576,
            chunk_line_bytes_max: 256,
            chunk_extensions_bytes_max: 16_384,
            trailer_bytes_max: 8_192,
        }
    }
}
