//! A test for each fault that was reported, named after what is right.

mod deploy;
