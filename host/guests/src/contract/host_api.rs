//! What a running guest can call: `pending-handles` and `logging` of `wit/snow.wit`.
//!
//! No function here waits, and none touches a connection. Each takes the registry's lock for one short critical section;
//! `set-all` for many, and between them it ends its time slice when that is over.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use wasmtime::component::{Linker, Resource, ResourceType};
use wasmtime::{Engine, StoreContextMut};

use crate::contract::context::{CallContext, of_earlier_call};
use crate::contract::types::{self, Pending};
use crate::contract::waiting::add_wait;
use crate::runtime::RuntimeParts;
use snow_config::TurnLimits;
use snow_core::{Refusal, due_ms};
use snow_runtime::{Settlement, TimerState};

type Context<'a> = StoreContextMut<'a, CallContext>;

/// Everything a guest may import.
pub fn linker(engine: &Engine) -> wasmtime::Result<Linker<CallContext>> {
    let mut linker = Linker::new(engine);
    linker.instance("snow:host/http@0.1.0")?;
    add_pending_handles(&mut linker)?;
    add_logging(&mut linker)?;
    Ok(linker)
}

fn add_pending_handles(linker: &mut Linker<CallContext>) -> wasmtime::Result<()> {
    let mut handles = linker.instance("snow:host/pending-handles@0.1.0")?;
    handles.resource("pending", ResourceType::host::<Pending>(), |mut store: Context<'_>, index| {
        store.data_mut().drop_handle(index);
        Ok(())
    })?;
    handles.func_wrap("[method]pending.token", |store: Context<'_>, (this,): (Resource<Pending>,)| {
        let context = store.data();
        let handle = context.handle(this.rep()).ok_or_else(of_earlier_call)?;
        let token = context.runtime.registry.token(handle.id);
        Ok((token.ok_or_else(|| wasmtime::Error::msg("no such pending"))?,))
    })?;
    handles.func_wrap("create", |mut store: Context<'_>, (key,): (Option<String>,)| {
        Ok((store.data_mut().create(key.as_deref(), TimerState::None).map_err(types::Refusal::from),))
    })?;
    handles.func_wrap("timer", |mut store: Context<'_>, (after_ms,): (u32,)| {
        let context = store.data_mut();
        let at_ms = due_ms(context.now_ms + context.slice.elapsed_ms(), after_ms);
        Ok((context.create(None, TimerState::Due { at_ms }).map_err(types::Refusal::from),))
    })?;
    handles.func_wrap("set-result", |store: Context<'_>, (token, with): (String, types::Settlement)| {
        Ok((store.data().settle(&token, with.into()).map_err(types::Refusal::from),))
    })?;
    handles.func_wrap("set-next", |store: Context<'_>, (key, with): (String, types::Settlement)| {
        Ok((store.data().settle_next(&key, with.into()).map_err(types::Refusal::from),))
    })?;
    handles.func_wrap_async("set-all", |store: Context<'_>, (key, with): (String, types::Settlement)| {
        Box::new(async move { Ok((settle_all(&store, &key, with.into()).await.map_err(types::Refusal::from),)) })
    })?;
    add_wait(&mut handles)?;
    handles.func_wrap("waiting", |store: Context<'_>, (key,): (String,)| Ok((store.data().waiting(&key),)))?;
    Ok(())
}

/// Settles those who wait under a key now. While that takes long, the call lets the loop go on: a million who wait must
/// not stop everybody else. Whoever comes in between may be among those settled, in the place of one who left.
async fn settle_all(store: &Context<'_>, key: &str, settlement: Settlement) -> Result<u32, Refusal> {
    let context = store.data();
    let RuntimeParts { registry, post, limits, .. } = &*context.runtime;
    let value = context.permit.settle_key(key, settlement, limits)?;
    let (mut left, mut settled) = (registry.waiting(key), 0);
    while left > 0 {
        settled += registry.settle_while(key, &value, &mut left, |woken| {
            post.wake(woken);
            context.slice.running() < Duration::from_micros(TurnLimits::DEFAULT.settling_us_max)
        });
        if left > 0 {
            let mut yielded = false;
            poll_fn(|task| match std::mem::replace(&mut yielded, true) {
                true => Poll::Ready(()),
                false => {
                    task.waker().wake_by_ref();
                    Poll::Pending
                }
            })
            .await;
        }
    }
    Ok(settled)
}

fn add_logging(linker: &mut Linker<CallContext>) -> wasmtime::Result<()> {
    let mut logging = linker.instance("snow:host/logging@0.1.0")?;
    logging.func_wrap("log", |store: Context<'_>, (level, message): (types::Level, String)| {
        store.data().log(level.into(), message);
        Ok(())
    })
}
