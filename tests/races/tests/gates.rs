//! Gates, raced: the limit holds, and no worker in line is forgotten.

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

/// Makes one call of a worker: it enters and leaves if the gate is open, and else stands in line.
/// Returns the workers to notify.
fn call(gate: &Gate, worker: WorkerId, inside: &AtomicUsize) -> Result<Vec<WorkerId>, Full> {
    let mut notified: Vec<WorkerId> = gate.enter(worker, CALLS_MAX)?.into_iter().collect();
    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two calls are inside");
    inside.fetch_sub(1, Ordering::SeqCst);
    notified.extend(gate.leave());
    Ok(notified)
}

#[test]
fn one_call_at_a_time_is_inside_and_the_worker_in_line_is_notified() {
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
            (Ok(notified), Err(Full)) => {
                assert_eq!(notified, [B], "B is in line, and was not notified")
            }
            (Err(Full), Ok(notified)) => {
                assert_eq!(notified, [A], "A is in line, and was not notified")
            }
            (Err(Full), Err(Full)) => panic!("the gate was open, and no call entered"),
        }
    });
}

#[test]
fn a_turn_that_is_given_up_passes_on() {
    in_every_order(|| {
        let gate = Gates::default().of("a");
        gate.enter(A, CALLS_MAX).expect("the gate is open");
        assert_eq!(gate.enter(B, CALLS_MAX), Err(Full));
        assert_eq!(gate.enter(C, CALLS_MAX), Err(Full));
        let leaves = {
            let gate = gate.clone();
            thread::spawn(move || gate.leave())
        };
        let passed_on = gate.give_up(B);
        let notified = leaves.join().expect("the other worker does not panic");
        // The call that comes last returns C.
        assert!(
            passed_on == Some(C) || notified == Some(C),
            "C waits, and was not notified: {passed_on:?} {notified:?}"
        );
    });
}
