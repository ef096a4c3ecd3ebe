//! The limits of HTTP. The code never waits or buffers without one of them; a deployer can set each
//! in `snow.toml`.

use snow_core::declare::{BYTES_MAX, MS_MAX};

/// The most bytes of a request's head: the parsed head holds its positions in 16 bits.
const HEAD_BYTES_MAX: u64 = 65_536;

snow_core::declare_settings! {
    /// The limits of one HTTP connection. The unit stands last in every name, except for `_max` or
    /// `_min`.
    ///
    /// They are passed to each call of a [`Connection`](crate::Connection) instead of being stored
    /// in it: a hundred thousand connections need no hundred thousand copies.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct HttpLimits {
        /// Bytes of the request line and all header fields together, with their line ends. More is
        /// a 431.
        pub head_bytes_max: usize = 65_536, live, in 64..=HEAD_BYTES_MAX;
        /// Header field lines of one request. More is a 431.
        pub fields_max: usize = 100, live, in 1..=HEAD_BYTES_MAX;
        /// Bytes of the request target. More is a 414, sent while the head is still arriving.
        pub target_bytes_max: usize = 8_192, live, in 1..=HEAD_BYTES_MAX, at_most head_bytes_max;
        /// Bytes of the content of one request, after any chunked coding was removed. More is a
        /// 413. A guest's own limit may be lower, never higher.
        pub body_bytes_max: u64 = 8_388_608, live, in 0..=BYTES_MAX;
        /// Time from the first byte of a head to its last. More is a 408.
        pub header_timeout_ms: u64 = 10_000, live, in 1..=MS_MAX;
        /// The longest pause between two reads of a body. More is a 408. Any byte ends a pause, so
        /// this alone would let a peer send one byte every 29 seconds for years:
        /// `body_bytes_per_s_min` bounds the whole body.
        pub body_timeout_ms: u64 = 30_000, live, in 1..=MS_MAX;
        /// The average rate that a body must keep: it may take `body_timeout_ms` plus the time that
        /// its received bytes need at this rate. Slower is a 408. Bytes that come faster give no
        /// more than `body_timeout_ms` in hand. 0 turns the rule off.
        pub body_bytes_per_s_min: u64 = 256, live, in 0..=BYTES_MAX;
        /// How long a connection may be silent between requests, and before its first. Then it is
        /// closed.
        pub idle_timeout_ms: u64 = 60_000, live, in 1..=MS_MAX;
        /// How long a connection may be silent once the host is shutting down. Not 0 by default,
        /// since a request may be on its way already.
        pub drain_idle_ms: u64 = 250, live, in 0..=MS_MAX;
        /// How long output may wait without the client taking any of it. Then the connection is
        /// dropped, which is logged and counted. A client that is slow but reads on is waited for.
        pub write_timeout_ms: u64 = 30_000, live, in 1..=MS_MAX;
        /// How long the host waits for more bytes, and discards them, after it has closed its side
        /// of a connection: so the last response is not lost to a reset (RFC 9112, section 9.6).
        /// All in all it lasts `body_timeout_ms` at most.
        pub linger_ms: u64 = 1_000, live, in 0..=MS_MAX;
        /// Bytes that are discarded then, if `body_bytes_max` is less: the rest of a body that the
        /// host would have accepted is read in any case.
        pub linger_bytes_max: u64 = 262_144, live, in 0..=BYTES_MAX;
        /// Bytes of unwritten output above which a streamed body pauses, and no further pipelined
        /// request is taken.
        pub output_bytes_max: usize = 1_048_576, live, in 1..=BYTES_MAX;
        /// Bytes of one chunk-size line with its extensions. More is a 400.
        pub chunk_line_bytes_max: usize = 256, live, in 16..=HEAD_BYTES_MAX;
        /// Bytes of all chunk extensions of one body together. More is a 400. Without this limit, a
        /// body of one-byte chunks could cost `chunk_line_bytes_max` on the wire for each byte of
        /// content.
        pub chunk_extensions_bytes_max: usize = 16_384, live, in 0..=BYTES_MAX;
        /// Bytes of the trailer section of one chunked body, which is checked and discarded. More
        /// is a 431.
        pub trailer_bytes_max: usize = 8_192, live, in 2..=BYTES_MAX;
    }
}
