//! Runs many seeds. A failing one prints its number; `SNOW_SEED=n cargo test --release -p
//! snow-simulation` runs that one alone, and `SNOW_SEEDS=n` runs so many.

use snow_simulation::simulation::{self, Done};

const SEEDS: u64 = 400;
const STEPS: u32 = 3_000;

/// Prints which seed has panicked.
struct Named(u64);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "this was seed {0}: SNOW_SEED={0} cargo test --release -p snow-simulation",
                self.0
            );
        }
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn every_request_is_answered_once_and_nothing_leaks() {
    let seeds = match number("SNOW_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SNOW_SEEDS").unwrap_or(SEEDS),
    };
    let mut all = Done::default();
    for seed in seeds.clone() {
        let _named = Named(seed);
        let done = simulation::run(seed, STEPS);
        all.answers += done.answers;
        all.held += done.held;
        all.relayed += done.relayed;
        all.longest_turn_us = all.longest_turn_us.max(done.longest_turn_us);
        all.slices_waited = all.slices_waited.max(done.slices_waited);
        all.stored.woken += done.stored.woken;
        all.stored.left += done.stored.left;
        all.stored.failed += done.stored.failed;
        all.stored.restarts += done.stored.restarts;
        all.stored.meanwhile += done.stored.meanwhile;
        all.stored.doubts += done.stored.doubts;
        all.late += done.late;
        all.drained += done.drained;
    }
    println!("{} seeds: {all:?}", seeds.end - seeds.start);
    // A simulation that does nothing finds nothing.
    let enough = u64::from(all.answers) >= 20 * (seeds.end - seeds.start)
        && all.relayed > 0
        && all.stored.woken > 0
        && all.stored.left > 0
        && all.stored.failed > 0
        && all.stored.doubts > 0
        && all.stored.meanwhile > 0
        && all.late > 0
        && all.drained > 0;
    assert!(enough || number("SNOW_SEED").is_some(), "{all:?}");
}
