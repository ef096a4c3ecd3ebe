//! The guest of the measure `store`. bench/peers/redis is its counterpart.
//!
//! | route | answer |
//! |---|---|
//! | `GET /get/KEY` | the value, or 404 |
//! | `POST /set/KEY` | `stored`, once the body is the value |
//! | `POST /count/KEY` | the number that the key holds, after one was added to it |

use snow_guest::prelude::*;

#[route(GET, r"/get/(\w+)")]
fn get(request: Request) -> Result<Response> {
    Ok(match Bucket::own()?.get(request.param(0))? {
        Some(entry) => Response::bytes(entry.value),
        None => Response::text("no such key").status(404),
    })
}

#[route(POST, r"/set/(\w+)")]
fn set(request: Request) -> Result<&'static str> {
    Bucket::own()?.set(request.param(0), request.body())?;
    Ok("stored")
}

#[route(POST, r"/count/(\w+)")]
fn count(request: Request) -> Result<String> {
    Ok(Bucket::own()?.increment(request.param(0), 1)?.to_string())
}

snow_guest::serve!(get, set, count);
