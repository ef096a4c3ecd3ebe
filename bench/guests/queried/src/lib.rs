//! The guest of the measure `sql`. bench/peers/pg is its counterpart.
//!
//! | route | answer |
//! |---|---|
//! | `GET /row/ID` | the text of a row, or 404 |
//! | `GET /wait` | the next notification's payload, once it is there |
//! | `GET /notify` | `1`, once a notification is on its way |

use snow_guest::prelude::*;

const PATIENCE: Duration = Duration::from_secs(600);

#[route(GET, r"/row/(\d+)")]
fn row(request: Request) -> Result<Response> {
    let id: i64 = request.param(0).parse()?;
    let found = Database::open("app")?.query("select text from rows where id = $1", [id])?;
    Ok(match found.first() {
        Some(row) => Response::text(row.get::<String>("text")?),
        None => Response::text("no such row").status(404),
    })
}

#[route(GET, "/wait")]
fn wait(_: Request) -> Result<Suspension> {
    Ok(Database::open("app")?.listen("bench")?.suspend().deadline(PATIENCE))
}

#[route(GET, "/notify")]
fn notify(_: Request) -> Result<&'static str> {
    Database::open("app")?.query("select pg_notify('bench', 'told')", ())?;
    Ok("1")
}

snow_guest::serve!(row, wait, notify);
