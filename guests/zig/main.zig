//! The example in Zig: what the examples of all languages do. The other files are those of the
//! template, which `snow-host new zig` writes beside a guest.
//!
//!     GET /zig/hello    hello from zig
//!     POST /zig/echo    the content that was sent, under its own content-type
//!     GET /zig/req      waits until somebody stops it, and answers what it is given
//!     GET /zig/stop     stops the one that has waited longest, whichever guest holds it: ?value=...
//!     GET /zig/random   a random number
//!     GET /zig/now      the time (RFC 3339)
//!     GET /zig/count    how often this was asked, which the store keeps
//!     GET /zig/get      the answer of another server, as it came: ?url=...

const std = @import("std");
const snow = @import("snow.zig");

comptime {
    snow.serve(&.{
        .{ .methods = "GET", .pattern = "/zig/hello", .handler = hello },
        .{ .methods = "POST", .pattern = "/zig/echo", .handler = echo },
        .{ .methods = "GET", .pattern = "/zig/req", .handler = req, .resumer = stopped },
        .{ .methods = "GET", .pattern = "/zig/stop", .handler = stop },
        .{ .methods = "GET", .pattern = "/zig/random", .handler = random },
        .{ .methods = "GET", .pattern = "/zig/now", .handler = now },
        .{ .methods = "GET", .pattern = "/zig/count", .handler = count },
        .{ .methods = "GET", .pattern = "/zig/get", .handler = get },
    });
}

/// The key under which the examples of all languages wait.
const requests = "requests-any";

fn hello(_: *const snow.Request) snow.Outcome {
    return snow.text(200, "hello from zig");
}

fn echo(request: *const snow.Request) snow.Outcome {
    const kind = request.header("content-type") orelse "application/octet-stream";
    const answer = snow.Response{ .status = 200, .body = request.body };
    return snow.respond(answer.with_header("content-type", kind));
}

fn req(_: *const snow.Request) snow.Outcome {
    const pending = snow.create(requests) catch return snow.text(503, "too many wait");
    return snow.wait_for(pending, 60_000, "");
}

fn stopped(resumed: *const snow.Resumed) snow.Outcome {
    return if (resumed.timed_out) snow.text(504, "nobody came") else snow.text(200, resumed.text());
}

fn stop(request: *const snow.Request) snow.Outcome {
    const value = query(request, "value") orelse "";
    const somebody_waited = snow.set_next(requests, .value(value)) catch false;
    return if (somebody_waited) snow.text(200, "stop") else snow.text(409, "nobody is waiting");
}

fn random(_: *const snow.Request) snow.Outcome {
    return snow.text(200, print("{d}", .{snow.random()}));
}

/// The host's clock. There is no library in this guest that would ask for it.
const Datetime = extern struct { seconds: u64, nanoseconds: u32 };
const wall_clock = struct {
    extern "wasi:clocks/wall-clock@0.2.0" fn now(*Datetime) void;
};

fn now(_: *const snow.Request) snow.Outcome {
    var time: Datetime = undefined;
    wall_clock.now(&time);
    const seconds = std.time.epoch.EpochSeconds{ .secs = time.seconds };
    const date = seconds.getEpochDay().calculateYearDay();
    const month = date.calculateMonthDay();
    const day = seconds.getDaySeconds();
    return snow.text(200, print("{d:0>4}-{d:0>2}-{d:0>2}T{d:0>2}:{d:0>2}:{d:0>2}Z", .{
        date.year,
        month.month.numeric(),
        month.day_index + 1,
        day.getHoursIntoDay(),
        day.getMinutesIntoHour(),
        day.getSecondsIntoMinute(),
    }));
}

fn count(_: *const snow.Request) snow.Outcome {
    const bucket = snow.store.Bucket.open("default") catch return refused();
    const sum = bucket.increment("count", 1) catch return refused();
    return snow.text(200, print("{d}", .{sum}));
}

fn refused() snow.Outcome {
    return snow.text(503, "the store has refused");
}

fn get(request: *const snow.Request) snow.Outcome {
    const pending = snow.fetch.get(query(request, "url") orelse "") catch |refusal| switch (refusal) {
        error.NotUtf8 => return snow.text(400, "the URL is not UTF-8"),
        else => return snow.text(503, "too many wait"),
    };
    // Without a function that goes on the host sends the answer to the client, and a failure is a 502.
    return snow.wait_for(pending, null, "");
}

/// Returns a parameter of the query, decoded; null if there is none.
fn query(request: *const snow.Request, name: []const u8) ?[]const u8 {
    const whole = request.query.get() orelse return null;
    var pairs = std.mem.splitScalar(u8, whole.slice(), '&');
    while (pairs.next()) |pair| {
        const end = std.mem.indexOfScalar(u8, pair, '=') orelse continue;
        if (!std.mem.eql(u8, pair[0..end], name)) continue;
        const value = snow.allocator.dupe(u8, pair[end + 1 ..]) catch @trap();
        std.mem.replaceScalar(u8, value, '+', ' ');
        return std.Uri.percentDecodeInPlace(value);
    }
    return null;
}

fn print(comptime format: []const u8, arguments: anytype) []const u8 {
    return std.fmt.allocPrint(snow.allocator, format, arguments) catch @trap();
}
