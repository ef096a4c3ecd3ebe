//! `native-mio ADDRESS THREADS`: a server of bare mio and httparse, a thread per core, each with
//! its own listener.
//!
//! It is the floor: without leaving the sockets API, no server can hold a request in much less
//! memory, or answer it with much less CPU.
//!
//! | route | answer |
//! |---|---|
//! | `/hello` | `hello world` |
//! | `/hold/` | waits for `/stop-all/`, then `done` |
//! | `/stop-all/` | wakes all, on every thread; their number |
//! | `/waiting/` | the number of waiting requests |

mod connection;
mod shared;
mod worker;

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::{env, thread};

use crate::shared::Shared;
use crate::worker::Worker;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [address, threads] = arguments.as_slice() else {
        return Err("usage: native-mio ADDRESS THREADS".into());
    };
    let address: SocketAddr = address.parse()?;
    let threads: usize = threads.parse()?;
    let (workers, inboxes): (Vec<_>, Vec<_>) = (0..threads)
        .map(|_| Worker::bind(address))
        .collect::<Result<Vec<_>, _>>()?
        .into_iter()
        .unzip();
    let shared = Arc::new(Shared::new(inboxes));
    let running: Vec<_> = workers
        .into_iter()
        .enumerate()
        .map(|(index, worker)| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || worker.run(index, &shared))
        })
        .collect();
    for thread in running {
        thread.join().map_err(|_| "a thread panicked")??;
    }
    Ok(())
}
