//! What makes guests.

pub mod build;
pub mod dev;
pub mod new;
pub mod test;
