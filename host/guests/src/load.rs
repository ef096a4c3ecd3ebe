//! From a file to a guest.

pub(crate) mod cache;
pub(crate) mod compiler;
pub(crate) mod encode;
pub(crate) mod guest;
pub(crate) mod loader;
pub(crate) mod precompiled;
