//! The loop of one thread.

#![forbid(unsafe_code)]

mod clients;
mod context;
mod inspect;
mod lifecycle;
mod mailbox;
mod schedule;
mod stats;
mod suspensions;
mod worker;

pub use self::context::Common;
pub use self::inspect::{HeldPage, HeldRequest, Inspection, Position};
pub use self::mailbox::{Mailbox, Message, PostOffice};
pub use self::stats::{LabelId, Labels, LoopState, RouteStats, Stats, WaitEnd};
pub use self::worker::{Holdings, Worker};
