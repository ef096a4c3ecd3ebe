//! What makes guests.

#![forbid(unsafe_code)]

pub mod build;
pub mod dev;
pub mod new;
pub mod test;
