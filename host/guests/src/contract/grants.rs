//! What each guest may do: whose keys it may use, how many pendings it may have, and (see [`Quota`]) what it may take.
//!
//! The guests of a folder are one domain of trust, and each may create and settle under every key, until the
//! deployer grants something to one of them ([`GuestConfig::has_grants`]). From then on each guest may do what it was
//! granted, and a guest that nothing was granted to may use no key. Tokens need no grant, since they are capabilities;
//! but whoever holds one may not choose the whole answer of another guest's client by that alone.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::contract::quota::Quota;
use snow_config::{GuestConfig, GuestConfigs, Limits};
use snow_core::{Account, Gate, GateId, Gates, Globs, Owner, Refusal, Registry};
use snow_runtime::{Settled, Settlement};

/// The permits of all guests of a process. Made once, from what the deployer wrote.
pub struct Permits {
    configs: Arc<GuestConfigs>,
    has_grants: bool,
    limits: Box<Limits>,
    /// Of guests whose calls are limited in number.
    gates: Arc<Gates>,
    /// A name keeps its number for ever: what an older version of the guest created is still its own.
    owners: Arc<Mutex<BTreeMap<Arc<str>, Owner>>>,
}

impl Permits {
    /// From what was decided about single guests; the limits say the rest.
    pub fn new(configs: &GuestConfigs, limits: &Limits) -> Permits {
        Permits {
            configs: Arc::new(configs.clone()),
            has_grants: configs.values().any(GuestConfig::has_grants),
            limits: Box::new(limits.clone()),
            gates: Arc::default(),
            owners: Arc::default(),
        }
    }

    /// The same guests under another manifest.
    pub fn under(&self, configs: &GuestConfigs, limits: &Limits) -> Permits {
        let (owners, gates) = (self.owners.clone(), self.gates.clone());
        Permits { owners, gates, ..Permits::new(configs, limits) }
    }

    /// What the guest of this name may do. Of more names than there are owners, the last ones share
    /// [`Owner::ANONYMOUS`]: one count for all of them, and no pending that is their own.
    pub fn of(&self, name: &str) -> Permit {
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

    /// Everybody who has asked for a permit so far, by name.
    pub fn owners(&self) -> Vec<(Arc<str>, Owner)> {
        let owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        owners.iter().map(|(name, owner)| (name.clone(), *owner)).collect()
    }

    /// The prefix of the paths of the guest of this name; empty for none.
    pub fn mount(&self, name: &str) -> Arc<str> {
        let mount = self.configs.get(name).and_then(|config| config.mount.as_deref());
        mount.unwrap_or_default().trim_end_matches('/').into()
    }

    /// Returns the gate that the id names.
    pub fn gate(&self, id: GateId) -> Option<Arc<Gate>> {
        self.gates.get(id)
    }

    fn owner(&self, name: &Arc<str>) -> Owner {
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(owner) = owners.get(name) {
            return *owner;
        }
        let Some(owner) = Owner::new(owners.len() + 1) else { return Owner::ANONYMOUS };
        owners.insert(name.clone(), owner);
        owner
    }
}

/// What one guest may do.
pub struct Permit {
    /// The guest's name.
    pub name: Arc<str>,
    /// What it may take.
    pub quota: Quota,
    /// Through which its calls pass, if they are limited in number.
    pub gate: Option<Arc<Gate>>,
    account: Account,
    /// `None` while nobody has any: then everything is allowed.
    grants: Option<Grants>,
}

struct Grants {
    own: GuestConfig,
    /// Those of all guests.
    all: Arc<GuestConfigs>,
}

impl Permit {
    /// On whose account it may create a pending under a key, or without one.
    ///
    /// # Errors
    /// `Limit` for a key that is too long, `Denied` for one that it was not granted.
    pub fn create(&self, key: Option<&str>, limits: &Limits) -> Result<Account, Refusal> {
        if let Some(key) = key {
            check_key(key, limits)?;
            self.check(|own| is_granted(&own.keys, key))?;
        }
        Ok(self.account)
    }

    /// Whether it may settle what waits under a key, with this.
    ///
    /// # Errors
    /// `Limit` for a key or a settlement that is too long. `Denied` for a key that it was not granted; and for a
    /// response without that grant, if another guest may create pendings under the key. (May, not has: so the answer
    /// does not depend on who happens to wait, nor on to whom an unconsumed settlement passes on.)
    pub fn settle_key(&self, key: &str, settlement: Settlement, limits: &Limits) -> Result<Settled, Refusal> {
        check_key(key, limits)?;
        self.check(|own| is_granted(&own.settles, key))?;
        let settled = check_settlement(settlement, limits)?;
        let Some(all) = self.all_if_withheld(&settled) else { return Ok(settled) };
        let is_shared = all.iter().any(|(name, config)| **name != *self.name && is_granted(&config.keys, key));
        if is_shared { Err(Refusal::Denied) } else { Ok(settled) }
    }

    /// Whether it may settle what a token names, with this. Whether the token names anything is not its matter.
    ///
    /// # Errors
    /// `Limit` for a settlement that is too long. `Denied` for a response without that grant, if another guest has
    /// created the pending.
    pub fn settle_token(
        &self,
        token: &str,
        settlement: Settlement,
        registry: &Registry<Settled>,
        limits: &Limits,
    ) -> Result<Settled, Refusal> {
        let settled = check_settlement(settlement, limits)?;
        if self.all_if_withheld(&settled).is_none() {
            return Ok(settled);
        }
        match registry.owner(token) {
            Some(owner) if owner != self.account.owner || owner == Owner::ANONYMOUS => Err(Refusal::Denied),
            _ => Ok(settled),
        }
    }

    /// Whether it may learn how many wait under a key: it may create or settle there.
    pub fn sees(&self, key: &str) -> bool {
        self.check(|own| is_granted(&own.settles, key) || is_granted(&own.keys, key)).is_ok()
    }

    /// One branch in a folder without grants.
    fn check(&self, is_granted: impl FnOnce(&GuestConfig) -> bool) -> Result<(), Refusal> {
        match &self.grants {
            Some(grants) if !is_granted(&grants.own) => Err(Refusal::Denied),
            _ => Ok(()),
        }
    }

    /// All guests' grants, if this is a response and the guest may not send one to every client.
    fn all_if_withheld(&self, settled: &Settled) -> Option<&GuestConfigs> {
        let grants = self.grants.as_ref().filter(|_| matches!(**settled, Settlement::Response(_)))?;
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
    if settlement.bytes() > limits.settlement_bytes_max { Err(Refusal::Limit) } else { Ok(Settled::new(settlement)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use snow_core::Glob;
    use snow_core::WorkerId;
    use snow_http::Response;

    fn globs(patterns: &[&str]) -> Option<Globs> {
        Some(patterns.iter().copied().map(Glob::new).collect())
    }

    fn value(bytes: usize) -> Settlement {
        Settlement::Value(vec![b'v'; bytes])
    }

    fn response() -> Settlement {
        Settlement::Response(Response::text(200, "x"))
    }

    /// `shop` waits under orders and mail, `pay` settles orders, `desk` settles both and responds.
    fn permits() -> Permits {
        let shop = GuestConfig { keys: globs(&["orders/*", "mail"]), settles: globs(&["mail"]), ..Default::default() };
        let pay = GuestConfig { settles: globs(&["orders/*"]), ..Default::default() };
        let desk = GuestConfig { settles: globs(&["*"]), responds: Some(true), ..Default::default() };
        let configs = [("shop", shop), ("pay", pay), ("desk", desk)].map(|(name, config)| (name.to_owned(), config));
        Permits::new(&configs.into(), &Limits::default())
    }

    #[test]
    fn without_grants_everybody_may_do_everything() {
        let configs = [("a".to_owned(), GuestConfig { pendings_max: Some(3), ..Default::default() })];
        let (permits, limits) = (Permits::new(&configs.into(), &Limits::default()), Limits::default());
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
        assert_eq!((creates(&shop, Some("orders/1")), creates(&shop, Some("users"))), (Ok(()), Err(Refusal::Denied)));
        assert_eq!((settles(&shop, "mail"), settles(&shop, "orders/1")), (Ok(()), Err(Refusal::Denied)));
        assert_eq!((settles(&pay, "orders/1"), creates(&pay, Some("orders/1"))), (Ok(()), Err(Refusal::Denied)));
        assert_eq!(
            (creates(&stranger, Some("mail")), settles(&stranger, "")),
            (Err(Refusal::Denied), Err(Refusal::Denied))
        );
        assert_eq!(creates(&stranger, None), Ok(()), "its token is all there is to it");
        assert!(shop.sees("orders/1") && pay.sees("orders/1") && !pay.sees("mail") && !stranger.sees("mail"));
    }

    #[test]
    fn a_response_to_anothers_client_is_a_grant_of_its_own() {
        let (permits, limits) = (permits(), Limits::default());
        let [shop, pay, desk] = ["shop", "pay", "desk"].map(|name| permits.of(name));
        assert!(shop.settle_key("mail", response(), &limits).is_ok(), "only `shop` waits there");
        assert_eq!(pay.settle_key("orders/1", response(), &limits), Err(Refusal::Denied));
        assert!(desk.settle_key("orders/1", response(), &limits).is_ok());

        let registry: Registry<Settled> = Registry::new(10, |bytes| bytes.fill(7));
        let id = registry.create_for(shop.create(None, &limits).unwrap(), WorkerId(0), None).unwrap();
        let token = registry.token(id).unwrap();
        let with = |guest: &Permit, token: &str, what| guest.settle_token(token, what, &registry, &limits).map(|_| ());
        assert_eq!(with(&pay, &token, response()), Err(Refusal::Denied));
        assert_eq!(with(&pay, &token, value(1)), Ok(()), "a token is a capability");
        assert_eq!((with(&shop, &token, response()), with(&desk, &token, response())), (Ok(()), Ok(())));
        assert_eq!(with(&pay, "no token", response()), Ok(()), "that is the registry's to refuse");
        assert_eq!(with(&permits.of("shop"), &token, response()), Ok(()), "a later version of it too");
    }

    #[test]
    fn keys_and_settlements_have_lengths() {
        let (permits, limits) = (permits(), Limits { key_bytes_max: 8, settlement_bytes_max: 4, ..Limits::default() });
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
