//! What was reported as a fault, one module a part of the host. Each test is named after what is
//! right.

mod http;
