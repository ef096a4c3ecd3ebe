//! A slot: the place of one call, which is there before the call and stays for the next.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use snow_core::Gate;
use snow_runtime::VersionId;

use super::run::RunEnd;
use crate::contract::seat::Seat;

/// A slot's call, and what its calls use one after another.
#[derive(Default)]
pub(super) struct CallSlot {
    /// The call, if there is one.
    pub call: Option<Pin<Box<dyn Future<Output = RunEnd>>>>,
    /// The version of the call, or of the last one.
    pub version: VersionId,
    /// The worker's clock when the call started.
    pub started_ms: u64,
    /// The gate that the call has entered, to be left at its end.
    pub gate: Option<Arc<Gate>>,
    pub seat: Arc<Seat>,
}
