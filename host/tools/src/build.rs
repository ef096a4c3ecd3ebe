//! `snow-host build`: turns the sources of guests into the `.wasm` files that are served.
//!
//! Every sub-folder of the guests folder that has a build command in `snow.toml`, or that a
//! language recognizes, is built: `guests/snow/` becomes `guests/snow.wasm`. Other folders are left
//! alone.

mod command;
mod install;
mod plan;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Result, anyhow};

use self::plan::Builder;
use crate::languages::{FolderBuild, LANGUAGES, MissingTool};
use crate::process::{Cancellation, Runner};
use snow_config::GuestConfigs;

/// The parameters of a build.
pub struct BuildRequest<'a> {
    /// The guests folder, with the sources in its sub-folders.
    pub guests: &'a Path,
    /// The tables `[guest.NAME]` of `snow.toml`, for their build commands.
    pub configs: &'a GuestConfigs,
    /// The time that each compiler or command may take, in milliseconds.
    pub build_ms_max: u32,
    /// Cancels the build from another thread.
    pub cancellation: &'a Cancellation,
}

/// The folders that a build is about.
#[derive(Clone, Copy, Debug)]
pub enum BuildScope<'a> {
    /// All source folders.
    All,
    /// The source folders with these names, because something in them has changed.
    ///
    /// A folder that holds no guest may be shared by guests. If a language recognizes it, all
    /// guests in that language are built; if no language does, all guests are.
    Changed(&'a BTreeSet<OsString>),
}

/// The result of building one guest.
#[derive(Debug)]
pub struct BuildOutcome {
    /// The name of the guest: its folder's name, and its file's without the ending.
    pub name: String,
    /// The guest that was built, or the reason why it could not be. The compiler's own messages
    /// went to standard error.
    pub result: Result<BuiltGuest>,
    /// The time of the program that built it, which may have built other guests too.
    pub took: Duration,
}

impl BuildOutcome {
    /// Returns whether the guest could not be built because a tool is not installed.
    pub fn lacks_tool(&self) -> bool {
        self.result.as_ref().is_err_and(|error| error.is::<MissingTool>())
    }
}

/// A guest that was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltGuest {
    /// The file that is served.
    pub file: PathBuf,
    /// The size of that file.
    pub bytes: u64,
    /// Whether the file differs from the one that was there before.
    pub changed: bool,
    /// The time at which the file was written or compared.
    pub at: SystemTime,
}

/// Builds guests, one after another, and puts them where they are served.
///
/// Announces on `out` what it is building. A guest that can't be built does not keep the others
/// from being built; the reason is in its outcome. Outcomes are in the order of the guests' names.
///
/// A served file is replaced only when its bytes differ, and then at once: a host that watches the
/// folder neither reads half a guest nor reloads an unchanged one.
///
/// ```
/// use snow_config::{GuestConfig, GuestConfigs};
/// use snow_tools::{BuildRequest, BuildScope, Cancellation, build_guests};
///
/// # fn main() -> anyhow::Result<()> {
/// # let guests = std::env::temp_dir().join(format!("snow-doc-build-{}", std::process::id()));
/// std::fs::create_dir_all(guests.join("shop"))?;
/// let command = ["sh", "-c", "echo '(module)' > shop.wasm"].map(str::to_owned).to_vec();
/// let shop = GuestConfig { build: Some(command), ..GuestConfig::default() };
/// let request = BuildRequest {
///     guests: &guests,
///     configs: &GuestConfigs::from([("shop".to_owned(), shop)]),
///     build_ms_max: 60_000,
///     cancellation: &Cancellation::default(),
/// };
/// let outcomes = build_guests(&request, BuildScope::All, &mut std::io::stderr())?;
/// assert_eq!(outcomes[0].name, "shop");
/// assert_eq!(outcomes[0].result.as_ref().unwrap().file, guests.join("shop.wasm"));
/// # std::fs::remove_dir_all(&guests)?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// The guests folder can't be read.
pub fn build_guests(
    request: &BuildRequest<'_>,
    scope: BuildScope<'_>,
    out: &mut dyn Write,
) -> Result<Vec<BuildOutcome>> {
    let _running = request.cancellation.begin_build();
    let runner = Runner { ms_max: request.build_ms_max, cancellation: request.cancellation };
    // Absolute, because each tool runs in the folder of a guest.
    let folders = plan::source_folders(&std::path::absolute(request.guests)?)?;
    let planned = plan::plan(&folders, request.configs, scope);
    let mut outcomes = match scope {
        BuildScope::All => missing_sources(&folders, request),
        BuildScope::Changed(_) => Vec::new(),
    };
    let mut finish = |built: FolderBuild| outcomes.extend(outcome(request.guests, built));
    for (folder, builder) in &planned {
        if let Builder::Command(words) = builder {
            finish(command::build(folder, words, &runner, out));
        }
    }
    for (index, language) in LANGUAGES.iter().enumerate() {
        let is_mine = |(_, builder): &&(PathBuf, Builder<'_>)| *builder == Builder::Language(index);
        let folder = |(folder, _): &(PathBuf, Builder<'_>)| folder.clone();
        let mine: Vec<PathBuf> = planned.iter().filter(is_mine).map(folder).collect();
        if mine.is_empty() {
            continue;
        }
        let built = language.build(&mine, &runner, out);
        let has_library = built.iter().any(|built| matches!(built.result, Ok(None)));
        built.into_iter().for_each(&mut finish);
        if !has_library {
            continue;
        }
        // Any other guest in the language may use the library that has changed, so all of them are
        // built.
        let all = plan::plan(&folders, request.configs, BuildScope::All);
        let others: Vec<PathBuf> = all
            .iter()
            .filter(is_mine)
            .map(folder)
            .filter(|folder| !mine.contains(folder))
            .collect();
        if !others.is_empty() {
            language.build(&others, &runner, out).into_iter().for_each(&mut finish);
        }
    }
    outcomes.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(outcomes)
}

/// Returns a failed outcome for each guest that has a build command but no source folder.
fn missing_sources(folders: &[PathBuf], request: &BuildRequest<'_>) -> Vec<BuildOutcome> {
    let outcome = |name: &str| BuildOutcome {
        name: name.to_owned(),
        result: Err(anyhow!(
            "there is no folder {}, where the `build` command of [guest.{name}] would run",
            request.guests.join(name).display()
        )),
        took: Duration::ZERO,
    };
    plan::without_source(folders, request.configs).into_iter().map(outcome).collect()
}

/// Installs what was built, and returns the outcome; `None` for a library.
fn outcome(
    guests: &Path,
    FolderBuild { folder, result, took }: FolderBuild,
) -> Option<BuildOutcome> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let result =
        result.transpose()?.and_then(|artifact| install::install(guests, &folder, &artifact.file));
    Some(BuildOutcome { name, result, took })
}

#[cfg(test)]
mod tests {
    use std::{env, fs, process};

    use super::*;
    use crate::languages::timed;
    use snow_config::GuestConfig;

    struct Guests(PathBuf);

    impl Guests {
        fn new(name: &str, folders: &[&str]) -> Guests {
            let guests = env::temp_dir().join(format!("snow-host-build-{name}-{}", process::id()));
            folders.iter().for_each(|folder| fs::create_dir_all(guests.join(folder)).unwrap());
            Guests(guests)
        }

        fn build(
            &self,
            commands: &[(&str, &str)],
            scope: BuildScope<'_>,
        ) -> Vec<(String, Result<BuiltGuest, String>)> {
            let config = |script: &str| GuestConfig {
                build: Some(["sh", "-c", script].map(str::to_owned).to_vec()),
                ..GuestConfig::default()
            };
            let configs = commands
                .iter()
                .map(|(name, script)| ((*name).to_owned(), config(script)))
                .collect();
            let cancellation = Cancellation::default();
            let request = BuildRequest {
                guests: &self.0,
                configs: &configs,
                build_ms_max: 2_000,
                cancellation: &cancellation,
            };
            let outcomes = build_guests(&request, scope, &mut Vec::new()).unwrap();
            outcomes
                .into_iter()
                .map(|each| (each.name, each.result.map_err(|error| format!("{error:#}"))))
                .collect()
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
        assert_eq!(guests.build(&[], BuildScope::All), []);
        let (configs, cancellation) = (GuestConfigs::new(), Cancellation::default());
        let nowhere = guests.0.join("nowhere");
        let request = BuildRequest {
            guests: &nowhere,
            configs: &configs,
            build_ms_max: 1,
            cancellation: &cancellation,
        };
        assert!(
            build_guests(&request, BuildScope::All, &mut Vec::new()).is_err(),
            "there is no such folder"
        );
    }

    #[test]
    fn a_failed_command_does_not_keep_others_from_being_built() {
        let guests = Guests::new("commands", &["a", "b", "c", "d"]);
        let commands = [
            ("a", "echo one > \"$SNOW_GUEST_OUT\""),
            ("b", "exit 3"),
            ("c", "echo three > c.wasm"),
            ("d", "true"),
            ("e", "true"),
        ];
        let outcomes = guests.build(&commands, BuildScope::All);
        let error = |index: usize| outcomes[index].1.as_ref().unwrap_err();
        assert_eq!(outcomes[0].1.as_ref().unwrap().bytes, 4);
        assert!(
            error(1).contains("`sh -c exit 3`") && error(1).contains("exit status: 3"),
            "{}",
            error(1)
        );
        assert_eq!(fs::read(guests.0.join("c.wasm")).unwrap(), b"three\n");
        assert!(
            error(3).contains("$SNOW_GUEST_OUT") && error(3).contains("d.wasm"),
            "{}",
            error(3)
        );
        assert!(error(4).contains("there is no folder"), "{}", error(4));
    }

    #[test]
    fn a_command_that_takes_too_long_is_ended() {
        let guests = Guests::new("slow", &["a"]);
        let (outcomes, took) =
            timed(|| guests.build(&[("a", "sleep 100 & sleep 100")], BuildScope::All));
        let error = outcomes[0].1.as_ref().unwrap_err();
        assert!(
            error.contains("2000 ms (build_ms_max)") && took < Duration::from_secs(20),
            "{error}: {took:?}"
        );
    }

    #[test]
    fn a_changed_folder_that_is_no_guest_has_all_guests_built() {
        let guests = Guests::new("shared", &["a", "b", "shared"]);
        let commands = [("a", "echo > a.wasm"), ("b", "echo > b.wasm")];
        let built = |name: &str| {
            let names = BTreeSet::from([OsString::from(name)]);
            let outcomes = guests.build(&commands, BuildScope::Changed(&names));
            outcomes.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        assert_eq!(built("a"), ["a"]);
        assert_eq!(built("shared"), ["a", "b"]);
        assert_eq!(built("gone"), [""; 0]);
    }
}
