//! Where guests are compiled, and where compiled code is kept.

use std::env;
use std::path::PathBuf;

use crate::engines;
use snow_config::{Cache, CompileConfig};

/// Returns the configuration that compiles guests in child processes, which run this program again.
pub(crate) fn in_child(cache: &Cache) -> CompileConfig {
    CompileConfig { compiler: own_program(), ..in_process(cache) }
}

/// Returns the configuration that compiles guests in this process.
pub(crate) fn in_process(cache: &Cache) -> CompileConfig {
    CompileConfig { cache: cache_folder(cache), compiler: None, engines: engines::files() }
}

/// Returns the folder for compiled code, if there is to be one.
fn cache_folder(cache: &Cache) -> Option<PathBuf> {
    match cache {
        Cache::Default => own_folder("XDG_CACHE_HOME", ".cache"),
        Cache::Off => None,
        Cache::Folder(folder) => Some(folder.clone()),
    }
}

/// Returns this program's folder below the one that a variable names, or else below one in the
/// user's home: as the XDG Base Directory Specification has it, which ignores relative paths.
pub(crate) fn own_folder(variable: &str, below_home: &str) -> Option<PathBuf> {
    let base = absolute(variable).or_else(|| absolute("HOME").map(|home| home.join(below_home)));
    base.map(|base| base.join("snow-host"))
}

/// Returns the path that a variable has, if it is an absolute one.
pub(crate) fn absolute(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute())
}

/// Returns the path of the running program. `/proc/self/exe` names it even if its file has been
/// replaced since it was started. Without any path, guests are compiled in this process.
fn own_program() -> Option<PathBuf> {
    let running = PathBuf::from("/proc/self/exe");
    if running.exists() { Some(running) } else { env::current_exe().ok() }
}
