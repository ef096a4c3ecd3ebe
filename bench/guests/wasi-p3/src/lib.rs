//! The routes of `wasi-p2` for wasi:http 0.3.

use wasip3::clocks::monotonic_clock::wait_for;
use wasip3::http::types::{ErrorCode, Fields, Request, Response};
use wasip3::{wit_bindgen, wit_future, wit_stream};

const HOLD_NANOSECONDS: u64 = 600_000_000_000;

wasip3::http::service::export!(Guest);

struct Guest;

impl wasip3::exports::http::handler::Guest for Guest {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let target = request.get_path_with_query().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        Ok(match path {
            "/hello" => response(200, "hello world".into()),
            "/hold/" => {
                wait_for(HOLD_NANOSECONDS).await;
                response(200, "done".into())
            }
            "/spin" => response(200, spin_loop::spin(spin_loop::rounds(query)).to_string()),
            _ => response(404, "not found".into()),
        })
    }
}

fn response(status: u16, content: String) -> Response {
    let headers = Fields::new();
    headers.set("content-type", &[b"text/plain".to_vec()]).expect("a good header");
    headers.set("content-length", &[content.len().to_string().into_bytes()]).expect("a good header");
    let (mut body, reader) = wit_stream::new();
    let (trailers, end) = wit_future::new(|| Ok(None));
    let (response, _sent) = Response::new(headers, Some(reader), end);
    response.set_status_code(status).expect("a good status");
    drop(trailers);
    wit_bindgen::spawn_local(async move {
        let rest = body.write_all(content.into_bytes()).await;
        assert!(rest.is_empty(), "the client left");
    });
    response
}
