//! The computation that the `spin` measure runs beside other requests.

/// Computes for a time in proportion to `rounds`. It calls nothing, so only preemption interrupts
/// it.
pub fn spin(rounds: u64) -> u64 {
    let mut state: u64 = 1;
    for _ in 0..rounds {
        // Knuth's generator. Each step needs the one before, so the compiler can't skip any.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    }
    state
}

/// Returns the number in a query of `rounds=…`; 0 if there is none.
pub fn rounds(query: &str) -> u64 {
    query.strip_prefix("rounds=").and_then(|rounds| rounds.parse().ok()).unwrap_or_default()
}
