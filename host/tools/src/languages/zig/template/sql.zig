//! Databases: PostgreSQL, MySQL and MariaDB, and SQLite. The deployer names them in snow.toml
//! (`[database.app]`) and grants them to guests (`databases` of a guest's table).
//!
//!     const app = try snow.sql.Database.open("app");
//!     const found = try app.query("select name from users where id = $1", .{id});
//!     const name = found.text(0, "name") orelse return snow.text(404, "there is no such user");
//!
//! A statement waits in place until its result is there. Values of clients go into placeholders
//! (`$1`, `$2` and so on, in every database), and never into the text.

const std = @import("std");
const contract = @import("contract.zig");
const snow = @import("snow.zig");

const Bytes = contract.Bytes;
const List = contract.List;

/// Why there is no result: no grant; this is too much; others have too much under way; the database
/// refuses it, with `code`; it can't be reached, or was lost amid the statement; it took too long;
/// a text is not UTF-8. After Unavailable and TimedOut nobody knows whether the statement was
/// carried out.
pub const Error = error{ Denied, Limit, Overloaded, Failed, Unavailable, TimedOut, NotUtf8 };

/// What the host or the database said when it refused last; and SQLSTATE after Failed, such as
/// 23505 for a value that is there already. For SQLite it is the nearest one of PostgreSQL.
pub var words: []const u8 = "";
pub var code: []const u8 = "";

/// Returns whether the last refusal was that a value was there already that may be there once, in
/// any database.
pub fn is_duplicate() bool {
    if (std.mem.eql(u8, code, "23505")) return true;
    // MySQL has one code for all that a row may not be.
    return std.mem.eql(u8, code, "23000") and std.mem.indexOf(u8, words, "Duplicate entry") != null;
}

/// Answers for an error, and logs why: 503 if the client may try again, else 500.
pub fn answer(refusal: Error) snow.Outcome {
    const print = std.fmt.allocPrint;
    const said = print(snow.allocator, "{s}: {s} {s}", .{ @errorName(refusal), words, code });
    snow.log(.err, said catch @trap());
    return switch (refusal) {
        error.Overloaded, error.Unavailable, error.TimedOut => snow.text(503, "service unavailable"),
        else => snow.text(500, "internal server error"),
    };
}

/// What a database speaks. `mysql` is MariaDB too.
pub const Dialect = enum(u8) { postgres, mysql, sqlite };

/// A value of a column or for a placeholder. Decimals, dates, times, UUIDs, JSON and all other
/// types are texts, both ways. MySQL, MariaDB and SQLite have 1 and 0 for booleans.
pub const Value = union(enum) {
    null,
    boolean: bool,
    integer: i64,
    real: f64,
    text: []const u8,
    blob: []const u8,

    /// Makes a value of one of Zig's: null, a boolean, a number, a text, an optional of one of
    /// these, or a Value. Bytes are a text; for others write `Value{ .blob = bytes }`. An integer
    /// that does not fit into 64 bits with a sign is a text, as the database returns it.
    pub fn of(value: anytype) Value {
        const T = @TypeOf(value);
        if (T == Value) return value;
        return switch (@typeInfo(T)) {
            .null => .null,
            .bool => .{ .boolean = value },
            .int, .comptime_int => if (std.math.cast(i64, value)) |number|
                .{ .integer = number }
            else
                .{ .text = std.fmt.allocPrint(snow.allocator, "{d}", .{value}) catch @trap() },
            .float, .comptime_float => .{ .real = @floatCast(value) },
            .optional => if (value) |some| of(some) else .null,
            else => .{ .text = value },
        };
    }

    fn lower(value: Value) Error!Raw {
        return switch (value) {
            .null => .{ .tag = .null, .of = .{ .integer = 0 } },
            .boolean => |is| .{ .tag = .boolean, .of = .{ .boolean = is } },
            .integer => |number| .{ .tag = .integer, .of = .{ .integer = number } },
            .real => |number| .{ .tag = .real, .of = .{ .real = number } },
            .text => |text| .{ .tag = .text, .of = .{ .bytes = Bytes.of(try checked(text)) } },
            .blob => |bytes| .{ .tag = .blob, .of = .{ .bytes = Bytes.of(bytes) } },
        };
    }
};

/// A statement with a value for each of its placeholders.
pub const Statement = struct {
    text: []const u8,
    parameters: []const Value = &.{},

    /// Makes a statement with values that `Value.of` takes: `.with("delete … where id = $1",
    /// .{id})`.
    pub fn with(text: []const u8, values: anytype) Statement {
        const parameters = snow.allocator.alloc(Value, values.len) catch @trap();
        inline for (values, parameters) |value, *parameter| parameter.* = Value.of(value);
        return .{ .text = text, .parameters = parameters };
    }

    fn lower(statement: Statement) Error!RawStatement {
        const values = snow.allocator.alloc(Raw, statement.parameters.len) catch @trap();
        for (statement.parameters, values) |parameter, *value| value.* = try parameter.lower();
        return .{ .text = Bytes.of(try checked(statement.text)), .parameters = List(Raw).of(values) };
    }
};

/// What a statement returned. A column is found by its name; there is no value, null, behind the
/// last row.
pub const Rows = extern struct {
    /// The names of the columns; none if it returns no rows.
    columns: List(Bytes),
    rows: List(List(Raw)),
    /// How many rows it has changed.
    affected: u64,
    /// The value that was made for a column that numbers its rows (AUTO_INCREMENT, or the rowid of
    /// SQLite). PostgreSQL has RETURNING instead.
    last_id: contract.Option(i64),

    /// Returns how many rows there are.
    pub fn len(rows: *const Rows) usize {
        return rows.rows.len;
    }

    /// Returns a value.
    pub fn value(rows: *const Rows, row: usize, column: []const u8) Value {
        if (row >= rows.len()) return .null;
        const values = rows.rows.slice()[row].slice();
        for (rows.columns.slice(), 0..) |name, index| {
            if (index >= values.len) break;
            if (std.mem.eql(u8, name.slice(), column)) return values[index].lift();
        }
        return .null;
    }

    /// Returns a text, or null if it is none.
    pub fn text(rows: *const Rows, row: usize, column: []const u8) ?[]const u8 {
        return switch (rows.value(row, column)) {
            .text => |found| found,
            else => null,
        };
    }

    /// Returns a whole number, and a text of one; null if it is none.
    pub fn integer(rows: *const Rows, row: usize, column: []const u8) ?i64 {
        return switch (rows.value(row, column)) {
            .integer => |number| number,
            .text => |found| std.fmt.parseInt(i64, found, 10) catch null,
            else => null,
        };
    }

    /// Returns a number, and a text of one, as decimals are; null if it is none.
    pub fn real(rows: *const Rows, row: usize, column: []const u8) ?f64 {
        return switch (rows.value(row, column)) {
            .real => |number| number,
            .integer => |number| @floatFromInt(number),
            .text => |found| std.fmt.parseFloat(f64, found) catch null,
            else => null,
        };
    }

    /// Returns a boolean, or 0 and 1; null if it is none.
    pub fn boolean(rows: *const Rows, row: usize, column: []const u8) ?bool {
        return switch (rows.value(row, column)) {
            .boolean => |is| is,
            .integer => |number| if (number == 0 or number == 1) number == 1 else null,
            else => null,
        };
    }
};

/// A database. It belongs to the call that opened it.
pub const Database = enum(u32) {
    _,

    /// Opens a database by its name in snow.toml. Connections are made when there is a statement.
    pub fn open(name: []const u8) Error!Database {
        begin();
        const known = try checked(name);
        var out: Result(Database) = undefined;
        host.@"[static]database.open"(contract.place(known), known.len, &out);
        const database = try out.get();
        snow.close_databases = close_all;
        opened.append(snow.allocator, database) catch @trap();
        return database;
    }

    /// Returns what the database speaks, for a guest that is to run with several.
    pub fn dialect(database: Database) Error!Dialect {
        try database.begin_with();
        var out: Result(Dialect) = undefined;
        host.@"[method]database.dialect"(database, &out);
        return out.get();
    }

    /// Carries out one statement, with a value for each placeholder: `.{ id, name }`. See
    /// `Value.of`.
    pub fn query(database: Database, text: []const u8, values: anytype) Error!Rows {
        return database.execute(.with(text, values));
    }

    /// Carries out one statement.
    pub fn execute(database: Database, statement: Statement) Error!Rows {
        try database.begin_with();
        const raw = try statement.lower();
        var out: Result(Rows) = undefined;
        host.@"[method]database.query"(
            database,
            raw.text.ptr,
            raw.text.len,
            raw.parameters.ptr,
            raw.parameters.len,
            &out,
        );
        return out.get();
    }

    /// Carries out statements in one transaction, all of them or none. Returns what each returned.
    pub fn transact(database: Database, statements: []const Statement) Error![]const Rows {
        try database.begin_with();
        const raw = snow.allocator.alloc(RawStatement, statements.len) catch @trap();
        for (statements, raw) |statement, *lowered| lowered.* = try statement.lower();
        var out: Result(List(Rows)) = undefined;
        host.@"[method]database.transact"(database, List(RawStatement).of(raw).ptr, raw.len, &out);
        return (try out.get()).slice();
    }

    /// Creates a pending that is settled with the payload of the next notification on a channel of
    /// PostgreSQL. Listen first, look at the data then, and suspend if there is nothing new:
    /// nothing is missed. If the connection to the database is lost, it is a failure with the code
    /// `unavailable`. Failed, with 0A000, for other databases.
    pub fn listen(database: Database, channel: []const u8) Error!contract.Pending {
        try database.begin_with();
        const known = try checked(channel);
        var out: Result(contract.Pending) = undefined;
        host.@"[method]database.listen"(database, contract.place(known), known.len, &out);
        return snow.own(try out.get());
    }

    /// The host ends a call that names a database of another one.
    fn begin_with(database: Database) Error!void {
        begin();
        if (std.mem.indexOfScalar(Database, opened.items, database) == null) {
            words = "the database is not of this call";
            return error.Denied;
        }
    }
};

/// The databases of the call that is running.
var opened: std.ArrayList(Database) = .empty;

/// Closes the databases of a call at its end.
fn close_all() void {
    for (opened.items) |database| host.@"[resource-drop]database"(database);
    opened = .empty;
    begin();
}

fn begin() void {
    words = "";
    code = "";
}

/// The host ends a call that hands it a text that is not UTF-8.
fn checked(text: []const u8) Error![]const u8 {
    return if (std.unicode.utf8ValidateSlice(text)) text else error.NotUtf8;
}

/// A value as the host reads and writes it.
const Raw = extern struct {
    tag: enum(u8) { null, boolean, integer, real, text, blob },
    of: extern union { boolean: bool, integer: i64, real: f64, bytes: Bytes },

    fn lift(raw: *const Raw) Value {
        return switch (raw.tag) {
            .null => .null,
            .boolean => .{ .boolean = raw.of.boolean },
            .integer => .{ .integer = raw.of.integer },
            .real => .{ .real = raw.of.real },
            .text => .{ .text = raw.of.bytes.slice() },
            .blob => .{ .blob = raw.of.bytes.slice() },
        };
    }
};

const RawStatement = extern struct { text: Bytes, parameters: List(Raw) };

const Refusal = extern struct {
    tag: enum(u8) { denied, limit, overloaded, failed, unavailable, timed_out },
    of: extern union { words: Bytes, failed: contract.Failure },

    pub fn @"error"(refusal: *const Refusal) Error {
        switch (refusal.tag) {
            .denied => return error.Denied,
            .timed_out => return error.TimedOut,
            .failed => {
                code = refusal.of.failed.code.slice();
                words = refusal.of.failed.message.slice();
                return error.Failed;
            },
            .limit, .overloaded, .unavailable => {
                words = refusal.of.words.slice();
                return switch (refusal.tag) {
                    .limit => error.Limit,
                    .overloaded => error.Overloaded,
                    else => error.Unavailable,
                };
            },
        }
    }
};

fn Result(comptime T: type) type {
    return contract.Answer(T, Refusal, Error);
}

/// The host's functions, with their arguments as numbers.
const host = struct {
    extern "snow:host/sql@0.1.0" fn @"[static]database.open"([*]const u8, usize, *Result(Database)) void;
    extern "snow:host/sql@0.1.0" fn @"[resource-drop]database"(Database) void;
    extern "snow:host/sql@0.1.0" fn @"[method]database.dialect"(Database, *Result(Dialect)) void;
    extern "snow:host/sql@0.1.0" fn @"[method]database.query"(Database, [*]const u8, usize, [*]const Raw, usize, *Result(Rows)) void;
    extern "snow:host/sql@0.1.0" fn @"[method]database.transact"(Database, [*]const RawStatement, usize, *Result(List(Rows))) void;
    extern "snow:host/sql@0.1.0" fn @"[method]database.listen"(Database, [*]const u8, usize, *Result(contract.Pending)) void;
};
