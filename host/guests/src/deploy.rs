//! Guests that serve together.

pub(crate) mod deployment;
pub(crate) mod version;
