//! The limits of HTTP: what a client may make the host keep, and how long the host waits for it.

/// The limits of one HTTP connection. The unit comes last in every name, before `_max` or `_min`.
///
/// They are passed to each call of a [`Connection`](crate::Connection) and not stored in it: a hundred thousand connections
/// need no hundred thousand copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpLimits {
    /// The most bytes of a head: the request line and all fields, with their line ends. Beyond: 431. Values above 65,536 have
    /// the effect of 65,536, because a parsed head holds its positions in 16 bits.
    pub head_bytes_max: usize,
    /// The most field lines of a request. Beyond: 431.
    pub fields_max: usize,
    /// The most bytes of a request target. Beyond: 414, sent while the head is still arriving.
    pub target_bytes_max: usize,
    /// The most bytes of a request's content, after any chunked coding was removed. Beyond: 413. A route may lower it for its
    /// requests, and can't raise it.
    pub body_bytes_max: u64,
    /// The longest time from the first byte of a head to its last. Then: 408.
    pub header_timeout_ms: u64,
    /// The longest pause between two reads of a body. Then: 408. A client could still send one byte every 29 seconds for years;
    /// `body_bytes_per_s_min` limits that.
    pub body_timeout_ms: u64,
    /// The least average rate at which a body must arrive. It may take `body_timeout_ms`, and the time that its received
    /// bytes take at this rate. Then: 408. 0 turns the rule off.
    pub body_bytes_per_s_min: u64,
    /// How long a connection may be silent before its first request and between two requests. Then it is closed.
    pub idle_timeout_ms: u64,
    /// How long a connection may be silent once the host shuts down. Not zero, since a request may be on its way already.
    pub drain_idle_ms: u64,
    /// How long output may wait without the client taking a single byte of it. Then the connection is dropped.
    pub write_timeout_ms: u64,
    /// How long input is read and discarded on a connection that the host closes first, so that a reset does not destroy its
    /// last response (RFC 9112, section 9.6).
    pub linger_ms: u64,
    /// The most bytes that are discarded during that time. Then the connection is dropped.
    pub linger_bytes_max: u64,
    /// The most bytes of output that may wait before a streamed body pauses and no further pipelined request is read.
    pub output_bytes_max: usize,
    /// The most bytes of one chunk-size line with its extensions. Beyond: 400.
    pub chunk_line_bytes_max: usize,
    /// The most bytes of all chunk extensions of one body. Beyond: 400. Without this limit, each byte of content could cost
    /// `chunk_line_bytes_max` on the wire.
    pub chunk_extensions_bytes_max: usize,
    /// The most bytes of the trailer section of a chunked body, which is checked and discarded. Beyond: 431.
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
