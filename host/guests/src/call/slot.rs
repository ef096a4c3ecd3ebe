//! A slot: the place of one call, which is there before the call and stays for the next.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Wake, Waker};

use snow_core::Gate;
use snow_runtime::{Slot, VersionId};

use super::run::RunEnd;
use crate::contract::seat::Seat;

/// A slot's call, and what its calls use one after another.
pub(super) struct CallSlot {
    /// The call, if there is one.
    pub call: Option<Pin<Box<dyn Future<Output = RunEnd>>>>,
    /// The version of the call, or of the last one.
    pub version: VersionId,
    /// The worker's clock when the call started.
    pub started_ms: u64,
    /// The gate that the call has entered, to be left at its end.
    pub gate: Option<Arc<Gate>>,
    /// Reports this slot as runnable.
    pub waker: Waker,
    pub seat: Arc<Seat>,
}

impl CallSlot {
    /// Makes a slot without a call. `runnable` is called, on any thread, when its call can go on.
    pub(super) fn new(slot: Slot, runnable: impl Fn(Slot) + Send + Sync + 'static) -> CallSlot {
        CallSlot {
            call: None,
            version: VersionId(0),
            started_ms: 0,
            gate: None,
            waker: Waker::from(Arc::new(SlotWaker { slot, runnable })),
            seat: Arc::default(),
        }
    }
}

/// Reports a slot as runnable. Made once for the slot, not for each call.
struct SlotWaker<F> {
    slot: Slot,
    runnable: F,
}

impl<F: Fn(Slot) + Send + Sync + 'static> Wake for SlotWaker<F> {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        (self.runnable)(self.slot);
    }
}
