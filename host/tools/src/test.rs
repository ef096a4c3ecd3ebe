//! `snow-host test`: plays the cases that are written beside a guest against a server in this
//! process.
//!
//! The cases of the guest in `NAME.wasm` or `NAME.wat` are in `NAME.test.toml`: beside the guest's
//! file, in its source folder `NAME/`, or in both. `help.txt` describes what a case file may have.

mod cases;
mod compare;
mod find;
mod parse;
mod play;
mod saved;

use std::io::Write;
use std::ops::AddAssign;
use std::path::Path;

use anyhow::{bail, ensure};

use self::cases::{Case, CaseFile};
use self::find::GuestUnderTest;
use self::play::{CaseFailure, Stage};
use snow_config::Config;
use snow_core::escape_control;

/// The description of a case file, for the command line.
pub const CASES_HELP: &str = include_str!("test/help.txt");

/// The number of cases that passed and that failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TestSummary {
    /// Cases that went as expected.
    pub passed: usize,
    /// Cases that did not. If a guest can't be loaded, that is one failure, and its cases are not
    /// counted.
    pub failed: usize,
}

impl AddAssign for TestSummary {
    fn add_assign(&mut self, other: TestSummary) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

/// The cases in one file, with their guest.
struct Suite<'s> {
    guest: &'s GuestUnderTest,
    file: CaseFile,
}

/// Plays the cases of a guest (a `.wasm` or `.wat` file), or of all guests in a folder, and prints
/// a line for each on `out`.
///
/// `config` is the configuration of the servers. With a `filter`, only those cases are played that
/// contain it in `GUEST: NAME`.
///
/// Each case has a new server with one worker. So it never meets what another case has left behind:
/// held requests, reused instances, counted traps. The settings of `snow.toml` apply. A case
/// settles keys as the host itself, which needs no grant.
///
/// # Errors
/// There is no such file or folder, there are no cases, or a case file is invalid. Then no case is
/// played, and the error lists all that is wrong in all files. Or a server can't be started, or
/// `out` can't be written.
pub fn test_guests(
    guests: &Path,
    config: &Config,
    filter: Option<&str>,
    out: &mut dyn Write,
) -> anyhow::Result<TestSummary> {
    let guests = find::find(guests)?;
    let suites = read_suites(&guests)?;
    for guest in guests.iter().filter(|guest| guest.case_files.is_empty()) {
        writeln!(
            out,
            "none   {}: there is no {}",
            escape_control(&guest.name),
            guest.suggested_case_file().display()
        )?;
    }
    let mut summary = TestSummary::default();
    for Suite { guest, file } in &suites {
        let name = &*escape_control(&guest.name);
        let is_chosen = |case: &&Case| {
            filter.is_none_or(|text| format!("{}: {}", guest.name, case.name).contains(text))
        };
        let stage = Stage::new(guest, file, config)?;
        for case in file.cases.iter().filter(is_chosen) {
            let failure = match stage.play(case) {
                Ok(took) => {
                    summary.passed += 1;
                    let case = escape_control(&case.name);
                    writeln!(out, "ok     {name}: {case} ({} ms)", took.as_millis())?;
                    continue;
                }
                Err(failure) => failure,
            };
            summary.failed += 1;
            report(out, &file.name, name, case, &failure)?;
            if matches!(failure, CaseFailure::NotLoaded(_)) {
                break;
            }
        }
    }
    out.flush()?;
    Ok(summary)
}

/// Reads all case files, before any case is played.
fn read_suites(guests: &[GuestUnderTest]) -> anyhow::Result<Vec<Suite<'_>>> {
    let (mut suites, mut problems) = (Vec::new(), Vec::new());
    for guest in guests {
        for path in &guest.case_files {
            match parse::read(path, &guest.neighbours)? {
                Ok(file) => suites.push(Suite { guest, file }),
                Err(error) => problems.push(error.to_string()),
            }
        }
    }
    ensure!(problems.is_empty(), "{}", problems.join("\n  "));
    let [.., last] = guests else { bail!("there is no guest to test") };
    ensure!(
        !suites.is_empty(),
        "there are no cases: write some into {} (`snow-host new rust NAME` makes a guest that has examples)",
        last.suggested_case_file().display()
    );
    Ok(suites)
}

/// Prints a failed case: its step, the differences, and the server's log.
fn report(
    out: &mut dyn Write,
    file: &str,
    guest: &str,
    case: &Case,
    failure: &CaseFailure,
) -> std::io::Result<()> {
    match failure {
        CaseFailure::NotLoaded(why) => {
            writeln!(out, "FAILED {guest}: can't be loaded\n{}", indented(why))
        }
        CaseFailure::Step { index, took, what, log } => {
            let step = &case.steps[*index];
            let case_name = escape_control(&case.name);
            writeln!(out, "FAILED {guest}: {case_name} ({} ms)", took.as_millis())?;
            let nth = match (step.number, case.numbered_steps()) {
                (None, _) | (_, 1) => String::new(),
                (Some(number), count) => format!("step {number} of {count}: "),
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
