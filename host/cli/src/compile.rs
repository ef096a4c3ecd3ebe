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
    // The XDG Base Directory Specification says where caches are, and to ignore relative paths.
    let absolute =
        |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let caches =
        || absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")));
    match cache {
        Cache::Default => caches().map(|caches| caches.join("snow-host")),
        Cache::Off => None,
        Cache::Folder(folder) => Some(folder.clone()),
    }
}

/// Returns the path of the running program. `/proc/self/exe` names it even if its file has been
/// replaced since it was started. Without any path, guests are compiled in this process.
fn own_program() -> Option<PathBuf> {
    let running = PathBuf::from("/proc/self/exe");
    if running.exists() { Some(running) } else { env::current_exe().ok() }
}
