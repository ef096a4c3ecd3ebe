//! Faults that were reported, a test for each, named after what is right.

mod load;
