//! What has to hold of a gate, whatever the order of its threads.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use snow_core::{Full, Gate, Gates, WorkerId};
use snow_races::in_every_order;

/// Calls that the gate lets in at one time.
const CALLS_MAX: u32 = 1;
const A: WorkerId = WorkerId(0);
const B: WorkerId = WorkerId(1);
const C: WorkerId = WorkerId(2);

/// One call of a worker: it enters and leaves if the gate is open, and else stands in line. Returns who is to be told that
/// the gate may be open.
fn call(gate: &Gate, worker: WorkerId, inside: &AtomicUsize) -> Result<Vec<WorkerId>, Full> {
    let mut told: Vec<WorkerId> = gate.enter(worker, CALLS_MAX)?.into_iter().collect();
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
            thread::spawn(move || call(&gate, B, &inside))
        };
        let first = call(&gate, A, &inside);
        let second = other.join().expect("the other worker does not panic");
        assert_eq!(gate.inside(), 0);
        match (first, second) {
            (Ok(_), Ok(_)) => {}
            (Ok(told), Err(Full)) => assert_eq!(told, [B], "B is in line, and was not told"),
            (Err(Full), Ok(told)) => assert_eq!(told, [A], "A is in line, and was not told"),
            (Err(Full), Err(Full)) => panic!("the gate was open, and nobody entered"),
        }
    });
}

#[test]
fn a_turn_that_is_given_up_passes_on() {
    in_every_order(|| {
        let gate = Gates::default().of("a");
        gate.enter(A, CALLS_MAX).expect("it is open");
        assert_eq!(gate.enter(B, CALLS_MAX), Err(Full));
        assert_eq!(gate.enter(C, CALLS_MAX), Err(Full));
        let leaves = {
            let gate = gate.clone();
            thread::spawn(move || gate.leave())
        };
        let passed_on = gate.give_up(B);
        let told = leaves.join().expect("the other worker does not panic");
        // C is told by whoever came last.
        assert!(passed_on == Some(C) || told == Some(C), "C waits, and was not told: {passed_on:?} {told:?}");
    });
}
