//! Faults that were reported: a test for each, named after what is right, in a file for each part
//! of the host.

mod counted;
mod deploy;
mod doors;
mod drain;
mod http;
mod load;
mod queued;
mod sched;
mod start;
mod state;
