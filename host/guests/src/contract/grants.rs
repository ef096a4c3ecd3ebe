//! Grants: which keys each guest may use, and how many pendings it may have.
//!
//! The guests of a folder trust one another, and each may create and settle pendings under every
//! key, until the deployer grants something to one of them ([`GuestConfig::has_grants`]). From then
//! on each guest may do only what it was granted, and a guest without grants may use no key. Tokens
//! need no grant, since they are capabilities; but a token alone does not give the right to choose
//! the whole response to another guest's client.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use snow_config::{GuestConfig, GuestConfigs, Limits};
use snow_core::{Account, Gate, GateId, Gates, Globs, Owner, Refusal, Registry, lock};
use snow_runtime::{Mounts, Settled, Settlement};

use super::quota::Quota;

/// The permits of all guests of a process, under one manifest.
pub struct Permits {
    configs: Arc<GuestConfigs>,
    /// Whether anything is granted to any guest. If not, every guest may do everything.
    has_grants: bool,
    limits: Box<Limits>,
    /// The gates of guests whose calls are limited in number.
    gates: Arc<Gates>,
    /// The owners by guest. A guest's name keeps its owner for as long as a version of it exists or
    /// a pending is its own, so a new version owns the pendings that an older one created.
    owners: Arc<Mutex<Owners>>,
}

/// The owners of guests.
#[derive(Default)]
struct Owners {
    by_name: BTreeMap<Arc<str>, Owner>,
    /// Numbers that guests had which are gone.
    free: Vec<Owner>,
}

impl Permits {
    /// Makes the permits of a new process, from the guests' tables in `snow.toml` and the limits of
    /// all guests.
    pub fn new(configs: &GuestConfigs, limits: &Limits) -> Permits {
        Permits {
            configs: Arc::new(configs.clone()),
            has_grants: configs.values().any(GuestConfig::has_grants),
            limits: Box::new(limits.clone()),
            gates: Arc::default(),
            owners: Arc::default(),
        }
    }

    /// Makes the permits of the same process under another manifest. Gates and owners stay.
    pub fn under(&self, configs: &GuestConfigs, limits: &Limits) -> Permits {
        let (owners, gates) = (self.owners.clone(), self.gates.clone());
        Permits { owners, gates, ..Permits::new(configs, limits) }
    }

    /// Returns what the guest of this name may do. If there are more names than owners, the last
    /// ones share
    /// [`Owner::ANONYMOUS`]: their pendings are counted together, and none is their own.
    pub(crate) fn of(&self, name: &str) -> Permit {
        let name: Arc<str> = name.into();
        let config = self.configs.get(&*name);
        let pendings_max = config.and_then(|config| config.pendings_max);
        let quota = Quota::new(&name, config, &self.limits);
        Permit {
            account: Account {
                owner: self.owner(&name),
                pendings_max: pendings_max.unwrap_or(self.limits.guest_pendings_max),
            },
            gate: quota.calls_max.map(|_| self.gates.of(&name)),
            quota,
            grants: self.has_grants.then(|| Grants {
                own: self.configs.get(&*name).cloned().unwrap_or_default(),
                all: self.configs.clone(),
            }),
            name,
        }
    }

    /// Returns the owner of each guest that a permit was made for, in the order of their names.
    pub fn owners(&self) -> Vec<(Arc<str>, Owner)> {
        lock(&self.owners).by_name.iter().map(|(name, owner)| (name.clone(), *owner)).collect()
    }

    /// Takes the owners' numbers back from guests of which no version exists any more and whose
    /// pendings are all released: other guests may get them.
    pub fn retire_owners(&self, exists: impl Fn(&str) -> bool, registry: &Registry<Settled>) {
        let Owners { by_name, free } = &mut *lock(&self.owners);
        by_name.retain(|name, owner| {
            let stays = exists(name) || registry.owned(*owner) > 0;
            if !stays {
                free.push(*owner);
            }
            stays
        });
    }

    /// Returns the prefix of the paths of each guest that has one.
    pub fn mounts(&self) -> Mounts {
        let mount = |(name, config): (&String, &GuestConfig)| {
            let mount = config.mount.as_deref()?.trim_end_matches('/');
            Some((name.as_str().into(), mount.into()))
        };
        self.configs.iter().filter_map(mount).collect()
    }

    /// Returns the gate that the id names.
    pub(crate) fn gate(&self, id: GateId) -> Option<Arc<Gate>> {
        self.gates.get(id)
    }

    fn owner(&self, name: &Arc<str>) -> Owner {
        let Owners { by_name, free } = &mut *lock(&self.owners);
        if let Some(owner) = by_name.get(name) {
            return *owner;
        }
        // While no number is free, those that are used are the first ones.
        let Some(owner) = free.pop().or_else(|| Owner::new(by_name.len() + 1)) else {
            return Owner::ANONYMOUS;
        };
        by_name.insert(name.clone(), owner);
        owner
    }
}

/// What one guest may do.
pub(crate) struct Permit {
    /// The guest's name.
    pub name: Arc<str>,
    /// The memory, time and instances that the guest may take.
    pub quota: Quota,
    /// The gate that the guest's calls pass, if they are limited in number.
    pub gate: Option<Arc<Gate>>,
    /// The account that the guest's pendings are counted on.
    account: Account,
    /// `None` if no guest has any: then everything is allowed.
    grants: Option<Grants>,
}

struct Grants {
    /// The guest's own.
    own: GuestConfig,
    /// Those of all guests.
    all: Arc<GuestConfigs>,
}

impl Permit {
    /// Checks that the guest may create a pending under this key, or without one. Returns the
    /// account for it.
    ///
    /// # Errors
    /// `Limit` for a key that is too long, `Denied` for one that the guest was not granted.
    pub(crate) fn create(&self, key: Option<&str>, limits: &Limits) -> Result<Account, Refusal> {
        if let Some(key) = key {
            check_key(key, limits)?;
            self.check(|own| is_granted(&own.keys, key))?;
        }
        Ok(self.account)
    }

    /// Checks that the guest may settle pendings under this key with this settlement. Returns the
    /// settlement.
    ///
    /// # Errors
    /// `Limit` for a key or a settlement that is too long. `Denied` for a key that the guest was
    /// not granted, and for a response if another guest may create pendings under the key and this
    /// one may not respond for others. What another guest may do decides, not what it has done: so
    /// the result does not depend on who happens to wait, nor on whom an unconsumed settlement
    /// passes to.
    pub(crate) fn settle_key(
        &self,
        key: &str,
        settlement: Settlement,
        limits: &Limits,
    ) -> Result<Settled, Refusal> {
        check_key(key, limits)?;
        self.check(|own| is_granted(&own.settles, key))?;
        let settled = check_settlement(settlement, limits)?;
        let Some(all) = self.all_if_restricted(&settled) else { return Ok(settled) };
        let is_shared =
            all.iter().any(|(name, config)| **name != *self.name && is_granted(&config.keys, key));
        if is_shared { Err(Refusal::Denied) } else { Ok(settled) }
    }

    /// Checks that the guest may settle the pending of this token with this settlement. Returns the
    /// settlement. A token that names no pending passes; the registry refuses it.
    ///
    /// # Errors
    /// `Limit` for a settlement that is too long. `Denied` for a response if another guest has
    /// created the pending and this one may not respond for others.
    pub(crate) fn settle_token(
        &self,
        token: &str,
        settlement: Settlement,
        registry: &Registry<Settled>,
        limits: &Limits,
    ) -> Result<Settled, Refusal> {
        let settled = check_settlement(settlement, limits)?;
        if self.all_if_restricted(&settled).is_none() {
            return Ok(settled);
        }
        match registry.owner(token) {
            Some(owner) if owner != self.account.owner || owner == Owner::ANONYMOUS => {
                Err(Refusal::Denied)
            }
            _ => Ok(settled),
        }
    }

    /// Whether the guest may learn how many pendings wait under a key: if it may create or settle
    /// there.
    pub(crate) fn sees(&self, key: &str) -> bool {
        self.check(|own| is_granted(&own.settles, key) || is_granted(&own.keys, key)).is_ok()
    }

    /// Checks a grant. Costs one branch in a folder without grants.
    fn check(&self, is_granted: impl FnOnce(&GuestConfig) -> bool) -> Result<(), Refusal> {
        match &self.grants {
            Some(grants) if !is_granted(&grants.own) => Err(Refusal::Denied),
            _ => Ok(()),
        }
    }

    /// Returns the grants of all guests if this is a response and the guest may not respond for
    /// others; else `None`.
    fn all_if_restricted(&self, settled: &Settled) -> Option<&GuestConfigs> {
        let grants =
            self.grants.as_ref().filter(|_| matches!(**settled, Settlement::Response(_)))?;
        (grants.own.responds != Some(true)).then_some(&*grants.all)
    }
}

fn is_granted(granted: &Option<Globs>, key: &str) -> bool {
    granted.as_ref().is_some_and(|globs| globs.matches(key))
}

fn check_key(key: &str, limits: &Limits) -> Result<(), Refusal> {
    if key.len() > limits.key_bytes_max { Err(Refusal::Limit) } else { Ok(()) }
}

fn check_settlement(settlement: Settlement, limits: &Limits) -> Result<Settled, Refusal> {
    if settlement.bytes() > limits.settlement_bytes_max {
        Err(Refusal::Limit)
    } else {
        Ok(Settled::new(settlement))
    }
}

#[cfg(test)]
mod tests {
    use snow_core::{Glob, OWNERS_MAX, WorkerId};
    use snow_http::Response;

    use super::*;

    fn globs(patterns: &[&str]) -> Option<Globs> {
        Some(patterns.iter().copied().map(Glob::new).collect())
    }

    fn value(bytes: usize) -> Settlement {
        Settlement::Value(vec![b'v'; bytes])
    }

    fn response() -> Settlement {
        Settlement::Response(Response::text(200, "x"))
    }

    /// Three guests: `shop` waits under orders and mail, `pay` settles orders, `desk` settles both
    /// and may respond.
    fn permits() -> Permits {
        let shop = GuestConfig {
            keys: globs(&["orders/*", "mail"]),
            settles: globs(&["mail"]),
            ..Default::default()
        };
        let pay = GuestConfig { settles: globs(&["orders/*"]), ..Default::default() };
        let desk =
            GuestConfig { settles: globs(&["*"]), responds: Some(true), ..Default::default() };
        let configs = [("shop", shop), ("pay", pay), ("desk", desk)]
            .map(|(name, config)| (name.to_owned(), config));
        Permits::new(&configs.into(), &Limits::default())
    }

    #[test]
    fn without_grants_everybody_may_do_everything() {
        let configs =
            [("a".to_owned(), GuestConfig { pendings_max: Some(3), ..Default::default() })];
        let (permits, limits) =
            (Permits::new(&configs.into(), &Limits::default()), Limits::default());
        let (a, b) = (permits.of("a"), permits.of("b"));
        assert_eq!(a.create(Some("x"), &limits).unwrap().pendings_max, 3, "a limit is no grant");
        assert_eq!(b.create(Some("x"), &limits).unwrap().pendings_max, limits.guest_pendings_max);
        assert!(b.settle_key("x", response(), &limits).is_ok() && b.sees("x"));
    }

    #[test]
    fn what_is_not_granted_is_denied() {
        let (permits, limits) = (permits(), Limits::default());
        let [shop, pay, stranger] = ["shop", "pay", "stranger"].map(|name| permits.of(name));
        let creates = |guest: &Permit, key| guest.create(key, &limits).map(|_| ());
        let settles = |guest: &Permit, key| guest.settle_key(key, value(1), &limits).map(|_| ());
        assert_eq!(
            (creates(&shop, Some("orders/1")), creates(&shop, Some("users"))),
            (Ok(()), Err(Refusal::Denied))
        );
        assert_eq!(
            (settles(&shop, "mail"), settles(&shop, "orders/1")),
            (Ok(()), Err(Refusal::Denied))
        );
        assert_eq!(
            (settles(&pay, "orders/1"), creates(&pay, Some("orders/1"))),
            (Ok(()), Err(Refusal::Denied))
        );
        assert_eq!(
            (creates(&stranger, Some("mail")), settles(&stranger, "")),
            (Err(Refusal::Denied), Err(Refusal::Denied))
        );
        assert_eq!(creates(&stranger, None), Ok(()), "a pending without a key needs no grant");
        assert!(
            shop.sees("orders/1")
                && pay.sees("orders/1")
                && !pay.sees("mail")
                && !stranger.sees("mail")
        );
    }

    #[test]
    fn a_response_to_anothers_client_is_a_grant_of_its_own() {
        let (permits, limits) = (permits(), Limits::default());
        let [shop, pay, desk] = ["shop", "pay", "desk"].map(|name| permits.of(name));
        assert!(shop.settle_key("mail", response(), &limits).is_ok(), "only `shop` waits there");
        assert_eq!(pay.settle_key("orders/1", response(), &limits), Err(Refusal::Denied));
        assert!(desk.settle_key("orders/1", response(), &limits).is_ok());

        let registry: Registry<Settled> = Registry::new(10, |bytes| bytes.fill(7));
        let id =
            registry.create_for(shop.create(None, &limits).unwrap(), WorkerId(0), None).unwrap();
        let token = registry.token(id).unwrap();
        let with = |guest: &Permit, token: &str, what| {
            guest.settle_token(token, what, &registry, &limits).map(|_| ())
        };
        assert_eq!(with(&pay, &token, response()), Err(Refusal::Denied));
        assert_eq!(with(&pay, &token, value(1)), Ok(()), "a token is a capability");
        assert_eq!(
            (with(&shop, &token, response()), with(&desk, &token, response())),
            (Ok(()), Ok(()))
        );
        assert_eq!(with(&pay, "no token", response()), Ok(()), "the registry will refuse it");
        assert_eq!(
            with(&permits.of("shop"), &token, response()),
            Ok(()),
            "so may a later version of it"
        );
    }

    #[test]
    fn owners_of_guests_that_are_gone_are_used_again() {
        let permits = permits();
        let registry: Registry<Settled> = Registry::new(10, |bytes| bytes.fill(7));
        let keeper = permits.of("keeper").account;
        let pending = registry.create_for(keeper, WorkerId(0), None).unwrap();
        for round in 0..3 {
            for n in 0..OWNERS_MAX - 2 {
                let owner = permits.of(&format!("guest-{round}-{n}")).account.owner;
                assert!(owner != Owner::ANONYMOUS && owner != keeper.owner, "{round} {n}");
            }
            let all = permits.owners();
            let mut numbers: Vec<Owner> = all.iter().map(|(_, owner)| *owner).collect();
            numbers.sort();
            numbers.dedup();
            assert_eq!((all.len(), numbers.len()), (OWNERS_MAX - 1, OWNERS_MAX - 1));
            permits.retire_owners(|_| false, &registry);
            assert_eq!(permits.owners().len(), 1, "it has a pending");
        }
        registry.release(pending);
        permits.retire_owners(|name| name == "keeper", &registry);
        assert_eq!(permits.owners().len(), 1, "it exists");
        permits.retire_owners(|_| false, &registry);
        assert!(permits.owners().is_empty());
    }

    #[test]
    fn keys_and_settlements_have_lengths() {
        let (permits, limits) =
            (permits(), Limits { key_bytes_max: 8, settlement_bytes_max: 4, ..Limits::default() });
        let [shop, stranger] = ["shop", "stranger"].map(|name| permits.of(name));
        assert_eq!(shop.create(Some("orders/12"), &limits).map(|_| ()), Err(Refusal::Limit));
        assert_eq!(stranger.settle_key("too long!", value(1), &limits), Err(Refusal::Limit));
        assert!(shop.settle_key("mail", value(4), &limits).is_ok());
        assert_eq!(shop.settle_key("mail", value(5), &limits), Err(Refusal::Limit));
        let failed = Settlement::Failed { code: "abc".into(), message: "de".into() };
        assert_eq!(shop.settle_key("mail", failed, &limits), Err(Refusal::Limit));
        let empty = Response { status: 200, headers: Vec::new(), body: Vec::new() };
        assert_eq!(Settlement::Response(empty.with_field("a", "bc")).bytes(), 35);
    }
}
