//! The functions that a running guest can call: `pending-handles` and `logging` of `wit/snow.wit`.
//!
//! None of them touches a connection, and none but `wait` waits. Each takes the registry's lock for
//! one short critical section. `set-all` takes it for many, and ends its time slice in between when
//! that is over.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use wasmtime::component::{Linker, Resource, ResourceType};
use wasmtime::{Engine, StoreContextMut};

use snow_config::TurnLimits;
use snow_core::Refusal;
use snow_runtime::{Settlement, Source};

use super::context::{CallContext, stale_pending};
use super::types::{self, Pending};
use super::waiting::add_wait;
use super::{deployment, fetch, jobs, resumption, source, sql, state};
use crate::runtime::RuntimeParts;
use crate::wasi;

type Context<'a> = StoreContextMut<'a, CallContext>;

/// The functions that guests may import.
pub(crate) struct Linkers {
    /// For guests.
    pub guests: Linker<CallContext>,
    /// For engines, which may read the sources of the guest that they evaluate too.
    pub engines: Linker<CallContext>,
}

impl Linkers {
    /// Returns the linkers for this engine.
    pub fn new(engine: &Engine) -> wasmtime::Result<Linkers> {
        let guests = linker(engine)?;
        let mut engines = guests.clone();
        source::add_to(&mut engines)?;
        Ok(Linkers { guests, engines })
    }
}

/// Returns a linker with everything that every guest may import.
fn linker(engine: &Engine) -> wasmtime::Result<Linker<CallContext>> {
    let mut linker = Linker::new(engine);
    // It has types only, but a guest that uses them imports it.
    linker.instance("snow:host/http@0.1.0")?;
    add_pending_handles(&mut linker)?;
    add_logging(&mut linker)?;
    resumption::add_to(&mut linker)?;
    deployment::add_to(&mut linker)?;
    state::add_to(&mut linker)?;
    fetch::add_to(&mut linker)?;
    jobs::add_to(&mut linker)?;
    sql::add_to(&mut linker)?;
    wasi::add_to(&mut linker)?;
    Ok(linker)
}

fn add_pending_handles(linker: &mut Linker<CallContext>) -> wasmtime::Result<()> {
    let mut handles = linker.instance("snow:host/pending-handles@0.1.0")?;
    handles.resource(
        "pending",
        ResourceType::host::<Pending>(),
        |mut store: Context<'_>, representation| {
            store.data_mut().drop_handle(representation);
            Ok(())
        },
    )?;
    handles.func_wrap(
        "[method]pending.token",
        |store: Context<'_>, (this,): (Resource<Pending>,)| {
            let context = store.data();
            let handle = context.handle(this.rep()).ok_or_else(stale_pending)?;
            let token = context.runtime.registry.token(handle.id);
            Ok((token
                .ok_or_else(|| wasmtime::Error::msg("the `pending` does not exist any more"))?,))
        },
    )?;
    handles.func_wrap("create", |mut store: Context<'_>, (key,): (Option<String>,)| {
        Ok((store.data_mut().create(key.as_deref(), Source::None).map_err(types::Refusal::from),))
    })?;
    handles.func_wrap("timer", |mut store: Context<'_>, (after_ms,): (u32,)| {
        let context = store.data_mut();
        let at_ms = context.runtime.clock.due_ms(after_ms);
        Ok((context.create(None, Source::Due { at_ms }).map_err(types::Refusal::from),))
    })?;
    handles.func_wrap(
        "set-result",
        |store: Context<'_>, (token, with): (String, types::Settlement)| {
            Ok((store.data().settle(&token, with.into()).map_err(types::Refusal::from),))
        },
    )?;
    handles.func_wrap(
        "set-next",
        |store: Context<'_>, (key, with): (String, types::Settlement)| {
            Ok((store.data().settle_next(&key, with.into()).map_err(types::Refusal::from),))
        },
    )?;
    handles.func_wrap_async(
        "set-all",
        |store: Context<'_>, (key, with): (String, types::Settlement)| {
            Box::new(async move {
                Ok((settle_all(&store, &key, with.into()).await.map_err(types::Refusal::from),))
            })
        },
    )?;
    add_wait(&mut handles)?;
    handles.func_wrap("waiting", |store: Context<'_>, (key,): (String,)| {
        Ok((store.data().waiting(&key),))
    })?;
    Ok(())
}

/// Settles as many pendings as wait under a key now. Yields whenever the time for settling in one
/// slice is over, since a million of them must not stop the loop. A pending that is created
/// meanwhile may be settled in the place of one that was released meanwhile.
async fn settle_all(
    store: &Context<'_>,
    key: &str,
    settlement: Settlement,
) -> Result<u32, Refusal> {
    let context = store.data();
    let RuntimeParts { registry, post, limits, .. } = &*context.runtime;
    let value = context.permit.settle_key(key, settlement, limits);
    let value = value.inspect_err(|refusal| context.explain_settling(*refusal, Some(key)))?;
    let (mut left, mut settled) = (registry.waiting(key), 0);
    while left > 0 {
        settled += registry.settle_while(key, &value, &mut left, |woken| {
            post.wake(woken);
            context.stopwatch.slice_time()
                < Duration::from_micros(TurnLimits::DEFAULT.settling_us_max)
        });
        if left > 0 {
            yield_once().await;
        }
    }
    Ok(settled)
}

/// Is pending once: the loop goes on with others, and then polls the call again.
pub(crate) async fn yield_once() {
    let mut has_yielded = false;
    poll_fn(|_| match std::mem::replace(&mut has_yielded, true) {
        true => Poll::Ready(()),
        false => Poll::Pending,
    })
    .await;
}

fn add_logging(linker: &mut Linker<CallContext>) -> wasmtime::Result<()> {
    let mut logging = linker.instance("snow:host/logging@0.1.0")?;
    logging.func_wrap("log", |store: Context<'_>, (level, message): (types::Level, String)| {
        store.data().log(level.into(), message);
        Ok(())
    })
}
