//! Jobs: work on other threads, later, or again and again. A job is a function with a name, which
//! runs in an instance of its own, on threads with a lower priority, so it may compute for long.
//! There are three ways to have it run: `start`, as soon as a thread is free; `enqueue`, until it
//! has succeeded once; and a schedule in snow.toml. A guest names its jobs at compile time, and one
//! that does not has none:
//!
//!     comptime {
//!         snow.serve(&.{.{ .methods = "GET", .pattern = "/fib/(?P<n>\\d+)", .handler = ask }});
//!         snow.jobs.serve(&.{.{ .name = "fib", .run = fib }});
//!     }
//!
//!     fn ask(request: *const snow.Request) snow.Outcome {
//!         const n = request.param("n");
//!         const job = snow.jobs.start("fib", n) catch return snow.text(503, "not now");
//!         return snow.wait_for(job, null, "");
//!     }
//!
//!     fn fib(job: *const snow.jobs.Job) snow.Settlement {
//!         const n = std.fmt.parseInt(u32, job.payload, 10) catch return .fail("nan", job.payload);
//!         return .value(compute(n));
//!     }

const std = @import("std");
const contract = @import("contract.zig");
const snow = @import("snow.zig");

const Bytes = contract.Bytes;
const Failure = contract.Failure;

/// Why a job was not taken: while the host asks for the routes; the guest has no jobs; too many
/// wait, or the payload is too long; the disk does not take it, though it may be kept all the same;
/// the name is not UTF-8.
pub const Error = error{ Denied, NoRunner, Limit, Unavailable, NotUtf8 };

/// What the host said when it refused last with Limit or Unavailable.
pub var words: []const u8 = "";

/// A job, as its function gets it.
pub const Job = struct {
    /// Tells this job from every other, and is the same in each attempt.
    id: []const u8,
    /// The name under which it was started.
    name: []const u8,
    /// The bytes that it was started with.
    payload: []const u8,
    /// The number of this attempt, from 1.
    attempt: u32,
    /// How often it is tried at most.
    attempts_max: u32,
    /// When it was due first, in milliseconds since 1970-01-01T00:00:00Z.
    due_ms: u64,
};

/// The function that does the jobs of a name. It may do whatever a handler may but suspend, and
/// returns a value or a failure.
pub const Entry = struct {
    name: []const u8,
    run: *const fn (*const Job) contract.Settlement,
};

/// The failure of a job that makes no sense, so that it is not tried again.
pub fn give_up(message: []const u8) contract.Settlement {
    return .fail("give-up", message);
}

/// Runs a job as soon as a thread is free for it. The pending is settled by its end: with the value
/// that it returned, or with a failure. That is its own or has one of these codes: unknown-job,
/// trapped, timeout, too-large, stopped, overloaded. The job goes on if the pending is released. It
/// is lost if the host ends.
pub fn start(name: []const u8, payload: []const u8) Error!contract.Pending {
    try check(name);
    var out: Result(contract.Pending) = undefined;
    const bytes = Bytes.of(payload);
    host.start(contract.place(name), name.len, bytes.ptr, bytes.len, &out);
    return snow.own(try out.get());
}

/// How a job is kept until it has succeeded.
pub const Durable = struct {
    /// When it is due first, from now.
    delay_ms: u32 = 0,
    /// How often it is tried at most; at least 1. More than the host's maximum (`job_attempts_max`)
    /// is cut to it.
    attempts_max: u32 = 20,
};

/// Keeps a job until it has succeeded once, and returns its id.
///
/// It is tried by whichever version of the guest serves then. If it fails, it is tried again after
/// a second, then two, and so on up to an hour, until it returns a value or `give_up`, or the
/// attempts are used up. With a data folder (`--data`) it is on the disk once this has returned,
/// and survives a crash; then it may run twice, under the same id.
pub fn enqueue(name: []const u8, payload: []const u8, how: Durable) Error![]const u8 {
    try check(name);
    var out: Result(Bytes) = undefined;
    const bytes = Bytes.of(payload);
    host.enqueue(
        contract.place(name),
        name.len,
        bytes.ptr,
        bytes.len,
        how.delay_ms,
        how.attempts_max,
        &out,
    );
    return (try out.get()).slice();
}

/// Does these jobs. To be called once, in a `comptime` block. A job of another name is a failure
/// with the code `unknown-job`.
pub fn serve(comptime entries: []const Entry) void {
    const Export = struct {
        const Ended = extern struct {
            is_failed: bool,
            of: extern union { value: Bytes, failed: Failure },
        };
        var ended: Ended = undefined;

        fn run(
            id: [*]const u8,
            id_len: usize,
            name: [*]const u8,
            name_len: usize,
            payload: [*]const u8,
            payload_len: usize,
            attempt: u32,
            attempts_max: u32,
            due_ms: u64,
        ) callconv(.c) *const Ended {
            const job = Job{
                .id = id[0..id_len],
                .name = name[0..name_len],
                .payload = payload[0..payload_len],
                .attempt = attempt,
                .attempts_max = attempts_max,
                .due_ms = due_ms,
            };
            ended = end(find(&job));
            words = "";
            snow.release_all();
            return &ended;
        }

        fn find(job: *const Job) contract.Settlement {
            for (entries) |entry| {
                if (std.mem.eql(u8, entry.name, job.name)) return entry.run(job);
            }
            const message = std.fmt.allocPrint(snow.allocator, "there is no job \"{s}\"", .{job.name});
            return .fail("unknown-job", message catch @trap());
        }

        fn end(settlement: contract.Settlement) Ended {
            switch (settlement.tag) {
                .value => return .{ .is_failed = false, .of = .{ .value = settlement.of.value } },
                .failed => return failed(settlement.of.failed.code.slice(), settlement.of.failed.message.slice()),
                .response => {
                    snow.log(.err, "a job returned a response, and neither a value nor a failure");
                    return failed("failed", "the job returned no value");
                },
            }
        }

        fn failed(code: []const u8, message: []const u8) Ended {
            const failure = Failure{ .code = Bytes.of(snow.shown(code)), .message = Bytes.of(snow.shown(message)) };
            return .{ .is_failed = true, .of = .{ .failed = failure } };
        }
    };
    @export(&Export.run, .{ .name = "snow:host/job-runner@0.1.0#run" });
    @export(&snow.reset, .{ .name = "cabi_post_snow:host/job-runner@0.1.0#run" });
}

/// The host ends a call that hands it a text that is not UTF-8.
fn check(name: []const u8) Error!void {
    words = "";
    if (!std.unicode.utf8ValidateSlice(name)) return error.NotUtf8;
}

const Refusal = extern struct {
    tag: enum(u8) { denied, no_runner, limit, unavailable },
    words: Bytes,

    pub fn @"error"(refusal: *const Refusal) Error {
        switch (refusal.tag) {
            .denied => return error.Denied,
            .no_runner => return error.NoRunner,
            .limit, .unavailable => {
                words = refusal.words.slice();
                return if (refusal.tag == .limit) error.Limit else error.Unavailable;
            },
        }
    }
};

fn Result(comptime T: type) type {
    return contract.Answer(T, Refusal, Error);
}

/// The host's functions, with their arguments as numbers.
const host = struct {
    extern "snow:host/jobs@0.1.0" fn start([*]const u8, usize, [*]const u8, usize, *Result(contract.Pending)) void;
    extern "snow:host/jobs@0.1.0" fn enqueue([*]const u8, usize, [*]const u8, usize, u32, u32, *Result(Bytes)) void;
};
