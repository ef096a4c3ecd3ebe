//! A guest that reads its configuration by the standard's interface alone, as it is published, in
//! each of the drafts that hosts have.

use snow_guest::prelude::*;

mod bindings {
    wit_bindgen::generate!({
        inline: r#"
            package tests:configured;

            world imports {
                import wasi:config/store@0.2.0-rc.1;
                import wasi:config/store@0.2.0-draft;
                import wasi:config/store@0.2.0-draft-2024-09-27;
            }

            package wasi:config@0.2.0-rc.1 {
                interface store {
                    variant error { upstream(string), io(string) }
                    get: func(key: string) -> result<option<string>, error>;
                    get-all: func() -> result<list<tuple<string, string>>, error>;
                }
            }

            package wasi:config@0.2.0-draft {
                interface store {
                    variant error { upstream(string), io(string) }
                    get: func(key: string) -> result<option<string>, error>;
                    get-all: func() -> result<list<tuple<string, string>>, error>;
                }
            }

            package wasi:config@0.2.0-draft-2024-09-27 {
                interface store {
                    variant error { upstream(string), io(string) }
                    get: func(key: string) -> result<option<string>, error>;
                    get-all: func() -> result<list<tuple<string, string>>, error>;
                }
            }
        "#,
        generate_all,
    });
}

use bindings::wasi::{config0_2_0_draft, config0_2_0_draft_2024_09_27, config0_2_0_rc_1};

/// What a key holds, as a debugger shows it.
#[route(GET, r"/(rc|draft|dated)/get/(.*)")]
fn get(request: Request) -> String {
    let key = request.param(1);
    match request.param(0) {
        "rc" => format!("{:?}", config0_2_0_rc_1::store::get(key)),
        "draft" => format!("{:?}", config0_2_0_draft::store::get(key)),
        _ => format!("{:?}", config0_2_0_draft_2024_09_27::store::get(key)),
    }
}

/// Everything that is no secret.
#[route(GET, r"/(rc|draft|dated)/all")]
fn all(request: Request) -> String {
    match request.param(0) {
        "rc" => format!("{:?}", config0_2_0_rc_1::store::get_all()),
        "draft" => format!("{:?}", config0_2_0_draft::store::get_all()),
        _ => format!("{:?}", config0_2_0_draft_2024_09_27::store::get_all()),
    }
}

/// Ends the call with a message that shows what it must not.
#[route(GET, r"/panic")]
fn panic(_: Request) -> String {
    let token = config0_2_0_rc_1::store::get("token").ok().flatten();
    panic!("the token is {token:?}");
}

/// Logs what it must not, and says it to its standard output.
#[route(GET, r"/careless")]
fn careless(_: Request) -> String {
    let plain = config0_2_0_rc_1::store::get("plain").ok().flatten().unwrap_or_default();
    snow_guest::log::info(&format!("plain is {plain}"));
    println!("it is {plain}");
    eprintln!("yes, {plain}");
    String::new()
}

snow_guest::serve!(get, all, panic, careless);
