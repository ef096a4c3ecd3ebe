//! The contract of snow-host in Zig: wit/snow.wit, by the component model's canonical ABI, in which
//! an extern struct is laid out as a record is.
//!
//! A guest names its routes and calls `serve` at compile time:
//!
//!     comptime {
//!         snow.serve(&.{.{ .method = "GET", .pattern = "/hello", .handler = hello }});
//!     }
//!
//! What is allocated with `allocator` lives until the end of the call.

const std = @import("std");

/// Text or bytes, as the host reads and writes them.
pub const Bytes = extern struct {
    ptr: [*]const u8,
    len: usize,

    pub fn of(bytes: []const u8) Bytes {
        return .{ .ptr = bytes.ptr, .len = bytes.len };
    }

    pub fn slice(bytes: Bytes) []const u8 {
        return bytes.ptr[0..bytes.len];
    }
};

fn List(comptime T: type) type {
    return extern struct {
        ptr: [*]const T,
        len: usize,

        const Self = @This();

        pub fn of(items: []const T) Self {
            return .{ .ptr = items.ptr, .len = items.len };
        }

        pub fn slice(list: Self) []const T {
            return list.ptr[0..list.len];
        }
    };
}

fn Option(comptime T: type) type {
    return extern struct {
        is_some: bool = false,
        value: T = undefined,

        const Self = @This();

        pub fn of(value: ?T) Self {
            return if (value) |some| .{ .is_some = true, .value = some } else .{};
        }

        pub fn get(option: *const Self) ?*const T {
            return if (option.is_some) &option.value else null;
        }
    };
}

/// A header field line. In a request its name is in lower case.
pub const Field = extern struct { name: Bytes, value: Bytes };

/// A capture group of the route's pattern, percent-decoded.
pub const Param = extern struct { name: Option(Bytes), value: Bytes };

/// A request whose body has arrived whole.
pub const Request = extern struct {
    id: Bytes,
    client: Bytes,
    scheme: Bytes,
    authority: Bytes,
    method: Bytes,
    path: Bytes,
    query: Option(Bytes),
    params: List(Param),
    headers: List(Field),
    body: Bytes,

    /// Returns the capture group with this name; empty if there is none.
    pub fn param(request: *const Request, name: []const u8) []const u8 {
        for (request.params.slice()) |*each| {
            const named = each.name.get() orelse continue;
            if (std.mem.eql(u8, named.slice(), name)) return each.value.slice();
        }
        return "";
    }

    /// Returns the value of a header field, whose name is given in lower case; null if there is
    /// none.
    pub fn header(request: *const Request, name: []const u8) ?[]const u8 {
        for (request.headers.slice()) |field| {
            if (std.mem.eql(u8, field.name.slice(), name)) return field.value.slice();
        }
        return null;
    }
};

/// An answer. The host adds date and content-length, and writes the framing.
pub const Response = extern struct {
    status: u16,
    headers: List(Field) = List(Field).of(&.{}),
    body: Bytes = Bytes.of(""),
};

/// A wait that failed, told to the guest that waits.
pub const Failure = extern struct { code: Bytes, message: Bytes };

/// What a pending is settled with.
pub const Settlement = extern struct {
    tag: enum(u8) { value, response, failed },
    of: extern union { value: Bytes, response: Response, failed: Failure },

    pub fn value(bytes: []const u8) Settlement {
        return .{ .tag = .value, .of = .{ .value = Bytes.of(bytes) } };
    }

    /// Returns the bytes of a value, or the content of a response; empty for a failure.
    pub fn slice(settlement: *const Settlement) []const u8 {
        return switch (settlement.tag) {
            .value => settlement.of.value.slice(),
            .response => settlement.of.response.body.slice(),
            .failed => "",
        };
    }
};

/// Something that is settled exactly once. What a call does not return in a suspension is released
/// when the call ends.
pub const Pending = enum(u32) {
    _,

    /// Returns the right to settle it.
    pub fn token(pending: Pending) []const u8 {
        var out: Bytes = undefined;
        host.token(pending, &out);
        return out.slice();
    }
};

pub const Join = enum(u8) { all, any };

/// What a request waits for.
pub const Suspension = extern struct {
    handles: List(Pending),
    until: Join = .all,
    timeout_ms: Option(u32) = .{},
    on_timeout: Option(Response) = .{},
    /// Set by `serve`: whether the route has a function that goes on.
    has_resume: bool = false,
    keep_request: bool = false,
    state: Bytes = Bytes.of(""),
};

/// How a call ends.
pub const Outcome = extern struct {
    tag: enum(u8) { respond, suspend_ },
    of: extern union { respond: Response, suspend_: Suspension },
};

/// What became of one pending of a suspension.
pub const Arrival = extern struct { pending: Pending, settlement: Option(Settlement) };

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
    /// For instance GET; empty for every method.
    method: []const u8,
    /// A regular expression for the whole path.
    pattern: []const u8,
    handler: *const fn (*const Request) Outcome,
    /// Goes on when a suspension of this route is over. Without it the host answers by itself.
    resumer: ?*const fn (*const Resumed) Outcome = null,
};

pub const Refusal = error{ Unknown, AlreadySettled, Denied, Limit };

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

/// Waits for one pending, this long at most. The state is handed to the function that goes on.
pub fn wait_for(pending: Pending, timeout_ms: u32, state: []const u8) Outcome {
    const handles = allocator.dupe(Pending, &.{pending}) catch @trap();
    return suspend_with(.{
        .handles = List(Pending).of(handles),
        .timeout_ms = Option(u32).of(timeout_ms),
        .state = Bytes.of(state),
    });
}

/// Waits for what a suspension says.
pub fn suspend_with(suspension: Suspension) Outcome {
    return .{ .tag = .suspend_, .of = .{ .suspend_ = suspension } };
}

/// Creates a pending that is settled under a key, or, if that is null, by its token alone.
pub fn create(key: ?[]const u8) Refusal!Pending {
    var out: host.Result(Pending) = undefined;
    const name = key orelse "";
    host.create(@intFromBool(key != null), name.ptr, name.len, &out);
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
    const flat = host.Flat.of(&settlement);
    host.set_result(token.ptr, token.len, flat.tag, flat.a, flat.b, flat.c, flat.d, flat.e, @ptrCast(&out));
    const bytes: [*]const u8 = @ptrCast(&out);
    if (bytes[0] != 0) return host.refusal(bytes[1]);
}

/// Settles the pending that has waited longest under a key. Returns whether one waited.
pub fn set_next(key: []const u8, settlement: Settlement) Refusal!bool {
    var out: [2]u8 = undefined;
    const flat = host.Flat.of(&settlement);
    host.set_next(key.ptr, key.len, flat.tag, flat.a, flat.b, flat.c, flat.d, flat.e, &out);
    if (out[0] != 0) return host.refusal(out[1]);
    return out[1] != 0;
}

/// Settles every pending that waits under a key. Returns how many there were.
pub fn set_all(key: []const u8, settlement: Settlement) Refusal!u32 {
    var out: host.Result(u32) = undefined;
    const flat = host.Flat.of(&settlement);
    host.set_all(key.ptr, key.len, flat.tag, flat.a, flat.b, flat.c, flat.d, flat.e, &out);
    return out.get();
}

/// Returns how many wait under a key.
pub fn waiting(key: []const u8) u32 {
    return host.waiting(key.ptr, key.len);
}

/// Waits in place, this long at most. Returns what each was settled with.
pub fn wait(pendings: []const Pending, until: Join, timeout_ms: u32) Refusal![]const Option(Settlement) {
    var out: host.Result(List(Option(Settlement))) = undefined;
    host.wait(pendings.ptr, pendings.len, @backingInt(until), 1, timeout_ms, &out);
    return (try out.get()).slice();
}

pub const Level = enum(u8) { trace, debug, info, warn, err };

/// Writes a line to the guest's log.
pub fn log(level: Level, message: []const u8) void {
    host.log(@backingInt(level), message.ptr, message.len);
}

/// Returns a random number: the system's own, fresh in each call.
pub fn random() u64 {
    return host.random();
}

/// Memory of the call that is running.
pub const allocator = arena.allocator();
var arena = std.heap.ArenaAllocator.init(std.heap.wasm_allocator);

/// The pendings of the call that is running, as many as the host allows by default.
var owned: [64]Pending = undefined;
var owned_len: usize = 0;

fn own(pending: Pending) Pending {
    if (owned_len < owned.len) {
        owned[owned_len] = pending;
        owned_len += 1;
    }
    return pending;
}

/// Releases the pendings of a call that are not among those that it gives away. They would fill the
/// table of an instance that serves many calls.
fn release(given_away: []const Pending) void {
    for (owned[0..owned_len]) |pending| {
        if (std.mem.indexOfScalar(Pending, given_away, pending) == null) host.drop(pending);
    }
    owned_len = 0;
}

/// Serves these routes. To be called once, in a `comptime` block.
pub fn serve(comptime routes: []const Route) void {
    const Export = struct {
        const WitRoute = extern struct { methods: List(Bytes), pattern: Bytes };

        const named = blk: {
            var list: [routes.len]WitRoute = undefined;
            for (routes, 0..) |route, index| {
                const methods: []const Bytes = if (route.method.len == 0) &.{} else &.{Bytes.of(route.method)};
                list[index] = .{ .methods = List(Bytes).of(methods), .pattern = Bytes.of(route.pattern) };
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
            if (outcome.tag == .suspend_) {
                outcome.of.suspend_.has_resume = route.resumer != null;
                release(outcome.of.suspend_.handles.slice());
            } else {
                release(&.{});
            }
            return &outcome;
        }

        fn reset(_: *const anyopaque) callconv(.c) void {
            _ = arena.reset(.retain_capacity);
        }
    };
    @export(&Export.list_routes, .{ .name = "snow:host/handler@0.1.0#routes" });
    @export(&Export.handle, .{ .name = "snow:host/handler@0.1.0#handle" });
    @export(&Export.reset, .{ .name = "cabi_post_snow:host/handler@0.1.0#handle" });
    @export(&Export.resume_, .{ .name = "snow:host/resumer@0.1.0#resume" });
    @export(&Export.reset, .{ .name = "cabi_post_snow:host/resumer@0.1.0#resume" });
}

export fn cabi_realloc(old: ?[*]u8, old_len: usize, alignment: usize, len: usize) ?[*]u8 {
    const new = arena.allocator().rawAlloc(len, std.mem.Alignment.fromByteUnits(alignment), 0) orelse @trap();
    if (old) |bytes| @memcpy(new[0..@min(old_len, len)], bytes[0..@min(old_len, len)]);
    return new;
}

/// The host's functions, with their arguments as numbers.
const host = struct {
    extern "snow:host/pending-handles@0.1.0" fn @"[method]pending.token"(Pending, *Bytes) void;
    extern "snow:host/pending-handles@0.1.0" fn @"[resource-drop]pending"(Pending) void;
    extern "snow:host/pending-handles@0.1.0" fn create(u32, [*]const u8, usize, *Result(Pending)) void;
    extern "snow:host/pending-handles@0.1.0" fn timer(u32, *Result(Pending)) void;
    extern "snow:host/pending-handles@0.1.0" fn @"set-result"([*]const u8, usize, u32, u32, u32, u32, u32, u32, [*]u8) void;
    extern "snow:host/pending-handles@0.1.0" fn @"set-next"([*]const u8, usize, u32, u32, u32, u32, u32, u32, [*]u8) void;
    extern "snow:host/pending-handles@0.1.0" fn @"set-all"([*]const u8, usize, u32, u32, u32, u32, u32, u32, *Result(u32)) void;
    extern "snow:host/pending-handles@0.1.0" fn waiting([*]const u8, usize) u32;
    extern "snow:host/pending-handles@0.1.0" fn wait([*]const Pending, usize, u32, u32, u32, *Result(List(Option(Settlement)))) void;
    extern "snow:host/logging@0.1.0" fn log(u32, [*]const u8, usize) void;
    extern "wasi:random/random@0.2.0" fn @"get-random-u64"() u64;

    const token = @"[method]pending.token";
    const drop = @"[resource-drop]pending";
    const set_result = @"set-result";
    const set_next = @"set-next";
    const set_all = @"set-all";
    const random = @"get-random-u64";

    /// A result whose payload begins at 4.
    fn Result(comptime T: type) type {
        return extern struct {
            is_refused: bool,
            of: extern union { ok: T, refusal: u8, aligned: u32 },

            fn get(result: *const @This()) Refusal!T {
                return if (result.is_refused) refusal(result.of.refusal) else result.of.ok;
            }
        };
    }

    fn refusal(number: u8) Refusal {
        return switch (number) {
            0 => error.Unknown,
            1 => error.AlreadySettled,
            2 => error.Denied,
            else => error.Limit,
        };
    }

    /// A settlement as numbers.
    const Flat = struct {
        tag: u32,
        a: u32 = 0,
        b: u32 = 0,
        c: u32 = 0,
        d: u32 = 0,
        e: u32 = 0,

        fn of(settlement: *const Settlement) Flat {
            const tag: u32 = @backingInt(settlement.tag);
            switch (settlement.tag) {
                .value => {
                    const bytes = settlement.of.value;
                    return .{ .tag = tag, .a = @intFromPtr(bytes.ptr), .b = bytes.len };
                },
                .response => {
                    const r = settlement.of.response;
                    return .{
                        .tag = tag,
                        .a = r.status,
                        .b = @intFromPtr(r.headers.ptr),
                        .c = r.headers.len,
                        .d = @intFromPtr(r.body.ptr),
                        .e = r.body.len,
                    };
                },
                .failed => {
                    const f = settlement.of.failed;
                    return .{
                        .tag = tag,
                        .a = @intFromPtr(f.code.ptr),
                        .b = f.code.len,
                        .c = @intFromPtr(f.message.ptr),
                        .d = f.message.len,
                    };
                },
            }
        }
    };
};
