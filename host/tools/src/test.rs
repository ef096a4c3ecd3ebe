//! Runs the cases that lie beside a guest against a server in this process: `snow-host test`.
//!
//! The cases of the guest in `NAME.wasm` or `NAME.wat` are in `NAME.test.toml`: beside the guest's file, in its source
//! folder `NAME/`, or in both.
//!
//! How they are written is also what `snow-host test --help` says:
//!
//! ```text
#![doc = include_str!("test/help.txt")]
//! ```
//!
//! A settlement of a case is the host's own, so no grant of `snow.toml` is needed for it. An answer may be waited for
//! 600,000 ms at most, from the beginning of its step. The names of header fields are in any case.
//!
//! Each case has a server of its own, with one worker, so that nothing that one leaves behind reaches the next: no held
//! request, no reused instance, no count of traps. What `snow.toml` beside the guests says is in force.

mod cases;
mod client;
mod compare;
mod find;
mod parse;
mod play;

use std::io::Write;
use std::ops::AddAssign;
use std::path::Path;

use anyhow::{bail, ensure};

use self::cases::{Case, CaseFile};
use self::find::Subject;
use self::play::{Failure, Stage};
use snow_config::Config;

/// How cases are written, for the command line.
pub const HELP: &str = include_str!("test/help.txt");

/// What became of cases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Cases that went as they should.
    pub passed: usize,
    /// Cases that did not. A guest that can't be loaded is one, and its cases are not counted.
    pub failed: usize,
}

impl AddAssign for Summary {
    fn add_assign(&mut self, other: Summary) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

/// The cases of a guest in one file.
struct Suite<'s> {
    subject: &'s Subject,
    file: CaseFile,
}

/// Runs the cases of a guest (a `.wasm` or `.wat` file), or of all guests of a folder, and says on `out` what became of
/// each. `config` is what a server of theirs would be started with. With a `filter`, only cases are run that have it in `GUEST: NAME`.
///
/// # Errors
/// There is no such file or folder, it has no cases, or a file of cases makes no sense: then no case is run, and all
/// that is wrong with all of them is told at once. A server can't be started, or `out` can't be written.
pub fn run(guests: &Path, config: &Config, filter: Option<&str>, out: &mut dyn Write) -> anyhow::Result<Summary> {
    let subjects = find::subjects(guests)?;
    let suites = suites(&subjects)?;
    for subject in subjects.iter().filter(|subject| subject.case_files.is_empty()) {
        writeln!(out, "none   {}: there is no {}", subject.name, subject.case_file_wanted().display())?;
    }
    let mut summary = Summary::default();
    for Suite { subject, file } in &suites {
        let name = &subject.name;
        let chosen = |case: &&Case| filter.is_none_or(|text| format!("{name}: {}", case.name).contains(text));
        let stage = Stage::new(subject, &file.with, config)?;
        for case in file.cases.iter().filter(chosen) {
            let failure = match stage.play(case) {
                Ok(took) => {
                    summary.passed += 1;
                    writeln!(out, "ok     {name}: {} ({} ms)", case.name, took.as_millis())?;
                    continue;
                }
                Err(failure) => failure,
            };
            summary.failed += 1;
            report(out, &file.name, name, case, &failure)?;
            if matches!(failure, Failure::NotLoaded(_)) {
                break;
            }
        }
    }
    out.flush()?;
    Ok(summary)
}

/// Reads all files of cases, before any case runs.
fn suites(subjects: &[Subject]) -> anyhow::Result<Vec<Suite<'_>>> {
    let (mut suites, mut problems) = (Vec::new(), Vec::new());
    for subject in subjects {
        for path in &subject.case_files {
            match parse::read(path, &subject.neighbours)? {
                Ok(file) => suites.push(Suite { subject, file }),
                Err(wrong) => problems.push(wrong.to_string()),
            }
        }
    }
    ensure!(problems.is_empty(), "{}", problems.join("\n  "));
    let [.., last] = subjects else { bail!("there is no guest to test") };
    ensure!(
        !suites.is_empty(),
        "there are no cases: write some into {} (`snow-host new rust NAME` shows how they look)",
        last.case_file_wanted().display()
    );
    Ok(suites)
}

/// The failed case, where it failed and what was different, and what the server logged meanwhile.
fn report(out: &mut dyn Write, file: &str, guest: &str, case: &Case, failure: &Failure) -> std::io::Result<()> {
    match failure {
        Failure::NotLoaded(why) => writeln!(out, "FAILED {guest}: can't be loaded\n{}", indented(why)),
        Failure::Step { index, took, what, log } => {
            let step = &case.steps[*index];
            writeln!(out, "FAILED {guest}: {} ({} ms)", case.name, took.as_millis())?;
            let nth = match case.steps.len() {
                1 => String::new(),
                count => format!("step {} of {count}: ", index + 1),
            };
            writeln!(out, "    {file}:{}: {nth}{}", step.line, step.action)?;
            writeln!(out, "{}", indented(what))?;
            match log.trim_end() {
                "" => Ok(()),
                log => writeln!(out, "    the server's log:\n{}", indented(&indented(log))),
            }
        }
    }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}
