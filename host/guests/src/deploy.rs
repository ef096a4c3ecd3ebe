//! Deploying: versions of guests become a [`deployment`], the table of all their routes. Each
//! worker gets a [`share`] of it. A [`version`] is tried by its first calls, replaced by a newer
//! one, and freed after its last request.

pub(crate) mod deployment;
pub(crate) mod share;
pub(crate) mod version;
