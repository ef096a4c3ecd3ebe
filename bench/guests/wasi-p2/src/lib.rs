//! The benchmark's routes for wasi:http 0.2. Only its own instance can complete a request, so a
//! request that waits can only sleep.
//!
//! | route | answer |
//! |---|---|
//! | `/hello` | `hello world` |
//! | `/hold/` | `done` after ten minutes |
//! | `/spin?rounds=1000000` | the result of a computation |
//! | `/late?rounds=1000000` | the same, after 400 ms |
//! | `/busy?rounds=1000000` | none: it computes and waits a moment, again and again |

use wasip2::clocks::monotonic_clock::subscribe_duration;
use wasip2::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

const HOLD_NANOSECONDS: u64 = 600_000_000_000;
const LATE_NANOSECONDS: u64 = 400_000_000;
const MOMENT_NANOSECONDS: u64 = 1_000_000;

wasip2::http::proxy::export!(Guest);

struct Guest;

impl wasip2::exports::http::incoming_handler::Guest for Guest {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let target = request.path_with_query().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        match path {
            "/hello" => respond(out, 200, b"hello world"),
            "/hold/" => {
                subscribe_duration(HOLD_NANOSECONDS).block();
                respond(out, 200, b"done");
            }
            "/spin" => respond(out, 200, spin(query).as_bytes()),
            "/late" => {
                subscribe_duration(LATE_NANOSECONDS).block();
                respond(out, 200, spin(query).as_bytes());
            }
            "/busy" => loop {
                std::hint::black_box(spin(query));
                subscribe_duration(MOMENT_NANOSECONDS).block();
            },
            _ => respond(out, 404, b"not found"),
        }
    }
}

fn spin(query: &str) -> String {
    spin_loop::spin(spin_loop::rounds(query)).to_string()
}

fn respond(out: ResponseOutparam, status: u16, content: &[u8]) {
    let headers = Fields::new();
    headers.set("content-type", &[b"text/plain".to_vec()]).expect("a good header");
    headers.set("content-length", &[content.len().to_string().into_bytes()]).expect("a good header");
    let response = OutgoingResponse::new(headers);
    response.set_status_code(status).expect("a good status");
    let body = response.body().expect("the first to ask for it");
    ResponseOutparam::set(out, Ok(response));
    let stream = body.write().expect("the first to ask for it");
    stream.blocking_write_and_flush(content).expect("a client");
    drop(stream);
    OutgoingBody::finish(body, None).expect("as long as announced");
}
