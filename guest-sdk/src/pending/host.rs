//! The host's functions that make, settle and await pendings.

#[cfg(not(target_arch = "wasm32"))]
pub use absent::*;
#[cfg(target_arch = "wasm32")]
pub use imported::*;

#[cfg(target_arch = "wasm32")]
mod imported {
    use crate::bindings::snow::host::pending_handles as raw;
    use crate::pending::Refusal;

    pub fn create(key: Option<&str>) -> Result<raw::Pending, Refusal> {
        raw::create(key).map_err(Refusal::lift)
    }
    pub fn timer(after_ms: u32) -> Result<raw::Pending, Refusal> {
        raw::timer(after_ms).map_err(Refusal::lift)
    }
    pub fn set_result(token: &str, settlement: raw::Settlement) -> Result<(), Refusal> {
        raw::set_result(token, &settlement).map_err(Refusal::lift)
    }
    pub fn set_next(key: &str, settlement: raw::Settlement) -> Result<bool, Refusal> {
        raw::set_next(key, &settlement).map_err(Refusal::lift)
    }
    pub fn set_all(key: &str, settlement: raw::Settlement) -> Result<u32, Refusal> {
        raw::set_all(key, &settlement).map_err(Refusal::lift)
    }
    pub fn wait(
        handles: &[&raw::Pending],
        until: raw::Join,
        timeout_ms: Option<u32>,
    ) -> Result<Vec<Option<raw::Settlement>>, Refusal> {
        raw::wait(handles, until, timeout_ms).map_err(Refusal::lift)
    }
    pub use crate::bindings::snow::host::resumption::keep_deadline;
    pub use raw::waiting;
}

/// In a native test there is no host: nothing waits, and everything that needs one is refused.
#[cfg(not(target_arch = "wasm32"))]
mod absent {
    use crate::bindings::snow::host::pending_handles as raw;
    use crate::pending::Refusal;

    pub fn create(_: Option<&str>) -> Result<raw::Pending, Refusal> {
        Err(Refusal::lift(raw::Refusal::Denied))
    }
    pub fn timer(_: u32) -> Result<raw::Pending, Refusal> {
        Err(Refusal::Denied)
    }
    pub fn set_result(_: &str, _: raw::Settlement) -> Result<(), Refusal> {
        Err(Refusal::Unknown)
    }
    pub fn set_next(_: &str, _: raw::Settlement) -> Result<bool, Refusal> {
        Ok(false)
    }
    pub fn set_all(_: &str, _: raw::Settlement) -> Result<u32, Refusal> {
        Ok(0)
    }
    pub fn wait(
        _: &[&raw::Pending],
        _: raw::Join,
        _: Option<u32>,
    ) -> Result<Vec<Option<raw::Settlement>>, Refusal> {
        Err(Refusal::Denied)
    }
    pub fn waiting(_: &str) -> u32 {
        0
    }
    pub fn keep_deadline() -> bool {
        false
    }
}
