//! `/pending`: the requests that are held, oldest first, a page at a time.
//!
//! The steps of one page:
//!
//! 1. [`Questions::ask`] sends each worker an [`Inspection`] and returns a suspension on a new
//!    pending;
//! 2. each worker looks through its suspensions over several turns, and hands its part of the page
//!    to `reply`;
//! 3. the last reply settles the pending, which resumes the suspension;
//! 4. [`Questions::answer`] merges the parts.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::query::{Parameters, Refused};
use super::sources::PageSources;
use super::under_way::UnderWay;
use snow_core::{Registry, WorkerId, lock};
use snow_guests::Version;
use snow_runtime::{Outcome, Post, Settled};
use snow_worker::{HeldPage, HeldRequest, Inspection, LoopState, Message, Position};

/// How long the workers may take to answer. In each turn they look at some hundred held requests.
const PATIENCE_MS: u32 = 5_000;

/// The page that a query asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    limit: usize,
    after: Option<Position>,
}

impl Wanted {
    /// Reads `limit=100&after=CURSOR`. Either may be missing.
    ///
    /// # Errors
    /// The answer that says what is wrong.
    pub fn parse(query: &str) -> Result<Wanted, Refused> {
        let parameters = Parameters::parse(query, &["limit", "after"])?;
        let position = |cursor| {
            let wrong = "after must be the value of `next` on the page before\n";
            parse_cursor(cursor).ok_or_else(|| (400, wrong.to_owned()))
        };
        let after = parameters.get("after").map(position).transpose()?;
        Ok(Wanted { limit: parameters.limit()?, after })
    }
}

/// The questions to the workers that are under way.
pub struct Questions(UnderWay<Question>);

struct Question {
    wanted: Wanted,
    /// The part of each worker, once it has answered.
    parts: Arc<Mutex<Vec<Option<HeldPage>>>>,
}

impl Questions {
    /// Returns a list without questions. Pages wait in this registry and are woken by this post.
    pub fn new(
        registry: Arc<Registry<Settled>>,
        post: Arc<dyn Post>,
        questions_max: usize,
    ) -> Questions {
        Questions(UnderWay::new(registry, post, questions_max))
    }

    /// Asks all workers. Returns the suspension of the page, which ends when they have answered.
    /// `None` if too many questions are under way.
    pub fn ask(&mut self, sources: &PageSources, wanted: Wanted) -> Option<Outcome> {
        self.0.begin(PATIENCE_MS, |open| {
            let none = sources.workers.iter().map(|_| None).collect::<Vec<_>>();
            let parts = Arc::new(Mutex::new(none));
            for (number, worker) in sources.workers.iter().enumerate() {
                if worker.stats.turns.state() == LoopState::Ended {
                    continue;
                }
                let (parts, open) = (parts.clone(), open.clone());
                let reply = Box::new(move |part| {
                    // `answer` empties the list when the page can't wait any longer.
                    if let Some(place) = lock(&parts).get_mut(number) {
                        *place = Some(part);
                    }
                    drop(open);
                });
                let Wanted { limit, after } = wanted;
                let inspection = Inspection { requests_max: limit, after, reply };
                worker.mailbox.send(Message::Inspect(Box::new(inspection)));
            }
            Some(Question { wanted, parts })
        })
    }

    /// Returns the page of a question, with the parts that came in time.
    pub fn answer(&self, sources: &PageSources, state: &[u8], now_ms: u64) -> Option<Value> {
        let question = &self.0.get(state)?.about;
        let parts = std::mem::take(&mut *lock(&question.parts));
        let missing: Vec<usize> = (0..)
            .zip(&parts)
            .filter(|(_, part)| part.is_none())
            .map(|(number, _)| number)
            .collect();
        let (requests, next) = merge(parts.into_iter().flatten(), question.wanted.limit);
        let versions = sources.serving.journal().versions();
        let rows: Vec<Value> =
            requests.iter().map(|request| row(request, &versions, now_ms)).collect();
        Some(json!({ "pending": rows, "next": next.map(cursor), "workers_missing": missing }))
    }
}

/// Merges the parts of several workers into one page. Returns the position after which the next
/// page begins, if there may be one.
///
/// A part that was cut off at `more_after` knows nothing of later positions. So the page ends at
/// the earliest such cut: what lies beyond it would leave gaps.
fn merge(
    parts: impl Iterator<Item = HeldPage>,
    limit: usize,
) -> (Vec<HeldRequest>, Option<Position>) {
    let (mut requests, mut end) = (Vec::new(), None::<Position>);
    for part in parts {
        end = [end, part.more_after].into_iter().flatten().min();
        requests.extend(part.requests);
    }
    requests.retain(|request: &HeldRequest| end.is_none_or(|end| request.position <= end));
    requests.sort_by_key(|request| request.position);
    if requests.len() > limit {
        requests.truncate(limit);
        end = requests.last().map(|request| request.position);
    }
    (requests, end)
}

fn row(request: &HeldRequest, versions: &[Arc<Version>], now_ms: u64) -> Value {
    let is_its = |version: &&Arc<Version>| {
        version.id == request.version && version.guest.name == request.name
    };
    let version = versions.iter().find(is_its);
    let route = version.and_then(|version| version.guest.routes.get(request.route.index()));
    json!({
        "id": request.id.to_string(),
        "guest": *request.name,
        "version": version.map(|version| version.nth),
        "route": route.map(|route| &route.pattern),
        "age_ms": now_ms.saturating_sub(request.position.started_ms),
        "deadline_ms": request.deadline_at_ms.map(|at_ms| at_ms.saturating_sub(now_ms)),
        "pendings": request.pendings,
        "keys": request.keys.iter().map(|key| &**key).collect::<Vec<_>>(),
        "in_place": request.in_place,
        "worker": request.position.worker.0,
        "client": request.client.to_string(),
    })
}

fn cursor(position: Position) -> String {
    let Position { started_ms, worker, slot, generation } = position;
    format!("{started_ms}.{worker}.{slot}.{generation}")
}

fn parse_cursor(text: &str) -> Option<Position> {
    let mut parts = text.split('.');
    let position = Position {
        started_ms: parts.next()?.parse().ok()?,
        worker: WorkerId(parts.next()?.parse().ok()?),
        slot: parts.next()?.parse().ok()?,
        generation: parts.next()?.parse().ok()?,
    };
    parts.next().is_none().then_some(position)
}

#[cfg(test)]
mod tests {
    use super::*;
    use snow_http::RequestId;
    use snow_runtime::{RouteId, VersionId};

    fn held(started_ms: u64, worker: u16) -> HeldRequest {
        HeldRequest {
            position: Position {
                started_ms,
                worker: WorkerId(worker),
                slot: started_ms as u32,
                generation: 0,
            },
            id: RequestId::made(1),
            client: "127.0.0.1:1".parse().unwrap(),
            version: VersionId(0),
            name: "g".into(),
            route: RouteId(0),
            deadline_at_ms: None,
            pendings: 1,
            keys: Vec::new(),
            in_place: false,
        }
    }

    fn page(worker: u16, ms: &[u64], more: bool) -> HeldPage {
        let requests: Vec<HeldRequest> = ms.iter().map(|&ms| held(ms, worker)).collect();
        let more_after = requests.last().map(|request| request.position).filter(|_| more);
        HeldPage { requests, more_after }
    }

    fn merged(pages: Vec<HeldPage>, limit: usize) -> (Vec<u64>, Option<u64>) {
        let (requests, next) = merge(pages.into_iter(), limit);
        let ms = requests.iter().map(|request| request.position.started_ms);
        (ms.collect(), next.map(|position| position.started_ms))
    }

    #[test]
    fn pages_of_workers_become_one() {
        assert_eq!(
            merged(vec![page(0, &[1, 5], false), page(1, &[2], false)], 4),
            (vec![1, 2, 5], None)
        );
        assert_eq!(
            merged(vec![page(0, &[1, 5], true), page(1, &[2, 3], true)], 2),
            (vec![1, 2], Some(2))
        );
        // The second worker found two, but one ended before it was described: what follows 3 is not
        // known.
        assert_eq!(
            merged(vec![page(0, &[1, 5], false), page(1, &[3], true)], 3),
            (vec![1, 3], Some(3))
        );
        assert_eq!(merged(Vec::new(), 2), (Vec::new(), None));
    }

    #[test]
    fn parameters_are_checked() {
        assert_eq!(Wanted::parse(""), Ok(Wanted { limit: 100, after: None }));
        let position = held(7, 2).position;
        let query = format!("limit=5&after={}", cursor(position));
        assert_eq!(Wanted::parse(&query), Ok(Wanted { limit: 5, after: Some(position) }));
        for bad in ["limit=0", "after=1.2.3", "after=1.2.3.4.5", "after=", "what=1", "limit"] {
            assert!(Wanted::parse(bad).is_err(), "{bad}");
        }
    }
}
