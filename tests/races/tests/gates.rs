//! What has to hold of a gate, whatever the order of its threads.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use snow_core::{Full, Gate, Gates};
use snow_races::in_every_order;

/// Calls that the gate lets in at one time.
const CALLS_MAX: u32 = 1;

/// One call of a worker: it enters and leaves if the gate is open, and else stands in line. Returns who is to be told that
/// the gate may be open.
fn call(gate: &Gate, worker: u16, inside: &AtomicUsize) -> Result<Vec<u16>, Full> {
    let mut told: Vec<u16> = gate.enter(worker, CALLS_MAX)?.into_iter().collect();
    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two calls are inside");
    inside.fetch_sub(1, Ordering::SeqCst);
    told.extend(gate.leave());
    Ok(told)
}

#[test]
fn one_call_at_a_time_is_inside_and_whoever_waits_is_told() {
    in_every_order(|| {
        let (gate, inside) = (Gates::default().of("a"), Arc::new(AtomicUsize::new(0)));
        let other = {
            let (gate, inside) = (gate.clone(), inside.clone());
            thread::spawn(move || call(&gate, 1, &inside))
        };
        let first = call(&gate, 0, &inside);
        let second = other.join().expect("the other worker does not panic");
        assert_eq!(gate.inside(), 0);
        match (first, second) {
            (Ok(_), Ok(_)) => {}
            (Ok(told), Err(Full)) => assert_eq!(told, [1], "worker 1 is in line, and nobody told it"),
            (Err(Full), Ok(told)) => assert_eq!(told, [0], "worker 0 is in line, and nobody told it"),
            (Err(Full), Err(Full)) => panic!("the gate was open, and nobody entered"),
        }
    });
}

#[test]
fn a_turn_that_is_given_up_passes_on() {
    in_every_order(|| {
        let gate = Gates::default().of("a");
        gate.enter(0, CALLS_MAX).expect("it is open");
        assert_eq!(gate.enter(1, CALLS_MAX), Err(Full));
        assert_eq!(gate.enter(2, CALLS_MAX), Err(Full));
        let leaves = {
            let gate = gate.clone();
            thread::spawn(move || gate.leave())
        };
        let passed_on = gate.give_up(1);
        let told = leaves.join().expect("the other worker does not panic");
        // Worker 2 is told by whoever came last.
        assert!(passed_on == Some(2) || told == Some(2), "worker 2 waits, and nobody told it: {passed_on:?} {told:?}");
    });
}
