//! The loop of one thread.

#![forbid(unsafe_code)]

mod worker;

pub use self::worker::question::{HeldPage, HeldRequest, Inspection, Position};
pub use self::worker::stats::{Ended, LabelId, Labels, LoopState, RouteStats};
pub use self::worker::{Held, Mailbox, Message, PostOffice, Shared, Stats, Worker};
