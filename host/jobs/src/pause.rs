//! The pause between two attempts of a job.

/// The pause after the first attempt, in milliseconds.
const FIRST_MS: u64 = 1_000;
/// The longest pause, in milliseconds: an hour.
const LONGEST_MS: u64 = 3_600_000;

/// Returns the pause after the attempt of this number, from 1, in milliseconds.
///
/// It doubles from a second to an hour. So that jobs which failed together do not come back
/// together, up to a fifth is taken off, as `random` says.
///
/// ```
/// assert_eq!(snow_jobs::pause_ms(1, 0), 1_000);
/// assert_eq!(snow_jobs::pause_ms(4, 0), 8_000);
/// assert_eq!(snow_jobs::pause_ms(100, 0), 3_600_000);
/// assert!((6_400..=8_000).contains(&snow_jobs::pause_ms(4, 12_345)));
/// ```
pub fn pause_ms(attempt: u32, random: u64) -> u64 {
    let doublings = attempt.saturating_sub(1).min(20);
    let pause_ms = (FIRST_MS << doublings).min(LONGEST_MS);
    pause_ms - random % (pause_ms / 5 + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_pause_is_at_least_four_fifths_of_the_usual_one(attempt: u32, random: u64) {
            let (pause, usual) = (pause_ms(attempt, random), pause_ms(attempt, 0));
            prop_assert!(pause <= usual && pause >= usual / 5 * 4);
            prop_assert!(usual <= pause_ms(attempt.saturating_add(1), 0), "they grow");
        }
    }
}
