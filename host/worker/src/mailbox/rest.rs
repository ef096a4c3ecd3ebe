//! How whoever moves the clock learns that a worker has nothing to do but wait.
//!
//! A question comes as a [message](crate::Message::TellRest), and is answered when the worker is
//! about to sleep: no call computes or can start, no mail is left, and no timer is due.

use std::fmt;

/// A question: when is the worker at rest, and until when?
pub struct RestQuestion {
    /// Takes the answer, on the worker's thread. It must not block.
    pub reply: Box<dyn FnOnce(Rest) + Send>,
}

/// What a worker says that has nothing to do but wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rest {
    /// When it has something to do next, on the workers' clock. `None` if only a socket or mail can
    /// wake it.
    pub next_ms: Option<u64>,
    /// Messages, settlements and timers that it has dealt with so far, but for these questions. If
    /// two answers have the same number, it did nothing in between.
    pub done: u64,
}

/// The questions that are not answered yet.
#[derive(Default)]
pub(crate) struct RestQuestions {
    asked: Vec<RestQuestion>,
    done: u64,
}

impl RestQuestions {
    /// Takes a question.
    pub fn ask(&mut self, question: RestQuestion) {
        self.asked.push(question);
    }

    /// Counts something that the worker has dealt with.
    pub fn count(&mut self) {
        self.done += 1;
    }

    /// Returns whether anybody waits for an answer.
    pub fn are_open(&self) -> bool {
        !self.asked.is_empty()
    }

    /// Answers all questions of a worker that is at rest.
    pub fn answer(&mut self, next_ms: Option<u64>) {
        for question in self.asked.drain(..) {
            (question.reply)(Rest { next_ms, done: self.done });
        }
    }
}

impl fmt::Debug for RestQuestion {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("RestQuestion").finish_non_exhaustive()
    }
}
