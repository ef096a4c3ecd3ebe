//! A guest of the tests: what the template's contract in Zig does, a route for each.

const std = @import("std");
const snow = @import("snow.zig");
const work = @import("work.zig");

comptime {
    snow.serve(&.{
        .{ .methods = "GET", .pattern = "/in-zig/relay", .handler = relay, .resumer = relayed },
        .{ .methods = "GET", .pattern = "/in-zig/reply", .handler = reply },
        .{ .methods = "POST", .pattern = "/in-zig/text", .handler = client_text },
        .{ .methods = "GET", .pattern = "/in-zig/store", .handler = stored },
        .{ .methods = "POST", .pattern = "/in-zig/field", .handler = field },
        .{ .methods = "PUT|M-SEARCH", .pattern = "/in-zig/methods", .handler = method },
        .{ .methods = "any", .pattern = "/in-zig/any", .handler = method },
        .{ .methods = "GET", .pattern = "/in-zig/many", .handler = many },
        .{ .methods = "GET", .pattern = "/in-zig/released", .handler = released },
        .{ .methods = "GET", .pattern = "/in-zig/first", .handler = first, .resumer = came },
        .{ .methods = "GET", .pattern = "/in-zig/same", .handler = same },
        .{ .methods = "GET", .pattern = "/in-zig/in-place", .handler = in_place },
        .{ .methods = "POST", .pattern = "/in-zig/get", .handler = get },
        .{ .methods = "POST", .pattern = "/in-zig/read", .handler = read, .resumer = has_read },
        .{ .methods = "GET", .pattern = "/in-zig/empty", .handler = empty },
        .{ .methods = "GET", .pattern = "/in-zig/sql", .handler = work.sql },
        .{ .methods = "POST", .pattern = "/in-zig/sql/plain", .handler = work.plain },
        .{ .methods = "GET", .pattern = "/in-zig/sql/listen", .handler = work.listen },
        .{ .methods = "POST", .pattern = "/in-zig/sql/notify", .handler = work.notify },
        .{ .methods = "GET", .pattern = "/in-zig/job/(?P<name>.+)", .handler = work.job, .resumer = work.ended },
        .{ .methods = "POST", .pattern = "/in-zig/job/(?P<name>.+)", .handler = work.job_in_place },
        .{ .methods = "POST", .pattern = "/in-zig/enqueue/(?P<name>.+)", .handler = work.enqueue },
        .{ .methods = "GET", .pattern = "/in-zig/count/(?P<key>.+)", .handler = work.count },
    });
    snow.jobs.serve(&.{
        .{ .name = "echo", .run = work.echo },
        .{ .name = "about", .run = work.about },
        .{ .name = "fail", .run = work.fail },
        .{ .name = "flaky", .run = work.flaky },
        .{ .name = "vain", .run = work.vain },
        .{ .name = "trap", .run = work.trap },
        .{ .name = "nested", .run = work.nested },
    });
}

/// Is answered with the response that came, and a field more.
fn relay(_: *const snow.Request) snow.Outcome {
    const pending = snow.create("in-zig-relay") catch return snow.text(503, "too many wait");
    return snow.wait_for(pending, null, "");
}

fn relayed(resumed: *const snow.Resumed) snow.Outcome {
    const settlement = resumed.arrivals[0].settlement.get() orelse return snow.text(504, "none");
    const response = settlement.response() orelse return snow.text(504, "no response");
    return snow.respond(response.with_header("x-relayed", "in-zig"));
}

fn reply(_: *const snow.Request) snow.Outcome {
    const plain = snow.Response{ .status = 201, .body = snow.Bytes.of("a reply") };
    const answer = plain.with_header("x-of", "in-zig");
    const somebody_waited = snow.set_next("in-zig-relay", .respond(answer)) catch false;
    return if (somebody_waited) snow.respond(answer) else snow.text(409, "nobody waits");
}

/// Uses the content, which need not be UTF-8, wherever the host takes a text.
fn client_text(request: *const snow.Request) snow.Outcome {
    const body = request.body.slice();
    snow.log(.warn, std.fmt.allocPrint(snow.allocator, "logged: {s}", .{body}) catch @trap());
    const other = snow.create(null) catch return snow.text(503, "too many");
    const refusals = [_]bool{
        is_refused(snow.create(body)),
        is_refused(snow.set_result(body, .value(""))),
        is_refused(snow.set_result(other.token(), .fail(body, ""))),
        is_refused(snow.set_next(body, .value(""))),
        is_refused(snow.set_all(body, .value(""))),
        snow.waiting(body) == 0,
    };
    const all = std.mem.allEqual(bool, &refusals, true);
    return snow.text(200, if (all) "refused \u{fffd}" else "taken");
}

/// Does with a bucket what can be done with one. Answers with the words of the last refusal.
fn stored(_: *const snow.Request) snow.Outcome {
    return check_store() catch |refusal| snow.text(500, @errorName(refusal));
}

fn check_store() !snow.Outcome {
    const own = try snow.store.Bucket.open("in-zig/store");
    if (snow.store.Bucket.open("another")) |_| return error.Opened else |refusal| {
        if (refusal != error.Denied) return refusal;
    }
    _ = try own.delete("a", .always);
    if (try own.get("a") != null) return error.NotDeleted;
    const absent = snow.store.Write{ .only = .absent, .expires_ms = 60_000 };
    const version = try own.set("a", "one", absent);
    if (own.set("a", "two", absent)) |_| return error.SetTwice else |refusal| {
        if (refusal != error.Conflict) return refusal;
    }
    const held = snow.store.conflict orelse return error.NoEntry;
    if (!is(held.value.slice(), "one") or held.version != version) return error.OtherEntry;
    const later = try own.set("a", "two", .{ .only = .{ .version = version } });
    if (own.delete("a", .{ .version = version })) |_| return error.Deleted else |refusal| {
        if (refusal != error.Conflict) return refusal;
    }
    const pending = try own.changed("a", later);
    _ = try own.set("a", "three", .{});
    const settled = (try snow.wait(&.{pending}, .all, 10_000))[0];
    const value = settled.get() orelse return error.NotChanged;
    if (!is(value.slice(), "three")) return error.OtherValue;
    if (own.increment("a", 1)) |_| return error.Added else |refusal| {
        if (refusal != error.NotAnInteger) return refusal;
    }
    _ = try own.delete("sum", .always);
    if (try own.increment("sum", -7) != -7) return error.OtherSum;

    for (0..300) |number| _ = try own.set(try numbered(number), "", .{});
    var after: ?[]const u8 = null;
    var count: usize = 0;
    while (true) {
        const page = try own.keys("n", after);
        for (page.keys.slice()) |key| {
            if (!is(key.slice(), try numbered(count))) return error.OtherKey;
            count += 1;
        }
        after = (page.next.get() orelse break).slice();
    }
    if (count != 300) return error.OtherCount;
    const long: [2000]u8 = @splat('k');
    if (own.set(&long, "", .{})) |_| return error.LongKey else |refusal| {
        if (refusal != error.Limit) return refusal;
    }
    return snow.text(200, snow.store.words);
}

fn numbered(number: usize) ![]const u8 {
    return std.fmt.allocPrint(snow.allocator, "n{d:0>3}", .{number});
}

fn is(found: []const u8, expected: []const u8) bool {
    return std.mem.eql(u8, found, expected);
}

fn is_refused(result: anytype) bool {
    _ = result catch |refusal| return refusal == error.NotUtf8;
    return false;
}

fn field(request: *const snow.Request) snow.Outcome {
    const plain = snow.Response{ .status = 200 };
    return snow.respond(plain.with_header(request.body.slice(), "x"));
}

fn method(request: *const snow.Request) snow.Outcome {
    return snow.text(200, request.method.slice());
}

/// Leaves more pendings behind than a call may have by default.
fn many(_: *const snow.Request) snow.Outcome {
    for (0..100) |_| _ = snow.create(null) catch return snow.text(503, "too many");
    return snow.text(200, "left");
}

/// Creates more pendings than the host has room for, and lets go of each.
fn released(_: *const snow.Request) snow.Outcome {
    for (0..300) |_| {
        const pending = snow.create(null) catch return snow.text(503, "too many");
        pending.release();
    }
    return snow.text(200, "released");
}

/// Waits for the first of two.
fn first(_: *const snow.Request) snow.Outcome {
    const nobody = snow.create(null) catch return snow.text(503, "too many");
    const timer = snow.timer(1) catch return snow.text(503, "too many");
    return snow.wait_for_any(&.{ nobody, timer }, 60_000, "state");
}

fn came(resumed: *const snow.Resumed) snow.Outcome {
    const is_first = resumed.arrivals[0].settlement.get() != null;
    return snow.text(200, if (is_first) "nobody's" else resumed.state);
}

fn same(_: *const snow.Request) snow.Outcome {
    const pending = snow.create(null) catch return snow.text(503, "too many");
    return snow.wait_for_all(&.{ pending, pending }, null, "");
}

/// Looks what has come without a wait, and waits by the host's default.
fn in_place(_: *const snow.Request) snow.Outcome {
    const pending = snow.create(null) catch return snow.text(503, "too many");
    const before = snow.wait(&.{pending}, .all, 0) catch return snow.text(500, "before");
    snow.set_result(pending.token(), .fail("late", "too late")) catch return snow.text(500, "settling");
    const after = snow.wait(&.{pending}, .all, null) catch return snow.text(500, "after");
    if (before[0].get() != null) return snow.text(500, "it came before");
    const settlement = after[0].get() orelse return snow.text(500, "it did not come");
    return snow.text(200, settlement.of.failed.message.slice());
}

/// Sends a request to the URL in the content, and passes the answer on.
fn get(request: *const snow.Request) snow.Outcome {
    const pending = snow.fetch.get(request.body.slice()) catch |refusal| return snow.text(503, @errorName(refusal));
    return snow.wait_for(pending, null, "");
}

/// Sends a request with everything that one can have, and says what came.
fn read(request: *const snow.Request) snow.Outcome {
    const headers = [_]snow.Field{.{ .name = snow.Bytes.of("x-of"), .value = snow.Bytes.of("in-zig") }};
    const pending = snow.fetch.send(.{
        .method = "PUT",
        .url = request.body.slice(),
        .headers = &headers,
        .body = "content",
        .timeout_ms = 20_000,
        .connect_timeout_ms = 10_000,
        .redirects_max = 1,
        .response_bytes_max = 100,
        .collapse = "equal",
    }) catch |refusal| return snow.text(503, @errorName(refusal));
    return snow.wait_for(pending, null, "");
}

fn has_read(resumed: *const snow.Resumed) snow.Outcome {
    const settlement = resumed.arrivals[0].settlement.get() orelse return snow.text(504, "none");
    if (settlement.failure()) |failure| return snow.text(502, failure.code.slice());
    const response = settlement.response() orelse return snow.text(500, "no response");
    const words = std.fmt.allocPrint(snow.allocator, "{d} {s}", .{ response.status, response.body.slice() });
    return snow.text(200, words catch @trap());
}

/// Hands the host empty texts and lists that an allocator has made.
fn empty(_: *const snow.Request) snow.Outcome {
    const nothing = std.fmt.allocPrint(snow.allocator, "{s}", .{""}) catch @trap();
    const nobody = snow.allocator.alloc(snow.Pending, 0) catch @trap();
    snow.log(.info, nothing);
    const bucket = snow.store.Bucket.open("default") catch return snow.text(500, "bucket");
    _ = bucket.set("empty", nothing, .{}) catch return snow.text(500, "set");
    const page = bucket.keys("none", nothing) catch return snow.text(500, "keys");
    const settled = snow.wait(nobody, .all, 0) catch return snow.text(500, "wait");
    _ = snow.set_all("nobody", .value(nothing)) catch return snow.text(500, "settle");
    if (page.keys.len != 0 or settled.len != 0) return snow.text(500, "something");
    return snow.text(200, nothing);
}
