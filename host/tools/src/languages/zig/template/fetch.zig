//! Requests to other servers. One that is sent is a pending, which is settled with the answer, a
//! `response` of any status, or with a failure that has one of these codes: invalid-url, denied, dns,
//! refused, tls, timeout, too-large, reset, protocol, overloaded. The deployer says where a guest may
//! send requests: `outbound` of its table in snow.toml.

const contract = @import("contract.zig");
const snow = @import("snow.zig");

const Bytes = contract.Bytes;
const List = contract.List;
const Option = contract.Option;

/// A request to another server. What is null is up to the host.
pub const Fetch = struct {
    method: []const u8 = "GET",
    /// An absolute one, http or https, without a user and a password.
    url: []const u8,
    /// Sent beside what the host writes: the fields of the connection, content-length, and
    /// x-request-id, user-agent and accept-encoding unless they are given.
    headers: []const contract.Field = &.{},
    body: []const u8 = "",
    /// How long it may take in all, with redirects and the answer's content.
    timeout_ms: ?u32 = null,
    /// How long it may take until there is a connection.
    connect_timeout_ms: ?u32 = null,
    /// How many redirects are followed; otherwise the answer that redirects is the answer.
    redirects_max: ?u8 = null,
    /// The most bytes of the answer's content.
    response_bytes_max: ?u32 = null,
    /// What the request is equal to. While one of this guest with the same text is under way, this
    /// one is not sent, but settled with the answer to that one, or its failure. Nothing else is
    /// compared, so the text says all that makes a difference; what belongs to one client alone must
    /// not be shared. Each has its own timeout.
    collapse: ?[]const u8 = null,
};

/// Sends a request. A suspension of its pending on a route without a function that goes on sends the
/// answer to the client as it came. When the pending is released, the request is given up.
pub fn send(fetch: Fetch) contract.Refusal!contract.Pending {
    try snow.check_text(fetch.method);
    try snow.check_text(fetch.url);
    try snow.check_text(fetch.collapse orelse "");
    for (fetch.headers) |field| try snow.check_text(field.name.slice());
    const outgoing = Outgoing{
        .method = Bytes.of(fetch.method),
        .url = Bytes.of(fetch.url),
        .headers = List(contract.Field).of(fetch.headers),
        .body = Bytes.of(fetch.body),
        .options = Option(Options).of(.{
            .timeout_ms = Option(u32).of(fetch.timeout_ms),
            .connect_timeout_ms = Option(u32).of(fetch.connect_timeout_ms),
            .redirects_max = Option(u8).of(fetch.redirects_max),
            .response_bytes_max = Option(u32).of(fetch.response_bytes_max),
            .collapse = if (fetch.collapse) |equal| Option(Bytes).of(Bytes.of(equal)) else .{},
        }),
    };
    var out: contract.host.Result(contract.Pending) = undefined;
    host.start(&outgoing, &out);
    return snow.own(try out.get());
}

/// Sends a GET request to a URL.
pub fn get(url: []const u8) contract.Refusal!contract.Pending {
    return send(.{ .url = url });
}

const Options = extern struct {
    timeout_ms: Option(u32),
    connect_timeout_ms: Option(u32),
    redirects_max: Option(u8),
    response_bytes_max: Option(u32),
    collapse: Option(Bytes),
};

const Outgoing = extern struct {
    method: Bytes,
    url: Bytes,
    headers: List(contract.Field),
    body: Bytes,
    options: Option(Options),
};

/// The host's function. Its argument has more than 16 numbers, so it goes by its place in memory.
const host = struct {
    extern "snow:host/fetch@0.1.0" fn start(*const Outgoing, *contract.host.Result(contract.Pending)) void;
};
