//! Signals before a server listens, and while guests are built: they cancel the build and end the
//! process.

use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::Context;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::{Handle, Signals};

use snow_tools::Cancellation;

/// The exit code after a signal, as shells report it.
pub(crate) const EXIT_INTERRUPTED: i32 = 130;

/// A thread that waits for a signal, then cancels builds and ends the process. Dropping this ends
/// the thread.
pub(crate) struct CancelOnSignal(Handle);

impl CancelOnSignal {
    /// Starts the thread. A closed terminal (SIGHUP) is one of the signals.
    pub fn watch(cancellation: Cancellation) -> anyhow::Result<CancelOnSignal> {
        CancelOnSignal::on(&[SIGTERM, SIGINT, SIGHUP], cancellation)
    }

    fn on(signals: &[i32], cancellation: Cancellation) -> anyhow::Result<CancelOnSignal> {
        let mut signals = Signals::new(signals).context("can't watch for signals")?;
        let handle = signals.handle();
        thread::Builder::new().name("snow-signals".into()).spawn(move || {
            if signals.forever().next().is_some() {
                cancellation.cancel();
                process::exit(EXIT_INTERRUPTED);
            }
        })?;
        Ok(CancelOnSignal(handle))
    }
}

impl Drop for CancelOnSignal {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Signals of a server that does not listen yet. SIGTERM and SIGINT end the process, with whatever
/// it builds. SIGHUP, which tells a server to look at its folder, is remembered: a script that
/// copies files and sends it must not end a server that has just been started.
pub(crate) struct StartSignals {
    _cancel: CancelOnSignal,
    must_look: Arc<AtomicBool>,
}

impl StartSignals {
    /// Starts to watch.
    pub fn watch(cancellation: Cancellation) -> anyhow::Result<StartSignals> {
        let must_look = Arc::new(AtomicBool::new(false));
        flag::register(SIGHUP, must_look.clone()).context("can't watch for signals")?;
        let cancel = CancelOnSignal::on(&[SIGTERM, SIGINT], cancellation)?;
        Ok(StartSignals { _cancel: cancel, must_look })
    }

    /// Ends the watch: the signals are the server's from now on. Returns whether a SIGHUP came.
    pub fn finish(self) -> bool {
        self.must_look.load(Ordering::Relaxed)
    }
}

impl From<CancelOnSignal> for StartSignals {
    fn from(cancel: CancelOnSignal) -> StartSignals {
        StartSignals { _cancel: cancel, must_look: Arc::default() }
    }
}

/// Ends the process if the build was cancelled. Nothing is printed then: a signal asked for it.
pub(crate) fn exit_if_cancelled(cancellation: &Cancellation) {
    if cancellation.is_cancelled() {
        process::exit(EXIT_INTERRUPTED);
    }
}
