//! `resumption` of `wit/snow.wit`: what a call that goes on after a wait learns of its times, and how
//! it keeps its deadline.

use std::time::Duration;

use wasmtime::StoreContextMut;
use wasmtime::component::Linker;

use snow_runtime::PastWait;

use super::context::CallContext;

type Context<'a> = StoreContextMut<'a, CallContext>;

/// The wait before a call, and what becomes of its deadline.
#[derive(Clone, Copy, Default)]
pub(crate) struct Resumption {
    /// The wait; `None` for a call of `handle`.
    pub wait: Option<PastWait>,
    /// Whether the call has asked to keep the deadline of that wait.
    keeps_deadline: bool,
}

impl Resumption {
    /// Returns what a call after this wait knows; `None` for a call of `handle`.
    pub fn after(wait: Option<PastWait>) -> Resumption {
        Resumption { wait, keeps_deadline: false }
    }

    /// Returns the deadline of a suspension that the call returns, on the worker's clock, if it is
    /// that of the wait before.
    pub fn kept_deadline_ms(&self) -> Option<u64> {
        self.wait.filter(|_| self.keeps_deadline).map(|wait| wait.deadline_ms)
    }
}

pub(super) fn add_to(linker: &mut Linker<CallContext>) -> wasmtime::Result<()> {
    let mut resumption = linker.instance("snow:host/resumption@0.1.0")?;
    resumption.func_wrap("waited-ms", |store: Context<'_>, (): ()| {
        let context = store.data();
        let waited_ms = |wait: PastWait| context.now_ms.saturating_sub(wait.began_ms);
        Ok((milliseconds(context.resumption.wait.map_or(0, waited_ms)),))
    })?;
    resumption.func_wrap("left-ms", |store: Context<'_>, (): ()| {
        let context = store.data();
        let now = context.runtime.clock.now();
        let left = |wait: PastWait| Duration::from_millis(wait.deadline_ms).saturating_sub(now);
        let left_ms = |wait| milliseconds(left(wait).as_millis() as u64);
        Ok((context.resumption.wait.map(left_ms),))
    })?;
    resumption.func_wrap("keep-deadline", |mut store: Context<'_>, (): ()| {
        let resumption = &mut store.data_mut().resumption;
        resumption.keeps_deadline = resumption.wait.is_some();
        Ok((resumption.keeps_deadline,))
    })
}

fn milliseconds(ms: u64) -> u32 {
    u32::try_from(ms).unwrap_or(u32::MAX)
}
