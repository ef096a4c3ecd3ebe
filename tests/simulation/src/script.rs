//! What simulated guests do. The seed chooses it for each request.

use snow_runtime::Join;

use crate::rng::Rng;

/// Keys that pendings wait under.
pub const KEYS: [&str; 3] = ["red", "green", "blue"];

/// What a guest's calls do for one request.
#[derive(Clone, Debug)]
pub struct Script {
    /// What the first call does, in order.
    pub ops: Vec<Op>,
    /// How the call ends.
    pub end: End,
    /// Whether it is the script of the quick guest.
    pub is_quick: bool,
}

/// One thing that a guest does.
#[derive(Clone, Copy, Debug)]
pub enum Op {
    /// Makes a pending, perhaps under a key.
    Create(Option<usize>),
    /// Makes a pending that the clock settles after so many milliseconds.
    Timer(u32),
    /// Settles the oldest pending under a key.
    SettleNext(usize),
    /// Settles all pendings under a key.
    SettleAll(usize),
    /// Settles a pending by its token. The number counts from the latest.
    SettleToken(usize),
    /// Lets one of the call's own pendings go.
    Drop(usize),
    /// Waits in place for the call's pendings.
    Wait {
        /// How many of them have to be settled.
        until: Join,
        /// The deadline.
        timeout_ms: u32,
    },
    /// Computes beyond its time slice.
    Slice,
    /// Computes for so many microseconds, within its time slice.
    Compute(u64),
    /// Starts an operation that settles a pending later.
    Operate,
    /// Makes a pending that the next change of a key in the store settles.
    Watch {
        /// The key.
        key: usize,
        /// Whether the guest has seen a version that the key does not have any more.
        is_late: bool,
    },
    /// Sets a key in the store.
    Set {
        /// The key.
        key: usize,
        /// After how many milliseconds it ends.
        expires_ms: Option<u32>,
    },
    /// Deletes a key in the store.
    Delete(usize),
}

/// How a call ends.
#[derive(Clone, Debug)]
pub enum End {
    /// With an answer.
    Respond,
    /// With a trap.
    Trap,
    /// With a suspension.
    Suspend {
        /// How many of them have to be settled.
        until: Join,
        /// The deadline.
        timeout_ms: Option<u32>,
        /// Whether there is an answer for the deadline.
        on_timeout: bool,
        /// Whether `resume` gets the request.
        keep_request: bool,
        /// What `resume` does. `None`: the host answers.
        resume: Option<Box<Script>>,
        /// Whether the first of the call's pendings is not among those that it returns.
        forgets_one: bool,
    },
}

impl Script {
    /// Makes up a script that suspends at most `depth` times. One that `computes` does so for many
    /// slices, often after a wait in place.
    pub fn any(rng: &mut Rng, depth: u32, computes: bool) -> Script {
        let mut ops: Vec<Op> = (0..rng.below(4)).map(|_| Op::any(rng)).collect();
        if computes && rng.percent(60) {
            if rng.percent(50) {
                ops.push(Op::Timer(rng.below(30) as u32));
                ops.push(Op::Wait { until: Join::Any, timeout_ms: rng.below(50) as u32 });
            }
            let slices = 5 + rng.below(30);
            ops.extend((0..slices).map(|_| Op::Slice));
        }
        if depth > 0 && rng.percent(6) {
            return Script::relay(rng);
        }
        let suspends = depth > 0 && rng.percent(55);
        if suspends && rng.percent(85) {
            ops.push(Op::Create((!rng.percent(25)).then(|| rng.below(KEYS.len()))));
        }
        let end = match suspends {
            true => End::suspend(rng, depth - 1, computes),
            false if rng.percent(4) => End::Trap,
            false => End::Respond,
        };
        Script { ops, end, is_quick: false }
    }

    /// Makes up a script that waits for nothing but an operation, whose answer is the client's.
    fn relay(rng: &mut Rng) -> Script {
        let end = End::Suspend {
            until: if rng.percent(50) { Join::All } else { Join::Any },
            timeout_ms: rng.percent(50).then(|| rng.below(2_000) as u32),
            on_timeout: rng.percent(50),
            keep_request: rng.percent(20),
            resume: None,
            forgets_one: false,
        };
        Script { ops: vec![Op::Operate], end, is_quick: false }
    }

    /// Returns the script of the quick guest: an answer at once.
    pub fn quick() -> Script {
        Script { ops: vec![Op::Compute(20)], end: End::Respond, is_quick: true }
    }
}

impl Op {
    fn any(rng: &mut Rng) -> Op {
        let key = rng.below(KEYS.len());
        match rng.below(100) {
            0..22 => Op::Create((!rng.percent(25)).then_some(key)),
            22..29 => Op::Timer(rng.below(300) as u32),
            29..48 => Op::SettleNext(key),
            48..57 => Op::SettleAll(key),
            57..69 => Op::SettleToken(rng.below(6)),
            69..74 => Op::Drop(rng.below(3)),
            74..82 => Op::Watch { key, is_late: rng.percent(15) },
            82..87 => {
                let expires_ms = rng.percent(40).then(|| rng.below(500) as u32);
                Op::Set { key, expires_ms }
            }
            87..88 => Op::Delete(key),
            88..91 => Op::Wait {
                until: if rng.percent(50) { Join::All } else { Join::Any },
                timeout_ms: rng.below(500) as u32,
            },
            91..96 => Op::Slice,
            96..98 => Op::Compute(rng.below(900) as u64),
            _ => Op::Operate,
        }
    }
}

impl End {
    fn suspend(rng: &mut Rng, depth: u32, computes: bool) -> End {
        End::Suspend {
            until: if rng.percent(50) { Join::All } else { Join::Any },
            timeout_ms: rng.percent(80).then(|| rng.below(2_000) as u32),
            on_timeout: rng.percent(50),
            keep_request: rng.percent(50),
            resume: rng.percent(60).then(|| Box::new(Script::any(rng, depth, computes))),
            forgets_one: rng.percent(10),
        }
    }
}
