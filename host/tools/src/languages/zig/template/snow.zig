//! Guests of snow-host in Zig. A guest names its routes and calls `serve` at compile time:
//!
//!     comptime {
//!         snow.serve(&.{.{ .methods = "GET", .pattern = "/hello", .handler = hello }});
//!     }
//!
//! What is allocated with `allocator`, and whatever the host hands over, lives until the end of the
//! call. So a response that came may be returned, or used in any other way.

const std = @import("std");
const contract = @import("contract.zig");
const host = contract.host;
const place = contract.place;
pub const fetch = @import("fetch.zig");
pub const jobs = @import("jobs.zig");
pub const sql = @import("sql.zig");
pub const store = @import("store.zig");

pub const Arrival = contract.Arrival;
pub const Bytes = contract.Bytes;
pub const Field = contract.Field;
pub const Join = contract.Join;
pub const List = contract.List;
pub const Option = contract.Option;
pub const Outcome = contract.Outcome;
pub const Pending = contract.Pending;
pub const Refusal = contract.Refusal;
pub const Request = contract.Request;
pub const Response = contract.Response;
pub const Settlement = contract.Settlement;
pub const Suspension = contract.Suspension;

/// A wait that is over.
pub const Resumed = struct {
    timed_out: bool,
    request: ?*const Request,
    state: []const u8,
    arrivals: []const Arrival,

    /// Returns the bytes of the first settlement that came; empty if none did.
    pub fn text(resumed: *const Resumed) []const u8 {
        for (resumed.arrivals) |*arrival| {
            if (arrival.settlement.get()) |settlement| return settlement.slice();
        }
        return "";
    }
};

/// A route, and the functions that serve it.
pub const Route = struct {
    /// GET, several as in GET|POST, or any. GET serves HEAD too.
    methods: []const u8,
    /// A regular expression for the whole path.
    pattern: []const u8,
    handler: *const fn (*const Request) Outcome,
    /// Goes on when a suspension of this route is over. Without it the host answers by itself.
    resumer: ?*const fn (*const Resumed) Outcome = null,
};

/// Answers with a status and a text.
pub fn text(status: u16, body: []const u8) Outcome {
    const headers = comptime [_]Field{.{
        .name = Bytes.of("content-type"),
        .value = Bytes.of("text/plain; charset=utf-8"),
    }};
    return respond(.{ .status = status, .headers = List(Field).of(&headers), .body = Bytes.of(body) });
}

/// Answers with a response.
pub fn respond(response: Response) Outcome {
    return .{ .tag = .respond, .of = .{ .respond = response } };
}

/// Waits for one pending, this long at most; null is the host's default of 30 seconds. The state is
/// handed to the function that goes on.
pub fn wait_for(pending: Pending, timeout_ms: ?u32, state: []const u8) Outcome {
    return wait_for_all(&.{pending}, timeout_ms, state);
}

/// Waits until every one of these is settled.
pub fn wait_for_all(pendings: []const Pending, timeout_ms: ?u32, state: []const u8) Outcome {
    return wait_until(.all, pendings, timeout_ms, state);
}

/// Waits until the first of these is settled. The others are handed back alive, among the arrivals.
pub fn wait_for_any(pendings: []const Pending, timeout_ms: ?u32, state: []const u8) Outcome {
    return wait_until(.any, pendings, timeout_ms, state);
}

fn wait_until(until: Join, pendings: []const Pending, timeout_ms: ?u32, state: []const u8) Outcome {
    const handles = allocator.dupe(Pending, pendings) catch @trap();
    return suspend_with(.{
        .handles = List(Pending).of(handles),
        .until = until,
        .timeout_ms = Option(u32).of(timeout_ms),
        .state = Bytes.of(state),
    });
}

/// Waits for what a suspension says.
pub fn suspend_with(suspension: Suspension) Outcome {
    return .{ .tag = .suspend_, .of = .{ .suspend_ = suspension } };
}

/// Fails if the host can't be given these: it ends a call that hands it a text that is not UTF-8.
pub fn check_text(name: []const u8) Refusal!void {
    if (!std.unicode.utf8ValidateSlice(name)) return error.NotUtf8;
}

fn check_settlement(name: []const u8, settlement: *const Settlement) Refusal!void {
    try check_text(name);
    switch (settlement.tag) {
        .value => {},
        .response => try check_fields(&settlement.of.response),
        .failed => {
            try check_text(settlement.of.failed.code.slice());
            try check_text(settlement.of.failed.message.slice());
        },
    }
}

fn check_fields(response: *const Response) Refusal!void {
    for (response.headers.slice()) |field| try check_text(field.name.slice());
}

/// Creates a pending that is settled under a key, or, if that is null, by its token alone.
pub fn create(key: ?[]const u8) Refusal!Pending {
    var out: host.Result(Pending) = undefined;
    const name = key orelse "";
    try check_text(name);
    host.create(@intFromBool(key != null), place(name), name.len, &out);
    return own(try out.get());
}

/// Creates a pending that the clock settles.
pub fn timer(after_ms: u32) Refusal!Pending {
    var out: host.Result(Pending) = undefined;
    host.timer(after_ms, &out);
    return own(try out.get());
}

/// Settles the pending with this token.
pub fn set_result(token: []const u8, settlement: Settlement) Refusal!void {
    var out: host.Result(u8) = undefined;
    try check_settlement(token, &settlement);
    const flat = host.Flat.of(&settlement);
    host.set_result(place(token), token.len, flat.tag, flat.a, flat.b, flat.c, flat.d, flat.e, @ptrCast(&out));
    const bytes: [*]const u8 = @ptrCast(&out);
    if (bytes[0] != 0) return host.refusal(bytes[1]);
}

/// Settles the pending that has waited longest under a key. Returns whether one waited.
pub fn set_next(key: []const u8, settlement: Settlement) Refusal!bool {
    var out: [2]u8 = undefined;
    try check_settlement(key, &settlement);
    const flat = host.Flat.of(&settlement);
    host.set_next(place(key), key.len, flat.tag, flat.a, flat.b, flat.c, flat.d, flat.e, &out);
    if (out[0] != 0) return host.refusal(out[1]);
    return out[1] != 0;
}

/// Settles every pending that waits under a key. Returns how many there were.
pub fn set_all(key: []const u8, settlement: Settlement) Refusal!u32 {
    var out: host.Result(u32) = undefined;
    try check_settlement(key, &settlement);
    const flat = host.Flat.of(&settlement);
    host.set_all(place(key), key.len, flat.tag, flat.a, flat.b, flat.c, flat.d, flat.e, &out);
    return out.get();
}

/// Returns how many wait under a key.
pub fn waiting(key: []const u8) u32 {
    check_text(key) catch return 0;
    return host.waiting(place(key), key.len);
}

/// Waits in place, this long at most; null is the host's default of 30 seconds. Returns what each was
/// settled with.
pub fn wait(pendings: []const Pending, until: Join, timeout_ms: ?u32) Refusal![]const Option(Settlement) {
    var out: host.Result(List(Option(Settlement))) = undefined;
    host.wait(List(Pending).of(pendings).ptr, pendings.len, @backingInt(until), @intFromBool(timeout_ms != null), timeout_ms orelse 0, &out);
    return (try out.get()).slice();
}

pub const Level = enum(u8) { trace, debug, info, warn, err };

/// Writes a line to the guest's log, with U+FFFD for what is not UTF-8.
pub fn log(level: Level, message: []const u8) void {
    const line = shown(message);
    host.log(@backingInt(level), place(line), line.len);
}

/// Returns a text with U+FFFD for what is not UTF-8.
pub fn shown(bytes: []const u8) []const u8 {
    check_text(bytes) catch {
        return std.fmt.allocPrint(allocator, "{f}", .{std.unicode.fmtUtf8(bytes)}) catch @trap();
    };
    return bytes;
}

/// Returns a random number: the system's own, fresh in each call.
pub fn random() u64 {
    return host.random();
}

/// Memory of the call that is running.
pub const allocator = arena.allocator();
var arena = std.heap.ArenaAllocator.init(std.heap.wasm_allocator);

/// The pendings of the call that is running.
var owned: std.ArrayList(Pending) = .empty;

/// Takes a pending, to be released at the end of the call.
pub fn own(pending: Pending) Pending {
    owned.append(allocator, pending) catch @trap();
    return pending;
}

/// Takes a pending from those of the call. Returns whether it was one of them.
fn disown(pending: Pending) bool {
    const index = std.mem.indexOfScalar(Pending, owned.items, pending) orelse return false;
    _ = owned.swapRemove(index);
    return true;
}

/// Releases a pending before the call ends.
pub fn release(pending: Pending) void {
    if (disown(pending)) host.drop(pending);
}

/// Gives the pendings of a suspension away to the host. Returns whether each is one of the call, and
/// there once.
fn give_away(pendings: []const Pending) bool {
    for (pendings, 0..) |pending, given| {
        if (disown(pending)) continue;
        for (pendings[0..given]) |before| _ = own(before);
        return false;
    }
    return true;
}

/// Releases the pendings that a call leaves. They would fill the table of an instance that serves
/// many calls.
pub fn release_all() void {
    for (owned.items) |pending| host.drop(pending);
    owned = .empty;
    store.close_all();
    if (close_databases) |close| close();
}

/// Closes the databases of the call. It is set by whoever opens one: a guest without databases is built
/// without it.
pub var close_databases: ?*const fn () void = null;

/// Frees the memory of a call, when the host has read what it returned.
pub fn reset(_: *const anyopaque) callconv(.c) void {
    _ = arena.reset(.retain_capacity);
}

/// Returns the methods that a text such as GET|POST names; none for any.
fn names_of(comptime methods: []const u8) []const Bytes {
    comptime {
        if (std.mem.eql(u8, methods, "any")) return &.{};
        var list: []const Bytes = &.{};
        var names = std.mem.splitScalar(u8, methods, '|');
        while (names.next()) |name| {
            if (name.len == 0) @compileError("no method is named in \"" ++ methods ++ "\": write GET, GET|POST or any");
            list = list ++ &[_]Bytes{Bytes.of(name)};
        }
        return list;
    }
}

/// Serves these routes. To be called once, in a `comptime` block.
pub fn serve(comptime routes: []const Route) void {
    const Export = struct {
        const WitRoute = extern struct { methods: List(Bytes), pattern: Bytes };

        const named = blk: {
            var list: [routes.len]WitRoute = undefined;
            for (routes, 0..) |route, index| {
                list[index] = .{ .methods = List(Bytes).of(names_of(route.methods)), .pattern = Bytes.of(route.pattern) };
            }
            break :blk list;
        };
        const all = List(WitRoute).of(&named);
        var outcome: Outcome = undefined;

        fn list_routes() callconv(.c) *const List(WitRoute) {
            return &all;
        }

        const Handled = extern struct { route: u32, request: Request };

        fn handle(call: *const Handled) callconv(.c) *const Outcome {
            const route = routes[call.route];
            return end(route, route.handler(&call.request));
        }

        const Continued = extern struct {
            route: u32,
            cause: enum(u8) { settled, deadline },
            request: Option(Request),
            state: Bytes,
            arrivals: List(Arrival),
        };

        fn resume_(call: *const Continued) callconv(.c) *const Outcome {
            const route = routes[call.route];
            const resumer = route.resumer orelse @trap();
            for (call.arrivals.slice()) |arrival| _ = own(arrival.pending);
            return end(route, resumer(&.{
                .timed_out = call.cause == .deadline,
                .request = call.request.get(),
                .state = call.state.slice(),
                .arrivals = call.arrivals.slice(),
            }));
        }

        fn end(route: Route, ended: Outcome) *const Outcome {
            outcome = ended;
            const answer: ?*const Response = switch (outcome.tag) {
                .respond => &outcome.of.respond,
                .suspend_ => outcome.of.suspend_.on_timeout.get(),
            };
            if (answer) |response| check_fields(response) catch {
                log(.err, "a header field's name is not UTF-8");
                outcome = text(500, "internal server error");
            };
            if (outcome.tag == .suspend_) {
                outcome.of.suspend_.has_resume = route.resumer != null;
                if (!give_away(outcome.of.suspend_.handles.slice())) {
                    log(.err, "a suspension has a pending twice, or one that is not of this call");
                    outcome = text(500, "internal server error");
                }
            }
            release_all();
            return &outcome;
        }
    };
    @export(&Export.list_routes, .{ .name = "snow:host/handler@0.1.0#routes" });
    @export(&Export.handle, .{ .name = "snow:host/handler@0.1.0#handle" });
    @export(&reset, .{ .name = "cabi_post_snow:host/handler@0.1.0#handle" });
    @export(&Export.resume_, .{ .name = "snow:host/resumer@0.1.0#resume" });
    @export(&reset, .{ .name = "cabi_post_snow:host/resumer@0.1.0#resume" });
}

export fn cabi_realloc(old: ?[*]u8, old_len: usize, alignment: usize, len: usize) ?[*]u8 {
    // An empty list has a place too, and an allocator gives none.
    if (len == 0) return @ptrFromInt(alignment);
    const new = arena.allocator().rawAlloc(len, std.mem.Alignment.fromByteUnits(alignment), 0) orelse @trap();
    if (old) |bytes| @memcpy(new[0..@min(old_len, len)], bytes[0..@min(old_len, len)]);
    return new;
}
