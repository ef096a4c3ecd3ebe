//! A guest's own limits that can't be above a limit of all.

use crate::config::{GuestConfig, Limits};

/// A guest's limit that is above the one that bounds it.
pub(super) struct Exceeding {
    pub name: &'static str,
    pub value: u64,
    /// Which limit bounds it.
    pub bound: &'static str,
    pub most: u64,
}

/// All of them.
pub(super) fn exceeding(config: &GuestConfig, limits: &Limits) -> Vec<Exceeding> {
    let of = |name, value: Option<u64>, bound, most: u64| {
        value.filter(|value| *value > most).map(|value| Exceeding { name, value, bound, most })
    };
    let number = |value: Option<usize>| value.map(|value| value as u64);
    let (pendings, memory, body) = (config.pendings_max, config.memory_bytes_max, config.body_bytes_max);
    let all = [
        of("pendings_max", number(pendings), "pendings_max", limits.pendings_max as u64),
        // The pool's slots have this size, so that no instance can have more.
        of("memory_bytes_max", number(memory), "call_memory_bytes_max", limits.call_memory_bytes_max as u64),
        of("body_bytes_max", body, "body_bytes_max", limits.http.body_bytes_max),
    ];
    all.into_iter().flatten().collect()
}

/// Cuts them.
pub(super) fn fit(config: &mut GuestConfig, limits: &Limits) {
    fn cut<T: Ord + Copy>(value: &mut Option<T>, most: T) {
        *value = value.map(|value| value.min(most));
    }
    cut(&mut config.pendings_max, limits.pendings_max);
    cut(&mut config.memory_bytes_max, limits.call_memory_bytes_max);
    cut(&mut config.body_bytes_max, limits.http.body_bytes_max);
}
