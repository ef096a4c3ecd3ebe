//! The ticker: a thread that advances wasmtime's epoch, by which running guests notice that their
//! time slice is over.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread};
use std::time::Duration;

use wasmtime::Engine;

/// How often the epoch advances. A guest that runs longer gives the loop back.
const TICK: Duration = Duration::from_millis(1);
/// Ticks without a call after which the ticker parks, so that an idle process uses no processor
/// time at all.
const IDLE_TICKS_MAX: u32 = 100;

/// Advances the engine's epoch each millisecond while guests run.
///
/// Guarantees that a call announced by [`Ticker::runs`] is interrupted within about two
/// milliseconds of running. Does not guarantee a lower bound: a call may be interrupted at once.
#[derive(Clone)]
pub(crate) struct Ticker(Arc<TickerState>);

struct TickerState {
    /// Whether a call has started or continued since the last tick. Written only where it changes,
    /// so that the workers do not take this cache line from one another with each call.
    is_active: AtomicBool,
    is_parked: AtomicBool,
    is_stopped: AtomicBool,
    thread: OnceLock<Thread>,
    /// Called if the thread ends before it is told to.
    died: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl Ticker {
    /// Starts the ticker's thread, which runs until [`Ticker::stop`].
    pub(crate) fn start(engine: &Engine) -> io::Result<Ticker> {
        let state = Arc::new(TickerState {
            is_active: AtomicBool::new(false),
            is_parked: AtomicBool::new(false),
            is_stopped: AtomicBool::new(false),
            thread: OnceLock::new(),
            died: OnceLock::new(),
        });
        let (shared, engine) = (state.clone(), engine.clone());
        let thread = thread::Builder::new().name("snow-ticker".into()).spawn(move || {
            let _alarm = Alarm(&shared);
            tick(&shared, &engine);
        })?;
        let _ = state.thread.set(thread.thread().clone());
        Ok(Ticker(state))
    }

    /// Announces that a call starts or continues. Costs two loads, and a system call only if the
    /// ticker was parked.
    pub(crate) fn runs(&self) {
        if !self.0.is_active.load(Ordering::SeqCst) {
            self.0.is_active.store(true, Ordering::SeqCst);
        }
        if self.0.is_parked.load(Ordering::SeqCst) {
            self.unpark();
        }
    }

    /// Calls `died` if the thread ends before it is told to.
    pub(crate) fn on_death(&self, died: Box<dyn Fn() + Send + Sync>) {
        let _ = self.0.died.set(died);
    }

    /// Ends the thread.
    pub(crate) fn stop(&self) {
        self.0.is_stopped.store(true, Ordering::SeqCst);
        self.unpark();
    }

    fn unpark(&self) {
        if let Some(thread) = self.0.thread.get() {
            thread.unpark();
        }
    }
}

/// Raises the alarm when it is dropped, unless the ticker was told to stop.
struct Alarm<'a>(&'a TickerState);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if !self.0.is_stopped.load(Ordering::SeqCst)
            && let Some(died) = self.0.died.get()
        {
            died();
        }
    }
}

fn tick(state: &TickerState, engine: &Engine) {
    let mut idle_ticks = 0;
    while !state.is_stopped.load(Ordering::SeqCst) {
        thread::sleep(TICK);
        engine.increment_epoch();
        idle_ticks = if state.is_active.swap(false, Ordering::SeqCst) { 0 } else { idle_ticks + 1 };
        if idle_ticks < IDLE_TICKS_MAX {
            continue;
        }
        // No call is missed: one that starts after this store sees it and unparks this thread, and
        // one that started before has set `is_active`.
        state.is_parked.store(true, Ordering::SeqCst);
        while !state.is_active.load(Ordering::SeqCst) && !state.is_stopped.load(Ordering::SeqCst) {
            thread::park();
        }
        state.is_parked.store(false, Ordering::SeqCst);
        idle_ticks = 0;
    }
}
