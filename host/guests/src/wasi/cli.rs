//! `wasi:cli`: standard streams, environment, arguments and exit.

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource, ResourceType};

use super::named;
use super::streams::{InputStream, Stream};
use crate::contract::context::CallContext;

type Context<'a> = StoreContextMut<'a, CallContext>;

/// The host's side of `terminal-input` and `terminal-output`. There is none.
struct Terminal;

/// The error that ends a call whose guest has exited.
#[derive(Debug, thiserror::Error)]
#[error("the guest has exited{0}: a guest answers each request, and does not end by itself")]
struct Exited(String);

pub(super) fn add_to(linker: &mut Linker<CallContext>) -> wasmtime::Result<()> {
    let mut environment = linker.instance(&named("cli/environment"))?;
    environment.func_wrap("get-environment", |store: Context<'_>, (): ()| {
        let granted = &store.data().permit().environment;
        let list: Vec<(String, String)> =
            granted.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        Ok((list,))
    })?;
    environment.func_wrap("get-arguments", |store: Context<'_>, (): ()| {
        // By custom the first is the program's name, and standard libraries rely on it.
        Ok((vec![store.data().permit().name.to_string()],))
    })?;
    environment.func_wrap("initial-cwd", |_: Context<'_>, (): ()| Ok((None::<String>,)))?;

    let mut exit = linker.instance(&named("cli/exit"))?;
    exit.func_wrap("exit", |_: Context<'_>, (status,): (Result<(), ()>,)| {
        let with = if status.is_ok() { "" } else { " with an error" };
        Err::<(), _>(wasmtime::Error::from(Exited(with.into())))
    })?;
    exit.func_wrap("exit-with-code", |_: Context<'_>, (code,): (u8,)| {
        Err::<(), _>(wasmtime::Error::from(Exited(format!(" with {code}"))))
    })?;

    linker.instance(&named("cli/stdin"))?.func_wrap("get-stdin", |_: Context<'_>, (): ()| {
        Ok((Resource::<InputStream>::new_own(0),))
    })?;
    linker
        .instance(&named("cli/stdout"))?
        .func_wrap("get-stdout", |_: Context<'_>, (): ()| Ok((Stream::Stdout.resource(),)))?;
    linker
        .instance(&named("cli/stderr"))?
        .func_wrap("get-stderr", |_: Context<'_>, (): ()| Ok((Stream::Stderr.resource(),)))?;

    for name in ["terminal-input", "terminal-output"] {
        let mut interface = linker.instance(&named(&format!("cli/{name}")))?;
        interface.resource(name, ResourceType::host::<Terminal>(), |_, _| Ok(()))?;
    }
    for name in ["terminal-stdin", "terminal-stdout", "terminal-stderr"] {
        let mut interface = linker.instance(&named(&format!("cli/{name}")))?;
        interface.func_wrap(&format!("get-{name}"), |_: Context<'_>, (): ()| {
            Ok((None::<Resource<Terminal>>,))
        })?;
    }
    Ok(())
}
