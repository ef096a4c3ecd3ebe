//! The computation that the `spin` benchmark runs beside others' requests.

/// Computes for a time in proportion to `rounds`, and calls nothing: only preemption interrupts it.
pub fn spin(rounds: u64) -> u64 {
    let mut state: u64 = 1;
    for _ in 0..rounds {
        // Knuth's generator; each step needs the one before, so none can be left out.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    }
    state
}

/// The rounds that a query of `rounds=…` asks for, 0 if it asks for none.
pub fn rounds(query: &str) -> u64 {
    query.strip_prefix("rounds=").and_then(|rounds| rounds.parse().ok()).unwrap_or_default()
}
