//! JavaScript and TypeScript for snow-host.
//!
//! An engine is a guest that evaluates other guests: for `hello.js`, the host makes instances of
//! this component and hands each the text (`snow:host/source` in `wit/engine.wit`). QuickJS runs
//! it. The module `snow` and the web's globals are JavaScript, in `js/`.
//!
//! | module | what it does |
//! |---|---|
//! | `engine` | evaluates the guest, once for each instance, and drives its promises |
//! | `modules` | finds what a guest imports: `snow`, its folder's files, packages |
//! | `typescript` | takes the types out of a text |
//! | `native` | functions of the host for `js/` |
//! | `convert` | values of the contract as values of JavaScript, and back |
//! | `pendings` | the pendings of a call by their numbers |
//! | `store` | the store for `js/` |
//! | `fetch` | requests to other servers for `js/` |
//! | `sql` | databases for `js/` |
//! | `jobs` | jobs for `js/` |
//! | `signed` | codes by HMAC-SHA256, and Base64 |
//! | `deployed` | settings, links and times of a wait |
//! | `text` | texts of JavaScript as texts of everybody else |
//! | `failure` | what people read when something is thrown |
//! | `libc` | what the C library asks of its system |

mod convert;
mod deployed;
mod engine;
mod failure;
mod fetch;
mod jobs;
#[cfg(target_family = "wasm")]
mod libc;
mod modules;
mod native;
mod pendings;
mod signed;
mod sql;
mod store;
mod text;
mod typescript;
mod url;

wit_bindgen::generate!({ path: "wit", world: "engine", generate_all });

use exports::snow::host::{handler, job_runner, resumer};
use snow::host::{http, pending_handles};

/// The exports of the contract.
struct Guest;

impl handler::Guest for Guest {
    fn routes() -> Vec<handler::Route> {
        engine::routes()
    }

    fn handle(route: u32, request: http::Request) -> pending_handles::Outcome {
        engine::handle(route, request)
    }
}

impl resumer::Guest for Guest {
    fn resume(
        route: u32,
        cause: pending_handles::Cause,
        request: Option<http::Request>,
        state: Vec<u8>,
        arrivals: Vec<pending_handles::Arrival>,
    ) -> pending_handles::Outcome {
        engine::resume(route, cause, request, state, arrivals)
    }
}

impl job_runner::Guest for Guest {
    fn run(job: job_runner::Job) -> Result<Vec<u8>, pending_handles::Failure> {
        engine::run(job)
    }
}

export!(Guest);

/// Starts the engine when it is made. The host's `engine install` calls this, takes the memory that
/// it leaves for that of each instance, and drops the export. The name is a convention.
#[cfg(target_family = "wasm")]
#[unsafe(export_name = "wizer-initialize")]
extern "C" fn start() {
    // Each export does that at its first call. It must not happen once more, in an instance.
    _rt::run_ctors_once();
    libc::without_clocks(|| _ = engine::start());
}
