//! A wasmtime store with every limit of a call in force, and how a future in it is run to its end.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{self, Poll, Waker};
use std::time::Duration;

use wasmtime::{Store, UpdateDeadline};

use crate::contract::context::CallContext;
use crate::engine::Ticker;
use crate::runtime::{Runtime, Slice};

/// The second tick is at least a millisecond away, so a call that is shorter than that is never interrupted.
const FIRST_SLICE_TICKS: u64 = 2;
const LATER_SLICE_TICKS: u64 = 1;

/// A store with every limit of a call in force. For each call after the first: [`begin`].
pub fn store(runtime: &Runtime, context: CallContext) -> Store<CallContext> {
    let mut store = Store::new(&runtime.engine, context);
    store.limiter(|context| &mut context.memory);
    store.epoch_deadline_callback(|mut store| {
        let context = store.data_mut();
        context.used += context.slice.running();
        let budget = &context.permit().quota.running_ms;
        if context.used >= Duration::from_millis(u64::from(budget.most)) {
            return Err(wasmtime::Error::msg(format!(
                "ran for more than {} ms, the limit of a call ({})",
                budget.most, budget.set_by
            )));
        }
        Ok(UpdateDeadline::Yield(LATER_SLICE_TICKS))
    });
    begin(runtime, &mut store);
    store
}

/// What a call begins with.
pub fn begin(runtime: &Runtime, store: &mut Store<CallContext>) {
    let limits = &runtime.limits;
    store.set_hostcall_fuel(limits.call_lifted_bytes_max);
    store.set_max_component_handles(limits.pendings_per_call_max * 2);
    store.set_epoch_deadline(FIRST_SLICE_TICKS);
}

/// Runs a guest's future to its end on this thread: for loading, never on a worker.
pub(crate) fn block_on<T>(ticker: &Ticker, slice: Arc<Slice>, future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = task::Context::from_waker(Waker::noop());
    slice.start_call();
    loop {
        ticker.running();
        slice.start_slice();
        // It is pending only because a time slice is over, so there is nothing to wait for.
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
}

/// Counts an instance for as long as it is there.
pub struct Alive(Arc<AtomicUsize>);

impl Alive {
    /// From now on.
    pub fn new(runtime: &Runtime) -> Alive {
        runtime.instances.fetch_add(1, Ordering::Relaxed);
        Alive(runtime.instances.clone())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
