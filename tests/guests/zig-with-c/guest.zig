//! A guest of the tests: Zig over the SDK for C, whose header is translated into `target/c.zig`.

const c = @import("target/c.zig");

const Request = ?*const c.snow_request;

/// The routes, which the SDK reads by these names.
export const snow_routes = [_]c.snow_route{
    .{ .methods = "POST", .pattern = "/form", .handler = form, .resumer = null },
    .{ .methods = "GET", .pattern = "/config/(?P<name>.+)", .handler = config, .resumer = null },
    .{ .methods = "GET", .pattern = "/links", .handler = links, .resumer = null },
    .{ .methods = "GET", .pattern = "/visits", .handler = visits, .resumer = null },
    .{ .methods = "GET", .pattern = "/job", .handler = job, .resumer = null },
};
export const snow_route_count: usize = snow_routes.len;

fn form(request: Request) callconv(.c) c.snow_outcome {
    var sent: c.snow_form = undefined;
    var name: [*c]const u8 = undefined;
    // What SNOW_TRY does in C.
    if (c.snow_read_form(request, .{}, &sent)) |refused| return refused;
    if (c.snow_form_required(&sent, "name", &name)) |refused| return refused;
    return c.snow_text(200, name);
}

fn config(request: Request) callconv(.c) c.snow_outcome {
    const value = c.snow_config(c.snow_param(request, "name"));
    return c.snow_text(200, if (value != null) value else "none");
}

fn links(_: Request) callconv(.c) c.snow_outcome {
    return c.snow_text(200, c.snow_url_for("/orders?a=b"));
}

/// Answers with an `x` for each visit of a client, by a signed session.
fn visits(request: Request) callconv(.c) c.snow_outcome {
    var bucket: c.snow_bucket = undefined;
    var keys: ?*const c.snow_signing_keys = null;
    var session: ?*c.snow_session = null;
    if (c.snow_bucket_open("default", &bucket) != c.SNOW_OK) return c.snow_fail("no bucket");
    if (c.snow_signing_keys_stored(bucket, &keys)) |failed| return failed;
    const sessions = c.snow_sessions{ .bucket = "zig-with-c/sessions", .keys = keys };
    if (c.snow_session_of(request, sessions, &session)) |failed| return failed;
    const before = c.snow_session_get(session, "visits");
    const now = c.snow_join(if (before != null) before else "", "x");
    if (c.snow_session_set(session, "visits", now)) |failed| return failed;
    return c.snow_session_save(session, c.snow_text(200, now));
}

/// Starts a job, though this guest has none.
fn job(_: Request) callconv(.c) c.snow_outcome {
    var pending: c.snow_pending = undefined;
    var id: [*c]const u8 = undefined;
    if (c.snow_job_start("any", .{}, &pending) != c.SNOW_NO_RUNNER) return c.snow_fail("started");
    if (c.snow_job_enqueue("any", .{}, .{}, &id) != c.SNOW_NO_RUNNER) return c.snow_fail("kept");
    return c.snow_text(200, "no runner");
}
