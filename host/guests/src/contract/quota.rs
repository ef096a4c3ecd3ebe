//! Quotas: how much memory, running time and request content each guest may take, and how many
//! instances.

use std::sync::Arc;

use snow_config::{GuestConfig, Instances, Limits};

/// How many calls an instance of a source file's engine serves, unless the deployer decides it. What
/// an engine leaks in so many is not worth mentioning, and neither is what a new instance costs.
const SOURCE_CALLS: u32 = 10_000;

/// How much one guest may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Quota {
    /// Linear memory of an instance, in bytes.
    pub memory_bytes: Bound<usize>,
    /// Running time of one call, in milliseconds. The time in which others run is not part of it.
    pub running_ms: Bound<u32>,
    /// Running time of one job, in milliseconds. The time in which others run is not part of it.
    pub job_running_ms: Bound<u32>,
    /// Time of one job, with all that it waits for, in milliseconds.
    pub job_ms: Bound<u32>,
    /// Content of one request, in bytes, if the guest's table has a limit for it.
    pub body_bytes_max: Option<u64>,
    /// Calls that one instance serves, one after another. With 1, each call has a fresh instance.
    pub instance_calls_max: u32,
    /// Calls that may have an instance at one time in the whole process, if they are limited.
    pub calls_max: Option<u32>,
}

/// A limit, and the setting that it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bound<T> {
    /// The most that is allowed.
    pub most: T,
    /// The name of the setting and its place in the manifest, for messages.
    pub set_by: Arc<str>,
}

impl Quota {
    /// Makes a guest's quota of its own table, and of the limits of all guests where the table has
    /// no entry. A guest may not have more memory than the limit of all guests, since the pool has
    /// no larger slots.
    ///
    /// Instances of a source file's engine are used again unless the table says otherwise: to
    /// evaluate the source anew for each call takes longer than most calls.
    pub(crate) fn new(
        name: &str,
        own: Option<&GuestConfig>,
        is_source: bool,
        limits: &Limits,
    ) -> Quota {
        let memory_bytes_max = own
            .and_then(|own| own.memory_bytes_max)
            .map(|own| own.min(limits.call_memory_bytes_max));
        let usual = match is_source {
            true => Instances::Reuse { calls: SOURCE_CALLS },
            false => Instances::Fresh,
        };
        let instances = own.and_then(|own| own.instances).unwrap_or(usual);
        Quota {
            memory_bytes: match memory_bytes_max {
                Some(most) => Bound { most, set_by: set_by("memory_bytes_max", name) },
                None => Bound {
                    most: limits.call_memory_bytes_max,
                    set_by: "call_memory_bytes_max".into(),
                },
            },
            running_ms: match own.and_then(|own| own.running_ms_max) {
                Some(most) => Bound { most, set_by: set_by("running_ms_max", name) },
                None => {
                    Bound { most: limits.call_running_ms_max, set_by: "call_running_ms_max".into() }
                }
            },
            job_running_ms: match own.and_then(|own| own.job_running_ms_max) {
                Some(most) => Bound { most, set_by: set_by("job_running_ms_max", name) },
                None => Bound {
                    most: limits.jobs.job_running_ms_max,
                    set_by: "job_running_ms_max".into(),
                },
            },
            job_ms: match own.and_then(|own| own.job_ms_max) {
                Some(most) => Bound { most, set_by: set_by("job_ms_max", name) },
                None => Bound { most: limits.jobs.job_ms_max, set_by: "job_ms_max".into() },
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
    pub(crate) fn reuses(&self) -> bool {
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
    fn without_a_table_the_limits_of_all_apply() {
        let limits =
            Limits { call_memory_bytes_max: 1 << 20, call_running_ms_max: 7, ..Limits::default() };
        let quota = Quota::new("shop", None, false, &limits);
        assert_eq!(
            (quota.memory_bytes.most, &*quota.memory_bytes.set_by),
            (1 << 20, "call_memory_bytes_max")
        );
        assert_eq!((quota.running_ms.most, &*quota.running_ms.set_by), (7, "call_running_ms_max"));
        assert_eq!((quota.body_bytes_max, quota.calls_max, quota.reuses()), (None, None, false));
        assert_eq!(Quota::new("shop", Some(&GuestConfig::default()), false, &limits), quota);
    }

    #[test]
    fn instances_of_engines_are_used_again_unless_the_table_says_otherwise() {
        let calls = |own: Option<&GuestConfig>| {
            Quota::new("shop", own, true, &Limits::default()).instance_calls_max
        };
        assert_eq!((calls(None), calls(Some(&GuestConfig::default()))), (10_000, 10_000));
        let fresh = GuestConfig { instances: Some(Instances::Fresh), ..GuestConfig::default() };
        assert_eq!(calls(Some(&fresh)), 1);
    }

    #[test]
    fn a_table_overrides_the_limits_except_for_more_memory() {
        let limits = Limits { call_memory_bytes_max: 1 << 20, ..Limits::default() };
        let own = GuestConfig {
            memory_bytes_max: Some(65_536),
            running_ms_max: Some(90_000),
            job_running_ms_max: Some(7_000),
            body_bytes_max: Some(5),
            calls_max: Some(2),
            instances: Some(Instances::Reuse { calls: 9 }),
            ..GuestConfig::default()
        };
        let quota = Quota::new("shop", Some(&own), false, &limits);
        assert_eq!(
            (quota.memory_bytes.most, &*quota.memory_bytes.set_by),
            (65_536, "memory_bytes_max of [guest.shop]")
        );
        assert_eq!(
            (quota.running_ms.most, &*quota.running_ms.set_by),
            (90_000, "running_ms_max of [guest.shop]")
        );
        assert_eq!(
            (quota.job_running_ms.most, &*quota.job_running_ms.set_by, &*quota.job_ms.set_by),
            (7_000, "job_running_ms_max of [guest.shop]", "job_ms_max")
        );
        assert_eq!(
            (quota.body_bytes_max, quota.calls_max, quota.instance_calls_max),
            (Some(5), Some(2), 9)
        );
        let own = GuestConfig { memory_bytes_max: Some(1 << 30), ..own };
        assert_eq!(Quota::new("shop", Some(&own), false, &limits).memory_bytes.most, 1 << 20);
    }
}
