//! `snow:host/source`: how an engine reads the source files of the guest that it evaluates.

use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, Linker, Lower};

use snow_core::cut_owned;

use super::context::CallContext;
use crate::load::source::Sources;

/// Bytes of a failure's text that are kept.
const FAILURE_BYTES_MAX: usize = 16 << 10;

type Context<'a> = StoreContextMut<'a, CallContext>;

/// `source.file`.
#[derive(ComponentType, Lift, Lower)]
#[component(record)]
struct File {
    name: String,
    text: Vec<u8>,
}

/// The error that ends a call whose guest has failed in the words of its language. The text is all
/// that people are shown: where the engine stood says nothing to them.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct GuestFailure(String);

pub(super) fn add_to(linker: &mut Linker<CallContext>) -> wasmtime::Result<()> {
    let mut source = linker.instance("snow:host/source@0.1.0")?;
    source.func_wrap("main", |store: Context<'_>, (): ()| {
        let sources = sources(&store)?;
        Ok((File { name: sources.name.clone(), text: sources.text.clone() },))
    })?;
    source.func_wrap("files", |store: Context<'_>, (): ()| {
        Ok((sources(&store)?.others.keys().cloned().collect::<Vec<String>>(),))
    })?;
    source.func_wrap("find", |store: Context<'_>, (path,): (String,)| {
        Ok((sources(&store)?.others.get(&path).cloned(),))
    })?;
    source.func_wrap("keep", |mut store: Context<'_>, (name, bytes): (String, Vec<u8>)| {
        if let Some(keeping) = &mut store.data_mut().keeping {
            keeping.keep(name, bytes);
        }
        Ok(())
    })?;
    source.func_wrap("kept", |store: Context<'_>, (name,): (String,)| {
        let kept = sources(&store)?.kept.get();
        Ok((kept.and_then(|kept| kept.get(&name)),))
    })?;
    source.func_wrap("with-jobs", |mut store: Context<'_>, (): ()| {
        if let Some(keeping) = &mut store.data_mut().keeping {
            keeping.has_jobs = true;
        }
        Ok(())
    })?;
    source.func_wrap("fail", |_: Context<'_>, (text,): (String,)| {
        Err::<(), _>(wasmtime::Error::from(GuestFailure(cut_owned(text, FAILURE_BYTES_MAX))))
    })
}

fn sources<'a>(store: &'a Context<'_>) -> wasmtime::Result<&'a Sources> {
    let sources = store.data().sources.as_deref();
    sources.ok_or_else(|| wasmtime::Error::msg("a guest that is no source file has none to read"))
}
