//! What a guest and the host may ask of each other.

pub(crate) mod context;
pub(crate) mod grants;
pub(crate) mod host_api;
pub(crate) mod parking;
pub(crate) mod quota;
pub(crate) mod store;
pub(crate) mod types;
pub(crate) mod waiting;
