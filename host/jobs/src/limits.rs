//! The limits of jobs.

use std::fmt;

use snow_core::declare::{BYTES_MAX, MS_MAX};

/// The most jobs that a deployer can allow.
const COUNT_MAX: u64 = 1 << 30;
/// The most bytes that a deployer can allow for all jobs: 1 TiB.
const TOTAL_BYTES_MAX: u64 = 1 << 40;
/// The most jobs that an executor may have under way: the pool of instances reserves address space
/// for each.
const UNDER_WAY_MAX: u64 = 1_024;

snow_core::declare_settings! {
    /// The limits of jobs. The unit stands last in every name, before `_max`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct JobLimits {
        /// Bytes of the name of a job.
        pub job_name_bytes_max: usize = 128, live, in 1..=1_024;
        /// Bytes of the payload of a job. One that is kept has to fit into `store_value_bytes_max`
        /// too, with about 500 bytes more.
        pub job_payload_bytes_max: usize = 262_144, live, in 0..=BYTES_MAX;
        /// Jobs of one guest that were started and wait for an executor.
        pub guest_jobs_queued_max: usize = 16_384, live, in 0..=COUNT_MAX, at_most jobs_queued_max;
        /// Jobs of all guests that were started and wait for an executor.
        pub jobs_queued_max: usize = 65_536, live, in 0..=COUNT_MAX;
        /// Bytes of the names and payloads of one guest's jobs that wait for an executor.
        pub guest_jobs_bytes_max: usize = 33_554_432, live, in 0..=TOTAL_BYTES_MAX,
            at_most jobs_bytes_max;
        /// Bytes of the names and payloads of all jobs that wait for an executor.
        pub jobs_bytes_max: usize = 134_217_728, live, in 0..=TOTAL_BYTES_MAX;
        /// How long one job may run, without the time in which others run.
        pub job_running_ms_max: u32 = 10_000, live, in 1..=MS_MAX;
        /// How long a job may take from its start to its end, with all that it waits for.
        pub job_ms_max: u32 = 300_000, live, in 1..=MS_MAX;
        /// Jobs of an executor that compute at one time, in turns. The last place is for a guest
        /// that has none of them; and the first job of a guest there computes besides.
        pub executor_jobs_running_max: u32 = 8, restart, in 1..=UNDER_WAY_MAX;
        /// Jobs of an executor that wait in place, each with its instance, besides those that
        /// compute. As many places as may compute are left for guests that have no job there, one
        /// for each.
        pub executor_jobs_waiting_max: u32 = 24, restart, in 0..=UNDER_WAY_MAX;
        /// The most attempts that a guest may ask for a job that is kept.
        pub job_attempts_max: u32 = 100, live, in 1..=1_000_000;
        /// Jobs of one guest that are kept until they have succeeded, those that have failed for
        /// good included.
        pub guest_jobs_kept_max: usize = 50_000, live, in 0..=COUNT_MAX, at_most jobs_kept_max;
        /// Jobs of all guests that are kept. They are keys of one bucket of the store, whose limits
        /// hold too.
        pub jobs_kept_max: usize = 100_000, live, in 0..=COUNT_MAX;
        /// Bytes of one guest's jobs that are kept: of their names and payloads, and 500 for each.
        pub guest_jobs_kept_bytes_max: usize = 33_554_432, live, in 0..=TOTAL_BYTES_MAX,
            at_most jobs_kept_bytes_max;
        /// Bytes of all jobs that are kept. `store_bucket_bytes_max` and `store_bytes_max` hold too.
        pub jobs_kept_bytes_max: usize = 58_720_256, live, in 0..=TOTAL_BYTES_MAX;
        /// Jobs that have failed for good and are kept for the deployer to see. The oldest ones of
        /// the guest that has the most of them go first.
        pub jobs_failed_max: usize = 1_000, live, in 0..=COUNT_MAX;
    }
}

/// A limit that was reached: shown with its name in `snow.toml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: at most {most} ({limit})")]
pub struct LimitReached {
    /// What there is too much of.
    pub what: &'static str,
    /// How much may be.
    pub most: usize,
    /// The name of the limit.
    pub limit: &'static str,
}

impl LimitReached {
    /// Checks one number.
    ///
    /// # Errors
    /// It is above the limit.
    pub(crate) fn check(
        number: usize,
        most: usize,
        what: &'static str,
        limit: &'static str,
    ) -> Result<(), LimitReached> {
        if number > most { Err(LimitReached { what, most, limit }) } else { Ok(()) }
    }
}

impl JobLimits {
    /// Checks the name and the payload of a job.
    ///
    /// # Errors
    /// One of them is too long.
    pub fn check(&self, name: &str, payload: &[u8]) -> Result<(), LimitReached> {
        LimitReached::check(
            name.len(),
            self.job_name_bytes_max,
            "bytes of a job's name",
            "job_name_bytes_max",
        )?;
        LimitReached::check(
            payload.len(),
            self.job_payload_bytes_max,
            "bytes of a job's payload",
            "job_payload_bytes_max",
        )
    }
}

/// Names a job, in each of its attempts. Displayed as 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub u128);

impl JobId {
    /// Reads what [`Display`](fmt::Display) writes. `None` for anything else.
    pub fn parse(text: &str) -> Option<JobId> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (text.len() == 32 && text.bytes().all(is_digit))
            .then(|| u128::from_str_radix(text, 16).ok().map(JobId))?
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:032x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_written() {
        let id = JobId(0xab);
        assert_eq!(JobId::parse(&id.to_string()), Some(id));
        assert_eq!(JobId::parse(&JobId(u128::MAX).to_string()), Some(JobId(u128::MAX)));
        for bad in ["", "ab", &"A".repeat(32), &"f".repeat(33), &format!("+{}", "0".repeat(31))] {
            assert_eq!(JobId::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_limit_is_named() {
        let limits =
            JobLimits { job_name_bytes_max: 3, job_payload_bytes_max: 2, ..Default::default() };
        assert_eq!(limits.check("abc", b"de"), Ok(()));
        let said = limits.check("abcd", b"").unwrap_err().to_string();
        assert_eq!(said, "bytes of a job's name: at most 3 (job_name_bytes_max)");
        let said = limits.check("", b"abc").unwrap_err().to_string();
        assert_eq!(said, "bytes of a job's payload: at most 2 (job_payload_bytes_max)");
    }
}
