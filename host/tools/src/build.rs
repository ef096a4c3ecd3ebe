//! Turns guests in source form into the `.wasm` files that are served: `snow-host build`.
//!
//! Each folder in the guests folder that has a build command in `snow.toml`, or that a `Language` knows, is built with
//! that command or with the language's own tools, and what comes out is put beside it: `guests/snow/` becomes
//! `guests/snow.wasm`. A folder of neither kind is left alone. A guest that can't be built keeps no other from being built.

mod command;
mod environment;
mod install;
mod process;
mod rust;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result};

use self::command::Scratch;
pub use self::process::Stop;
use self::process::Tools;
use snow_config::GuestConfigs;

/// What a build is told.
pub struct BuildRequest<'a> {
    /// The folder of guests.
    pub guests: &'a Path,
    /// The guests' build commands are in there.
    pub configs: &'a GuestConfigs,
    /// How long each program that builds may run.
    pub build_ms_max: u32,
    /// What ends it early.
    pub stop: &'a Stop,
}

/// Which folders are built.
#[derive(Clone, Copy, Debug)]
pub enum Scope<'a> {
    /// All.
    All,
    /// Those in which something has changed, by their names. One that is no guest's may be shared by guests: if a language
    /// knows it, all guests in that language are built, if none does, all guests.
    Changed(&'a BTreeSet<OsString>),
}

/// What became of one guest.
#[derive(Debug)]
pub struct Outcome {
    /// The guest's name: its folder's, and its file's stem.
    pub name: String,
    /// Where it is, or why it could not be built. What its tools said went to standard error.
    pub result: Result<Built>,
    /// How long it took, together with those that were built in the same call of a tool.
    pub took: Duration,
}

/// A guest that was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// The file that is served.
    pub file: PathBuf,
    /// The size of that file.
    pub bytes: u64,
    /// Whether the file is another than before.
    pub changed: bool,
    /// When it was put there.
    pub at: SystemTime,
}

/// A language that guests are written in. Another one is a type that implements this and a place in
/// [`LANGUAGES`].
trait Language: Sync {
    /// Whether this folder holds a guest's source in this language.
    fn knows(&self, folder: &Path) -> bool;

    /// Builds the guests of these folders, of which there is at least one, and says for each folder what became of it. The
    /// tools' own messages go to standard error. Which guests are built is said on `out` as it begins.
    fn build(&self, folders: &[PathBuf], tools: &Tools<'_>, out: &mut dyn Write) -> Vec<Made>;
}

/// In the order they are asked.
const LANGUAGES: &[&dyn Language] = &[&rust::Rust];

/// What tools made of a folder.
struct Made {
    folder: PathBuf,
    /// None if it holds something else than a guest: a library.
    result: Result<Option<Artifact>>,
    took: Duration,
}

/// A guest, not yet where it is served.
struct Artifact {
    file: PathBuf,
    /// The folder that it is in, if that is to be removed.
    _scratch: Option<Scratch>,
}

/// What builds a folder.
#[derive(Clone, Copy)]
enum Means<'a> {
    Command(&'a [String]),
    /// By its place.
    Language(usize),
}

/// Builds guests, one call of a tool after another, and puts them where they are served. What is being built is said on
/// `out`; a guest that can't be built is in the result, like the others.
///
/// A served file changes only when its bytes do, and then at once, so that a host which watches the folder
/// never reads half a guest, nor reloads one for nothing.
///
/// # Errors
/// The guests folder can't be read.
pub fn build(order: &BuildRequest<'_>, scope: Scope<'_>, out: &mut dyn Write) -> Result<Vec<Outcome>> {
    let _busy = order.stop.begin();
    let tools = Tools { ms_max: order.build_ms_max, stop: order.stop };
    // A tool runs in the folder of a guest.
    let guests = std::path::absolute(order.guests)?;
    let folders = folders(&guests)?;
    let chosen = choose(&folders, order.configs, scope);
    let mut outcomes = missing(&folders, order.configs, scope, order.guests);
    let mut finish = |made: Made| outcomes.extend(outcome(order.guests, made));
    for (folder, means) in &chosen {
        if let Means::Command(words) = means {
            finish(command::build(folder, words, &tools, out));
        }
    }
    for (index, language) in LANGUAGES.iter().enumerate() {
        let of_language = |(folder, means): &(PathBuf, Means<'_>)| match means {
            Means::Language(own) if *own == index => Some(folder.clone()),
            _ => None,
        };
        let mine: Vec<PathBuf> = chosen.iter().filter_map(of_language).collect();
        if mine.is_empty() {
            continue;
        }
        let made = language.build(&mine, &tools, out);
        let is_shared = made.iter().any(|made| matches!(made.result, Ok(None)));
        made.into_iter().for_each(&mut finish);
        // Whoever has changed is no guest: those who use it are to be found among the others.
        let all = choose(&folders, order.configs, Scope::All);
        let others: Vec<PathBuf> =
            all.iter().filter_map(of_language).filter(|folder| is_shared && !mine.contains(folder)).collect();
        if !others.is_empty() {
            language.build(&others, &tools, out).into_iter().for_each(&mut finish);
        }
    }
    outcomes.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(outcomes)
}

/// The folders in the guests folder, by name. Hidden ones are tools' own.
fn folders(guests: &Path) -> Result<Vec<PathBuf>> {
    let context = || format!("can't read the guests folder {}", guests.display());
    let mut folders = Vec::new();
    for entry in fs::read_dir(guests).with_context(context)? {
        let entry = entry.with_context(context)?;
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        // `is_dir` follows links: a guest may live elsewhere and be linked here.
        if !hidden && entry.path().is_dir() {
            folders.push(entry.path());
        }
    }
    folders.sort();
    Ok(folders)
}

/// Which folders are built, and by what.
fn choose<'a>(folders: &[PathBuf], configs: &'a GuestConfigs, scope: Scope<'_>) -> Vec<(PathBuf, Means<'a>)> {
    let is_changed = |folder: &PathBuf| match scope {
        Scope::All => true,
        Scope::Changed(names) => folder.file_name().is_some_and(|name| names.contains(name)),
    };
    let means = |folder: &PathBuf| Some((folder.clone(), means(folder, configs)?));
    let is_nobodys = |folder: &PathBuf| is_changed(folder) && means(folder).is_none();
    let all = folders.iter().any(is_nobodys);
    folders.iter().filter(|folder| all || is_changed(folder)).filter_map(means).collect()
}

fn means<'a>(folder: &Path, configs: &'a GuestConfigs) -> Option<Means<'a>> {
    let name = folder.file_name().and_then(|name| name.to_str());
    let command = name.and_then(|name| configs.get(name)?.build.as_deref());
    // A folder belongs to the first language that knows it.
    let language = || LANGUAGES.iter().position(|language| language.knows(folder)).map(Means::Language);
    command.map(Means::Command).or_else(language)
}

/// Guests that have a command, but no source.
fn missing(folders: &[PathBuf], configs: &GuestConfigs, scope: Scope<'_>, guests: &Path) -> Vec<Outcome> {
    let is_there = |name: &str| folders.iter().any(|folder| folder.file_name().is_some_and(|own| own == name));
    let commanded = configs.iter().filter(|(name, config)| config.build.is_some() && !is_there(name));
    let outcome = |(name, _): (&String, _)| Outcome {
        name: name.clone(),
        result: Err(anyhow::anyhow!(
            "there is no folder {}, in which the `build` of [guest.{name}] could run",
            guests.join(name).display()
        )),
        took: Duration::ZERO,
    };
    if matches!(scope, Scope::All) { commanded.map(outcome).collect() } else { Vec::new() }
}

fn outcome(guests: &Path, Made { folder, result, took }: Made) -> Option<Outcome> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let result = result.transpose()?.and_then(|artifact| install::install(guests, &folder, &artifact.file));
    Some(Outcome { name, result, took })
}

/// Does one piece of work and takes its time.
fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let started = Instant::now();
    (work(), started.elapsed())
}

/// If nobody can be told, it is built all the same.
fn say(out: &mut dyn Write, line: &str) {
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use super::*;
    use snow_config::GuestConfig;
    use std::{env, process};

    struct Guests(PathBuf);

    impl Guests {
        fn new(name: &str, folders: &[&str]) -> Guests {
            let guests = env::temp_dir().join(format!("snow-host-build-{name}-{}", process::id()));
            folders.iter().for_each(|folder| fs::create_dir_all(guests.join(folder)).unwrap());
            Guests(guests)
        }

        fn build(&self, commands: &[(&str, &str)], scope: Scope<'_>) -> Vec<(String, Result<Built, String>)> {
            let config = |script: &str| GuestConfig {
                build: Some(["sh", "-c", script].map(str::to_owned).to_vec()),
                ..GuestConfig::default()
            };
            let configs = commands.iter().map(|(name, script)| ((*name).to_owned(), config(script))).collect();
            let stop = Stop::default();
            let order = BuildRequest { guests: &self.0, configs: &configs, build_ms_max: 2_000, stop: &stop };
            let outcomes = build(&order, scope, &mut Vec::new()).unwrap();
            outcomes.into_iter().map(|each| (each.name, each.result.map_err(|error| format!("{error:#}")))).collect()
        }
    }

    impl Drop for Guests {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_folder_without_sources_has_nothing_to_build() {
        let guests = Guests::new("empty", &["data"]);
        assert_eq!(guests.build(&[], Scope::All), []);
        let (configs, stop) = (GuestConfigs::new(), Stop::default());
        let nowhere = guests.0.join("nowhere");
        let order = BuildRequest { guests: &nowhere, configs: &configs, build_ms_max: 1, stop: &stop };
        assert!(build(&order, Scope::All, &mut Vec::new()).is_err(), "there is no such folder");
    }

    #[test]
    fn a_command_builds_and_its_failure_keeps_no_other_from_it() {
        let guests = Guests::new("commands", &["a", "b", "c", "d"]);
        let commands = [
            ("a", "echo one > \"$SNOW_GUEST_OUT\""),
            ("b", "exit 3"),
            ("c", "echo three > c.wasm"),
            ("d", "true"),
            ("e", "true"),
        ];
        let outcomes = guests.build(&commands, Scope::All);
        let error = |index: usize| outcomes[index].1.as_ref().unwrap_err();
        assert_eq!(outcomes[0].1.as_ref().unwrap().bytes, 4);
        assert!(error(1).contains("`sh -c exit 3`") && error(1).contains("exit status: 3"), "{}", error(1));
        assert_eq!(fs::read(guests.0.join("c.wasm")).unwrap(), b"three\n");
        assert!(error(3).contains("$SNOW_GUEST_OUT") && error(3).contains("d.wasm"), "{}", error(3));
        assert!(error(4).contains("there is no folder"), "{}", error(4));
    }

    #[test]
    fn a_command_that_takes_too_long_is_ended() {
        let guests = Guests::new("slow", &["a"]);
        let (outcomes, took) = timed(|| guests.build(&[("a", "sleep 100 & sleep 100")], Scope::All));
        let error = outcomes[0].1.as_ref().unwrap_err();
        assert!(error.contains("2000 ms (build_ms_max)") && took < Duration::from_secs(20), "{error}: {took:?}");
    }

    #[test]
    fn what_is_nobodys_is_shared_by_all() {
        let guests = Guests::new("shared", &["a", "b", "shared"]);
        let commands = [("a", "echo > a.wasm"), ("b", "echo > b.wasm")];
        let built = |name: &str| {
            let names = BTreeSet::from([OsString::from(name)]);
            let outcomes = guests.build(&commands, Scope::Changed(&names));
            outcomes.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        assert_eq!(built("a"), ["a"]);
        assert_eq!(built("shared"), ["a", "b"]);
        assert_eq!(built("gone"), [""; 0]);
    }
}
