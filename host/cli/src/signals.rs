//! Signals while guests are built: they cancel the build and end the process.

use std::process;
use std::thread;

use anyhow::Context;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};

use snow_tools::Cancellation;

/// The exit code after a signal, as shells report it.
pub(crate) const EXIT_INTERRUPTED: i32 = 130;

/// A thread that waits for a signal, then cancels builds and ends the process. Dropping this ends
/// the thread.
pub(crate) struct CancelOnSignal(Handle);

impl CancelOnSignal {
    /// Starts the thread.
    pub fn watch(cancellation: Cancellation) -> anyhow::Result<CancelOnSignal> {
        let mut signals =
            Signals::new([SIGTERM, SIGINT, SIGHUP]).context("can't watch for signals")?;
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

/// Ends the process if the build was cancelled. Nothing is printed then: a signal asked for it.
pub(crate) fn exit_if_cancelled(cancellation: &Cancellation) {
    if cancellation.is_cancelled() {
        process::exit(EXIT_INTERRUPTED);
    }
}
