//! Cancels a load while it goes on.

use std::sync::{Arc, Mutex};

use snow_core::lock;

/// Cancels the load of a guest, from another thread: its compiler's process is ended. Clones cancel
/// the same load.
#[derive(Clone, Default)]
pub struct CancelLoad(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    is_cancelled: bool,
    /// Told when the load is cancelled.
    listener: Option<Box<dyn FnOnce() + Send>>,
}

impl CancelLoad {
    /// Cancels the load, now or as soon as it begins.
    pub fn cancel(&self) {
        let listener = {
            let mut state = lock(&self.0);
            state.is_cancelled = true;
            state.listener.take()
        };
        if let Some(listener) = listener {
            listener();
        }
    }

    /// Returns whether the load is cancelled.
    pub fn is_cancelled(&self) -> bool {
        lock(&self.0).is_cancelled
    }

    /// Calls the listener once the load is cancelled; at once if it has been.
    pub(super) fn on_cancel(&self, listener: impl FnOnce() + Send + 'static) {
        let mut state = lock(&self.0);
        match state.is_cancelled {
            true => {
                drop(state);
                listener();
            }
            false => state.listener = Some(Box::new(listener)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn the_listener_is_told_once_whoever_comes_first() {
        let (sender, receiver) = mpsc::channel();
        let cancel = CancelLoad::default();
        let tell = |word| {
            let sender = sender.clone();
            move || sender.send(word).unwrap()
        };
        cancel.on_cancel(tell("before"));
        assert!(receiver.try_recv().is_err());
        cancel.clone().cancel();
        cancel.cancel();
        cancel.on_cancel(tell("after"));
        assert_eq!(receiver.try_iter().collect::<Vec<_>>(), ["before", "after"]);
    }
}
