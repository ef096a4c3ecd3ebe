//! What a developer is told of builds: a line before each, by [`build_guests`](crate::build), and one after it, once
//! what was built serves.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::build::Outcome;
use snow_core::error_chain;
use snow_server::Serving;

/// Says it.
pub(super) struct Reporter {
    out: Box<dyn Write + Send>,
    /// Guests that were built and don't serve yet, by name.
    waiting: BTreeMap<String, Waiting>,
}

struct Waiting {
    built_at: SystemTime,
    took: Duration,
}

impl Reporter {
    pub fn new(out: Box<dyn Write + Send>) -> Reporter {
        Reporter { out, waiting: BTreeMap::new() }
    }

    /// Where what is being built is said.
    pub fn out(&mut self) -> &mut dyn Write {
        &mut *self.out
    }

    pub fn say(&mut self, line: &str) {
        // If nobody listens, it is built all the same.
        let _ = writeln!(self.out, "{line}").and_then(|()| self.out.flush());
    }

    /// Whether [`Reporter::look`] may have something to say.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The first builds: nothing serves yet.
    pub fn start(&mut self, guests: &Path, outcomes: Vec<Outcome>) {
        if outcomes.is_empty() {
            self.say(&format!(
                "nothing to build in {}: `snow-host new` starts a guest, and it is built then",
                guests.display()
            ));
        }
        for Outcome { name, result, took } in outcomes {
            match result {
                Ok(_) => self.say(&format!("built {name} in {}", seconds(took))),
                Err(error) => {
                    let file = guests.join(format!("{name}.wasm"));
                    self.say(&format!("error: {}", error_chain(error.as_ref())));
                    match file.is_file() {
                        true => self.say(&format!("{name} could not be built: what was built before serves")),
                        false => self.say(&format!("{name} could not be built: nothing serves for it until it is")),
                    }
                }
            }
        }
    }

    /// Builds while the server runs. What was built is told by [`Reporter::look`], when it serves.
    pub fn rebuilt(&mut self, outcomes: Vec<Outcome>, serving: &Serving) {
        for Outcome { name, result, took } in outcomes {
            match result {
                Ok(built) if built.changed => drop(self.waiting.insert(name, Waiting { built_at: built.at, took })),
                Ok(_) => self.say(&format!("built {name} in {}: it is the same as before", seconds(took))),
                Err(error) => {
                    self.say(&format!("error: {}", error_chain(error.as_ref())));
                    self.say(&format!("{name} could not be built: {}", serves_on(&name, serving)));
                }
            }
        }
    }

    /// Says what has become of what was built.
    pub fn look(&mut self, serving: &Serving) {
        for (name, Waiting { built_at, took }) in std::mem::take(&mut self.waiting) {
            let is_new = |at: SystemTime| at >= built_at;
            let took_shown = seconds(took);
            if serving.version(&name).is_some_and(|(_, since)| is_new(since)) {
                self.say(&format!("built {name} in {took_shown}: it serves now"));
            } else if serving.failed_at(&name).is_some_and(is_new) {
                let instead = serves_on(&name, serving);
                self.say(&format!("built {name} in {took_shown}, but it can't serve (the log says why): {instead}"));
            } else {
                self.waiting.insert(name, Waiting { built_at, took });
            }
        }
    }

    pub fn gone(&mut self, guests: &Path, name: &OsStr) {
        let name = name.to_string_lossy();
        let file = guests.join(format!("{name}.wasm"));
        if file.is_file() {
            self.say(&format!("the source of {name} is gone: {} serves until it is removed, too", file.display()));
        }
    }

    pub fn echoes(&mut self, name: &OsStr) {
        self.say(&format!(
            "{0} changes each time it is built, so it is built again only every few seconds: its build should write to \
             $SNOW_GUEST_OUT, {0}.wasm, `target` or a hidden folder, and nowhere else beside its sources",
            name.display()
        ));
    }
}

fn serves_on(name: &str, serving: &Serving) -> String {
    match serving.version(name) {
        Some((nth, _)) => format!("version {nth} serves on"),
        None => "nothing serves for it until it is".to_owned(),
    }
}

fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}
