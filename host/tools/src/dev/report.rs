//! Reports builds to the developer. The line before each build comes from
//! [`build_guests`](crate::build_guests); here are the lines after it, once the result is known or
//! served.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::build::BuildOutcome;
use snow_core::{error_chain, escape_control, escape_lines};
use snow_server::Serving;

/// Prints what becomes of builds.
pub(super) struct Reporter {
    out: Box<dyn Write + Send>,
    /// Guests that were built and are not served yet, by name.
    waiting: BTreeMap<String, Unserved>,
}

/// A build whose guest is not served yet.
struct Unserved {
    built_at: SystemTime,
    took: Duration,
}

impl Reporter {
    pub fn new(out: Box<dyn Write + Send>) -> Reporter {
        Reporter { out, waiting: BTreeMap::new() }
    }

    /// Returns the output, for the lines before builds.
    pub fn out(&mut self) -> &mut dyn Write {
        &mut *self.out
    }

    /// Prints a line. An error is ignored: guests are built even if nobody can see it.
    pub fn print(&mut self, line: &str) {
        let line = escape_control(line);
        let _ = writeln!(self.out, "{line}").and_then(|()| self.out.flush());
    }

    /// Prints an error with its causes.
    pub fn print_error(&mut self, error: &anyhow::Error) {
        let text = error_chain(error.as_ref());
        let text = escape_lines(&text);
        let _ = writeln!(self.out, "error: {text}").and_then(|()| self.out.flush());
    }

    /// Returns whether [`Reporter::look`] may have something to print.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Prints the results of the first builds, when no guest is served yet.
    pub fn first_builds(&mut self, guests: &Path, outcomes: Vec<BuildOutcome>) {
        if outcomes.is_empty() {
            self.print(&format!(
                "nothing to build in {}: `snow-host new` makes a guest, which is then built here",
                guests.display()
            ));
        }
        for BuildOutcome { name, result, took } in outcomes {
            match result {
                Ok(_) => self.print(&format!("built {name} in {}", seconds(took))),
                Err(error) => {
                    let file = guests.join(format!("{name}.wasm"));
                    self.print_error(&error);
                    match file.is_file() {
                        true => self.print(&format!(
                            "{name} could not be built: the file from before is served"
                        )),
                        false => self.print(&format!(
                            "{name} could not be built, and is not served until it can be"
                        )),
                    }
                }
            }
        }
    }

    /// Prints the results of builds while the server runs. The line about a guest that was built
    /// comes from [`Reporter::look`], once it is served.
    pub fn rebuilt(&mut self, outcomes: Vec<BuildOutcome>, serving: &Serving) {
        for BuildOutcome { name, result, took } in outcomes {
            match result {
                Ok(built) if built.changed => {
                    self.waiting.insert(name, Unserved { built_at: built.at, took });
                }
                Ok(_) => self
                    .print(&format!("built {name} in {}: it is the same as before", seconds(took))),
                Err(error) => {
                    self.print_error(&error);
                    self.print(&format!(
                        "{name} could not be built: {}",
                        still_served(&name, serving)
                    ));
                }
            }
        }
    }

    /// Prints a line for each guest that is served now, or that the server could not load.
    pub fn look(&mut self, serving: &Serving) {
        for (name, Unserved { built_at, took }) in std::mem::take(&mut self.waiting) {
            let is_new = |at: SystemTime| at >= built_at;
            let shown = seconds(took);
            if serving.version(&name).is_some_and(|(_, since)| is_new(since)) {
                self.print(&format!("built {name} in {shown}: it is served now"));
            } else if serving.failed_at(&name).is_some_and(is_new) {
                let instead = still_served(&name, serving);
                self.print(&format!(
                    "built {name} in {shown}, but it can't be served (see the log): {instead}"
                ));
            } else {
                self.waiting.insert(name, Unserved { built_at, took });
            }
        }
    }

    /// Reports that a guest's source folder was removed.
    pub fn source_removed(&mut self, guests: &Path, name: &OsStr) {
        let name = name.to_string_lossy();
        let file = guests.join(format!("{name}.wasm"));
        if file.is_file() {
            self.print(&format!(
                "the source of {name} is gone: {} is served until you remove it",
                file.display()
            ));
        }
    }

    /// Reports that a folder's builds write into it, and are delayed.
    pub fn echoing(&mut self, name: &OsStr) {
        self.print(&format!(
            "{0} changes each time it is built, so it is built only every few seconds: let its build write to \
             $SNOW_GUEST_OUT, {0}.wasm, `target` or a hidden folder, and to no other file among its sources",
            name.display()
        ));
    }
}

/// Describes which version of a guest is served although its new source is not.
fn still_served(name: &str, serving: &Serving) -> String {
    match serving.version(name) {
        Some((nth, _)) => format!("version {nth} is still served"),
        None => "no version is served".to_owned(),
    }
}

fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}
