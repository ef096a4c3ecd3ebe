//! The guest NAME. snow-host build compiles it to NAME.wasm, snow-host run serves it, and snow-host
//! test runs the cases in NAME.test.toml.
//!
//!     GET /NAME/hello/ada           hello ada
//!     GET /NAME/orders/7            waits until order 7 is approved; after 30 seconds 504
//!     POST /NAME/orders/7/approve   approves it with the request's body, or 404 if nobody waits

const std = @import("std");
const snow = @import("snow.zig");

comptime {
    snow.serve(&.{
        .{ .methods = "GET", .pattern = "/NAME/hello/(?P<who>\\w+)", .handler = hello },
        .{ .methods = "GET", .pattern = "/NAME/orders/(?P<order>\\d+)", .handler = order, .resumer = approved },
        .{ .methods = "POST", .pattern = "/NAME/orders/(?P<order>\\d+)/approve", .handler = approve },
    });
}

/// Answers at once.
fn hello(request: *const snow.Request) snow.Outcome {
    return snow.text(200, print("hello {s}", .{request.param("who")}));
}

/// Waits for an approval: the host keeps the client's connection until somebody settles the key, or
/// the deadline passes. Then it calls `approved`, in another instance, which gets nothing from this
/// one but the state.
fn order(request: *const snow.Request) snow.Outcome {
    const number = request.param("order");
    const approval = snow.create(key(number)) catch return snow.text(503, "too many wait");
    return snow.wait_for(approval, 30_000, number);
}

/// Answers the request that waited.
fn approved(resumed: *const snow.Resumed) snow.Outcome {
    if (resumed.timed_out) return snow.text(504, print("nobody approved order {s}", .{resumed.state}));
    return snow.text(200, print("order {s}: {s}", .{ resumed.state, resumed.text() }));
}

/// Settles what another request waits for: the one that has waited longest under the key gets this
/// text.
fn approve(request: *const snow.Request) snow.Outcome {
    const value = snow.Settlement.value(request.body.slice());
    const somebody_waited = snow.set_next(key(request.param("order")), value) catch false;
    if (!somebody_waited) return snow.text(404, "nobody waits for this order");
    return snow.text(200, "approved");
}

/// Returns the key of an order. All guests share the host's keys, so it begins with the guest's name.
fn key(number: []const u8) []const u8 {
    return print("NAME/orders/{s}", .{number});
}

fn print(comptime format: []const u8, arguments: anytype) []const u8 {
    return std.fmt.allocPrint(snow.allocator, format, arguments) catch @trap();
}
