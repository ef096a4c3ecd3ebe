//! What snow.zig reads and writes of the contract, wit/snow.wit: its types, by the component
//! model's canonical ABI, in which an extern struct is laid out as a record is; and the host's
//! functions.

const std = @import("std");
const snow = @import("snow.zig");

/// Returns where bytes lie. The host wants a place of this memory for none as well, which an
/// allocator does not give.
pub fn place(bytes: []const u8) [*]const u8 {
    return if (bytes.len == 0) "" else bytes.ptr;
}

/// Text or bytes, as the host reads and writes them.
pub const Bytes = extern struct {
    ptr: [*]const u8,
    len: usize,

    pub fn of(bytes: []const u8) Bytes {
        return .{ .ptr = place(bytes), .len = bytes.len };
    }

    pub fn slice(bytes: Bytes) []const u8 {
        return bytes.ptr[0..bytes.len];
    }
};

pub fn List(comptime T: type) type {
    return extern struct {
        ptr: [*]const T,
        len: usize,

        const Self = @This();

        pub fn of(items: []const T) Self {
            const empty: []const T = &.{};
            return .{ .ptr = if (items.len == 0) empty.ptr else items.ptr, .len = items.len };
        }

        pub fn slice(list: Self) []const T {
            return list.ptr[0..list.len];
        }
    };
}

pub fn Option(comptime T: type) type {
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

/// An answer of the host: what was asked for, or a refusal. It lies where the alignment of
/// both lets it.
pub fn Answer(comptime T: type, comptime R: type, comptime E: type) type {
    return extern struct {
        is_refused: bool,
        of: extern union { ok: T, refusal: R },

        pub fn get(answer: *const @This()) E!T {
            return if (answer.is_refused) answer.of.refusal.@"error"() else answer.of.ok;
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

    /// Returns the response with another header field.
    pub fn with_header(response: Response, name: []const u8, value: []const u8) Response {
        const before = response.headers.slice();
        const fields = snow.allocator.alloc(Field, before.len + 1) catch @trap();
        @memcpy(fields[0..before.len], before);
        fields[before.len] = .{ .name = Bytes.of(name), .value = Bytes.of(value) };
        return .{ .status = response.status, .headers = List(Field).of(fields), .body = response.body };
    }
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

    pub fn respond(answer: Response) Settlement {
        return .{ .tag = .response, .of = .{ .response = answer } };
    }

    pub fn fail(code: []const u8, message: []const u8) Settlement {
        const failed = Failure{ .code = Bytes.of(code), .message = Bytes.of(message) };
        return .{ .tag = .failed, .of = .{ .failed = failed } };
    }

    /// Returns the response, if it is one: to be returned by `respond`, or read.
    pub fn response(settlement: *const Settlement) ?Response {
        return if (settlement.tag == .response) settlement.of.response else null;
    }

    /// Returns the failure, if it is one.
    pub fn failure(settlement: *const Settlement) ?Failure {
        return if (settlement.tag == .failed) settlement.of.failed else null;
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

    /// Releases it before the call ends. Its token is unknown from then on.
    pub fn release(pending: Pending) void {
        snow.release(pending);
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

/// Why the host refused; NotUtf8 is for a text that it can't be given, as a client may send one.
pub const Refusal = error{ Unknown, AlreadySettled, Denied, Limit, NotUtf8 };

/// The host's functions, with their arguments as numbers.
pub const host = struct {
    pub extern "snow:host/pending-handles@0.1.0" fn @"[method]pending.token"(Pending, *Bytes) void;
    pub extern "snow:host/pending-handles@0.1.0" fn @"[resource-drop]pending"(Pending) void;
    pub extern "snow:host/pending-handles@0.1.0" fn create(u32, [*]const u8, usize, *Result(Pending)) void;
    pub extern "snow:host/pending-handles@0.1.0" fn timer(u32, *Result(Pending)) void;
    pub extern "snow:host/pending-handles@0.1.0" fn @"set-result"([*]const u8, usize, u32, u32, u32, u32, u32, u32, [*]u8) void;
    pub extern "snow:host/pending-handles@0.1.0" fn @"set-next"([*]const u8, usize, u32, u32, u32, u32, u32, u32, [*]u8) void;
    pub extern "snow:host/pending-handles@0.1.0" fn @"set-all"([*]const u8, usize, u32, u32, u32, u32, u32, u32, *Result(u32)) void;
    pub extern "snow:host/pending-handles@0.1.0" fn waiting([*]const u8, usize) u32;
    pub extern "snow:host/pending-handles@0.1.0" fn wait([*]const Pending, usize, u32, u32, u32, *Result(List(Option(Settlement)))) void;
    pub extern "snow:host/logging@0.1.0" fn log(u32, [*]const u8, usize) void;
    pub extern "wasi:random/random@0.2.0" fn @"get-random-u64"() u64;

    pub const token = @"[method]pending.token";
    pub const drop = @"[resource-drop]pending";
    pub const set_result = @"set-result";
    pub const set_next = @"set-next";
    pub const set_all = @"set-all";
    pub const random = @"get-random-u64";

    /// A result whose payload begins at 4.
    pub fn Result(comptime T: type) type {
        return extern struct {
            is_refused: bool,
            of: extern union { ok: T, refusal: u8, aligned: u32 },

            pub fn get(result: *const @This()) Refusal!T {
                return if (result.is_refused) refusal(result.of.refusal) else result.of.ok;
            }
        };
    }

    pub fn refusal(number: u8) Refusal {
        return switch (number) {
            0 => error.Unknown,
            1 => error.AlreadySettled,
            2 => error.Denied,
            else => error.Limit,
        };
    }

    /// A settlement as numbers.
    pub const Flat = struct {
        tag: u32,
        a: u32 = 0,
        b: u32 = 0,
        c: u32 = 0,
        d: u32 = 0,
        e: u32 = 0,

        pub fn of(settlement: *const Settlement) Flat {
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
