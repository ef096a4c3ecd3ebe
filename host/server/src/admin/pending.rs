//! `/pending`: what is held, oldest first, a page at a time.
//!
//! The workers are asked, each answers on turns of its own, and the page waits for them as any held request does: as a
//! suspension, whose pending the last one settles.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use super::WORKER;
use super::sources::Sources;
use snow_core::{PendingId, Registry, WorkerId};
use snow_guests::Version;
use snow_runtime::{Handle, Join, Outcome, Post, Settled, Settlement, Suspend, TimerState};
use snow_worker::{HeldPage, HeldRequest, Inspection, LoopState, Position};

/// How long the workers may take. They look at some hundred held requests in each turn.
const PATIENCE_MS: u32 = 5_000;
/// Held requests of a page, unless it says otherwise.
const LIMIT: usize = 100;
/// The same, whatever it says.
const LIMIT_MAX: usize = 1_000;

/// Which page is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    limit: usize,
    after: Option<Position>,
}

impl Wanted {
    /// Reads `limit=100&after=CURSOR`, either of which may be missing.
    ///
    /// # Errors
    /// What is wrong, for people.
    pub fn parse(query: &str) -> Result<Wanted, String> {
        let mut wanted = Wanted { limit: LIMIT, after: None };
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            match parameter.split_once('=') {
                Some(("limit", number)) => {
                    let limit = number.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
                    wanted.limit = limit.ok_or_else(|| format!("limit is a number from 1 to {LIMIT_MAX}\n"))?;
                }
                Some(("after", cursor)) => {
                    let position = parse_cursor(cursor);
                    wanted.after = Some(position.ok_or("after is what `next` of the page before said\n")?);
                }
                _ => return Err("the parameters are limit and after, as in ?limit=100&after=CURSOR\n".into()),
            }
        }
        Ok(wanted)
    }
}

/// Questions to the workers.
pub struct Questions {
    registry: Arc<Registry<Settled>>,
    post: Arc<dyn Post>,
    questions_max: usize,
    next: u64,
    /// By number: those whose page waits, and those that a worker still has to answer.
    under_way: BTreeMap<u64, Question>,
}

struct Question {
    wanted: Wanted,
    answers: Arc<Answers>,
}

impl Questions {
    /// None so far. Pages wait in this registry, and are woken by this post.
    pub fn new(registry: Arc<Registry<Settled>>, post: Arc<dyn Post>, questions_max: usize) -> Questions {
        Questions { registry, post, questions_max, next: 0, under_way: BTreeMap::new() }
    }

    /// Asks all workers. The page is to wait for this, and to be resumed with its state. `None`: too much is asked.
    pub fn ask(&mut self, sources: &Sources, wanted: Wanted) -> Option<Outcome> {
        let Questions { registry, under_way, .. } = self;
        under_way.retain(|_, question| question.answers.are_awaited() || registry.token(question.answers.id).is_some());
        if self.under_way.len() >= self.questions_max {
            return None;
        }
        let id = self.registry.create(WORKER, None).ok()?;
        let asked: Vec<_> =
            (0..).zip(&sources.workers).filter(|(_, worker)| worker.stats.turns.state() != LoopState::Ended).collect();
        let open = Open { pages: sources.workers.iter().map(|_| None).collect(), left: asked.len() };
        let (registry, post) = (self.registry.clone(), self.post.clone());
        let answers = Arc::new(Answers { id, registry, post, open: Mutex::new(open) });
        answers.wake_if_complete();
        for (number, worker) in asked {
            let answer = Answer { to: answers.clone(), worker: number, page: None };
            let reply = Box::new(move |page| answer.give(page));
            worker.ask(Inspection { requests_max: wanted.limit, after: wanted.after, reply });
        }
        let number = self.next;
        self.next += 1;
        self.under_way.insert(number, Question { wanted, answers });
        Some(Outcome::Suspend(Suspend {
            handles: vec![Handle { id, timer: TimerState::None }],
            until: Join::All,
            timeout_ms: Some(PATIENCE_MS),
            on_timeout: None,
            resume: true,
            keep_request: false,
            state: number.to_le_bytes().to_vec(),
        }))
    }

    /// The page of a question, of what was answered in time.
    pub fn answer(&self, sources: &Sources, state: &[u8], now_ms: u64) -> Option<Value> {
        let number = u64::from_le_bytes(state.try_into().ok()?);
        let question = self.under_way.get(&number)?;
        let pages = std::mem::take(&mut question.answers.lock().pages);
        let missing: Vec<usize> =
            (0..).zip(&pages).filter(|(_, page)| page.is_none()).map(|(number, _)| number).collect();
        let (requests, next) = merge(pages.into_iter().flatten(), question.wanted.limit);
        let versions = sources.journal.versions();
        let rows: Vec<Value> = requests.iter().map(|request| row(request, &versions, now_ms)).collect();
        Some(json!({ "pending": rows, "next": next.map(cursor), "workers_missing": missing }))
    }
}

/// What the workers have answered.
struct Answers {
    /// What the page waits for.
    id: PendingId,
    registry: Arc<Registry<Settled>>,
    post: Arc<dyn Post>,
    open: Mutex<Open>,
}

struct Open {
    /// By worker.
    pages: Vec<Option<HeldPage>>,
    /// Workers that have not answered.
    left: usize,
}

impl Answers {
    fn put(&self, worker: usize, page: Option<HeldPage>) {
        let mut open = self.lock();
        open.left -= 1;
        // They are gone if the page could not wait any longer.
        if let Some(place) = open.pages.get_mut(worker) {
            *place = page;
        }
        drop(open);
        self.wake_if_complete();
    }

    fn wake_if_complete(&self) {
        if self.are_awaited() {
            return;
        }
        // Its client may have left: then nobody waits.
        if let Ok(Some(waiter)) = self.registry.settle(self.id, Settled::new(Settlement::Value(Vec::new()))) {
            self.post.wake(&[waiter]);
        }
    }

    fn are_awaited(&self) -> bool {
        self.lock().left > 0
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One worker's answer. Given by dropping it: a worker that ends before it answers has answered, too.
struct Answer {
    to: Arc<Answers>,
    worker: usize,
    page: Option<HeldPage>,
}

impl Answer {
    fn give(mut self, page: HeldPage) {
        self.page = Some(page);
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.to.put(self.worker, self.page.take());
    }
}

/// One page of several, and where the next one begins. Beyond the end of any of them nobody knows who is missing.
fn merge(pages: impl Iterator<Item = HeldPage>, limit: usize) -> (Vec<HeldRequest>, Option<Position>) {
    let (mut requests, mut end) = (Vec::new(), None::<Position>);
    for page in pages {
        end = [end, page.more_after].into_iter().flatten().min();
        requests.extend(page.requests);
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
    let is_its = |version: &&Arc<Version>| version.id == request.version && version.guest.name == request.name;
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
            position: Position { started_ms, worker: WorkerId(worker), slot: started_ms as u32, generation: 0 },
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
        assert_eq!(merged(vec![page(0, &[1, 5], false), page(1, &[2], false)], 4), (vec![1, 2, 5], None));
        assert_eq!(merged(vec![page(0, &[1, 5], true), page(1, &[2, 3], true)], 2), (vec![1, 2], Some(2)));
        // Of the second, one had ended before it was described: what follows 3 is not known.
        assert_eq!(merged(vec![page(0, &[1, 5], false), page(1, &[3], true)], 3), (vec![1, 3], Some(3)));
        assert_eq!(merged(Vec::new(), 2), (Vec::new(), None));
    }

    #[test]
    fn parameters_are_checked() {
        assert_eq!(Wanted::parse(""), Ok(Wanted { limit: 100, after: None }));
        let position = held(7, 2).position;
        let query = format!("limit=5&after={}", cursor(position));
        assert_eq!(Wanted::parse(&query), Ok(Wanted { limit: 5, after: Some(position) }));
        for bad in ["limit=0", "limit=1001", "limit=x", "after=1.2.3", "after=1.2.3.4.5", "after=", "what=1", "limit"] {
            assert!(Wanted::parse(bad).is_err(), "{bad}");
        }
    }
}
