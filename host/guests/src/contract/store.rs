//! A wasmtime store with every limit of a call in force, and how a future in it is run to its end.

use std::future::Future;
use std::pin::pin;
use std::task::{self, Poll, Waker};
use std::time::Duration;

use wasmtime::{Store, UpdateDeadline};

use super::context::CallContext;
use super::quota::Bound;
use super::seat::Stopwatch;
use crate::engine::Engine;
use crate::runtime::Runtime;
use crate::wasi::POLLABLES_MAX;

/// Ticks of the first time slice. The second tick is at least a millisecond away, so a call that is
/// shorter is never interrupted.
const FIRST_SLICE_TICKS: u64 = 2;
/// Ticks of each further time slice.
const LATER_SLICE_TICKS: u64 = 1;

/// The error that ends a call which has computed for too long.
#[derive(Debug, thiserror::Error)]
#[error("ran for more than {most} ms, the limit of a call ({set_by})", most = .0.most, set_by = .0.set_by)]
pub(crate) struct RanTooLong(Bound<u32>);

/// Makes a store for a call, with the call's limits in force. For each further call in it:
/// [`begin`].
pub(crate) fn store(runtime: &Runtime, context: CallContext) -> Store<CallContext> {
    let mut store = Store::new(runtime.engine.wasmtime(), context);
    store.limiter(|context| &mut context.memory);
    // Called when a time slice is over. The call yields, or fails here, so that its error has the
    // guest's backtrace.
    store.epoch_deadline_callback(|store| {
        let context = store.data();
        let budget = context.running_ms();
        if context.stopwatch.running_time() >= Duration::from_millis(u64::from(budget.most)) {
            return Err(RanTooLong(budget.clone()).into());
        }
        Ok(UpdateDeadline::Yield(LATER_SLICE_TICKS))
    });
    begin(runtime, &mut store);
    store
}

/// Gives a store what each call begins with: bytes that it may take out of the guest, handles, and
/// a time slice.
pub(crate) fn begin(runtime: &Runtime, store: &mut Store<CallContext>) {
    let limits = &runtime.limits;
    store.set_hostcall_fuel(limits.call_lifted_bytes_max);
    store.set_max_component_handles(limits.pendings_per_call_max * 2 + POLLABLES_MAX);
    store.set_epoch_deadline(FIRST_SLICE_TICKS);
}

/// Runs a guest's future to its end on this thread. For loading; never on a worker.
pub(crate) fn block_on<T>(
    engine: &Engine,
    stopwatch: &Stopwatch,
    future: impl Future<Output = T>,
) -> T {
    let mut future = pin!(future);
    let mut context = task::Context::from_waker(Waker::noop());
    stopwatch.start_call();
    loop {
        engine.runs();
        stopwatch.start_slice();
        // The future is pending only at the end of a time slice, so it can be polled again at once.
        let polled = future.as_mut().poll(&mut context);
        stopwatch.end_slice();
        if let Poll::Ready(value) = polled {
            return value;
        }
    }
}
