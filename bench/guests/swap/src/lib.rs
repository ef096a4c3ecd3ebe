//! A guest that there are versions of: the measures write another text over that of [`VERSION`], in the built module.
//!
//! | route | |
//! |---|---|
//! | `/who` | which version answers |
//! | `/wait` | waits; answers which version suspended it, and which one resumed it |
//! | `/next` | wakes the one who has waited longest: `true` if there was one |
//! | `/free` | wakes all, and says how many |
//! | `/waiting` | says how many wait |

use std::hint::black_box;

use snow_guest::prelude::*;

const KEY: &str = "swap";
/// Longer than any measure takes.
const DEADLINE: Duration = Duration::from_secs(600);

/// It is found in the module by its text, and stays as long: a number, a hyphen, and whatever makes it new.
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
    // Were its bytes known here, they would become part of the code.
    String::from_utf8_lossy(black_box(&VERSION)).into_owned()
}

snow_guest::serve!(who, wait, next, free, waiting);
