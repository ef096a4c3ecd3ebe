//! `wasi:clocks`: the time of day, and a clock that only goes forward.

use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, Linker, Lower};

use super::named;
use super::poll::{self, Readiness};
use crate::contract::context::CallContext;

type Context<'a> = StoreContextMut<'a, CallContext>;

/// `wall-clock.datetime`.
#[derive(ComponentType, Lift, Lower)]
#[component(record)]
struct Datetime {
    seconds: u64,
    nanoseconds: u32,
}

pub(super) fn add_to(linker: &mut Linker<CallContext>) -> wasmtime::Result<()> {
    let mut wall = linker.instance(&named("clocks/wall-clock"))?;
    wall.func_wrap("now", |store: Context<'_>, (): ()| {
        let since = store.data().runtime.clock.since_1970();
        Ok((Datetime { seconds: since.as_secs(), nanoseconds: since.subsec_nanos() },))
    })?;
    wall.func_wrap("resolution", |_: Context<'_>, (): ()| {
        Ok((Datetime { seconds: 0, nanoseconds: 1 },))
    })?;
    let mut monotonic = linker.instance(&named("clocks/monotonic-clock"))?;
    monotonic.func_wrap("now", |store: Context<'_>, (): ()| Ok((now_ns(store.data()),)))?;
    monotonic.func_wrap("resolution", |_: Context<'_>, (): ()| Ok((1u64,)))?;
    monotonic.func_wrap("subscribe-instant", |mut store: Context<'_>, (at_ns,): (u64,)| {
        Ok((poll::subscribe(store.data_mut(), Readiness::At(at_ns))?,))
    })?;
    monotonic.func_wrap("subscribe-duration", |mut store: Context<'_>, (after_ns,): (u64,)| {
        let at_ns = now_ns(store.data()).saturating_add(after_ns);
        Ok((poll::subscribe(store.data_mut(), Readiness::At(at_ns))?,))
    })
}

/// Returns the time of the monotonic clock. It begins at its first use in the server, so that it
/// tells nothing about the host.
pub(super) fn now_ns(context: &CallContext) -> u64 {
    context.runtime.clock.since_first_asked().as_nanos() as u64
}
