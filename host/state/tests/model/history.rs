//! Histories: what people, the clock and the disk do, in any order.

use proptest::prelude::*;

use crate::{BUCKETS, KEYS};

/// One thing that happens.
#[derive(Clone, Debug)]
pub enum Step {
    /// Somebody writes, and waits until it is done.
    Apply(Draft),
    /// Somebody writes, and is told later.
    Submit(Draft),
    /// Somebody waits for a change since the present version, or since another one.
    Wait { bucket: usize, key: usize, is_stale: bool },
    /// A waiter leaves: any there ever was.
    Leave(usize),
    /// Time passes.
    Pass(u64),
    /// The store's thread works.
    Work,
    /// The disk begins to fail, or to work.
    Disk { fails: bool },
}

/// A write, with its condition as it was meant.
#[derive(Clone, Debug)]
pub struct Draft {
    pub bucket: usize,
    pub key: usize,
    pub what: What,
    pub only: Only,
}

#[derive(Clone, Debug)]
pub enum What {
    Set { value: &'static str, lives_ms: Option<u64> },
    Delete,
    Increment(i64),
    SetMany,
    DeleteMany,
}

#[derive(Clone, Copy, Debug)]
pub enum Only {
    Always,
    Absent,
    Present,
    Never,
}

pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    let what = prop_oneof![
        4 => (prop::sample::select(vec!["", "7", "-3", "text"]), prop::option::of(0..30u64))
            .prop_map(|(value, lives_ms)| What::Set { value, lives_ms }),
        2 => Just(What::Delete),
        2 => (-2..3i64).prop_map(What::Increment),
        1 => Just(What::SetMany),
        1 => Just(What::DeleteMany),
    ];
    let only = prop_oneof![
        3 => Just(Only::Always), 1 => Just(Only::Absent), 1 => Just(Only::Present),
        1 => Just(Only::Never)
    ];
    let draft = (0..BUCKETS.len(), 0..KEYS.len(), what, only)
        .prop_map(|(bucket, key, what, only)| Draft { bucket, key, what, only });
    let step = prop_oneof![
        4 => draft.clone().prop_map(Step::Apply),
        4 => draft.prop_map(Step::Submit),
        4 => (0..BUCKETS.len(), 0..KEYS.len(), prop::bool::weighted(0.2))
            .prop_map(|(bucket, key, is_stale)| Step::Wait { bucket, key, is_stale }),
        1 => (0..40usize).prop_map(Step::Leave),
        2 => (0..20u64).prop_map(Step::Pass),
        3 => Just(Step::Work),
        1 => any::<bool>().prop_map(|fails| Step::Disk { fails }),
    ];
    prop::collection::vec(step, 0..80)
}
