//! The store: buckets of keys, each with a value that outlives the call.

const std = @import("std");
const contract = @import("contract.zig");
const snow = @import("snow.zig");

const Bytes = contract.Bytes;
const List = contract.List;
const Option = contract.Option;

/// Why the store did nothing. For Limit and Unavailable, `words` has the host's words.
pub const Error = error{ Denied, Limit, NotAnInteger, Unavailable, Conflict, NotUtf8 };

/// What the host said when it refused last, and what a key holds after a Conflict.
pub var words: []const u8 = "";
pub var conflict: ?Entry = null;

/// What a key holds.
pub const Entry = extern struct {
    value: Bytes,
    /// Tells this content from every other. A later version of a key is a higher number.
    version: u64,
};

/// How a key is written.
pub const Write = struct {
    /// How long an entry that is set exists; null: until it is deleted.
    expires_ms: ?u64 = null,
    only: Condition = .always,
};

/// When a write is done.
pub const Condition = union(enum) {
    always,
    /// If the key does not exist.
    absent,
    /// If the key has this version.
    version: u64,

    fn number(condition: Condition) u64 {
        return if (condition == .version) condition.version else 0;
    }

    fn tag(condition: Condition) u32 {
        return switch (condition) {
            .always => 0,
            .absent => 1,
            .version => 2,
        };
    }
};

/// A page of keys, in the order of their bytes. A page may have none and yet not be the last.
pub const Page = extern struct {
    keys: List(Bytes),
    next: Option(Bytes),
};

/// A bucket. It belongs to the call that opened it.
pub const Bucket = enum(u32) {
    _,

    /// Opens a bucket: "default", which is the guest's own; one whose name begins with the guest's
    /// own and a slash; or one of the `buckets` that snow.toml grants it.
    pub fn open(name: []const u8) Error!Bucket {
        try check(name);
        var out: Result(Bucket) = undefined;
        host.@"[static]bucket.open"(contract.place(name), name.len, &out);
        const bucket = try out.get();
        opened.append(snow.allocator, bucket) catch @trap();
        return bucket;
    }

    /// Returns what a key holds; null if it does not exist.
    pub fn get(bucket: Bucket, key: []const u8) Error!?Entry {
        try check(key);
        var out: Result(Option(Entry)) = undefined;
        host.@"[method]bucket.get"(bucket, contract.place(key), key.len, &out);
        const entry = try out.get();
        return if (entry.is_some) entry.value else null;
    }

    /// Sets a key, and returns its new version. After error.Conflict, `conflict` is what it holds.
    pub fn set(bucket: Bucket, key: []const u8, value: []const u8, write: Write) Error!u64 {
        try check(key);
        var out: Result(u64) = undefined;
        host.@"[method]bucket.set"(
            bucket,
            contract.place(key),
            key.len,
            contract.place(value),
            value.len,
            @intFromBool(write.expires_ms != null),
            write.expires_ms orelse 0,
            write.only.tag(),
            write.only.number(),
            &out,
        );
        return out.get();
    }

    /// Deletes a key. Returns whether it existed.
    pub fn delete(bucket: Bucket, key: []const u8, only: Condition) Error!bool {
        try check(key);
        var out: Result(bool) = undefined;
        host.@"[method]bucket.delete"(bucket, contract.place(key), key.len, only.tag(), only.number(), &out);
        return out.get();
    }

    /// Adds to a key's value, an integer in decimal digits, and returns the sum. A key that does not
    /// exist counts as 0.
    pub fn increment(bucket: Bucket, key: []const u8, by: i64) Error!i64 {
        try check(key);
        var out: Result(i64) = undefined;
        host.@"[method]bucket.increment"(bucket, contract.place(key), key.len, by, &out);
        return out.get();
    }

    /// Returns a page of the keys that begin with a prefix: the first, or the one after `next` of
    /// the page before.
    pub fn keys(bucket: Bucket, prefix: []const u8, after: ?[]const u8) Error!Page {
        try check(prefix);
        var out: Result(Page) = undefined;
        const from = after orelse "";
        host.@"[method]bucket.list"(
            bucket,
            contract.place(prefix),
            prefix.len,
            @intFromBool(after != null),
            contract.place(from),
            from.len,
            std.math.maxInt(u32),
            &out,
        );
        return out.get();
    }

    /// Creates a pending that is settled with the key's value once its version is no longer `since`;
    /// null stands for a key that does not exist. If the key is deleted or expires, that is a
    /// failure with the code `deleted`.
    pub fn changed(bucket: Bucket, key: []const u8, since: ?u64) Error!contract.Pending {
        try check(key);
        var out: Result(contract.Pending) = undefined;
        host.@"[method]bucket.changed"(
            bucket,
            contract.place(key),
            key.len,
            @intFromBool(since != null),
            since orelse 0,
            &out,
        );
        return snow.own(try out.get());
    }
};

/// The buckets of the call that is running.
var opened: std.ArrayList(Bucket) = .empty;

/// Closes the buckets of a call at its end.
pub fn close_all() void {
    for (opened.items) |bucket| host.@"[resource-drop]bucket"(bucket);
    opened = .empty;
    words = "";
    conflict = null;
}

/// The host ends a call that hands it a text that is not UTF-8.
fn check(text: []const u8) Error!void {
    words = "";
    conflict = null;
    if (!std.unicode.utf8ValidateSlice(text)) return error.NotUtf8;
}

const Refusal = extern struct {
    tag: enum(u8) { denied, conflict, limit, not_an_integer, unavailable },
    of: extern union { conflict: Option(Entry), words: Bytes },

    pub fn @"error"(refusal: *const Refusal) Error {
        switch (refusal.tag) {
            .denied => return error.Denied,
            .not_an_integer => return error.NotAnInteger,
            .conflict => {
                conflict = if (refusal.of.conflict.get()) |entry| entry.* else null;
                return error.Conflict;
            },
            .limit, .unavailable => {
                words = refusal.of.words.slice();
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
    extern "snow:host/store@0.1.0" fn @"[static]bucket.open"([*]const u8, usize, *Result(Bucket)) void;
    extern "snow:host/store@0.1.0" fn @"[resource-drop]bucket"(Bucket) void;
    extern "snow:host/store@0.1.0" fn @"[method]bucket.get"(Bucket, [*]const u8, usize, *Result(Option(Entry))) void;
    extern "snow:host/store@0.1.0" fn @"[method]bucket.set"(Bucket, [*]const u8, usize, [*]const u8, usize, u32, u64, u32, u64, *Result(u64)) void;
    extern "snow:host/store@0.1.0" fn @"[method]bucket.delete"(Bucket, [*]const u8, usize, u32, u64, *Result(bool)) void;
    extern "snow:host/store@0.1.0" fn @"[method]bucket.increment"(Bucket, [*]const u8, usize, i64, *Result(i64)) void;
    extern "snow:host/store@0.1.0" fn @"[method]bucket.list"(Bucket, [*]const u8, usize, u32, [*]const u8, usize, u32, *Result(Page)) void;
    extern "snow:host/store@0.1.0" fn @"[method]bucket.changed"(Bucket, [*]const u8, usize, u32, u64, *Result(contract.Pending)) void;
};
