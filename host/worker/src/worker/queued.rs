//! A call, before and while it runs.

use super::ExchangeRef;
use snow_runtime::{GuestRequest, RouteId, VersionId};

/// A request that waits for a slot.
pub(super) struct Queued {
    pub exchange: ExchangeRef,
    pub version: VersionId,
    pub route: RouteId,
    pub request: Box<GuestRequest>,
}

/// For whom a slot's call runs.
#[derive(Clone, Copy)]
pub(super) struct Started {
    pub exchange: ExchangeRef,
    pub version: VersionId,
    pub route: RouteId,
}
