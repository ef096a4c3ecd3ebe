//! The seam between the loop and guests.

#![forbid(unsafe_code)]

mod guests;
mod log;
mod outcome;
mod router;
mod world;

pub use self::guests::{Adopted, Call, CallEnd, CallEntry, CallFault, GuestRequest, Guests, Post, Ran, Slot, Wait};
pub use self::log::{Access, Format, Level, Log};
pub use self::outcome::{Arrival, Cause, Clock, Handle, Join, Outcome, Settled, Settlement, Suspend};
pub use self::router::{
    Match, Param, PatternError, Route, RouteEntry, RouteId, Router, VersionId, check as check_routes,
};
pub use self::world::{Ready, World};
