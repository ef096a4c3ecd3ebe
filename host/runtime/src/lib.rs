//! The seam between the loop and guests.

#![forbid(unsafe_code)]

mod guests;
mod log;
mod outcome;
mod router;
mod world;

pub use self::guests::{Adopted, Call, CallEnd, CallEntry, CallFault, GuestRequest, Guests, Post, Ran, Slot, Wait};
pub use self::log::{Access, Level, Log, LogFormat};
pub use self::outcome::{Arrival, Cause, Handle, Join, Outcome, Settled, Settlement, Suspend, TimerState};
pub use self::router::{Match, Param, Route, RouteEntry, RouteError, RouteId, Router, VersionId, check_routes};
pub use self::world::{Ready, World};
