//! Databases and jobs.

const std = @import("std");
const snow = @import("snow.zig");
const Database = snow.sql.Database;
const Job = snow.jobs.Job;

fn print(comptime format: []const u8, arguments: anytype) []const u8 {
    return std.fmt.allocPrint(snow.allocator, format, arguments) catch @trap();
}

fn is(found: ?[]const u8, expected: []const u8) bool {
    return std.mem.eql(u8, found orelse return false, expected);
}

/// Does with a database what can be done with one. Answers with the words of the last refusal.
pub fn sql(_: *const snow.Request) snow.Outcome {
    return check_sql() catch |refusal| snow.text(500, print("{s} {s}", .{ @errorName(refusal), snow.sql.words }));
}

fn fails(result: anytype, expected: anyerror) !void {
    if (result) |_| return error.Succeeded else |refusal| if (refusal != expected) return refusal;
}

fn check_sql() !snow.Outcome {
    const app = try Database.open("app");
    try fails(Database.open("another"), error.Denied);
    try fails(Database.open("a\xff"), error.NotUtf8);
    if (try app.dialect() != .sqlite) return error.OtherDialect;
    _ = try app.query("drop table if exists t", .{});
    _ = try app.query("create table t (id integer primary key, name text unique, data any)", .{});
    const added = try app.query("insert into t (name) values ($1)", .{"o'brien"});
    if (added.affected != 1 or added.last_id.get().?.* != 1 or added.len() != 0) return error.NotAdded;

    const absent: ?i64 = null;
    const given = .{ null, true, -7, 0.5, absent, @as(u64, 1 << 63), snow.sql.Value{ .blob = "a\x00b" } };
    const rows = try app.query("select $1 as a, $2 as b, $3 as c, $4 as d, $5 as e, $6 as f, $7 as g", given);
    if (rows.len() != 1 or rows.columns.len != 7) return error.OtherRows;
    if (rows.value(0, "a") != .null or rows.boolean(0, "b") != true) return error.OtherAB;
    if (rows.integer(0, "c") != -7 or rows.real(0, "d") != 0.5) return error.OtherCD;
    if (rows.value(0, "e") != .null or !is(rows.text(0, "f"), "9223372036854775808")) return error.OtherEF;
    switch (rows.value(0, "g")) {
        .blob => |bytes| if (!is(bytes, "a\x00b")) return error.OtherBytes,
        else => return error.NoBytes,
    }
    if (rows.value(1, "a") != .null or rows.integer(0, "f") != null) return error.Behind;

    const insert = "insert into t (name) values ($1)";
    const both = try app.transact(&.{ .with(insert, .{"a"}), .with(insert, .{"b"}) });
    if (both.len != 2 or both[1].last_id.get().?.* != 3) return error.OtherTransaction;
    try fails(app.transact(&.{ .with(insert, .{"c"}), .with(insert, .{"a"}) }), error.Failed);
    if (!is(snow.sql.code, "23505") or !snow.sql.is_duplicate()) return error.OtherCode;
    const names = try app.query("select name from t order by id", .{});
    if (names.len() != 3 or !is(names.text(2, "name"), "b")) return error.OtherNames;

    try fails(app.query("select \xff", .{}), error.NotUtf8);
    try fails(app.query("select $1", .{"\xff"}), error.NotUtf8);
    try fails(app.listen("news"), error.Failed);
    if (!is(snow.sql.code, "0A000")) return error.OtherListen;
    const many = "with recursive n(i) as (select 1 union all select i + 1 from n) select i from n";
    try fails(app.query(many, .{}), error.Limit);
    return snow.text(200, snow.sql.words);
}

/// Carries out the statement in the content, and lets an error be the answer.
pub fn plain(request: *const snow.Request) snow.Outcome {
    const app = Database.open("app") catch |refusal| return snow.sql.answer(refusal);
    const rows = app.query(request.body.slice(), .{}) catch |refusal| return snow.sql.answer(refusal);
    return snow.text(200, print("{d}", .{rows.len()}));
}

/// Is answered with the payload of the next notification.
pub fn listen(_: *const snow.Request) snow.Outcome {
    const app = Database.open("app") catch |refusal| return snow.sql.answer(refusal);
    const came = app.listen("news") catch |refusal| return snow.sql.answer(refusal);
    return snow.wait_for(came, null, "");
}

pub fn notify(request: *const snow.Request) snow.Outcome {
    const app = Database.open("app") catch |refusal| return snow.sql.answer(refusal);
    _ = app.query("select pg_notify('news', $1)", .{request.body.slice()}) catch |refusal| return snow.sql.answer(refusal);
    return snow.text(200, "told");
}

fn payload_of(request: *const snow.Request) []const u8 {
    return if (request.query.get()) |query| query.slice() else request.body.slice();
}

fn said(settlement: ?*const snow.Settlement) snow.Outcome {
    const came = settlement orelse return snow.text(504, "late");
    const failure = came.failure() orelse return snow.text(200, came.slice());
    return snow.text(200, print("failed {s}: {s}", .{ failure.code.slice(), failure.message.slice() }));
}

fn refused(refusal: snow.jobs.Error) snow.Outcome {
    return snow.text(503, print("{s} {s}", .{ @errorName(refusal), snow.jobs.words }));
}

/// Starts a job and waits for it without an instance.
pub fn job(request: *const snow.Request) snow.Outcome {
    const started = snow.jobs.start(request.param("name"), payload_of(request)) catch |refusal| return refused(refusal);
    return snow.wait_for(started, 60_000, "");
}

pub fn ended(resumed: *const snow.Resumed) snow.Outcome {
    return said(resumed.arrivals[0].settlement.get());
}

/// Starts a job and waits for it in place.
pub fn job_in_place(request: *const snow.Request) snow.Outcome {
    const started = snow.jobs.start(request.param("name"), payload_of(request)) catch |refusal| return refused(refusal);
    const came = snow.wait(&.{started}, .all, 60_000) catch return snow.text(503, "refused");
    return said(came[0].get());
}

/// Keeps a job, due at once and tried three times at most.
pub fn enqueue(request: *const snow.Request) snow.Outcome {
    const how = snow.jobs.Durable{ .delay_ms = 1, .attempts_max = 3 };
    const id = snow.jobs.enqueue(request.param("name"), payload_of(request), how) catch |refusal| return refused(refusal);
    return snow.text(200, id);
}

/// Says how often something was done.
pub fn count(request: *const snow.Request) snow.Outcome {
    return snow.text(200, print("{d}", .{add(request.param("key"), 0)}));
}

fn add(key: []const u8, by: i64) i64 {
    const bucket = snow.store.Bucket.open("default") catch return -1;
    return bucket.increment(key, by) catch -1;
}

pub fn echo(given: *const Job) snow.Settlement {
    return .value(given.payload);
}

pub fn about(given: *const Job) snow.Settlement {
    const is_id = given.id.len == 32;
    const is_due = given.due_ms > 1_700_000_000_000;
    return .value(print("{s} {d}/{d} {} {}", .{ given.name, given.attempt, given.attempts_max, is_id, is_due }));
}

/// Leaves a pending, a bucket and a database behind, and fails.
pub fn fail(given: *const Job) snow.Settlement {
    _ = snow.create(null) catch return .fail("other", "no pending");
    _ = add("fail", 1);
    _ = Database.open("app") catch {};
    return .fail("mine", given.payload);
}

/// Succeeds in the third attempt.
pub fn flaky(given: *const Job) snow.Settlement {
    _ = add("flaky", 1);
    return if (given.attempt < 3) .fail("flaky", "not yet") else .value("");
}

pub fn vain(_: *const Job) snow.Settlement {
    _ = add("vain", 1);
    return snow.jobs.give_up("it makes no sense");
}

pub fn trap(_: *const Job) snow.Settlement {
    @trap();
}

/// Starts another job, and waits for it in place.
pub fn nested(given: *const Job) snow.Settlement {
    const inner = snow.jobs.start("echo", given.payload) catch return .fail("refused", snow.jobs.words);
    const came = snow.wait(&.{inner}, .all, 60_000) catch return .fail("refused", "");
    const settlement = came[0].get() orelse return .fail("late", "");
    return .value(print("nested {s}", .{settlement.slice()}));
}
