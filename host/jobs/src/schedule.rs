//! When a job comes again: every so often, or at times of the calendar.

use std::fmt;
use std::time::Duration;

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The shortest time between two runs of a schedule, in milliseconds.
const EVERY_MS_MIN: u64 = 1_000;
/// The longest: a year of 366 days.
const EVERY_MS_MAX: u64 = 366 * 24 * 3_600_000;

/// A job that comes again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The job's name.
    pub job: String,
    /// When it comes.
    pub times: Times,
    /// Its payload.
    pub payload: String,
}

/// The times of a schedule.
///
/// ```
/// use snow_jobs::Times;
///
/// let night = Times::cron("0 3 * * *", Some("Europe/Berlin")).unwrap();
/// // 2026-03-29 at 00:00 UTC: the night in which the clocks go forward.
/// let midnight_ms = 1_774_742_400_000;
/// assert_eq!(night.next_ms(0, midnight_ms), Some(midnight_ms + 3_600_000));
///
/// let often = Times::every("10s").unwrap();
/// assert_eq!(often.next_ms(500, 500), Some(10_500));
/// assert_eq!(often.next_ms(500, 30_499), Some(30_500));
/// ```
#[derive(Clone)]
pub struct Times(Kind);

#[derive(Clone)]
enum Kind {
    /// On a grid that begins when the schedule does.
    Every { ms: u64 },
    /// By the calendar of a time zone.
    Cron { pattern: String, zone_name: Option<String>, cron: Box<Cron>, zone: TimeZone },
}

impl Times {
    /// Returns the times every so often, such as `10s` or `1h 30m`.
    ///
    /// # Errors
    /// Why it is none, and what to write, for people.
    pub fn every(text: &str) -> Result<Times, String> {
        let time = text.parse::<humantime::Duration>().map_err(|error| {
            format!("{text:?} is no time ({error}): write \"10s\", \"5m\" or \"1h 30m\"")
        })?;
        let ms = u64::try_from(Duration::from(time).as_millis()).unwrap_or(u64::MAX);
        match ms {
            0..EVERY_MS_MIN => Err(format!("{text:?} is too often: at least a second, \"1s\"")),
            EVERY_MS_MIN..=EVERY_MS_MAX => Ok(Times(Kind::Every { ms })),
            _ => Err(format!("{text:?} is too seldom: at most a year, \"366days\"")),
        }
    }

    /// Returns the times of a cron pattern (minute, hour, day, month, day of the week), by the
    /// calendar of a zone of the IANA's database, or of UTC.
    ///
    /// # Errors
    /// Why it is none, and what to write, for people.
    pub fn cron(pattern: &str, zone_name: Option<&str>) -> Result<Times, String> {
        // With six fields the first one would be the seconds, which is not what every other program
        // takes it for.
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed);
        let cron = parser.build().parse(pattern).map_err(|error| {
            format!(
                "{pattern:?} is no cron pattern ({error}): write minute, hour, day, month and day of \
                 the week, as in \"0 3 * * *\" for 3:00 each day"
            )
        })?;
        let zone = match zone_name {
            None => TimeZone::UTC,
            Some(name) => TimeZone::get(name).map_err(|_| {
                format!(
                    "there is no time zone {name:?}: write one such as \"Europe/Berlin\" or \"UTC\""
                )
            })?,
        };
        let zone_name = zone_name.map(str::to_owned);
        let times =
            Times(Kind::Cron { pattern: pattern.into(), zone_name, cron: Box::new(cron), zone });
        // 2026; what does not come from then on does not come.
        match times.next_ms(0, 1_767_225_600_000) {
            Some(_) => Ok(times),
            None => Err(format!("{pattern:?} never comes: there is no such day")),
        }
    }

    /// Returns the first time after `now_ms`, in milliseconds since 1970. `start_ms` is when the
    /// schedule began. `None` if none comes any more.
    pub fn next_ms(&self, start_ms: u64, now_ms: u64) -> Option<u64> {
        match &self.0 {
            Kind::Every { ms } => {
                let steps = now_ms.checked_sub(start_ms)? / ms + 1;
                start_ms.checked_add(steps.checked_mul(*ms)?)
            }
            Kind::Cron { cron, zone, .. } => {
                let now = Timestamp::from_millisecond(i64::try_from(now_ms).ok()?).ok()?;
                let next = cron.find_next_occurrence(&now.to_zoned(zone.clone()), false).ok()?;
                let next_ms = u64::try_from(next.timestamp().as_millisecond()).ok()?;
                // By the contract of the search; else a schedule would be due for ever.
                Some(next_ms).filter(|next_ms| *next_ms > now_ms)
            }
        }
    }

    /// Returns the cron pattern and the zone, if it has them.
    pub fn as_cron(&self) -> Option<(&str, Option<&str>)> {
        match &self.0 {
            Kind::Every { .. } => None,
            Kind::Cron { pattern, zone_name, .. } => Some((pattern, zone_name.as_deref())),
        }
    }
}

/// Writes the times as in `snow.toml`: `10s`, or the pattern with the zone.
impl fmt::Display for Times {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Every { ms } => humantime::format_duration(Duration::from_millis(*ms)).fmt(out),
            Kind::Cron { pattern, zone_name, .. } => {
                write!(out, "{pattern} {}", zone_name.as_deref().unwrap_or("UTC"))
            }
        }
    }
}

impl fmt::Debug for Times {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Times({self})")
    }
}

impl PartialEq for Times {
    fn eq(&self, other: &Times) -> bool {
        match (&self.0, &other.0) {
            (Kind::Every { ms: own }, Kind::Every { ms: other }) => own == other,
            _ => self.as_cron().is_some() && self.as_cron() == other.as_cron(),
        }
    }
}

impl Eq for Times {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 2026-11-27 at 20:30:00 UTC.
    const NOW_MS: u64 = 1_795_811_400_000;

    fn ms(text: &str) -> u64 {
        text.parse::<Timestamp>().unwrap().as_millisecond() as u64
    }

    #[test]
    fn the_calendar_is_that_of_the_zone() {
        assert_eq!(NOW_MS, ms("2026-11-27T20:30:00Z"));
        let next = |pattern, zone| Times::cron(pattern, zone).unwrap().next_ms(0, NOW_MS);
        assert_eq!(next("0 3 * * *", None), Some(ms("2026-11-28T03:00:00Z")));
        assert_eq!(next("0 3 * * *", Some("Europe/Berlin")), Some(ms("2026-11-28T02:00:00Z")));
        assert_eq!(next("0 3 * 7 *", Some("Europe/Berlin")), Some(ms("2027-07-01T01:00:00Z")));
        assert_eq!(next("30 20 27 11 *", None), Some(ms("2027-11-27T20:30:00Z")), "not now again");
        assert_eq!(next("0 12 * * MON", None), Some(ms("2026-11-30T12:00:00Z")));
    }

    #[test]
    fn a_time_that_comes_twice_in_a_night_comes_once_for_a_fixed_hour() {
        let times = Times::cron("30 2 * * *", Some("Europe/Berlin")).unwrap();
        let first = times.next_ms(0, ms("2026-10-24T22:00:00Z")).unwrap();
        assert_eq!(first, ms("2026-10-25T00:30:00Z"));
        assert_eq!(times.next_ms(0, first), Some(ms("2026-10-26T01:30:00Z")));
    }

    #[test]
    fn errors_say_what_to_write() {
        let says = |result: Result<Times, String>, words: &str| {
            let said = result.expect_err(words);
            assert!(said.contains(words), "{said}");
        };
        says(Times::every("ten"), "write \"10s\"");
        says(Times::every("10ms"), "at least a second");
        says(Times::every("2years"), "at most a year");
        says(Times::cron("0 3 * *", None), "as in \"0 3 * * *\"");
        says(Times::cron("99 3 * * *", None), "is no cron pattern");
        for more in ["0 3 * * * *", "0 0 3 * * * 2027", "@daily x"] {
            says(Times::cron(more, None), "is no cron pattern");
        }
        says(Times::cron("0 3 30 2 *", None), "never comes");
        says(Times::cron("0 3 * * *", Some("Mars/Base")), "\"Europe/Berlin\"");
    }

    #[test]
    fn times_are_equal_if_they_are_written_alike() {
        let cron = |pattern, zone| Times::cron(pattern, zone).unwrap();
        assert_eq!(Times::every("60s"), Times::every("1m"));
        assert_ne!(Times::every("60s"), Times::every("61s"));
        assert_eq!(cron("0 3 * * *", None), cron("0 3 * * *", None));
        assert_ne!(cron("0 3 * * *", None), cron("0 3 * * *", Some("Europe/Berlin")));
        assert_ne!(cron("0 3 * * *", None), Times::every("1day").unwrap());
        assert_eq!(cron("0 3 * * *", None).to_string(), "0 3 * * * UTC");
        assert_eq!(Times::every("90s").unwrap().to_string(), "1m 30s");
    }

    proptest! {
        #[test]
        fn a_grid_has_its_points(
            every_s in 1..100_000u64, start_ms in 0..u64::from(u32::MAX), later_ms in 0..u64::from(u32::MAX),
        ) {
            let (times, now_ms) = (Times::every(&format!("{every_s}s")).unwrap(), start_ms + later_ms);
            let next_ms = times.next_ms(start_ms, now_ms).unwrap();
            prop_assert!(next_ms > now_ms && next_ms - now_ms <= every_s * 1_000);
            prop_assert_eq!((next_ms - start_ms) % (every_s * 1_000), 0);
        }

        #[test]
        fn any_text_is_a_pattern_or_an_error(text: String, zone: Option<String>) {
            let _ = Times::every(&text);
            let _ = Times::cron(&text, zone.as_deref());
        }
    }
}
