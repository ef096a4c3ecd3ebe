//! `wasi:io/poll`: whoever waits for a moment waits in place, so the worker goes on with others.
//! Nothing but the clock can be waited for: streams are always ready.

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource, ResourceType};

use snow_runtime::{Join, Wait};

use super::clocks::now_ns;
use super::named;
use crate::contract::context::CallContext;

/// Pollables that a guest may have at a time.
pub(crate) const POLLABLES_MAX: usize = 1_024;

type Context<'a> = StoreContextMut<'a, CallContext>;

/// The longest sleep that is skipped while a guest is loaded. Go sleeps for some microseconds before
/// it prints why it panics.
const SKIPPED_NS_MAX: u64 = 20_000_000;

/// The host's side of the resource `pollable`. A representation is an index into [`Pollables`].
pub(super) struct Pollable;

/// The pollables of a store.
#[derive(Default)]
pub(crate) struct Pollables(Vec<Option<Readiness>>);

/// When a pollable is ready.
#[derive(Clone, Copy)]
pub(super) enum Readiness {
    /// At any time.
    Always,
    /// At this time of the monotonic clock, in nanoseconds.
    At(u64),
}

pub(super) fn add_to(linker: &mut Linker<CallContext>) -> wasmtime::Result<()> {
    let mut poll = linker.instance(&named("io/poll"))?;
    let pollable = ResourceType::host::<Pollable>();
    poll.resource("pollable", pollable, |mut store: Context<'_>, representation| {
        let pollables = &mut store.data_mut().wasi.pollables.0;
        pollables.get_mut(representation as usize).and_then(Option::take);
        Ok(())
    })?;
    poll.func_wrap(
        "[method]pollable.ready",
        |store: Context<'_>, (this,): (Resource<Pollable>,)| {
            let context = store.data();
            Ok((context.wasi.pollables.ready_at(&this)? <= now_ns(context),))
        },
    )?;
    poll.func_wrap_async(
        "[method]pollable.block",
        |store: Context<'_>, (this,): (Resource<Pollable>,)| {
            Box::new(async move {
                let at_ns = store.data().wasi.pollables.ready_at(&this)?;
                sleep_until(&store, at_ns).await
            })
        },
    )?;
    poll.func_wrap_async("poll", |store: Context<'_>, (pollables,): (Vec<Resource<Pollable>>,)| {
        Box::new(async move { Ok((first_ready(&store, &pollables).await?,)) })
    })
}

/// Makes a pollable.
pub(super) fn subscribe(
    context: &mut CallContext,
    readiness: Readiness,
) -> wasmtime::Result<Resource<Pollable>> {
    context.wasi.pollables.add(readiness).map(Resource::new_own)
}

impl Pollables {
    /// Adds a pollable, and returns its representation.
    fn add(&mut self, readiness: Readiness) -> wasmtime::Result<u32> {
        let free = self.0.iter().position(Option::is_none).unwrap_or(self.0.len());
        if free == POLLABLES_MAX {
            wasmtime::bail!("has {POLLABLES_MAX} pollables, and no more are allowed");
        }
        self.0.resize(self.0.len().max(free + 1), None);
        self.0[free] = Some(readiness);
        Ok(free as u32)
    }

    /// Returns when a pollable is ready; 0 if it is at any time.
    fn ready_at(&self, pollable: &Resource<Pollable>) -> wasmtime::Result<u64> {
        match self.0.get(pollable.rep() as usize) {
            Some(Some(Readiness::At(at_ns))) => Ok(*at_ns),
            Some(Some(Readiness::Always)) => Ok(0),
            _ => wasmtime::bail!("a pollable is used that was dropped"),
        }
    }
}

/// Waits until one of the pollables is ready at least. Returns the indices of all that are.
async fn first_ready(
    store: &Context<'_>,
    pollables: &[Resource<Pollable>],
) -> wasmtime::Result<Vec<u32>> {
    if pollables.len() > POLLABLES_MAX {
        let length = pollables.len();
        wasmtime::bail!("polls {length} pollables at a time, and {POLLABLES_MAX} are allowed");
    }
    let times: wasmtime::Result<Vec<u64>> =
        pollables.iter().map(|pollable| store.data().wasi.pollables.ready_at(pollable)).collect();
    let times = times?;
    let Some(first_ns) = times.iter().min() else {
        wasmtime::bail!("`poll` of no pollables, which would never return");
    };
    sleep_until(store, *first_ns).await?;
    // A sleep that was skipped has brought the first one's time.
    let now_ns = now_ns(store.data()).max(*first_ns);
    let ready = times.iter().enumerate().filter(|(_, at_ns)| **at_ns <= now_ns);
    Ok(ready.map(|(index, _)| index as u32).collect())
}

/// Waits in place until a time of the monotonic clock.
async fn sleep_until(store: &Context<'_>, at_ns: u64) -> wasmtime::Result<()> {
    let context = store.data();
    loop {
        let left_ns = at_ns.saturating_sub(now_ns(context));
        if left_ns == 0 {
            return Ok(());
        }
        if !context.can_wait() {
            if left_ns <= SKIPPED_NS_MAX {
                return Ok(());
            }
            wasmtime::bail!(
                "sleeps while it is loaded, which it may only do while it handles a request"
            );
        }
        // The worker may cut a long wait to its maximum: then it goes on from there.
        let timeout_ms = Some(u32::try_from(left_ns.div_ceil(1_000_000)).unwrap_or(u32::MAX));
        let wait = Wait { handles: Vec::new(), until: Join::Any, timeout_ms };
        context.parking.park(wait).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pollables_are_bounded_and_their_places_are_used_again() {
        let mut pollables = Pollables::default();
        let added: Vec<u32> =
            (0..POLLABLES_MAX).map(|_| pollables.add(Readiness::Always).unwrap()).collect();
        let refused = pollables.add(Readiness::Always).unwrap_err().to_string();
        assert_eq!(refused, "has 1024 pollables, and no more are allowed");
        pollables.0[added[7] as usize] = None;
        let pollable = Resource::new_borrow(pollables.add(Readiness::At(5)).unwrap());
        assert_eq!((pollable.rep(), pollables.ready_at(&pollable).unwrap()), (added[7], 5));
        pollables.0[added[7] as usize] = None;
        assert!(pollables.ready_at(&pollable).is_err(), "it was dropped");
    }
}
