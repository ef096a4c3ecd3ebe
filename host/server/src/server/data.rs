//! The store of a server and the config of its guests, for tests and tools that have the server in
//! their process.

use std::sync::mpsc;
use std::time::Duration;

use super::Server;
use crate::deploy::{DeployerMessage, NewValues};
use snow_config::Secret;
use snow_guests::RuntimeParts;
use snow_state::{Action, Condition, StoreError, Write};

impl Server {
    /// Returns what a key of a bucket holds.
    pub fn stored_value(&self, bucket: &str, key: &str) -> Option<Vec<u8>> {
        let RuntimeParts { store, clock, .. } = &*self.runtime;
        store.get(bucket, key, clock.wall_ms()).map(|entry| entry.value.to_vec())
    }

    /// Returns the first keys of a bucket: at most `limit`, and never more than
    /// `store_batch_keys_max`.
    pub fn stored_keys(&self, bucket: &str, limit: usize) -> Vec<String> {
        let RuntimeParts { store, clock, .. } = &*self.runtime;
        let page = store.list(bucket, "", None, limit, clock.wall_ms());
        page.keys.iter().map(|key| key.to_string()).collect()
    }

    /// Sets a key, for so long if it `expires`. Whoever waits for its change is woken. It waits for
    /// the disk if the store is there.
    ///
    /// # Errors
    /// The store refuses it, or the disk does.
    pub fn store_value(
        &self,
        bucket: &str,
        key: &str,
        value: &[u8],
        expires: Option<Duration>,
    ) -> Result<(), StoreError> {
        let now_ms = self.clock.wall_ms();
        let after_ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let expires_ms = expires.map(|time| now_ms.saturating_add(after_ms(time)));
        let only = Condition::Always;
        self.write(bucket, Action::Set { key: key.into(), value: value.into(), expires_ms, only })
    }

    /// Deletes a key, if it exists. Whoever waits for its change is woken.
    ///
    /// # Errors
    /// The disk refuses it.
    pub fn delete_value(&self, bucket: &str, key: &str) -> Result<(), StoreError> {
        self.write(bucket, Action::Delete { key: key.into(), only: Condition::Always })
    }

    /// Sets values that a guest reads by `wasi:config`, as a changed `snow.toml` does, and waits
    /// until every call reads them that starts or goes on. They stay until `snow.toml` changes.
    /// Returns whether they were in force `within` that time.
    pub fn configure(&self, guest: &str, values: Vec<(String, Secret)>, within: Duration) -> bool {
        let (in_force, told) = mpsc::channel();
        let values = NewValues { guest: guest.to_owned(), values, in_force };
        // It fails if the deployer has ended, and then nobody answers.
        let _ = self.to_deployer.send(DeployerMessage::Values(values));
        told.recv_timeout(within).is_ok()
    }

    fn write(&self, bucket: &str, action: Action) -> Result<(), StoreError> {
        let write = Write { bucket: bucket.into(), action };
        self.runtime.store.apply(&write, self.clock.wall_ms()).map(drop)
    }
}
