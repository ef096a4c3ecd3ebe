//! The handles of a suspension, most of which have one and no clock.

use snow_core::PendingId;
use snow_runtime::{Handle, TimerState};

/// Handles in the guest's order. 16 bytes for one that no clock settles, which is what most are.
pub(crate) enum Handles {
    One(PendingId),
    /// Twice boxed: the length goes where the handles are.
    Several(Box<Box<[Handle]>>),
}

impl Handles {
    pub fn new(handles: Vec<Handle>) -> Handles {
        match handles[..] {
            [Handle { id, timer: TimerState::None }] => Handles::One(id),
            _ => Handles::Several(Box::new(handles.into_boxed_slice())),
        }
    }

    pub fn len(&self) -> usize {
        match self {
            Handles::One(_) => 1,
            Handles::Several(handles) => handles.len(),
        }
    }

    pub fn get(&self, index: usize) -> Option<Handle> {
        match self {
            Handles::One(id) => (index == 0).then_some(Handle { id: *id, timer: TimerState::None }),
            Handles::Several(handles) => handles.get(index).copied(),
        }
    }

    /// The worker has set a timer for one that has a clock.
    pub fn set_timer(&mut self, index: usize, timer: TimerState) {
        if let Handles::Several(handles) = self
            && let Some(handle) = handles.get_mut(index)
        {
            handle.timer = timer;
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = Handle> + Clone {
        (0..self.len()).filter_map(|index| self.get(index))
    }
}
