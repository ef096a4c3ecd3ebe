//! Loading: a file becomes a guest.
//!
//! The [`loader`] looks a file up in the [`cache`]. If its code is not there, [`encode`] turns what
//! the file holds into a component and the [`compiler`] compiles that in a child process.
//! [`precompiled`] loads the code, and [`guest`] checks what it is: a guest, with routes.
//! [`snapshot`] has a part in making engines, long before.

pub(crate) mod cache;
pub(crate) mod cancel;
pub(crate) mod code_hash;
pub(crate) mod code_key;
pub(crate) mod compiler;
pub(crate) mod content_hash;
mod encode;
pub(crate) mod error;
pub(crate) mod guest;
pub(crate) mod kept;
pub(crate) mod kind;
pub(crate) mod loader;
mod precompiled;
pub(crate) mod snapshot;
pub(crate) mod source;
