//! Why a file could not be loaded as a guest.

use std::error::Error;
use std::io;

use snow_core::{cut, error_chain};
use snow_runtime::RouteError;

use super::cache::UnusableFolder;
use super::compiler::CompilerError;
use super::kind::{FileKind, Purpose};
use super::precompiled::Unloadable;
use super::source::{SourceError, SourceLanguage};
use crate::contract::{HANDLER, SOURCE};
use crate::engine::{EngineError, WasmtimeError};

/// Foreign imports that a message names. A component that was built for WASI has dozens.
const FOREIGN_SHOWN: usize = 4;
/// Bytes of an import's name in a message.
const NAME_BYTES_SHOWN: usize = 128;

/// Why a file could not be loaded as a guest.
///
/// The text continues a sentence that begins with the file's name. It says what is wrong and, where
/// somebody can do something about it, what to do. Details are in [`Error::source`].
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file's name can't name a guest.
    #[error("the file's name is not UTF-8")]
    Name,
    /// The file can't be opened or read.
    #[error("can't be read")]
    Read(#[source] io::Error),
    /// The file is larger than a guest's file may be.
    #[error(
        "has more than {bytes_max} bytes, the most that a guest's file may have \
         (guest_file_bytes_max)"
    )]
    TooLarge {
        /// The limit.
        bytes_max: u64,
    },
    /// The file holds text that is not WebAssembly's.
    #[error("is not valid WebAssembly text")]
    Text(#[source] wat::Error),
    /// The file holds something else.
    #[error(
        "is {0}. A guest is a WebAssembly component or module (.wasm), the text of one (.wat), or a \
         source file (.js, .ts, .py)"
    )]
    NotWasm(FileKind),
    /// The file holds WebAssembly that was built for something else.
    #[error(
        "is {0}. Build it for the world `guest` or `resuming-guest` of wit/snow.wit (in Rust: for \
         wasm32-unknown-unknown, with the SDK snow-guest); `snow-host new` writes a guest to begin \
         with"
    )]
    Purpose(Purpose),
    /// The file holds a core module that is damaged.
    #[error("is not a valid WebAssembly module")]
    Module(#[source] wasmparser::BinaryReaderError),
    /// The file holds a core module of another world.
    #[error(
        "is a core module that does not fit its component type: its imports and exports must be \
         those of a world of wit/snow.wit, or of WASI preview 1"
    )]
    Encode(#[source] Box<dyn Error + Send + Sync>),
    /// wasmtime does not compile the component, or does not take the compiled code.
    #[error("can't be compiled")]
    Compile(#[source] WasmtimeError),
    /// The compiler's process did not do its work, or says what is wrong with the guest.
    #[error(transparent)]
    Compiler(#[from] CompilerError),
    /// The guest may be fine, but there is no place to write its code to.
    #[error("compiled code can't be written: {0}")]
    Unwritten(String),
    /// Without a cache, code is written to a temporary folder, and there is none.
    #[error("no temporary folder can be made")]
    NoFolder(#[source] UnusableFolder),
    /// The guest imports what this host does not provide.
    #[error("{}", imports_text(foreign))]
    Imports {
        /// The interfaces that it imports from packages of which this host has nothing. If there are
        /// none, it imports something else than this host has from a package that it has.
        foreign: Vec<String>,
        /// What wasmtime found first.
        source: WasmtimeError,
    },
    /// The guest lacks a function that every guest has.
    #[error(
        "does not export `{function}` of `{HANDLER}`: build it for the world `guest` or \
         `resuming-guest` of wit/snow.wit"
    )]
    MissingExport {
        /// The function's name.
        function: &'static str,
    },
    /// The guest can't be instantiated, for instance because it asks for too much memory.
    #[error("can't be instantiated")]
    Instantiate(#[source] WasmtimeError),
    /// A function of the guest has other parameters or results than the contract says.
    #[error("does not fit the contract in wit/snow.wit")]
    Contract(#[source] WasmtimeError),
    /// The guest's own source failed when it was evaluated, or could not be: in the words of its
    /// language.
    #[error("{0}")]
    Evaluate(String),
    /// The guest is a source file, and its language's engine is not there.
    #[error(
        "is {language}, and this host's engine for it is not installed: run `snow-host engine \
         install {}`, or let `snow-host run --build` do it",
        language.engine()
    )]
    NoEngine {
        /// The language.
        language: SourceLanguage,
    },
    /// What is to be an engine does not read a source.
    #[error("is no engine: it does not import `{SOURCE}`")]
    NoSource,
    /// The engine itself can't be loaded.
    #[error("can't be evaluated: the engine for {language} {error}")]
    Engine {
        /// The language.
        language: SourceLanguage,
        /// What is wrong with the engine's file.
        error: Box<LoadError>,
    },
    /// The guest's source files can't be read, or are too large.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// `routes()` trapped, or ran for too long.
    #[error("can't say its routes: its `routes` failed")]
    Routes(#[source] WasmtimeError),
    /// The guest has more routes than a guest may have.
    #[error("has {routes} routes; at most {routes_max} are allowed (guest_routes_max)")]
    TooManyRoutes {
        /// How many it has.
        routes: usize,
        /// The limit.
        routes_max: usize,
    },
    /// A route's pattern or method is wrong, or all patterns together are too large.
    #[error(transparent)]
    Route(#[from] RouteError),
    /// The engine does not accept the functions that the host provides, or a child process can't
    /// start an engine.
    #[error("this host can't load any guest")]
    Host(#[from] EngineError),
}

/// About code that was compiled a moment ago. If it is damaged by now, the fault is the disk's.
impl From<Unloadable> for LoadError {
    fn from(error: Unloadable) -> LoadError {
        match error {
            Unloadable::Refused(error) => LoadError::Compile(error),
            damage => LoadError::Unwritten(format!("what was written {}", error_chain(&damage))),
        }
    }
}

impl LoadError {
    pub(super) fn unwritten(error: io::Error) -> LoadError {
        LoadError::Unwritten(error.to_string())
    }
}

fn imports_text(foreign: &[String]) -> String {
    if foreign.is_empty() {
        return "imports something of `snow:host` or of WASI that this host does not have, or has \
                with another type: build it against this host's wit/snow.wit, WASI 0.2 and \
                wasi:keyvalue 0.2.0-draft or 0.2.0-draft2"
            .into();
    }
    let mut shown: Vec<_> =
        foreign.iter().take(FOREIGN_SHOWN).map(|name| cut(name, NAME_BYTES_SHOWN)).collect();
    if foreign.len() > FOREIGN_SHOWN {
        shown.push(format!("{} more", foreign.len() - FOREIGN_SHOWN).into());
    }
    format!(
        "imports what this host does not provide: {}. Beside snow:host, it provides WASI 0.2 \
         (clocks, random, cli, io, filesystem and sockets, the last two empty), preview 1, wasi:config \
         and wasi:keyvalue (store, atomics and batch of 0.2.0-draft and 0.2.0-draft2)",
        shown.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_say_what_to_do() {
        let cause = || WasmtimeError::from(wasmtime::Error::msg("no such function"));
        let foreign = vec!["wasi:http/types@0.2.0".to_owned(), "wasi:io/poll@0.3.0".to_owned()];
        let text = LoadError::Imports { foreign, source: cause() }.to_string();
        assert!(text.contains("wasi:http/types@0.2.0, wasi:io/poll@0.3.0"), "{text}");
        assert!(text.contains("WASI 0.2"), "{text}");
        let foreign = vec!["n".repeat(1 << 20); 1_000];
        let many = LoadError::Imports { foreign, source: cause() }.to_string();
        assert!(many.contains("…, 996 more. Beside") && many.len() < 1_000, "{many}");
        let own = LoadError::Imports { foreign: Vec::new(), source: cause() };
        assert!(own.to_string().contains("wit/snow.wit"), "{own}");
        assert_eq!(own.source().unwrap().to_string(), "no such function");
        let missing = LoadError::MissingExport { function: "routes" }.to_string();
        assert!(missing.contains("`routes`") && missing.contains("`guest`"), "{missing}");
    }
}
