//! The limits of the host besides those of HTTP and of the store.

use snow_core::OWNERS_MAX;
use snow_core::declare::{BYTES_MAX, MS_MAX};
use snow_http::HttpLimits;
use snow_jobs::JobLimits;
use snow_state::StoreLimits;

use super::database::{CONNECTIONS_MAX, FILE_BYTES};

/// The most entries of a table: they are numbered in 32 bits.
pub(super) const SLOTS_MAX: u64 = 1 << 30;
/// A page of WebAssembly memory.
pub(super) const PAGE_BYTES: u64 = 65_536;
/// The most calls that a worker may start: the pool of instances reserves 8 GiB of address space
/// for each, of the 128 TiB that a process has.
const CALLS_STARTED_MAX: u64 = 1_024;
/// The most calls that may be parked, for which the pool reserves address space too.
const CALLS_PARKED_MAX: u64 = 4_096;
/// The memory that the compiler takes before it has seen a guest, with room to spare.
const COMPILER_BYTES_MIN: u64 = 256 << 20;
/// The least memory for lines of the log: room for a long message.
const LOG_BYTES_MIN: u64 = 128 << 10;
/// The most bytes of guests' values: a gigabyte is no configuration.
const CONFIG_BYTES_MAX: u64 = 1 << 30;
/// The most bytes of a result of a database: as many as SQLite may hold in one value.
const SQL_BYTES_MAX: u64 = 1_000_000_000;
/// The most bytes on disk, or of address space: 1 TiB.
const DISK_BYTES_MAX: u64 = 1 << 40;

snow_core::declare_settings! {
    /// The limits of the host. Those whose name begins with `worker_` apply to each worker by
    /// itself.
    ///
    /// A range includes 0 where having nothing at all is a sensible choice. The settings that need
    /// a restart belong to what is made once, at the start: the pool of instances, the table of
    /// pendings, the log's queue, the metrics' table.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Limits {
        parts {
            /// The limits of HTTP itself. In the file, they stand in the same table.
            pub http: HttpLimits;
            /// The limits of the store. In the file, they stand in the same table too.
            pub store: StoreLimits;
            /// The limits of jobs. In the file, they stand in the same table too.
            pub jobs: JobLimits;
        }
        /// Open connections of a worker. For one more, another is closed that has no request, such
        /// as one that has sent nothing yet. If all have requests, it is closed as it is accepted.
        pub worker_connections_max: usize = 1 << 20, live, in 1..=SLOTS_MAX;
        /// Bytes of requests that a worker keeps, of all connections together: of bodies and heads
        /// that are under way, of requests that are sent before the one before them is answered,
        /// and of bodies that wait for a call or are kept for `resume`. Whoever sends more then is
        /// answered 503.
        pub worker_input_bytes_max: usize = 256 << 20, live, in 0..=BYTES_MAX;
        /// Bytes of answers that a worker keeps until clients take them, of all connections
        /// together. Requests and answers beyond are answered 503.
        pub worker_output_bytes_max: usize = 256 << 20, live, in 1..=BYTES_MAX;
        /// How long the kernel waits for a sign of life of a client that has vanished without a
        /// word (TCP keepalive, and `TCP_USER_TIMEOUT` while output is on its way). Then the
        /// connection ends, and with it what the client waits for. Rounded to seconds; 0 turns it
        /// off.
        pub tcp_keepalive_ms: u32 = 120_000, restart, in 0..=MS_MAX;
        /// Meaning of a half-close, by which a client whose request is held closes its sending side:
        /// it has left, so the request ends; or it waits for the answer.
        pub half_close: HalfClose, live;
        /// Calls of a worker that compute at one time, each with an instance. A guest none of whose
        /// calls computes may start one beyond that, as long as an instance for a parked call is
        /// left.
        pub worker_calls_started_max: u32 = 8, restart, in 1..=CALLS_STARTED_MAX;
        /// Calls of the process that wait in place, each with its instance, besides the started
        /// ones. Each worker gets an equal share.
        pub calls_parked_max: u32 = 256, restart, in 1..=CALLS_PARKED_MAX;
        /// New requests of one guest on a worker that wait until a call may start: so many quick
        /// ones, and so many slow ones. More are answered 503.
        pub guest_calls_queued_max: usize = 1_024, live, in 1..=SLOTS_MAX,
            at_most worker_calls_queued_max;
        /// New requests of all guests on a worker that wait until a call may start. Before that is
        /// reached, each guest may have only as many as are left to the others.
        pub worker_calls_queued_max: usize = 4_096, live, in 1..=SLOTS_MAX;
        /// How long a new request may wait until its call starts. Then its client is answered 503.
        pub request_wait_ms_max: u32 = 30_000, live, in 1..=MS_MAX;
        /// How long a suspension that is over may wait until its `resume` starts. Then the client
        /// is answered 503.
        pub resume_wait_ms_max: u32 = 30_000, live, in 1..=MS_MAX;
        /// Suspended requests of a worker. More suspensions are answered 503.
        pub worker_suspensions_max: usize = 1 << 20, live, in 0..=SLOTS_MAX;
        /// How long one call may run, without the time in which other calls run.
        pub call_running_ms_max: u32 = 10_000, live, in 1..=MS_MAX;
        /// Bytes of the linear memory of a guest's instance.
        pub call_memory_bytes_max: usize = 64 << 20, restart, in PAGE_BYTES..=BYTES_MAX;
        /// How long an instance that serves several calls is kept without a call.
        pub instance_idle_ms_max: u32 = 60_000, live, in 0..=MS_MAX;
        /// Bytes that one host call, or the outcome of a call, may copy out of a guest.
        pub call_lifted_bytes_max: usize = 16 << 20, live, in 1_024..=BYTES_MAX;
        /// Pendings that one call owns at one time.
        pub pendings_per_call_max: usize = 64, live, in 1..=65_535;
        /// Pendings of the process.
        pub pendings_max: usize = 4 << 20, restart, in 0..=SLOTS_MAX;
        /// Pendings of each guest that has no limit of its own. Unless set, `pendings_max`.
        pub guest_pendings_max: usize = 4 << 20, live, in 0..=SLOTS_MAX, at_most pendings_max;
        /// Bytes of a pending's key.
        pub key_bytes_max: usize = 256, live, in 1..=65_536;
        /// Bytes that a pending is settled with: of a value, or of a response's body and header
        /// fields.
        pub settlement_bytes_max: usize = 1 << 20, live, in 0..=BYTES_MAX;
        /// Bytes of settlements that one guest has made and that nobody has used up yet. One that
        /// settles many pendings counts once.
        pub guest_settled_bytes_max: usize = 64 << 20, live, in 0..=BYTES_MAX,
            at_most settled_bytes_max;
        /// Bytes of settlements that all guests have made and that nobody has used up yet.
        pub settled_bytes_max: usize = 256 << 20, live, in 0..=BYTES_MAX;
        /// Requests of guests to other servers that are under way in the process. More fail as
        /// `overloaded`.
        pub fetches_max: usize = 8_192, live, in 0..=SLOTS_MAX;
        /// Requests to other servers of one guest that are under way. More fail as `overloaded`.
        pub guest_fetches_max: usize = 4_096, live, in 0..=SLOTS_MAX, at_most fetches_max;
        /// Requests of a guest that wait for one that is sent for all of them (`collapse`). More fail
        /// as `overloaded`.
        pub fetch_sharers_max: usize = 65_536, live, in 1..=SLOTS_MAX;
        /// Requests of one guest to one origin that have a connection, or are to get one. Others
        /// wait for that.
        pub origin_fetches_max: usize = 1_024, live, in 1..=SLOTS_MAX;
        /// How long a request to another server may wait because of `origin_fetches_max`. Then it
        /// fails as `overloaded`.
        pub fetch_queue_ms_max: u32 = 10_000, live, in 1..=MS_MAX;
        /// How long a request to another server may take to which the guest gives no time.
        pub fetch_timeout_ms: u32 = 30_000, live, in 1..=MS_MAX, at_most fetch_timeout_ms_max;
        /// The longest time that a guest may give a request to another server.
        pub fetch_timeout_ms_max: u32 = 3_600_000, live, in 1..=MS_MAX;
        /// How long it may take to connect to another server: to look its name up, to be accepted,
        /// and to agree about encryption. A guest may give it less.
        pub fetch_connect_ms_max: u32 = 10_000, live, in 1..=MS_MAX;
        /// Connections to other servers that are kept though no request uses them. When there are
        /// more, connections are closed after their request.
        pub fetch_idle_connections_max: usize = 1_024, live, in 0..=SLOTS_MAX;
        /// Bytes of the content of another server's answer, after `content-encoding` was removed.
        /// One that is longer fails as `too-large`.
        pub fetch_response_bytes_max: usize = 8 << 20, live, in 0..=BYTES_MAX;
        /// Bytes of all requests to other servers that are under way, and of the contents that have
        /// come of their answers. A request beyond that fails as `overloaded`, an answer as
        /// `too-large`.
        pub fetches_bytes_max: usize = 256 << 20, live, in 0..=BYTES_MAX;
        /// The same bytes, of the requests of one guest.
        pub guest_fetches_bytes_max: usize = 128 << 20, live, in 0..=BYTES_MAX, at_most fetches_bytes_max;
        /// How long a statement or a transaction may take: to get a connection that is open, to be
        /// carried out, and until its result has come. It does not have the time in a queue.
        pub sql_timeout_ms: u32 = 30_000, live, in 1..=MS_MAX;
        /// How long it may take to connect to a database, and to log in there.
        pub sql_connect_ms_max: u32 = 10_000, live, in 1..=MS_MAX;
        /// Connections to all databases, those included that nobody uses now.
        pub sql_connections_max: usize = 64, restart, in 1..=CONNECTIONS_MAX;
        /// Connections to each database whose table has no limit of its own. To a database of SQLite
        /// each is a thread.
        pub database_connections_max: usize = 8, live, in 1..=CONNECTIONS_MAX,
            at_most sql_connections_max;
        /// Calls that wait for a connection to one database. More are refused.
        pub sql_queue_max: usize = 1_024, live, in 0..=SLOTS_MAX;
        /// How long a call may wait for a connection. Then it is refused.
        pub sql_queue_ms_max: u32 = 10_000, live, in 1..=MS_MAX;
        /// How long a connection to a database is kept that nobody uses.
        pub sql_idle_ms_max: u32 = 60_000, live, in 1..=MS_MAX;
        /// Bytes of the text of one statement.
        pub sql_statement_bytes_max: usize = 1 << 20, live, in 1..=BYTES_MAX;
        /// Values that are given to one statement for its placeholders.
        pub sql_parameters_max: usize = 10_000, live, in 0..=65_535;
        /// Statements of one transaction.
        pub sql_transaction_statements_max: usize = 1_000, live, in 1..=65_536;
        /// Rows that the statements of one call return.
        pub sql_rows_max: usize = 10_000, live, in 0..=SLOTS_MAX;
        /// Bytes that the statements of one call return: of names and values, and some for each. One
        /// that returns more is stopped while they come.
        pub sql_result_bytes_max: usize = 4 << 20, live, in 1..=SQL_BYTES_MAX;
        /// Bytes of all statements that are under way, and of all results that have come and that no
        /// guest has taken yet.
        pub sql_bytes_max: usize = 128 << 20, live, in 1..=BYTES_MAX;
        /// Channels of one database on which guests wait for notifications (`LISTEN`).
        pub sql_channels_max: usize = 1_000, live, in 0..=65_536;
        /// Bytes of the file of a SQLite database whose table has no limit of its own.
        pub sqlite_file_bytes_max: u64 = 1 << 30, live, in FILE_BYTES;
        /// Bytes of the opaque state of a suspension.
        pub state_bytes_max: usize = 65_536, live, in 0..=BYTES_MAX;
        /// The deadline of a suspension to which the guest gives none.
        pub suspension_default_ms: u32 = 30_000, live, in 1..=MS_MAX, at_most suspension_max_ms;
        /// The longest deadline of a suspension.
        pub suspension_max_ms: u32 = 3_600_000, live, in 1..=MS_MAX;
        /// Values of a guest's `config`.
        pub guest_config_entries_max: usize = 1_000, live, in 0..=65_536;
        /// Bytes of one value of a guest's `config`.
        pub config_value_bytes_max: usize = 65_536, live, in 0..=CONFIG_BYTES_MAX;
        /// Bytes of all names and values of a guest's `config`; and of all fields that the host adds
        /// to its requests (`outbound`).
        pub guest_config_bytes_max: usize = 1 << 20, live, in 0..=CONFIG_BYTES_MAX,
            at_most config_bytes_max;
        /// Bytes of all names and values of the `config` of all guests, and of the fields that the
        /// host adds to their requests.
        pub config_bytes_max: usize = 16 << 20, live, in 0..=CONFIG_BYTES_MAX;
        /// How long held requests may go on waiting after a SIGTERM.
        pub drain_ms: u32 = 10_000, live, in 0..=MS_MAX;
        /// Lines that wait to be written to the log. More are dropped and counted.
        pub log_lines_max: usize = 8_192, restart, in 1..=SLOTS_MAX;
        /// Bytes of the lines that wait to be written to the log. More are dropped and counted.
        pub log_bytes_max: usize = 16 << 20, restart, in LOG_BYTES_MIN..=BYTES_MAX;
        /// Bytes of a guest's log message. Longer ones are cut.
        pub log_message_bytes_max: usize = 4_096, live, in 1..=BYTES_MAX;
        /// Bytes of the log messages of one call, standard output included, with 64 bytes for each
        /// line. What comes after that is dropped.
        pub call_log_bytes_max: usize = 1 << 20, live, in 1..=BYTES_MAX;
        /// Bytes of a guest's file.
        pub guest_file_bytes_max: u64 = 128 << 20, live, in 1..=BYTES_MAX;
        /// Bytes of the source files of all guests, which are kept while they serve.
        pub sources_bytes_max: usize = 256 << 20, live, in 0..=BYTES_MAX;
        /// Bytes that the engine of one source file may keep for later instances while the guest is
        /// loaded: the code that it has made of the texts. What does not fit is not kept, and each
        /// instance makes it anew.
        pub guest_kept_bytes_max: usize = 32 << 20, live, in 0..=BYTES_MAX, at_most kept_bytes_max;
        /// Bytes that the engines of all source files may keep for later instances.
        pub kept_bytes_max: usize = 256 << 20, live, in 0..=BYTES_MAX;
        /// Guests of a folder.
        pub guests_max: usize = 1_000, live, in 1..=OWNERS_MAX as u64 - 1;
        /// Routes of a guest.
        pub guest_routes_max: usize = 1_000, live, in 1..=65_536;
        /// Versions of one guest that are kept, with the one that serves, for the requests that
        /// they hold. When there would be more, the requests that the oldest one holds are answered
        /// 503.
        pub versions_max: usize = 4, live, in 2..=64;
        /// Processor time that compiling a guest may take, rounded to seconds. It may take ten
        /// times as long on the clock, since a compiler has the lowest priority.
        pub compile_ms_max: u32 = 120_000, live, in 1..=MS_MAX;
        /// Memory that compiling a guest may take, as address space.
        pub compile_bytes_max: u64 = 4 << 30, live, in COMPILER_BYTES_MIN..=DISK_BYTES_MAX;
        /// How long a program that builds guests from their sources may run.
        pub build_ms_max: u32 = 600_000, live, in 1..=MS_MAX;
        /// Bytes of compiled code on disk. The least recently used is removed first; what is in use
        /// stays.
        pub cache_bytes_max: u64 = 1 << 30, live, in 0..=DISK_BYTES_MAX;
        /// Routes that have metrics by themselves. The requests of further routes are counted
        /// together, for as long as the process lives.
        pub metrics_routes_max: usize = 10_000, restart, in 0..=SLOTS_MAX;
        /// Buckets of the store that have metrics by themselves: the first ones by their names. The
        /// sums have all of them.
        pub metrics_buckets_max: usize = 100, restart, in 0..=10_000;
    }
}

/// Meaning of a half-close: a client has closed its sending side while its request is held. It may
/// have left, or have said only that no other request follows (RFC 9112, section 9.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HalfClose {
    /// The client has left.
    #[default]
    Left,
    /// The client waits for its answer.
    Waits,
}

impl HalfClose {
    /// Every meaning.
    pub const ALL: [HalfClose; 2] = [HalfClose::Left, HalfClose::Waits];

    /// Returns the word for the meaning, as it is written in the file.
    pub fn name(self) -> &'static str {
        match self {
            HalfClose::Left => "left",
            HalfClose::Waits => "waits",
        }
    }
}

impl Limits {
    /// Returns a worker's share of `calls_parked_max`.
    pub fn worker_calls_parked_max(&self, workers: u16) -> u32 {
        self.calls_parked_max.div_ceil(u32::from(workers.max(1)))
    }
}
