//! What publishing never does, for any guests and any manifest.

use std::sync::OnceLock;

use proptest::prelude::*;

use super::*;

/// A version for tests: its id, and the routes of its kind.
struct Scripted {
    id: VersionId,
    kind: usize,
}

/// The routes of each kind of guest: two small ones, and one that needs an automaton for itself, so
/// that four of them fill a table.
fn kinds() -> &'static [(Vec<Route>, Arc<CompiledRoutes>)] {
    static KINDS: OnceLock<Vec<(Vec<Route>, Arc<CompiledRoutes>)>> = OnceLock::new();
    KINDS.get_or_init(|| {
        ["/a", r"/\w{40}/(.*)x", "/(?:[a-y][^/]{1,255}/){80}"]
            .map(|pattern| vec![Route { methods: Vec::new(), pattern: pattern.into() }])
            .map(|routes| {
                let compiled = CompiledRoutes::new(&routes).unwrap();
                (routes, Arc::new(compiled))
            })
            .into()
    })
}

const LARGE: usize = 2;

impl Deployable for Scripted {
    fn id(&self) -> VersionId {
        self.id
    }

    fn declared(&self) -> &[Route] {
        &kinds()[self.kind].0
    }

    fn compiled(&self) -> &Arc<CompiledRoutes> {
        &kinds()[self.kind].1
    }
}

fn name(guest: u8) -> String {
    format!("guest-{guest}")
}

fn fill(roster: &mut Roster<Scripted>, guests: std::ops::Range<u8>) {
    for guest in guests {
        roster.put(&name(guest), Arc::new(Scripted { id: VersionId(guest.into()), kind: LARGE }));
    }
}

fn mounts(of: &[(u8, &str)]) -> Mounts {
    of.iter().map(|(guest, mount)| (name(*guest).into(), (*mount).into())).collect()
}

#[test]
fn what_does_not_fit_waits_and_is_tried_again() {
    let mut roster = Roster::default();
    fill(&mut roster, 1..5);
    assert_eq!(roster.publish().versions.len(), 4);
    // Its name is the first, and it stays out all the same.
    fill(&mut roster, 0..1);
    let published = roster.publish();
    assert_eq!((published.versions.len(), published.joined.len()), (4, 0));
    let [Misfit { name: misfit, error, .. }] = &published.misfits[..] else { panic!() };
    assert_eq!(&**misfit, "guest-0");
    assert!(error.to_string().contains("40 times"), "{error}");
    assert!(roster.publish().misfits.is_empty(), "it is said once");

    roster.remove("guest-2");
    let published = roster.publish();
    assert_eq!(&*published.joined[0].0, "guest-0");
    assert_eq!(published.versions.len(), 4);
}

#[test]
fn mounts_that_do_not_fit_are_refused_and_nothing_is_lost() {
    let mut roster = Roster::default();
    let below: Vec<(u8, &str)> = (0..4).map(|guest| (guest, "/m")).collect();
    roster.set_mounts(mounts(&below));
    fill(&mut roster, 0..8);
    assert_eq!(roster.publish().versions.len(), 4, "with those that are not mounted it is full");
    let beside: Vec<_> = below.iter().copied().chain((4..8).map(|n| (n, "/n"))).collect();
    roster.set_mounts(mounts(&beside));
    let published = roster.publish();
    assert_eq!((published.versions.len(), published.joined.len()), (8, 4));

    roster.set_mounts(mounts(&below));
    let published = roster.publish();
    assert!(published.mounts_refused.is_some() && published.misfits.is_empty());
    assert_eq!(published.versions.len(), 8);
    assert!(published.router.entries().all(|entry| !entry.mount.is_empty()));
    assert!(roster.publish().mounts_refused.is_none(), "it is said once");
    roster.set_mounts(mounts(&beside));
    assert!(roster.publish().mounts_refused.is_none());
}

#[test]
fn numbers_only_go_up() {
    let mut roster = Roster::default();
    let put = |roster: &mut Roster<Scripted>, id| {
        let number = roster.next_number("a");
        roster.put("a", Arc::new(Scripted { id: VersionId(id), kind: 0 }));
        roster.publish();
        number
    };
    assert_eq!((put(&mut roster, 1), put(&mut roster, 2)), (1, 2));
    let (failed, good) = roster.roll_back(VersionId(2)).unwrap();
    assert_eq!((failed.id, good.id), (VersionId(2), VersionId(1)));
    assert_eq!(put(&mut roster, 3), 3);
    roster.remove("a");
    assert_eq!(put(&mut roster, 4), 4);
}

/// What may happen between two publishings.
#[derive(Clone, Debug)]
enum Event {
    Put { guest: u8, kind: usize },
    Remove { guest: u8 },
    Mounts { seed: u64 },
    RollBack { guest: u8 },
    Prove { guest: u8 },
}

fn event() -> impl Strategy<Value = Event> {
    let guest = 0..90u8;
    prop_oneof![
        8 => (guest.clone(), prop::sample::select(vec![0, 1, LARGE, LARGE, LARGE, LARGE]))
            .prop_map(|(guest, kind)| Event::Put { guest, kind }),
        1 => guest.clone().prop_map(|guest| Event::Remove { guest }),
        1 => any::<u64>().prop_map(|seed| Event::Mounts { seed }),
        1 => guest.clone().prop_map(|guest| Event::RollBack { guest }),
        1 => guest.prop_map(|guest| Event::Prove { guest }),
    ]
}

/// Mounts of all guests, drawn from a seed: none, beside one another, below one another.
fn drawn(seed: u64) -> Mounts {
    let prefixes = ["", "/m", "/m/n", "/o"];
    let of = |guest: u8| prefixes[((seed >> (guest % 61)) & 3) as usize];
    mounts(&(0..90).map(|guest| (guest, of(guest))).collect::<Vec<_>>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Each step is some events and one publishing.
    #[test]
    fn publishing_never_removes_a_guest_that_serves(
        steps in prop::collection::vec(prop::collection::vec(event(), 0..40), 1..8)
    ) {
        let mut roster = Roster::default();
        let mut ids = 0..;
        for events in steps {
            // By the name of each guest that serves, the ids of which it may have one afterwards.
            let ids_of = |roster: &Roster<Scripted>| -> BTreeMap<Arc<str>, Vec<VersionId>> {
                let of = |guest: &Deployed<Scripted>| vec![guest.version.id];
                roster.serving.iter().map(|(name, guest)| (name.clone(), of(guest))).collect()
            };
            let mut allowed = ids_of(&roster);
            for event in events {
                match event {
                    Event::Put { guest, kind } => {
                        let id = VersionId(ids.next().unwrap());
                        let is_newer = |ids: &mut Vec<VersionId>| ids.push(id);
                        allowed.get_mut(&*name(guest)).into_iter().for_each(is_newer);
                        roster.put(&name(guest), Arc::new(Scripted { id, kind }));
                    }
                    Event::Remove { guest } => {
                        roster.remove(&name(guest));
                        allowed.remove(&*name(guest));
                    }
                    Event::Mounts { seed } => roster.set_mounts(drawn(seed)),
                    Event::RollBack { guest } => {
                        let serving = roster.serving(&name(guest)).map(|version| version.id);
                        if let Some((_, good)) = serving.and_then(|id| roster.roll_back(id)) {
                            let ids = allowed.get_mut(&*name(guest)).unwrap();
                            ids[0] = good.id;
                        }
                    }
                    Event::Prove { guest } => {
                        let serving = roster.serving(&name(guest)).map(|version| version.id);
                        serving.into_iter().for_each(|id| roster.prove(id));
                    }
                }
            }
            let waited: Vec<VersionId> =
                roster.waiting.values().map(|waiting| waiting.version.id).collect();
            let published = roster.publish();
            let now = ids_of(&roster);
            for (name, ids) in &allowed {
                let id = now.get(name).map(|now| now[0]);
                let waits = |id: &VersionId| waited.contains(id);
                prop_assert!(
                    id.is_some_and(|id| id == ids[0] || ids.contains(&id) || waits(&id)),
                    "{} serves no more", name
                );
            }
            // The table has the routes of exactly the versions that serve.
            let mut in_table: Vec<VersionId> =
                published.router.entries().map(|entry| entry.version).collect();
            let mut serving: Vec<VersionId> = now.into_values().map(|ids| ids[0]).collect();
            in_table.sort();
            serving.sort();
            prop_assert_eq!(in_table, serving);
        }
    }
}
