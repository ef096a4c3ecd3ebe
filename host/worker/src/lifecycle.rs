//! What ends: the worker itself, by a drain, and versions of guests that are too old to be kept.
//!
//! Both end requests that wait, and there may be very many of them. So both go through the slab of
//! suspensions, and a drain through that of clients, with a cursor: a bounded part in each turn.
//!
//! A drain has three stages. First, what has begun may be finished. When its deadline has passed,
//! what is left is refused, and only a request whose settlement has won is still resumed. In the
//! last stage that is refused too, and answers are written.

use std::collections::VecDeque;

use snow_runtime::VersionId;

/// How long each of the two stages behind a drain's deadline may last, once all have been told.
const STAGE_MS: u64 = 500;

/// Whether the worker drains, and the versions whose requests it expels.
#[derive(Debug, Default)]
pub(crate) struct Lifecycle {
    drain: Drain,
    /// Versions whose suspended requests are to be answered 503.
    expelled: VecDeque<Expelled>,
}

#[derive(Debug, Default)]
enum Drain {
    /// The worker serves.
    #[default]
    No,
    /// The worker waits for what is held, and closes connections as they fall idle.
    Waiting {
        until_ms: u64,
        /// The slot of the next client to be told; `None` once all have been.
        cursor: Option<u32>,
    },
    /// The deadline has passed: nothing is suspended any more, and no call computes on.
    Over {
        /// The end of the stage, if all have been told by then.
        until_ms: u64,
        /// The slot of the next client to be told; `None` once all have been.
        cursor: Option<u32>,
        /// The slot of the next suspension to be refused; `None` once all have been.
        refused: Option<u32>,
        /// Whether this is the last stage.
        is_last: bool,
    },
}

/// What a drain has to do in this turn.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct DrainStep {
    /// Tell some clients, from this slot on, that their connections close when they fall idle, and
    /// then say [how far that got](Lifecycle::told). Once the drain [is
    /// closing](Lifecycle::is_closing), requests are refused that are not whole.
    pub tell: Option<u32>,
    /// Answer some of the held requests 503, from this slot on, and then say [how far that
    /// got](Lifecycle::refused).
    pub refuse: Option<u32>,
}

/// A version that is too old to be kept, and how far its suspensions have been ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expelled {
    pub version: VersionId,
    /// The slot of the next suspension to be looked at.
    pub next: u32,
}

impl Lifecycle {
    /// Returns whether the worker was told to drain.
    pub fn is_draining(&self) -> bool {
        !matches!(self.drain, Drain::No)
    }

    /// Returns whether the drain's deadline has passed: nothing may be suspended any more, and a
    /// call whose time slice is over ends where it stands.
    pub fn is_closing(&self) -> bool {
        matches!(self.drain, Drain::Over { .. })
    }

    /// Returns whether a drain is in its last stage: nothing is resumed any more.
    pub fn is_last_stage(&self) -> bool {
        matches!(self.drain, Drain::Over { is_last: true, .. })
    }

    /// Begins to drain. Returns whether that is new.
    pub fn start_draining(&mut self, until_ms: u64) -> bool {
        let is_new = !self.is_draining();
        if is_new {
            self.drain = Drain::Waiting { until_ms, cursor: Some(0) };
        }
        is_new
    }

    /// Returns what a drain has to do in this turn.
    pub fn drain_step(&mut self, now_ms: u64) -> DrainStep {
        let is_last = match self.drain {
            Drain::Waiting { until_ms, .. } if now_ms >= until_ms => Some(false),
            Drain::Over { until_ms, cursor: None, refused: None, is_last: false }
                if now_ms >= until_ms =>
            {
                Some(true)
            }
            _ => None,
        };
        if let Some(is_last) = is_last {
            // From the first slot on, though a deadline may come before all have been told.
            let (until_ms, from) = (now_ms + STAGE_MS, Some(0));
            self.drain = Drain::Over { until_ms, cursor: from, refused: from, is_last };
        }
        match self.drain {
            Drain::No => DrainStep::default(),
            Drain::Waiting { cursor, .. } => DrainStep { tell: cursor, refuse: None },
            Drain::Over { cursor, refused, .. } => DrainStep { tell: cursor, refuse: refused },
        }
    }

    /// Notes the slot of the next client to be told; `None` if all have been.
    pub fn told(&mut self, next: Option<u32>) {
        if let Drain::Waiting { cursor, .. } | Drain::Over { cursor, .. } = &mut self.drain {
            *cursor = next;
        }
    }

    /// Notes the slot of the next suspension to be refused; `None` if all have been. None is added
    /// any more.
    pub fn refused(&mut self, next: Option<u32>) {
        if let Drain::Over { refused, .. } = &mut self.drain {
            *refused = next;
        }
    }

    /// Returns when the drain has something to do next. 0 is at once.
    pub fn next_ms(&self) -> Option<u64> {
        match self.drain {
            Drain::No => None,
            Drain::Waiting { cursor: Some(_), .. }
            | Drain::Over { cursor: Some(_), .. }
            | Drain::Over { refused: Some(_), .. } => Some(0),
            Drain::Waiting { until_ms, .. } | Drain::Over { until_ms, .. } => Some(until_ms),
        }
    }

    /// Returns whether the worker was told to drain and has nothing left to do, given whether it has
    /// clients and calls. Clients that do not take their answers are not waited for; calls are, as
    /// each of them comes to an end soon.
    pub fn is_drained(
        &self,
        has_clients: bool,
        has_calls: bool,
        now_ms: impl FnOnce() -> u64,
    ) -> bool {
        match self.drain {
            Drain::No | Drain::Waiting { cursor: Some(_), .. } => false,
            _ if has_calls => false,
            Drain::Waiting { .. } => !has_clients,
            Drain::Over { until_ms, cursor, refused, is_last } => {
                let all_are_told = cursor.or(refused).is_none();
                !has_clients || is_last && all_are_told && now_ms() >= until_ms
            }
        }
    }

    /// Queues a version, whose suspensions are ended over the next turns.
    pub fn expel(&mut self, version: VersionId) {
        self.expelled.push_back(Expelled { version, next: 0 });
    }

    /// Forgets an expelled version: no request holds it any more, so its id may name another one
    /// from now on.
    pub fn forget(&mut self, version: VersionId) {
        self.expelled.retain(|expelled| expelled.version != version);
    }

    /// Returns whether there are suspensions of expelled versions to be looked for.
    pub fn is_expelling(&self) -> bool {
        !self.expelled.is_empty()
    }

    /// Returns the version whose suspensions are to be looked for in this turn.
    pub fn first_expelled(&self) -> Option<Expelled> {
        self.expelled.front().copied()
    }

    /// Notes how far that got, unless the version was forgotten meanwhile.
    pub fn go_on_later(&mut self, expelled: Expelled) {
        if let Some(first) = self.expelled.front_mut()
            && first.version == expelled.version
        {
            *first = expelled;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(tell: Option<u32>, refuse: Option<u32>) -> DrainStep {
        DrainStep { tell, refuse }
    }

    #[test]
    fn a_drain_tells_clients_waits_and_refuses_what_is_left() {
        let mut lifecycle = Lifecycle::default();
        assert_eq!((lifecycle.drain_step(5), lifecycle.next_ms()), (step(None, None), None));
        assert!(!lifecycle.is_drained(false, false, || 0));
        assert!(lifecycle.start_draining(100) && !lifecycle.start_draining(200));

        assert_eq!((lifecycle.drain_step(10), lifecycle.next_ms()), (step(Some(0), None), Some(0)));
        lifecycle.told(Some(256));
        assert_eq!(lifecycle.drain_step(10), step(Some(256), None));
        assert!(!lifecycle.is_drained(false, false, || 10), "not all have been told");
        lifecycle.told(None);
        assert_eq!((lifecycle.drain_step(10), lifecycle.next_ms()), (step(None, None), Some(100)));
        assert!(
            lifecycle.is_drained(false, false, || 10) && !lifecycle.is_drained(true, false, || 10)
        );

        // It may be late, and then it has its time all the same.
        assert_eq!(lifecycle.drain_step(150), step(Some(0), Some(0)));
        assert!(lifecycle.is_closing() && !lifecycle.is_last_stage());
        lifecycle.told(None);
        lifecycle.refused(Some(256));
        assert_eq!(
            (lifecycle.drain_step(151), lifecycle.next_ms()),
            (step(None, Some(256)), Some(0))
        );
        assert_eq!(lifecycle.drain_step(700), step(None, Some(256)), "not all have been told");
        lifecycle.refused(None);
        assert_eq!((lifecycle.drain_step(649), lifecycle.next_ms()), (step(None, None), Some(650)));
        assert!(
            !lifecycle.is_drained(true, false, || 9_999)
                && lifecycle.is_drained(false, false, || 649)
        );

        assert_eq!(lifecycle.drain_step(650), step(Some(0), Some(0)));
        assert!(lifecycle.is_last_stage() && !lifecycle.is_drained(true, false, || 9_999));
        lifecycle.told(None);
        lifecycle.refused(None);
        assert_eq!(
            (lifecycle.drain_step(651), lifecycle.next_ms()),
            (step(None, None), Some(1_150))
        );
        assert!(!lifecycle.is_drained(true, false, || 1_149));
        assert!(!lifecycle.is_drained(true, true, || 9_999), "a call is left");
        assert!(lifecycle.is_drained(true, false, || 1_150));
    }

    #[test]
    fn a_deadline_may_come_before_all_clients_have_been_told() {
        let mut lifecycle = Lifecycle::default();
        lifecycle.start_draining(5);
        assert_eq!(lifecycle.drain_step(0), step(Some(0), None));
        lifecycle.told(Some(256));
        assert_eq!(lifecycle.drain_step(5), step(Some(0), Some(0)));
        lifecycle.told(Some(256));
        lifecycle.refused(None);
        assert_eq!(lifecycle.drain_step(6), step(Some(256), None));
    }
}
