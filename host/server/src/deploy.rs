//! Keeps what serves in step with the guests folder.

pub mod debounce;
pub mod deployer;
pub mod follower;
pub mod journal;
mod remarks;
pub mod serving;
mod versions;
