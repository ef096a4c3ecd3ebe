//! The guest of the measure `languages`, in Rust.
//!
//! | route | answer |
//! |---|---|
//! | `/rust/hello` | `hello world` |
//! | `/rust/rows` | a table of 100 rows as JSON, made for each request |

use serde::Serialize;
use snow_guest::prelude::*;

const ROWS: u32 = 100;

#[derive(Serialize)]
struct Table {
    rows: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    id: u32,
    name: String,
    price: f64,
    tags: [String; 2],
}

#[route(GET, r"/rust/hello")]
fn hello(_: Request) -> &'static str {
    "hello world"
}

#[route(GET, r"/rust/rows")]
fn rows(_: Request) -> Result<Response> {
    let row = |id| Row {
        id,
        name: format!("item {id}"),
        price: f64::from(id) + 0.5,
        tags: ["new".to_owned(), format!("shelf {}", id % 7)],
    };
    let json = serde_json::to_vec(&Table { rows: (0..ROWS).map(row).collect() })?;
    Ok(Response::bytes(json).header("content-type", "application/json"))
}

snow_guest::serve!(hello, rows);
