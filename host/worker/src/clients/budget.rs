//! The budget of a turn: what serving clients may use up in it, so that no client makes the others
//! wait.
//!
//! A mechanism without I/O and without a clock. It has two bounds for everything: what one client
//! may use up at a time, and what all of them may in a turn. A client that wants more is left to a
//! later turn, behind those that were left before it, and so everybody has a turn. Half of the
//! budget is for clients that no turn has left, and that have sent little the last time: whoever
//! sends something short never waits behind those that send much, or without end.
//!
//! Bytes are taken in once a turn. When calls have run, answers are written and nothing more is
//! read or parsed: else a client that sends as fast as it is answered would never let the turn end.

use snow_config::TurnLimits;

/// How much of a turn's budget is left.
pub(crate) struct Budget {
    limits: TurnLimits,
    turn: Left,
    /// What is left to the client that is being served.
    client: Left,
    /// Bytes that were read from it.
    read_bytes: usize,
    /// Bytes of its requests' paths.
    path_bytes: usize,
    /// When the clients have had their time in this part of the turn; `None` until somebody looks
    /// at the clock.
    until_us: Option<u64>,
    is_late: bool,
    /// Whether half of that time is over.
    is_half_late: bool,
    /// Whether this is the second part of the turn, in which nothing is taken in.
    is_output: bool,
    /// Whether nothing was done in this part of the turn. Its first piece of work needs no look at
    /// the clock.
    is_fresh: bool,
}

/// How many bytes are read from a client at a time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Helping {
    /// As many as from any, for one that has stood in line.
    Whole,
    /// As many as short requests have, for one that goes before those in line.
    Short,
}

/// An amount of each kind of work.
#[derive(Clone, Copy, Default)]
struct Left {
    read_bytes: usize,
    requests: usize,
    written_bytes: usize,
}

impl Budget {
    pub fn new(limits: TurnLimits) -> Budget {
        Budget {
            limits,
            turn: Left::default(),
            client: Left::default(),
            read_bytes: 0,
            path_bytes: 0,
            until_us: None,
            is_late: false,
            is_half_late: false,
            is_output: false,
            is_fresh: true,
        }
    }

    /// Begins a turn.
    pub fn begin(&mut self, now_us: u64) {
        self.turn = Left {
            read_bytes: self.limits.read_bytes_max,
            requests: self.limits.requests_max,
            written_bytes: self.limits.written_bytes_max,
        };
        self.is_output = false;
        self.begin_part(Some(now_us + self.limits.input_us_max));
    }

    /// Begins the second part of a turn, in which answers are written and nothing more is taken in.
    pub fn begin_output(&mut self) {
        self.is_output = true;
        // Clients that wait in line may have used up everything, turn after turn, and calls that have
        // just answered would have to stand behind all of them.
        let half_bytes = self.limits.written_bytes_max / 2;
        self.turn.written_bytes = self.turn.written_bytes.max(half_bytes);
        self.begin_part(None);
    }

    fn begin_part(&mut self, until_us: Option<u64>) {
        (self.until_us, self.is_late, self.is_half_late) = (until_us, false, false);
        self.is_fresh = true;
    }

    /// Returns whether no more clients are to be served in this part of the turn. It is never so
    /// before one was, since then nobody would ever be.
    pub fn is_spent(&self) -> bool {
        let Left { read_bytes, requests, written_bytes } = self.turn;
        let is_used_up = written_bytes == 0 || (!self.is_output && read_bytes.min(requests) == 0);
        self.is_late || is_used_up
    }

    /// Returns whether clients that an earlier turn has left are to be served now, and not those
    /// that this turn would be the first to serve.
    pub fn is_half_spent(&self) -> bool {
        let (Left { read_bytes, requests, written_bytes }, limits) = (self.turn, &self.limits);
        self.is_half_late
            || read_bytes <= limits.read_bytes_max / 2
            || requests <= limits.requests_max / 2
            || written_bytes <= limits.written_bytes_max / 2
    }

    /// Begins to serve a client.
    pub fn next_client(&mut self, helping: Helping) {
        (self.read_bytes, self.path_bytes) = (0, 0);
        self.client = Left {
            read_bytes: match helping {
                Helping::Whole => self.limits.client_read_bytes_max,
                Helping::Short => self.limits.short_read_bytes_max,
            },
            requests: self.limits.client_requests_max,
            written_bytes: self.limits.client_written_bytes_max,
        };
    }

    /// Looks at the time, if that can change anything, before somebody is served: whoever comes too
    /// late for this turn keeps its place in the line. `now_us` tells the time.
    pub fn look(&mut self, now_us: impl FnOnce() -> u64) {
        if !std::mem::take(&mut self.is_fresh) && !self.is_late {
            let now_us = now_us();
            let until_us = self.until_us.get_or_insert(now_us + self.limits.output_us_max);
            self.is_late = now_us >= *until_us;
            self.is_half_late = now_us + self.limits.input_us_max / 2 >= *until_us;
        }
    }

    /// Returns whether the client may be read from.
    pub fn may_read(&self) -> bool {
        self.may_parse() && self.readable_bytes() > 0
    }

    /// Returns how many bytes may be read from the client.
    pub fn readable_bytes(&self) -> usize {
        self.turn.read_bytes.min(self.client.read_bytes)
    }

    /// Notes that bytes of the client were read.
    pub fn read(&mut self, bytes: usize) {
        self.read_bytes += bytes;
        self.turn.read_bytes = self.turn.read_bytes.saturating_sub(bytes);
        self.client.read_bytes = self.client.read_bytes.saturating_sub(bytes);
    }

    /// Returns whether another request of the client may be parsed.
    pub fn may_parse(&self) -> bool {
        !self.is_output && !self.is_late && self.turn.requests.min(self.client.requests) > 0
    }

    /// Notes the path of a request for which a route is searched.
    pub fn searches(&mut self, path_bytes: usize) {
        self.path_bytes += path_bytes;
    }

    /// Returns whether the client has used up more than others, so that what it sends next waits
    /// behind what they send; `None` if it has sent nothing.
    pub fn is_costly(&self) -> Option<bool> {
        let is_long = self.read_bytes >= self.limits.short_read_bytes_max
            || self.path_bytes > self.limits.short_path_bytes_max;
        (self.read_bytes + self.path_bytes > 0).then_some(is_long)
    }

    /// Notes that a request of the client was parsed and found its route. `now_us` tells the time;
    /// it is not asked for a client's first request, since each client begins with a look at it.
    pub fn parsed(&mut self, now_us: impl FnOnce() -> u64) {
        let is_first = self.client.requests == self.limits.client_requests_max;
        self.turn.requests = self.turn.requests.saturating_sub(1);
        self.client.requests = self.client.requests.saturating_sub(1);
        if !is_first {
            self.look(now_us);
        }
    }

    /// Returns how many bytes the client may be written.
    pub fn writable_bytes(&self) -> usize {
        self.turn.written_bytes.min(self.client.written_bytes)
    }

    /// Notes that bytes were written to the client.
    pub fn wrote(&mut self, bytes: usize) {
        self.turn.written_bytes = self.turn.written_bytes.saturating_sub(bytes);
        self.client.written_bytes = self.client.written_bytes.saturating_sub(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: TurnLimits = TurnLimits {
        read_bytes_max: 100,
        client_read_bytes_max: 60,
        short_read_bytes_max: 20,
        short_path_bytes_max: 10,
        requests_max: 5,
        client_requests_max: 3,
        written_bytes_max: 100,
        client_written_bytes_max: 60,
        input_us_max: 10,
        output_us_max: 20,
        ..TurnLimits::DEFAULT
    };

    fn serve(budget: &mut Budget, helping: Helping, now_us: impl FnOnce() -> u64) {
        budget.look(now_us);
        budget.next_client(helping);
    }

    fn begun() -> Budget {
        let mut budget = Budget::new(LIMITS);
        budget.begin(1_000);
        serve(&mut budget, Helping::Whole, || unreachable!("the first client needs no clock"));
        budget
    }

    #[test]
    fn bytes_are_bounded_for_each_client_and_for_all() {
        let mut budget = begun();
        budget.read(60);
        assert!(!budget.may_read() && budget.may_parse() && !budget.is_spent());
        serve(&mut budget, Helping::Whole, || 1_001);
        assert!(budget.may_read());
        budget.read(60);
        assert!(budget.is_spent() && !budget.may_read());
        budget.begin(2_000);
        assert!(!budget.is_spent());
    }

    #[test]
    fn who_takes_more_than_a_short_helping_is_costly() {
        let mut budget = begun();
        serve(&mut budget, Helping::Short, || 1_001);
        assert_eq!(budget.readable_bytes(), 20);
        budget.read(19);
        budget.searches(10);
        assert!(budget.may_read() && budget.is_costly() == Some(false));
        budget.read(1);
        assert!(!budget.may_read() && budget.is_costly() == Some(true));
        serve(&mut budget, Helping::Short, || 1_001);
        assert_eq!(budget.is_costly(), None);
        budget.searches(6);
        budget.searches(5);
        assert_eq!(budget.is_costly(), Some(true));
    }

    #[test]
    fn half_of_it_is_for_clients_that_nobody_has_left() {
        let mut budget = begun();
        assert!(!budget.is_half_spent());
        budget.read(50);
        assert!(budget.is_half_spent() && !budget.is_spent());
        let mut budget = begun();
        serve(&mut budget, Helping::Whole, || 1_005);
        assert!(budget.is_half_spent() && !budget.is_spent());
    }

    #[test]
    fn requests_are_bounded_for_each_client_and_for_all() {
        let mut budget = begun();
        for _ in 0..3 {
            assert!(budget.may_parse());
            budget.parsed(|| 1_001);
        }
        assert!(!budget.may_parse() && !budget.may_read() && !budget.is_spent());
        serve(&mut budget, Helping::Whole, || 1_001);
        (0..2).for_each(|_| budget.parsed(|| 1_001));
        assert!(!budget.may_parse() && budget.is_spent());
    }

    #[test]
    fn output_is_bounded_for_each_client_and_for_all() {
        let mut budget = begun();
        assert_eq!(budget.writable_bytes(), 60);
        budget.wrote(60);
        assert!(budget.writable_bytes() == 0 && !budget.is_spent());
        serve(&mut budget, Helping::Whole, || 1_001);
        assert_eq!(budget.writable_bytes(), 40);
        budget.wrote(40);
        assert!(budget.is_spent());
    }

    #[test]
    fn time_is_bounded_and_asked_for_when_there_is_much_to_do() {
        let mut budget = begun();
        budget.parsed(|| unreachable!("a client with one request needs no clock"));
        budget.parsed(|| 1_009);
        assert!(budget.may_parse());
        serve(&mut budget, Helping::Whole, || 1_010);
        assert!(!budget.may_parse() && !budget.may_read() && budget.is_spent());
        // What was taken in may still be answered.
        assert_eq!(budget.writable_bytes(), 60);
        serve(&mut budget, Helping::Whole, || unreachable!("it is known to be late"));
    }

    #[test]
    fn nothing_is_taken_in_twice_in_a_turn() {
        let mut budget = begun();
        budget.begin_output();
        serve(&mut budget, Helping::Whole, || unreachable!("the first client needs no clock"));
        assert!(!budget.may_read() && !budget.may_parse() && !budget.is_spent());
        assert_eq!(budget.writable_bytes(), 60);
        serve(&mut budget, Helping::Whole, || 1_500);
        serve(&mut budget, Helping::Whole, || 1_519);
        assert!(!budget.is_spent());
        serve(&mut budget, Helping::Whole, || 1_520);
        assert!(budget.is_spent());
        // What the first part has written is not there for the second one, but for half of it all.
        for (written, left) in [(45, 55), (60, 50), (100, 50)] {
            let mut budget = begun();
            budget.wrote(written);
            budget.begin_output();
            serve(&mut budget, Helping::Whole, || 1_500);
            assert_eq!(budget.writable_bytes(), left);
        }
    }
}
