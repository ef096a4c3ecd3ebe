//! Calls of real guests without a worker: which instances are kept, and when they are dropped.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use snow_config::{CompileConfig, GuestConfig, Instances, Limits, Rollback};
use snow_core::{Key, Registry, Waiter};
use snow_http::{HeadReader, HttpLimits, Request, RequestId};
use snow_runtime::{
    CallEntry, Clock, GuestRequest, Log, LogFormat, Outcome, Post, Roster, RouteId, Share,
};
use snow_state::Store;

use super::*;
use crate::contract::grants::Permits;
use crate::contract::state::listener::StoreListener;
use crate::deploy::deployment::Deployment;
use crate::deploy::version::{Trial, Version};
use crate::engine::Engine;
use crate::jobs::Jobs;
use crate::load::compiler::Urgency;
use crate::load::loader::Loader;
use crate::runtime::{InstanceCounts, RuntimeParts};

/// A deployment of these versions.
fn deployment(versions: &[Arc<Version>]) -> Deployment {
    let mut roster = Roster::default();
    for version in versions {
        roster.put(&version.guest.name, version.clone());
    }
    let published = roster.publish();
    Deployment::new(published.versions, published.router, 1)
}

const HELLO: VersionId = VersionId(0);
const OTHER: VersionId = VersionId(1);
/// A version that takes the place of `HELLO`.
const NEW_HELLO: VersionId = VersionId(2);

const FIRST: Slot = Slot(0);
const OTHER_WORKER: WorkerId = WorkerId(1);

/// A post that notes which worker was told that which gate is open.
#[derive(Default)]
struct Opened(Mutex<Vec<(WorkerId, GateId)>>);

impl Post for Opened {
    fn wake(&self, _: &[Waiter]) {}

    fn gate_opened(&self, worker: WorkerId, gate: GateId) {
        self.0.lock().unwrap().push((worker, gate));
    }

    fn relay_ready(&self, _: WorkerId, _: Key) {}
}

/// The guests `hello` and `hello` again as `other`, on one worker.
struct Bench {
    runtime: Runtime,
    opened: Arc<Opened>,
    versions: Vec<Arc<Version>>,
    successor: Successor,
    calls: WasmGuests,
    instances: Arc<InstanceCounts>,
    now_ms: u64,
}

fn limits() -> Limits {
    Limits {
        worker_calls_started_max: 2,
        calls_parked_max: 1,
        instance_idle_ms_max: 1_000,
        ..Limits::default()
    }
}

fn permits(config: GuestConfig) -> Permits {
    Permits::new(
        &["hello", "other"].map(|name| (name.to_owned(), config.clone())).into(),
        &limits(),
    )
}

fn reuse(calls: u32) -> GuestConfig {
    GuestConfig { instances: Some(Instances::Reuse { calls }), ..GuestConfig::default() }
}

impl Bench {
    fn new(config: GuestConfig) -> Bench {
        let (limits, instances, opened) =
            (limits(), Arc::new(InstanceCounts::default()), Arc::new(Opened::default()));
        let registry = Arc::new(Registry::new(10, |bytes| bytes.fill(7)));
        let log = Log::start(LogFormat::Text, &Limits::default(), std::io::sink()).unwrap();
        let listener = StoreListener {
            registry: registry.clone(),
            post: opened.clone(),
            log: log.clone(),
            work_at: Box::new(|_| {}),
        };
        let (clock, store) =
            (Clock::start(), Arc::new(Store::in_memory(limits.store, listener, 0)));
        let runtime = Runtime::new(RuntimeParts {
            engine: Engine::start(&limits, 1, 0).unwrap(),
            jobs: Jobs::new(0, clock.clone(), log.clone(), store.clone()),
            clock,
            registry,
            store,
            outside: Arc::new(snow_runtime::Nowhere),
            databases: Arc::new(snow_runtime::Nowhere),
            post: opened.clone(),
            log,
            permits: Arc::new(permits(config)),
            worker_calls_parked_max: limits.worker_calls_parked_max(1),
            limits: Arc::new(limits),
            source_bytes: Arc::default(),
            kept_bytes: Arc::default(),
            instances: instances.clone(),
            report: Arc::new(|_| {}),
        });
        let versions = vec![version(&runtime, HELLO, "hello"), version(&runtime, OTHER, "other")];
        let deployment = deployment(&versions);
        let successor = Successor::default();
        let share = deployment.share(runtime.clone(), &[], false);
        let calls = WasmGuests::new(WorkerId(0), share, successor.clone());
        Bench { runtime, opened, versions, successor, calls, instances, now_ms: 0 }
    }

    /// Calls a version, and goes on until the call has ended.
    fn call(&mut self, version: VersionId) {
        let mut ran = self.start(FIRST, version);
        // On a busy machine it takes more than one time slice.
        while matches!(ran, Ran::Yielded) {
            ran = self.calls.poll(FIRST);
        }
        assert!(
            matches!(ran, Ran::Ended(CallEnd { outcome: Ok(Outcome::Respond(_)), .. })),
            "{ran:?}"
        );
    }

    fn start(&mut self, slot: Slot, version: VersionId) -> Ran {
        self.calls.hold(version);
        let text = b"GET /hello HTTP/1.1\r\nhost: a\r\n\r\n";
        let (head, _) = HeadReader::default().read(text, &HttpLimits::default()).unwrap().unwrap();
        let request = GuestRequest {
            request: Request { head, body: Vec::new() },
            client: ([127, 0, 0, 1], 1).into(),
            params: Vec::new(),
            mount_bytes: 0,
            share: Share::default(),
        };
        let (request_id, entry) = (RequestId::made(1), CallEntry::Handle(Box::new(request)));
        let ran = self.calls.start(
            slot,
            Call { version, route: RouteId(0), request_id, entry, now_ms: self.now_ms },
        );
        self.calls.let_go(version);
        ran
    }

    fn instances(&self) -> usize {
        self.instances.alive.load(Ordering::Relaxed)
    }

    /// Deploys `versions` under another manifest.
    fn adopt(&mut self, config: GuestConfig) {
        let runtime = self.runtime.under(self.runtime.limits.clone(), permits(config));
        let deployment = deployment(&self.versions);
        self.successor.put(deployment.share(runtime, &[], false));
        assert!(self.calls.adopt().is_some());
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.runtime.engine.stop();
    }
}

fn version(runtime: &Runtime, id: VersionId, name: &str) -> Arc<Version> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../guests/hello.wat");
    let loader = Loader::new(runtime, &CompileConfig::default(), runtime.log.clone()).unwrap();
    let mut guest = loader.load(&path, Urgency::Start).unwrap();
    guest.name = name.into();
    Arc::new(Version {
        guest,
        id,
        nth: 1,
        since: SystemTime::UNIX_EPOCH,
        trial: Trial::new(Rollback::Never),
    })
}

#[test]
fn an_instance_is_gone_after_its_call_unless_it_is_to_be_reused() {
    let mut bench = Bench::new(GuestConfig::default());
    bench.call(HELLO);
    assert_eq!((bench.instances(), bench.calls.expires_ms()), (0, None));
    let mut bench = Bench::new(reuse(3));
    for instances in [1, 1, 0, 1, 1, 0] {
        bench.call(HELLO);
        assert_eq!(bench.instances(), instances, "the third call is its last");
    }
}

#[test]
fn an_idle_instance_has_its_time() {
    let mut bench = Bench::new(reuse(100));
    let mut stopped = bench.runtime.clock.stop();
    stopped.set(Duration::from_millis(5_000));
    bench.call(HELLO);
    let at_ms = bench.calls.expires_ms().unwrap();
    assert!((6_000..60_000).contains(&at_ms), "{at_ms}");
    bench.calls.expire(at_ms - 1);
    assert_eq!(bench.instances(), 1);
    bench.calls.expire(at_ms);
    assert_eq!((bench.instances(), bench.calls.expires_ms()), (0, None));
}

/// There are three slots, and as many instances in the pool, beside the two for loading guests.
#[test]
fn idle_instances_give_way_to_calls() {
    let mut bench = Bench::new(reuse(100));
    for version in [HELLO, HELLO, OTHER, OTHER, HELLO, OTHER] {
        bench.call(version);
    }
    assert_eq!(bench.instances(), 2, "one of each, since there was one call at a time");
    // As if two more calls were running, so that the pool has one place left.
    bench.calls.in_use = 2;
    bench.now_ms = 10;
    bench.call(OTHER);
    assert_eq!(bench.instances(), 2, "the call has taken the idle instance of its version");
    bench.calls.idle.take(OTHER);
    bench.call(OTHER);
    assert_eq!(
        (bench.instances(), bench.calls.idle.count(HELLO)),
        (1, 0),
        "the idle instance of the other version was dropped"
    );
}

#[test]
fn idle_instances_are_dropped_with_their_version_or_by_a_manifest() {
    let mut bench = Bench::new(reuse(100));
    bench.call(HELLO);
    bench.call(OTHER);
    bench.adopt(reuse(200));
    assert_eq!(bench.instances(), 2, "both still serve and are still to be reused");
    bench.versions[0] = version(&bench.runtime, NEW_HELLO, "hello");
    bench.adopt(reuse(200));
    assert_eq!(
        (bench.instances(), bench.calls.idle.count(OTHER)),
        (1, 1),
        "only the other guest's is left"
    );
    bench.call(NEW_HELLO);
    assert_eq!(bench.instances(), 2);
    bench.adopt(GuestConfig::default());
    assert_eq!(bench.instances(), 0);
}

#[test]
fn a_replaced_version_keeps_no_instances() {
    let mut bench = Bench::new(reuse(100));
    bench.calls.hold(HELLO);
    bench.versions[0] = version(&bench.runtime, NEW_HELLO, "hello");
    bench.adopt(reuse(100));
    bench.call(HELLO);
    assert_eq!(bench.instances(), 0);
    assert!(bench.calls.let_go(HELLO));
}

#[test]
fn a_call_leaves_its_gate_when_it_ends() {
    let mut bench = Bench::new(GuestConfig { calls_max: Some(1), ..GuestConfig::default() });
    let gate = bench.calls.gate(HELLO).unwrap();
    assert_ne!(bench.calls.gate(OTHER), Some(gate));
    let other_worker = bench.runtime.permits.gate(gate).unwrap();
    assert!(bench.calls.enter(HELLO));
    assert!(other_worker.enter(OTHER_WORKER, 1).is_err());
    bench.call(HELLO);
    assert_eq!(*bench.opened.0.lock().unwrap(), [(OTHER_WORKER, gate)]);
    assert!(!bench.calls.enter(HELLO), "it is the other worker's turn");
    bench.calls.give_up(gate);
    assert!(other_worker.enter(OTHER_WORKER, 1).is_ok());
    bench.adopt(GuestConfig::default());
    assert!(
        bench.calls.gate(HELLO).is_none() && bench.calls.enter(HELLO),
        "the new manifest sets no limit"
    );
}
