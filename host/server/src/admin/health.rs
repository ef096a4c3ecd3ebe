//! Whether the process works, and whether it is to be sent requests.

use super::sources::Sources;
use snow_http::Response;
use snow_worker::LoopState;

/// How long a turn of a worker's loop may take before it counts as stuck. They take milliseconds.
const STUCK_MS: u64 = 5_000;

/// `/healthz`: 200 while every loop turns, or waits for something to do.
///
/// A loop that waits says so before it does, so that a quiet one is not taken for a stuck one.
pub fn alive(sources: &Sources, now_ms: u64) -> Response {
    let states = sources.workers.iter().map(|worker| worker.stats.turns.state());
    let stuck: Vec<String> = (0..).zip(states).filter_map(|(number, state)| complaint(number, state, now_ms)).collect();
    if stuck.is_empty() { Response::text(200, "ok\n") } else { Response::text(503, &stuck.concat()) }
}

fn complaint(number: usize, state: LoopState, now_ms: u64) -> Option<String> {
    let LoopState::Turns { since_ms } = state else { return None };
    let took_ms = now_ms.saturating_sub(since_ms);
    (took_ms >= STUCK_MS).then(|| format!("worker {number} is stuck: its turn has taken {took_ms} ms\n"))
}

/// `/readyz`: 200 while guests serve and connections are accepted.
pub fn ready(sources: &Sources) -> Response {
    if sources.draining.has_begun() {
        return Response::text(503, "draining\n");
    }
    match (sources.deployment)().versions.is_empty() {
        true => Response::text(503, "no guest serves\n"),
        false => Response::text(200, "ok\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_turn_is_stuck_and_a_long_wait_is_not() {
        assert_eq!(complaint(0, LoopState::Waits, u64::MAX), None);
        assert_eq!(complaint(0, LoopState::Ended, u64::MAX), None);
        assert_eq!(complaint(0, LoopState::Turns { since_ms: 1_000 }, 5_999), None);
        let said = complaint(3, LoopState::Turns { since_ms: 1_000 }, 6_000).unwrap();
        assert!(said.contains("worker 3") && said.contains("5000 ms"), "{said}");
    }
}
