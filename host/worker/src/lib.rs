//! The loop of one thread.

#![forbid(unsafe_code)]

mod worker;

pub use self::worker::question::{HeldPage, HeldRequest, Inspection, Position};
pub use self::worker::stats::{LabelId, Labels, LoopState, RouteStats, WaitEnd};
pub use self::worker::{Common, Holdings, Mailbox, Message, PostOffice, Stats, Worker};
