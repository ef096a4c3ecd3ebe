//! A schedule that is told what has come and what it has used, and asked who is next.

use snow_http::{HeadReader, HttpLimits, Request};
use snow_runtime::Share;

use super::paces::{LONG_CALLS, LONG_US};
use super::*;

/// The guest that all others are to be protected from.
const BUSY: VersionId = VersionId(0);
const QUIET: VersionId = VersionId(1);
const ROUTE: RouteId = RouteId(0);
const OTHER: RouteId = RouteId(1);
const GATE: GateId = GateId(9);

fn exchange(number: u32) -> ExchangeRef {
    ExchangeRef { client: Key { slot: number, generation: 0 }, serial: 0 }
}

/// A request of this number.
fn queued(version: VersionId, route: RouteId, number: u32) -> Queued {
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

fn suspension(slot: u32) -> Key {
    Key { slot, generation: 0 }
}

/// Doors that are open, or closed; nobody leaves but those of these numbers.
struct Open {
    is_open: bool,
    left: Vec<u32>,
}

impl Doors for Open {
    fn is_wanted(&self, waiting: Waiting<'_>) -> bool {
        !matches!(waiting, Waiting::Request(queued) if self.left.contains(&queued.exchange.client.slot))
    }

    fn enter(&mut self, _: VersionId) -> bool {
        self.is_open
    }
}

fn open() -> Open {
    Open { is_open: true, left: Vec::new() }
}

fn closed() -> Open {
    Open { is_open: false, left: Vec::new() }
}

/// What comes next at a pace: the number of the request, of the suspension or of the slot.
fn next(schedule: &mut Schedule, pace: Pace) -> Option<u32> {
    Some(match schedule.next(pace, &mut open())? {
        Next::Request(queued) => queued.exchange.client.slot,
        Next::Resumption(suspension) => suspension.slot,
        Next::Unparked(slot) | Next::Yielded(slot) => slot.0,
    })
}

/// Starts the next request at a pace, which computes for so long in its first slice. Returns its
/// slot. Calls that were started before have short slices meanwhile.
fn start(schedule: &mut Schedule, pace: Pace, used_us: u64) -> Option<Slot> {
    for _ in 0..100 {
        match schedule.next(pace, &mut open())? {
            Next::Request(Queued { exchange, version, route, .. }) => {
                let started = Started { exchange, version, route };
                let slot = schedule.start(started).expect("it has a place");
                schedule.used(slot, used_us);
                return Some(slot);
            }
            Next::Unparked(slot) | Next::Yielded(slot) => schedule.yielded(slot),
            Next::Resumption(_) => panic!("nothing is suspended"),
        }
    }
    None
}

/// Makes a route slow, by calls that compute beyond a slice.
fn make_slow(schedule: &mut Schedule, version: VersionId, route: RouteId) {
    for _ in 0..LONG_CALLS {
        schedule.queue(queued(version, route, 0), None);
        let slot = start(schedule, Pace::Quick, LONG_US + 1).expect("it is still quick");
        schedule.end(slot);
    }
}

/// Starts calls of a slow route, each of which has more to compute after its first slice, until
/// there are no places.
fn fill_with_slow(schedule: &mut Schedule, version: VersionId) -> Vec<Slot> {
    make_slow(schedule, version, ROUTE);
    (0..100).for_each(|number| schedule.queue(queued(version, ROUTE, number), None));
    let mut slots = Vec::new();
    while let Some(next) = schedule.next(Pace::Slow, &mut open()) {
        match next {
            Next::Request(Queued { exchange, version, route, .. }) => {
                let started = Started { exchange, version, route };
                slots.push(schedule.start(started).expect("it has a place"));
            }
            Next::Unparked(_) | Next::Yielded(_) | Next::Resumption(_) => {
                panic!("none has yielded yet")
            }
        }
    }
    slots.iter().for_each(|&slot| schedule.yielded(slot));
    slots
}

#[test]
fn a_guest_that_computes_everywhere_keeps_no_other_from_starting() {
    let mut schedule = Schedule::new(8, 8);
    assert_eq!(fill_with_slow(&mut schedule, BUSY).len(), 6, "a quarter is reserved");
    // Its own quick routes, the quick routes of others, and their slow ones.
    schedule.queue(queued(BUSY, OTHER, 1), None);
    let own = start(&mut schedule, Pace::Quick, 10).expect("it has a place");
    schedule.end(own);
    make_slow(&mut schedule, QUIET, ROUTE);
    schedule.queue(queued(QUIET, ROUTE, 2), None);
    let slow = start(&mut schedule, Pace::Slow, 10);
    assert!(slow.is_some(), "each guest may compute once, and who used less goes first");
}

#[test]
fn slices_are_shared_out_by_time() {
    let mut schedule = Schedule::new(8, 8);
    let busy = fill_with_slow(&mut schedule, BUSY);
    make_slow(&mut schedule, QUIET, ROUTE);
    schedule.queue(queued(QUIET, ROUTE, 2), None);
    let quiet = start(&mut schedule, Pace::Slow, 1_000).expect("it has a place");
    schedule.yielded(quiet);
    let mut slices = [0, 0];
    for _ in 0..100 {
        let Some(Next::Yielded(slot)) = schedule.next(Pace::Slow, &mut open()) else {
            panic!("slots")
        };
        slices[usize::from(slot == quiet)] += 1;
        schedule.used(slot, 1_000);
        schedule.yielded(slot);
    }
    assert_eq!(slices, [50, 50], "by guest, though one has {} calls", busy.len());
}

#[test]
fn a_call_is_long_by_all_its_slices_together() {
    let mut schedule = Schedule::new(8, 8);
    for _ in 0..LONG_CALLS {
        schedule.queue(queued(BUSY, ROUTE, 1), None);
        // It waits in place before it has used one slice up, again and again.
        let slot = start(&mut schedule, Pace::Quick, 600).expect("it is still quick");
        schedule.park(slot);
        schedule.unpark(slot);
        assert_eq!(next(&mut schedule, Pace::Quick), Some(slot.0));
        schedule.used(slot, 600);
        schedule.park(slot);
        schedule.unpark(slot);
        assert_eq!(next(&mut schedule, Pace::Quick), None, "it is slow by now");
        assert_eq!(next(&mut schedule, Pace::Slow), Some(slot.0));
        schedule.end(slot);
    }
    schedule.queue(queued(BUSY, ROUTE, 1), None);
    assert_eq!(next(&mut schedule, Pace::Quick), None, "and so is its route");
    let slot = start(&mut schedule, Pace::Slow, 10).expect("it has a place");
    schedule.end(slot);
    schedule.queue(queued(BUSY, ROUTE, 1), None);
    assert_eq!(next(&mut schedule, Pace::Quick), Some(1), "until a call of it is short");
}

#[test]
fn calls_whose_wait_in_place_is_over_wait_for_places_as_others_do() {
    let mut schedule = Schedule::new(4, 8);
    let slots: Vec<Slot> = (0..8)
        .map(|number| {
            schedule.queue(queued(BUSY, RouteId(number), number), None);
            let slot = start(&mut schedule, Pace::Quick, LONG_US + 1).expect("it has a place");
            schedule.park(slot);
            slot
        })
        .collect();
    slots.iter().for_each(|&slot| schedule.unpark(slot));
    let running: Vec<u32> =
        std::iter::from_fn(|| next(&mut schedule, Pace::Slow)).take(20).collect();
    assert_eq!(running.len(), 3, "one of four places is reserved");
    assert!(!schedule.has_candidates(), "nothing spins meanwhile");
    schedule.end(Slot(running[0]));
    assert!(next(&mut schedule, Pace::Slow).is_some(), "the next one goes on");
}

#[test]
fn routes_that_wait_in_place_everywhere_leave_a_slot_to_settlers_and_to_other_guests() {
    let mut schedule = Schedule::new(4, 1);
    let mut parked = 0;
    for number in 0..10 {
        schedule.queue(queued(BUSY, ROUTE, number), None);
    }
    for pace in [Pace::Quick, Pace::Slow] {
        while let Some(slot) = start(&mut schedule, pace, 10) {
            schedule.park(slot);
            parked += 1;
        }
    }
    assert_eq!(parked, 3);
    schedule.queue(queued(BUSY, OTHER, 1), None);
    let settler = start(&mut schedule, Pace::Quick, 10).expect("there is a slot for it");
    schedule.queue(queued(BUSY, RouteId(2), 1), None);
    assert!(start(&mut schedule, Pace::Quick, 10).is_none(), "the last one is for others");
    schedule.queue(queued(QUIET, ROUTE, 1), None);
    assert!(start(&mut schedule, Pace::Quick, 10).is_some());
    schedule.end(settler);
}

#[test]
fn resumptions_of_a_guest_without_a_place_hold_nobody_up() {
    let mut schedule = Schedule::new(2, 2);
    make_slow(&mut schedule, BUSY, ROUTE);
    (0..50).for_each(|slot| {
        schedule.queue_resumption(suspension(slot), (BUSY, ROUTE), None);
    });
    assert_eq!(next(&mut schedule, Pace::Slow), Some(0));
    let started = Started { exchange: exchange(0), version: BUSY, route: ROUTE };
    let computes = schedule.start(started).expect("it has a place");
    schedule.yielded(computes);
    assert_eq!(next(&mut schedule, Pace::Slow), Some(computes.0));
    assert_eq!(next(&mut schedule, Pace::Slow), None, "the others have no place");
    assert_eq!((schedule.resumptions(), schedule.has_candidates()), (49, false));
    schedule.queue_resumption(suspension(70), (QUIET, ROUTE), None);
    assert_eq!(next(&mut schedule, Pace::Quick), Some(70));
    schedule.end(computes);
    assert_eq!(next(&mut schedule, Pace::Slow), Some(1));
}

#[test]
fn kinds_take_turns_and_requests_whose_route_has_turned_out_slow_move_over() {
    let mut schedule = Schedule::new(4, 4);
    (1..=2).for_each(|number| schedule.queue(queued(BUSY, OTHER, number), None));
    (11..=12).for_each(|slot| schedule.queue_resumption(suspension(slot), (BUSY, OTHER), None));
    let order: Vec<u32> = std::iter::from_fn(|| next(&mut schedule, Pace::Quick)).collect();
    assert_eq!(order, [11, 1, 12, 2]);

    schedule.queue(queued(QUIET, ROUTE, 3), None);
    schedule.queue(queued(QUIET, OTHER, 4), None);
    let callee = (QUIET, ROUTE);
    schedule.paces.make_slow(callee);
    assert_eq!(next(&mut schedule, Pace::Quick), Some(4));
    assert_eq!(next(&mut schedule, Pace::Slow), Some(3));
    schedule.forget(QUIET);
    schedule.queue(queued(QUIET, ROUTE, 5), None);
    assert_eq!(next(&mut schedule, Pace::Quick), Some(5), "a guest that is forgotten is not slow");
}

#[test]
fn who_fills_the_queue_leaves_room_for_others() {
    let mut schedule = Schedule::new(2, 2);
    let mut fill = |version| {
        let before = schedule.len();
        while schedule.has_room((version, ROUTE), 40, 64) {
            schedule.queue(queued(version, ROUTE, 1), None);
        }
        schedule.len() - before
    };
    assert_eq!([fill(BUSY), fill(QUIET), fill(VersionId(2))], [32, 16, 8]);
}

#[test]
fn more_requests_of_a_guest_than_a_turn_starts_are_not_wanted_if_they_can_start() {
    let mut schedule = Schedule::new(2, 2);
    assert_eq!(schedule.wanted(BUSY, 1_000), TURN.starts_max);
    (0..TURN.starts_max).for_each(|_| schedule.queue(queued(BUSY, ROUTE, 1), Some(GATE)));
    assert_eq!(schedule.wanted(BUSY, 1_000), 0);
    assert_eq!(schedule.wanted(QUIET, 1_000), TURN.starts_max, "those of others are");
    assert!(schedule.next(Pace::Quick, &mut closed()).is_none());
    assert!(!schedule.has_candidates(), "the gate is full");
    assert_eq!(schedule.wanted(BUSY, 1_000), TURN.starts_max, "clients must learn that");
    schedule.gate_opened(GATE);
    assert_eq!(schedule.wanted(BUSY, 1_000), 0);
}

#[test]
fn no_more_requests_are_wanted_than_there_is_room_for() {
    let mut schedule = Schedule::new(2, 2);
    (0..10).for_each(|_| schedule.queue(queued(BUSY, ROUTE, 1), None));
    assert_eq!(schedule.wanted(BUSY, 13), 3);
    schedule.queue(queued(QUIET, ROUTE, 2), None);
    assert_eq!([schedule.wanted(BUSY, 10), schedule.wanted(QUIET, 10)], [0, 0]);
    assert_eq!(next(&mut schedule, Pace::Quick), Some(1));
    assert_eq!(next(&mut schedule, Pace::Quick), Some(2));
    // Nothing would ever make room for it, so its client learns that there is none.
    assert_eq!(schedule.wanted(QUIET, 9), TURN.starts_max);
}

#[test]
fn a_gate_is_asked_for_each_call_that_is_wanted() {
    let mut schedule = Schedule::new(2, 2);
    (1..=3).for_each(|number| schedule.queue(queued(BUSY, ROUTE, number), Some(GATE)));
    let mut some_left = Open { is_open: false, left: vec![1] };
    assert!(schedule.next(Pace::Quick, &mut some_left).is_some(), "it needs not enter");
    assert!(schedule.next(Pace::Quick, &mut some_left).is_none());
    assert!(next(&mut schedule, Pace::Quick).is_none(), "this worker stands in line");
    assert!(schedule.take_unanswered_gates().is_empty());
    schedule.queue(queued(QUIET, ROUTE, 4), None);
    assert_eq!(next(&mut schedule, Pace::Quick), Some(4), "others go on");

    schedule.gate_opened(GATE);
    assert_eq!(next(&mut schedule, Pace::Quick), Some(2));
    schedule.try_all_gates();
    assert_eq!(next(&mut schedule, Pace::Quick), Some(3));
    assert!(schedule.take_unanswered_gates().contains(&GATE), "nothing is left before it");
}

#[test]
fn requests_that_are_over_are_taken_out_as_far_as_they_come_first() {
    let mut schedule = Schedule::new(4, 4);
    for number in 1..=4 {
        schedule.queue(queued(BUSY, ROUTE, number), Some(GATE));
    }
    schedule.queue(queued(QUIET, ROUTE, 5), None);
    let over = |queued: &Queued| [1, 2, 4, 5].contains(&queued.exchange.client.slot);
    let taken = schedule.take_ended_first(BUSY, over);
    let numbers: Vec<u32> = taken.iter().map(|queued| queued.exchange.client.slot).collect();
    assert_eq!((numbers, schedule.requests()), (vec![1, 2], 3));
    assert!(schedule.take_ended_first(BUSY, over).is_empty());
    assert!(schedule.take_ended_first(VersionId(9), over).is_empty());
    schedule.request_ended();
    assert_eq!(schedule.take_ended(over).len(), 2, "wherever they are");
    assert_eq!(next(&mut schedule, Pace::Quick), Some(3));
    assert_eq!((next(&mut schedule, Pace::Quick), schedule.requests()), (None, 0));
}
