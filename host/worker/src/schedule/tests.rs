//! A schedule that is told what has come, and asked who is next.

use snow_http::{HeadReader, HttpLimits, Request};
use snow_runtime::Share;

use super::*;

const QUICK: Callee = (VersionId(0), RouteId(0));
const SLOW: Callee = (VersionId(0), RouteId(1));

fn exchange(number: u32) -> ExchangeRef {
    ExchangeRef { client: Key { slot: number, generation: 0 }, serial: 0 }
}

fn start(schedule: &mut Schedule, (version, route): Callee) -> Slot {
    let started = Started { exchange: exchange(0), version, route };
    schedule.start(started).expect("there is a slot for each place")
}

/// A request of this number.
fn queued((version, route): Callee, number: u32) -> Queued {
    let limits = HttpLimits::default();
    let head = HeadReader::default().read(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n", &limits);
    let (head, _) = head.expect("it is well-formed").expect("it is whole");
    let request = Request { head, body: Vec::new() };
    let client = ([127, 0, 0, 1], 1).into();
    let request = Box::new(GuestRequest {
        request,
        client,
        params: Vec::new(),
        mount_bytes: 0,
        share: Share::default(),
    });
    Queued { exchange: exchange(number), version, route, request }
}

/// The number of the request or the suspension that gets the next place. Suspensions are of the
/// quick route.
fn next(schedule: &mut Schedule) -> Option<u32> {
    match schedule.next(|_| Some(QUICK))? {
        Next::Request(queued) => Some(queued.exchange.client.slot),
        Next::Resumption(suspension) => Some(suspension.slot),
        Next::Gate(gate) => Some(gate.0),
    }
}

fn make_slow(schedule: &mut Schedule) {
    (0..SLOW_AFTER).for_each(|_| schedule.classify(SLOW, false));
}

#[test]
fn those_who_wait_in_place_take_no_place_until_there_are_too_many() {
    let mut schedule = Schedule::new(4, 2);
    let slots: Vec<Slot> = (0..4).map(|_| start(&mut schedule, QUICK)).collect();
    assert_eq!(schedule.places(), 0);
    slots.iter().for_each(|&slot| schedule.park(slot));
    assert_eq!(schedule.places(), 2, "two wait beside, two in places");
    schedule.unpark(slots[0]);
    assert_eq!(
        (schedule.places(), schedule.runnables()),
        (2, 1),
        "it has the place in which it waited"
    );
    schedule.unpark(slots[1]);
    assert_eq!(schedule.places(), 2, "so has the other");
    schedule.unpark(slots[2]);
    assert_eq!(schedule.places(), 1, "who waited beside the places takes one");
    schedule.cancel(slots[3]);
    assert_eq!((schedule.places(), schedule.len()), (1, 3));
}

#[test]
fn routes_that_overflow_leave_a_place() {
    let mut schedule = Schedule::new(4, 0);
    assert!(schedule.may_start(QUICK));
    for _ in 0..SLOW_AFTER {
        let slot = start(&mut schedule, QUICK);
        schedule.park(slot);
    }
    assert_eq!(schedule.places(), 1);
    assert!(!schedule.may_start(QUICK) && schedule.may_start((VersionId(0), RouteId(1))));
    schedule.classify(QUICK, true);
    assert!(schedule.may_start(QUICK), "one that ends at once, and it is quick again");
}

#[test]
fn requests_and_resumptions_and_gates_take_turns() {
    let mut schedule = Schedule::new(4, 0);
    (1..=2).for_each(|number| schedule.queue(queued(QUICK, number), None));
    schedule.queue(queued(QUICK, 20), Some(GateId(9)));
    (11..=12).for_each(|slot| schedule.queue_resumption(Key { slot, generation: 0 }, None));
    assert_eq!((schedule.len(), schedule.resumptions()), (3, 2));

    let order: Vec<u32> = std::iter::from_fn(|| next(&mut schedule)).take(5).collect();
    assert_eq!(order, [9, 1, 11, 9, 2], "a gate that is not entered is offered again");
    assert!(matches!(schedule.enter(GateId(9)), Some(Entered::Request(_))));
    assert_eq!((next(&mut schedule), next(&mut schedule)), (Some(12), None));
}

#[test]
fn slow_routes_wait_by_themselves_and_leave_a_place() {
    let mut schedule = Schedule::new(2, 0);
    schedule.queue(queued(SLOW, 1), None);
    make_slow(&mut schedule);
    schedule.queue(queued(SLOW, 2), None);
    schedule.queue(queued(QUICK, 3), None);
    assert_eq!((schedule.waiting(SLOW, None), schedule.waiting(QUICK, None)), (1, 2));

    assert_eq!(next(&mut schedule), Some(3), "the first was queued as quick, and moves over");
    start(&mut schedule, QUICK);
    assert_eq!(
        (next(&mut schedule), schedule.can_go_on(|_| None)),
        (None, false),
        "one place is left"
    );
    let slot = start(&mut schedule, SLOW);
    schedule.end(slot);
    schedule.forget(SLOW.0);
    schedule.queue(queued(SLOW, 4), None);
    assert_eq!(next(&mut schedule), Some(4), "a version that is forgotten is not slow");
}

#[test]
fn a_resumption_of_a_slow_route_waits_unless_it_is_over() {
    let mut schedule = Schedule::new(2, 0);
    make_slow(&mut schedule);
    start(&mut schedule, QUICK);
    schedule.queue_resumption(Key { slot: 1, generation: 0 }, None);
    assert!(schedule.next(|_| Some(SLOW)).is_none());
    assert!(matches!(schedule.next(|_| None), Some(Next::Resumption(_))));
}
