//! What a guest does with the store: in memory at once, and on the disk after a wait in place.

use std::sync::Arc;

use wasmtime::component::Resource;
use wasmtime::{AsContextMut, StoreContextMut};

use snow_core::{Refusal, lock};
use snow_runtime::{Join, Level, OperationId, Settled, Source, Wait};
use snow_state::{
    Action, Condition, Entry, Outcome, Page, StoreError, Submitted, Version, Watch, Write,
};

use super::buckets::{Bucket, Swap};
use super::listener::{AlsoDone, WriteResult, Writer, settlement};
use crate::contract::context::CallContext;
use crate::contract::grants::TO_USE_BUCKET;
use crate::contract::types::Pending;

/// The most that an expiry may lie ahead: 100 years, in milliseconds.
const EXPIRES_MS_MAX: u64 = 100 * 365 * 24 * 3_600_000;

/// Why an operation did nothing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Refused {
    /// The guest may not use this bucket, or not here.
    Denied,
    /// A limit, in words that name it.
    Limit(String),
    /// The store refuses.
    Store(StoreError),
    /// The disk has not answered in time.
    Late,
}

/// The words for a guest whose write was [late](Refused::Late).
pub(in crate::contract) const LATE: &str =
    "the disk has not answered in time: the write may be kept";

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Refused {
        Refused::Store(error)
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Refused {
        match refusal {
            Refusal::Denied => Refused::Denied,
            _ => Refused::Limit("too many pendings of this call, this guest or in all".into()),
        }
    }
}

type Operation<T> = Result<T, Refused>;

impl CallContext {
    /// Opens a bucket, if the guest may use it.
    pub(super) fn open(&mut self, name: &str) -> Operation<Resource<Bucket>> {
        let name = match name {
            "default" => self.permit().name.clone(),
            other => other.into(),
        };
        self.runtime.limits.store.check_key(&name)?;
        self.check_bucket(&name)?;
        let opened = self.open.buckets.add(Bucket(name));
        opened.ok_or_else(|| Refused::Limit("too many buckets are open".into()))
    }

    /// Returns what a key holds.
    pub(super) fn get(&self, bucket: &Resource<Bucket>, key: &str) -> Operation<Option<Entry>> {
        let bucket = self.bucket(bucket)?;
        Ok(self.runtime.store.get(&bucket, key, self.wall_ms()))
    }

    /// Returns what several keys hold, all of them at one moment.
    pub(super) fn get_many(
        &self,
        bucket: &Resource<Bucket>,
        keys: &[String],
    ) -> Operation<Vec<Option<Entry>>> {
        let bucket = self.bucket(bucket)?;
        Ok(self.runtime.store.get_many(&bucket, keys, self.wall_ms())?)
    }

    /// Returns a page of keys.
    pub(super) fn list(
        &self,
        bucket: &Resource<Bucket>,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Operation<Page> {
        let bucket = self.bucket(bucket)?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(self.runtime.store.list(&bucket, prefix, after, limit, self.wall_ms()))
    }

    /// Creates a pending that is settled once the key's version is no longer `since`.
    pub(super) fn changed(
        &mut self,
        bucket: &Resource<Bucket>,
        key: &str,
        since: Option<Version>,
    ) -> Operation<Resource<Pending>> {
        let bucket = self.bucket(bucket)?;
        let pending = self.create(None, Source::None)?;
        let id = self.handle(pending.rep()).expect("it was created").id;
        match self.runtime.store.changed(&bucket, key, since, id, self.wall_ms()) {
            Ok(Watch::Waiting(ticket)) => {
                let operation = OperationId(ticket.number());
                self.set_source(&pending, Source::Operation(operation));
            }
            Ok(Watch::Changed(entry)) => {
                // Nobody waits for a pending that was just created.
                let settled = Settled::new(settlement(entry.as_ref()));
                let _ = self.registry().settle(id, settled);
            }
            Err(error) => {
                self.drop_handle(pending.rep());
                return Err(error.into());
            }
        }
        Ok(pending)
    }

    /// Begins to replace what a key holds now.
    pub(super) fn begin_swap(
        &mut self,
        bucket: &Resource<Bucket>,
        key: &str,
    ) -> Operation<Resource<Swap>> {
        let bucket = self.bucket(bucket)?;
        // It is kept until the swap ends.
        self.runtime.limits.store.check_key(key)?;
        let seen = self.runtime.store.get(&bucket, key, self.wall_ms()).map(|entry| entry.version);
        self.keep_swap(Swap { bucket, key: key.into(), seen })
    }

    /// Returns what the key of a swap holds now. From then on, the swap replaces that.
    pub(super) fn look_again(&mut self, swap: &Resource<Swap>) -> Operation<Option<Entry>> {
        let Swap { bucket, key, .. } = self.open.swaps.get(swap).ok_or(Refused::Denied)?;
        self.check_use(bucket)?;
        let entry = self.runtime.store.get(bucket, key, self.wall_ms());
        let swap = self.open.swaps.get_mut(swap).expect("it was there a moment ago");
        swap.seen = entry.as_ref().map(|entry| entry.version);
        Ok(entry)
    }

    /// Returns the time at which what expires so many milliseconds from now ends.
    pub(super) fn expiry(&self, expires_ms: Option<u64>) -> Option<u64> {
        expires_ms.map(|after_ms| self.wall_ms() + after_ms.min(EXPIRES_MS_MAX))
    }

    /// Returns the time of day, in milliseconds since 1970.
    fn wall_ms(&self) -> u64 {
        self.runtime.clock.wall_ms()
    }

    /// Keeps a swap for the guest.
    fn keep_swap(&mut self, swap: Swap) -> Operation<Resource<Swap>> {
        let kept = self.open.swaps.add(swap);
        kept.ok_or_else(|| Refused::Limit("too many swaps are under way".into()))
    }

    /// Returns the name of a bucket that the guest may still use.
    fn bucket(&self, bucket: &Resource<Bucket>) -> Operation<Arc<str>> {
        let Bucket(name) = self.open.buckets.get(bucket).ok_or(Refused::Denied)?;
        self.check_use(name)?;
        Ok(name.clone())
    }

    /// Checks that the guest may use a bucket that it has open.
    fn check_use(&self, name: &str) -> Operation<()> {
        if !self.can_wait() {
            self.log(
                Level::Warn,
                "the store can't be used while a guest is loaded, only by a request".into(),
            );
            return Err(Refused::Denied);
        }
        // It is checked again, since the instance may be older than the manifest.
        self.check_bucket(name)
    }

    /// Checks that the guest may use a bucket.
    fn check_bucket(&self, name: &str) -> Operation<()> {
        if !self.permit().may_use_bucket(name) {
            self.explain_denial(&format!("use the bucket {name:?}"), TO_USE_BUCKET);
            return Err(Refused::Denied);
        }
        Ok(())
    }
}

/// Does a write. If the store is on disk, the call waits in place until the write is.
pub(super) async fn write(
    store: StoreContextMut<'_, CallContext>,
    bucket: &Resource<Bucket>,
    action: Action,
) -> Operation<Outcome> {
    let bucket = store.data().bucket(bucket)?;
    write_to(store, bucket, action, None).await
}

/// Adds to a key's value, and returns the sum.
pub(super) async fn increment(
    store: StoreContextMut<'_, CallContext>,
    bucket: &Resource<Bucket>,
    key: String,
    by: i64,
) -> Operation<i64> {
    match write(store, bucket, Action::Increment { key: key.into(), by }).await? {
        Outcome::Incremented(sum, _) => Ok(sum),
        other => unreachable!("an increment is never {other:?}"),
    }
}

/// What became of a swap that did not take place.
pub(super) enum SwapFailure {
    /// Another write was first. This is a new swap, of what it wrote.
    Lost(Resource<Swap>),
    /// It was refused.
    Refused(Refused),
}

/// Replaces what a key held when the swap was begun, or looked at last.
pub(super) async fn swap(
    mut store: StoreContextMut<'_, CallContext>,
    swap: Resource<Swap>,
    value: Vec<u8>,
) -> Result<(), SwapFailure> {
    let context = store.data_mut();
    let swap = context.open.swaps.close(swap.rep()).ok_or(Refused::Denied)?;
    context.check_use(&swap.bucket)?;
    let only = swap.seen.map_or(Condition::Absent, Condition::Version);
    let action = Action::Set { key: swap.key.clone(), value: value.into(), expires_ms: None, only };
    match write_to(store.as_context_mut(), swap.bucket.clone(), action, None).await {
        Ok(_) => Ok(()),
        Err(Refused::Store(StoreError::Conflict(won))) => {
            let seen = won.map(|entry| entry.version);
            Err(SwapFailure::Lost(store.data_mut().keep_swap(Swap { seen, ..swap })?))
        }
        Err(refused) => Err(refused.into()),
    }
}

impl From<Refused> for SwapFailure {
    fn from(refused: Refused) -> SwapFailure {
        SwapFailure::Refused(refused)
    }
}

/// Does a write to a bucket that the guest may use, or to one of the host's. `also` is called with the
/// result of one that was not refused beforehand, even if the call is over by then.
pub(in crate::contract) async fn write_to(
    mut store: StoreContextMut<'_, CallContext>,
    bucket: Arc<str>,
    action: Action,
    also: Option<AlsoDone>,
) -> Operation<Outcome> {
    let context = store.data_mut();
    let write = Write { bucket, action };
    if !context.runtime.store.is_on_disk() {
        let result = context.runtime.store.apply(&write, context.wall_ms());
        if let Some(also) = also {
            also(&result);
        }
        return Ok(result?);
    }
    let pending = context.create(None, Source::None)?;
    let written = on_disk(&mut store, &pending, write, also).await;
    store.data_mut().drop_handle(pending.rep());
    written
}

/// Submits a write, and waits in place until it is on the disk.
async fn on_disk(
    store: &mut StoreContextMut<'_, CallContext>,
    pending: &Resource<Pending>,
    write: Write,
    also: Option<AlsoDone>,
) -> Operation<Outcome> {
    let context = store.data();
    let handle = context.handle(pending.rep()).expect("it was created");
    let result = WriteResult::default();
    let writer = Writer::Call { pending: handle.id, result: result.clone(), also };
    match context.runtime.store.submit(write, writer, context.wall_ms())? {
        Submitted::Done(outcome) => return Ok(outcome),
        Submitted::Queued => {}
    }
    if !context.registry().is_settled(handle.id) {
        let parking = context.parking.clone();
        let wait = Wait { handles: vec![handle], until: Join::All, timeout_ms: None };
        let handles = parking.park(wait).await;
        store.data_mut().take_back(&handles);
    }
    let outcome = lock(&result).take();
    outcome.map_or(Err(Refused::Late), |outcome| Ok(outcome?))
}
