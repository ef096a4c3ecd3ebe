//! A guest book, written as if there were no SDK: `wit-bindgen` makes its bindings of the standard's
//! interfaces and of the contract's text, and cargo builds it for `wasm32-wasip2`. What it keeps and
//! what it is told go through `wasi:keyvalue` and `wasi:config` alone ([`book`]); this file joins
//! that to requests.

mod book;

#[cfg(not(feature = "spin"))]
wit_bindgen::generate!({
    path: ["../../../wit", "../keyvalue/wit/draft", "wit/wasmtime"],
    world: "tests:standard/book",
    generate_all,
});

#[cfg(feature = "spin")]
wit_bindgen::generate!({
    path: ["../../../wit", "../keyvalue/wit/draft2", "wit/spin"],
    world: "tests:standard/book",
    generate_all,
});

use exports::snow::host::handler::{Guest, Outcome, Request, Route};
use snow::host::http::Response;

use book::{Book, Trouble};

/// The component.
struct Standard;

/// A route: its method, its pattern, and what answers it.
struct Serves {
    method: &'static str,
    pattern: &'static str,
    answer: fn(&Book, &Asked) -> Result<String, Trouble>,
}

/// What a request says.
struct Asked {
    /// The first capture of the route's pattern.
    name: String,
    body: Vec<u8>,
}

const ROUTES: &[Serves] = &[
    Serves { method: "PUT", pattern: "/pages/([a-z]+)", answer: |book, asked| book.write(asked) },
    Serves { method: "GET", pattern: "/pages/([a-z]+)", answer: |book, asked| book.read(asked) },
    Serves { method: "DELETE", pattern: "/pages/([a-z]+)", answer: |book, asked| book.tear(asked) },
    Serves { method: "POST", pattern: "/pages/([a-z]+)", answer: |book, asked| book.add(asked) },
    Serves { method: "POST", pattern: "/visits/([a-z]+)", answer: |book, asked| book.visit(asked) },
    Serves { method: "PUT", pattern: "/pages", answer: |book, asked| book.write_many(asked) },
    Serves { method: "GET", pattern: "/pages", answer: |book, _| book.read_all() },
    Serves { method: "DELETE", pattern: "/pages", answer: |book, _| book.tear_all() },
    Serves { method: "GET", pattern: "/settings", answer: |_, _| book::settings() },
];

impl Guest for Standard {
    fn routes() -> Vec<Route> {
        let route = |serves: &Serves| Route {
            methods: vec![serves.method.to_owned()],
            pattern: serves.pattern.to_owned(),
        };
        ROUTES.iter().map(route).collect()
    }

    fn handle(route: u32, request: Request) -> Outcome {
        let mut params = request.params.into_iter().map(|param| param.value);
        let asked = Asked { name: params.next().unwrap_or_default(), body: request.body };
        let answer = Book::open().and_then(|book| (ROUTES[route as usize].answer)(&book, &asked));
        let (status, body) = match answer {
            Ok(text) => (200, text),
            Err(Trouble::Nothing) => (404, String::new()),
            Err(Trouble::Refused(why)) => (503, why),
        };
        Outcome::Respond(Response { status, headers: Vec::new(), body: body.into_bytes() })
    }
}

export!(Standard);
