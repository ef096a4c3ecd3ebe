//! A guest with many versions: `swap` overwrites the text of [`VERSION`] in copies of the built
//! module.
//!
//! | route | |
//! |---|---|
//! | `/who` | answers with its version |
//! | `/wait` | waits; answers with the version that suspended it and the one that resumed it |
//! | `/next` | wakes the request that has waited longest; answers `true` if there was one |
//! | `/free` | wakes all, and answers with their number |
//! | `/waiting` | answers with the number of waiting requests |

use std::hint::black_box;

use snow_guest::prelude::*;

const KEY: &str = "swap";
/// The deadline of a wait: longer than any measure takes.
const DEADLINE: Duration = Duration::from_secs(600);

/// The version: a number, a hyphen, and a text that makes the module new. `swap` finds it in the
/// module by this text, and keeps its length.
static VERSION: [u8; 16] = *b"0000-the-version";

#[route(GET, r"/who")]
fn who(_: Request) -> String {
    version()
}

#[route(GET, r"/wait", resume = freed)]
fn wait(_: Request) -> Result<Suspension> {
    Ok(Pending::keyed(KEY)?.suspend().deadline(DEADLINE).state(version()))
}

fn freed(resumed: Resumed) -> Response {
    let (suspended_by, resumed_by) = (resumed.state_text(), version());
    match resumed.timed_out() {
        false => Response::text(format!("{suspended_by}={resumed_by}")),
        true => Response::text("nobody came").status(504),
    }
}

#[route(GET, r"/next")]
fn next(_: Request) -> Result<String> {
    Ok(pending::set_next(KEY, "")?.to_string())
}

#[route(GET, r"/free")]
fn free(_: Request) -> Result<String> {
    Ok(pending::set_all(KEY, "")?.to_string())
}

#[route(GET, r"/waiting")]
fn waiting(_: Request) -> String {
    pending::waiting(KEY).to_string()
}

fn version() -> String {
    // `black_box` hides the bytes from the compiler, which would otherwise put them into the code.
    String::from_utf8_lossy(black_box(&VERSION)).into_owned()
}

snow_guest::serve!(who, wait, next, free, waiting);
