//! The executors' threads, which run the jobs of guests.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use crate::supervisor::{Ends, Role};
use snow_guests::{Executor, InstanceCounts, Runtime};

/// How much more than the server's other threads an executor gives way to all threads of the system,
/// as `nice` counts it. 19 is the most in all; but whoever has so little of a busy processor may be
/// off it for a fifth of a second while it holds a lock that a worker waits for.
#[cfg(target_os = "linux")]
const NICER: i32 = 10;
/// The lowest priority that there is.
#[cfg(target_os = "linux")]
const NICEST: i32 = 19;

/// The thread of one executor, and what it counts.
pub struct ExecutorThread {
    thread: JoinHandle<()>,
    /// How many guest instances it has, and had.
    pub instances: Arc<InstanceCounts>,
}

impl ExecutorThread {
    /// Waits for its end.
    pub fn join(self) {
        // Its end was reported; if it panicked, so was that.
        let _ = self.thread.join();
    }
}

/// Starts so many executors beside so many workers. Their ends are reported to `ends`.
///
/// # Errors
/// No thread can be started.
pub fn spawn(
    executors: u16,
    workers: u16,
    runtime: &Runtime,
    ends: &Ends,
) -> io::Result<Vec<ExecutorThread>> {
    let start = |number| {
        let (runtime, instances) = (runtime.clone(), Arc::<InstanceCounts>::default());
        let counts = instances.clone();
        let thread = ends.spawn(format!("snow-executor-{number}"), Role::Helper, move || {
            give_way();
            // Made on its thread, because calls are futures that never leave their thread.
            Executor::new(number, workers, &runtime, counts).run();
            Ok(())
        })?;
        Ok(ExecutorThread { thread, instances })
    };
    (0..executors).map(start).collect()
}

/// Lowers the priority of this thread, so that what serves clients goes first.
#[cfg(target_os = "linux")]
fn give_way() {
    // On Linux no process means this thread, which has the priority of the server so far. Nobody
    // needs a right to lower it.
    let nice = rustix::process::getpriority_process(None).unwrap_or_default();
    let _ = rustix::process::setpriority_process(None, (nice + NICER).min(NICEST));
}

/// Elsewhere a thread has no priority that could be lowered without `unsafe`.
#[cfg(not(target_os = "linux"))]
fn give_way() {}
