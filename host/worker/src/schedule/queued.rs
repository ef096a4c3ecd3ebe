//! A call, before and while it runs.

use crate::worker::ExchangeRef;
use snow_runtime::{GuestRequest, RouteId, VersionId};

/// A request that waits for a slot.
pub(crate) struct Queued {
    pub exchange: ExchangeRef,
    pub version: VersionId,
    pub route: RouteId,
    pub request: Box<GuestRequest>,
}

/// For whom a slot's call runs.
#[derive(Clone, Copy)]
pub(crate) struct Started {
    pub exchange: ExchangeRef,
    pub version: VersionId,
    pub route: RouteId,
}
