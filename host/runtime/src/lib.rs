//! The seam between the loop and guests.

#![forbid(unsafe_code)]

mod log;
mod outcome;
mod router;
mod world;

pub use self::log::{Access, Format, Level, Log};
pub use self::outcome::{Arrival, Cause, Clock, Handle, Join, Outcome, Settled, Settlement, Suspend};
pub use self::router::{Entry, Match, Param, PatternError, Route, RouteId, Router, VersionId, check as check_routes};
pub use self::world::{
    Call, CallEnd, CallEntry, CallFault, Calls, GuestRequest, Post, Ran, Ready, Redeployed, Slot, Wait, World,
};
