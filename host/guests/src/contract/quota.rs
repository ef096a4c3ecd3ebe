//! What each guest may take: memory, time, content of requests, instances. What it may do to pendings is in `grants`.

use std::sync::Arc;

use snow_config::{GuestConfig, Instances, Limits};

/// What one guest may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Linear memory of an instance, in bytes.
    pub memory_bytes: Bound<usize>,
    /// How long one call runs, in milliseconds, not counting the time when others run.
    pub running_ms: Bound<u32>,
    /// The content of one request, if the guest has a limit of its own.
    pub body_bytes_max: Option<u64>,
    /// Guests that one instance serves, one after another; 1: each call has a fresh one.
    pub instance_calls_max: u32,
    /// Guests that have an instance at one time, in the process, if they are limited.
    pub calls_max: Option<u32>,
}

/// A limit, and where it is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound<T> {
    /// The most that is allowed.
    pub most: T,
    /// For the one who can change it: the field's name and its place in the manifest.
    pub set_by: Arc<str>,
}

impl Quota {
    /// What a guest's own table says, and the limits of all where it says nothing. An instance's memory is never more
    /// than the limit of all, since the pool has no larger slots.
    pub fn new(name: &str, own: Option<&GuestConfig>, limits: &Limits) -> Quota {
        let memory_bytes_max =
            own.and_then(|own| own.memory_bytes_max).map(|own| own.min(limits.call_memory_bytes_max));
        let instances = own.and_then(|own| own.instances).unwrap_or_default();
        Quota {
            memory_bytes: match memory_bytes_max {
                Some(most) => Bound { most, set_by: set_by("memory_bytes_max", name) },
                None => Bound { most: limits.call_memory_bytes_max, set_by: "call_memory_bytes_max".into() },
            },
            running_ms: match own.and_then(|own| own.running_ms_max) {
                Some(most) => Bound { most, set_by: set_by("running_ms_max", name) },
                None => Bound { most: limits.call_running_ms_max, set_by: "call_running_ms_max".into() },
            },
            body_bytes_max: own.and_then(|own| own.body_bytes_max),
            instance_calls_max: match instances {
                Instances::Fresh => 1,
                Instances::Reuse { calls } => calls.max(1),
            },
            calls_max: own.and_then(|own| own.calls_max),
        }
    }

    /// Whether an instance is kept after a call.
    pub fn reuses(&self) -> bool {
        self.instance_calls_max > 1
    }
}

fn set_by(field: &str, guest: &str) -> Arc<str> {
    format!("{field} of [guest.{guest}]").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_the_limit_of_all() {
        let limits = Limits { call_memory_bytes_max: 1 << 20, call_running_ms_max: 7, ..Limits::default() };
        let quota = Quota::new("shop", None, &limits);
        assert_eq!((quota.memory_bytes.most, &*quota.memory_bytes.set_by), (1 << 20, "call_memory_bytes_max"));
        assert_eq!((quota.running_ms.most, &*quota.running_ms.set_by), (7, "call_running_ms_max"));
        assert_eq!((quota.body_bytes_max, quota.calls_max, quota.reuses()), (None, None, false));
        assert_eq!(Quota::new("shop", Some(&GuestConfig::default()), &limits), quota);
    }

    #[test]
    fn a_guest_has_what_its_table_says_and_no_more_memory_than_there_is() {
        let limits = Limits { call_memory_bytes_max: 1 << 20, ..Limits::default() };
        let own = GuestConfig {
            memory_bytes_max: Some(65_536),
            running_ms_max: Some(90_000),
            body_bytes_max: Some(5),
            calls_max: Some(2),
            instances: Some(Instances::Reuse { calls: 9 }),
            ..GuestConfig::default()
        };
        let quota = Quota::new("shop", Some(&own), &limits);
        assert_eq!(
            (quota.memory_bytes.most, &*quota.memory_bytes.set_by),
            (65_536, "memory_bytes_max of [guest.shop]")
        );
        assert_eq!((quota.running_ms.most, &*quota.running_ms.set_by), (90_000, "running_ms_max of [guest.shop]"));
        assert_eq!((quota.body_bytes_max, quota.calls_max, quota.instance_calls_max), (Some(5), Some(2), 9));
        let own = GuestConfig { memory_bytes_max: Some(1 << 30), ..own };
        assert_eq!(Quota::new("shop", Some(&own), &limits).memory_bytes.most, 1 << 20);
    }
}
