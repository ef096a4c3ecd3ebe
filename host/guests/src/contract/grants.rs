//! Grants: which keys each guest may use, and how many pendings it may have.
//!
//! The guests of a folder trust one another, and each may create and settle pendings under every
//! key, until the deployer grants something to one of them ([`GuestConfig::has_grants`]). From then
//! on each guest may do only what it was granted, and a guest without grants may use no key. Tokens
//! need no grant, since they are capabilities; but a token alone does not give the right to choose
//! the whole response to another guest's client.

use std::sync::{Arc, Mutex};

use snow_config::{
    ConfigValues, DatabaseConfigs, GuestConfig, GuestConfigs, Limits, OutboundRules, ServerConfig,
};
use snow_core::{
    Account, ByteCount, Charge, Gate, GateId, Gates, Globs, Owner, Refusal, Registry, lock,
};
use snow_runtime::{Database, Mounts, Settled, Settlement};

use self::counts::{Owners, SettledBytes};
use self::databases::DatabasesByName;
use super::deployment::{Address, Public};
use super::masks::Masks;
use super::quota::Quota;
use crate::load::guest::Guest;

mod counts;
mod databases;

/// Advice for a guest that may not create pendings under a key.
pub(crate) const TO_CREATE: &str = "add the key to `keys`";
/// Advice for a guest that may not use a bucket.
pub(crate) const TO_USE_BUCKET: &str = "add the bucket to `buckets`";
/// How the names of the host's own buckets begin.
const HOST_BUCKETS: &str = "snow:";
/// Advice for a guest that may not use a database.
const TO_USE_DATABASE: &str = "add the name to `databases`";
/// Advice for a guest that may use a database which there is not.
const TO_NAME_DATABASE: &str = "write a table [database.NAME] with its `url`, beside `databases`";
const TO_SETTLE: &str = "add the key to `settles`";
const TO_RESPOND: &str = "put `responds = true`, since it answers another guest's client,";

/// The permits of all guests of a process, under one manifest.
pub struct Permits {
    pub(super) configs: Arc<GuestConfigs>,
    /// Whether anything is granted to any guest. If not, every guest may do everything.
    has_grants: bool,
    limits: Box<Limits>,
    /// The gates of guests whose calls are limited in number.
    gates: Arc<Gates>,
    /// The owners by guest. A guest's name keeps its owner for as long as a version of it exists or
    /// a pending is its own, so a new version owns the pendings that an older one created.
    owners: Arc<Mutex<Owners>>,
    settled: SettledBytes,
    /// The values that the command line gives every guest.
    common: ConfigValues,
    /// Where clients reach the server.
    public: Public,
    /// The databases that guests may be granted.
    databases: DatabasesByName,
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
            settled: SettledBytes::default(),
            common: ConfigValues::default(),
            public: Public::default(),
            databases: DatabasesByName::default(),
        }
    }

    /// Lets guests be granted these databases. One that is as before stays the same.
    pub fn with_databases(self, configs: &DatabaseConfigs) -> Permits {
        let databases = databases::of(configs, &self.limits, &self.databases);
        Permits { databases, ..self }
    }

    /// Tells every guest where clients reach this server.
    pub fn with_server(self, server: &ServerConfig) -> Permits {
        Permits { public: server.into(), ..self }
    }

    /// Gives every guest these values, beside those of its own table.
    pub fn with_common(self, common: ConfigValues) -> Permits {
        Permits { common, ..self }
    }

    /// Makes the permits of the same process under another manifest. Gates, owners and counts stay,
    /// and the databases until there are [others](Self::with_databases).
    pub fn under(&self, configs: &GuestConfigs, limits: &Limits) -> Permits {
        let (owners, gates) = (self.owners.clone(), self.gates.clone());
        let (settled, common) = (self.settled.clone(), self.common.clone());
        let databases = self.databases.clone();
        Permits { owners, gates, settled, common, databases, ..Permits::new(configs, limits) }
    }

    /// Returns how many bytes of settlements are kept now.
    pub fn settled_bytes(&self) -> usize {
        self.settled.all.get()
    }

    /// Returns what the guest of this name may do. If there are more names than owners, the last
    /// ones share [`Owner::ANONYMOUS`]: their pendings are counted together, none is their own.
    pub(crate) fn of(&self, name: &str) -> Permit {
        self.permit(name, false)
    }

    /// Returns what a guest may do, as [`of`](Permits::of) does for its name.
    pub(crate) fn of_guest(&self, guest: &Guest) -> Permit {
        self.permit(&guest.name, guest.sources.is_some())
    }

    fn permit(&self, name: &str, is_source: bool) -> Permit {
        let name: Arc<str> = name.into();
        let config = self.configs.get(&*name);
        let pendings_max = config.and_then(|config| config.pendings_max);
        let quota = Quota::new(&name, config, is_source, &self.limits);
        let values = self.values(config);
        let outbound = config.and_then(|own| own.outbound.clone()).unwrap_or_default();
        Permit {
            account: Account {
                owner: self.owner(&name),
                pendings_max: pendings_max.unwrap_or(self.limits.guest_pendings_max),
            },
            settled: self.settled.of(&name),
            all_settled: self.settled.all.clone(),
            gate: quota.calls_max.map(|_| self.gates.of(&name)),
            quota,
            environment: config.map(environment).unwrap_or_default(),
            masks: Masks::new(&values, &outbound),
            values,
            address: Address::new(config, &self.public),
            outbound: Arc::new(outbound),
            buckets: config.and_then(|config| config.buckets.clone()),
            granted_databases: config.and_then(|config| config.databases.clone()),
            databases: self.databases.clone(),
            grants: self.has_grants.then(|| Grants {
                own: self.configs.get(&*name).cloned().unwrap_or_default(),
                all: self.configs.clone(),
            }),
            name,
        }
    }

    /// Returns what a guest reads by `wasi:config`.
    fn values(&self, config: Option<&GuestConfig>) -> ConfigValues {
        let Some(own) = config.and_then(|config| config.config.as_ref()) else {
            return self.common.clone();
        };
        let mut values = own.clone();
        values.add_missing(&self.common);
        values
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

/// Returns the environment of a guest, as names and values.
fn environment(config: &GuestConfig) -> Vec<(String, String)> {
    let entries = config.environment.iter().flatten();
    let pair = |entry: &String| {
        let (name, value) = entry.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    };
    entries.filter_map(pair).collect()
}

/// What one guest may do.
pub(crate) struct Permit {
    /// The guest's name.
    pub name: Arc<str>,
    /// The memory, time and instances that the guest may take.
    pub quota: Quota,
    /// The gate that the guest's calls pass, if they are limited in number.
    pub gate: Option<Arc<Gate>>,
    /// What the guest finds in its environment: names and values.
    pub environment: Vec<(String, String)>,
    /// What the guest reads by `wasi:config`.
    pub values: ConfigValues,
    /// The secrets among them, and among what the host adds to requests, which are not logged.
    pub masks: Masks,
    /// Where clients find the guest.
    pub address: Address,
    /// Where the guest may send requests.
    pub outbound: Arc<OutboundRules>,
    /// Buckets of the store that the guest may use beside its own.
    buckets: Option<Globs>,
    /// Names of databases that the guest may use.
    granted_databases: Option<Globs>,
    /// All databases.
    databases: DatabasesByName,
    /// The account that the guest's pendings are counted on.
    account: Account,
    /// Bytes of the guest's settlements that are kept.
    settled: Arc<ByteCount>,
    /// Bytes of all guests' settlements that are kept.
    all_settled: Arc<ByteCount>,
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
    /// `Limit` for a key or a settlement that is too long, and when too many bytes of settlements
    /// are kept. `Denied` for a key that the guest was not granted, and for a response if another
    /// guest may create pendings under the key and this one may not respond for others. What another
    /// guest may do decides, not what it has done: so the result does not depend on who happens to
    /// wait, nor on whom an unconsumed settlement passes to.
    pub(crate) fn settle_key(
        &self,
        key: &str,
        settlement: Settlement,
        limits: &Limits,
    ) -> Result<Settled, Refusal> {
        check_key(key, limits)?;
        self.check(|own| is_granted(&own.settles, key))?;
        check_settlement(&settlement, limits)?;
        let is_shared = self.all_if_restricted(&settlement).is_some_and(|all| {
            all.iter().any(|(name, config)| **name != *self.name && is_granted(&config.keys, key))
        });
        if is_shared { Err(Refusal::Denied) } else { self.keep(settlement, limits) }
    }

    /// Checks that the guest may settle the pending of this token with this settlement. Returns the
    /// settlement. A token that names no pending passes; the registry refuses it.
    ///
    /// # Errors
    /// `Limit` for a settlement that is too long, and when too many bytes of settlements are kept.
    /// `Denied` for a response if another guest has
    /// created the pending and this one may not respond for others.
    pub(crate) fn settle_token(
        &self,
        token: &str,
        settlement: Settlement,
        registry: &Registry<Settled>,
        limits: &Limits,
    ) -> Result<Settled, Refusal> {
        check_settlement(&settlement, limits)?;
        if self.all_if_restricted(&settlement).is_some()
            && let Some(owner) = registry.owner(token)
            && (owner != self.account.owner || owner == Owner::ANONYMOUS)
        {
            return Err(Refusal::Denied);
        }
        self.keep(settlement, limits)
    }

    /// Counts the bytes of a settlement, from now on until nobody has it any more.
    pub(crate) fn keep(&self, settlement: Settlement, limits: &Limits) -> Result<Settled, Refusal> {
        let own = (&self.settled, limits.guest_settled_bytes_max);
        let all = (&self.all_settled, limits.settled_bytes_max);
        let charge = Charge::new(settlement.bytes(), own, all).ok_or(Refusal::Limit)?;
        Ok(Settled::charged(settlement, charge))
    }

    /// Whether the guest may learn how many pendings wait under a key: if it may create or settle
    /// there.
    pub(crate) fn sees(&self, key: &str) -> bool {
        self.check(|own| is_granted(&own.settles, key) || is_granted(&own.keys, key)).is_ok()
    }

    /// Whether the guest may use a bucket of the store: the one that has its name, those whose names
    /// begin with that and a slash, and what it was granted.
    pub(crate) fn may_use_bucket(&self, bucket: &str) -> bool {
        // Buckets of the host, which no pattern grants.
        if bucket.starts_with(HOST_BUCKETS) {
            return false;
        }
        let is_own = bucket
            .strip_prefix(&*self.name)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        is_own || is_granted(&self.buckets, bucket)
    }

    /// Returns the database of this name, if the guest may use it.
    ///
    /// # Errors
    /// It may not, or there is none; what the deployer may do.
    pub(crate) fn database(&self, name: &str) -> Result<Arc<Database>, &'static str> {
        if !is_granted(&self.granted_databases, name) {
            return Err(TO_USE_DATABASE);
        }
        self.databases.get(name).cloned().ok_or(TO_NAME_DATABASE)
    }

    /// Returns what the deployer may do if the guest is to settle under this key, which it was
    /// denied. `None` stands for a token.
    pub(crate) fn to_settle(&self, key: Option<&str>) -> &'static str {
        match key {
            Some(key) if self.check(|own| is_granted(&own.settles, key)).is_err() => TO_SETTLE,
            _ => TO_RESPOND,
        }
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
    fn all_if_restricted(&self, settlement: &Settlement) -> Option<&GuestConfigs> {
        let grants =
            self.grants.as_ref().filter(|_| matches!(settlement, Settlement::Response(_)))?;
        (grants.own.responds != Some(true)).then_some(&*grants.all)
    }
}

fn is_granted(granted: &Option<Globs>, key: &str) -> bool {
    granted.as_ref().is_some_and(|globs| globs.matches(key))
}

fn check_settlement(settlement: &Settlement, limits: &Limits) -> Result<(), Refusal> {
    if settlement.bytes() > limits.settlement_bytes_max { Err(Refusal::Limit) } else { Ok(()) }
}

fn check_key(key: &str, limits: &Limits) -> Result<(), Refusal> {
    if key.len() > limits.key_bytes_max { Err(Refusal::Limit) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
