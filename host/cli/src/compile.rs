//! How the command line has guests compiled.

use std::env;
use std::path::PathBuf;

use snow_config::{Cache, CompileConfig};

/// In a process of its own, which is this program once more.
pub(super) fn by_child(cache: &Cache) -> CompileConfig {
    CompileConfig { compiler: own_program(), ..in_process(cache) }
}

/// In this process.
pub(super) fn in_process(cache: &Cache) -> CompileConfig {
    CompileConfig { cache: folder(cache), compiler: None }
}

fn folder(cache: &Cache) -> Option<PathBuf> {
    // As the XDG Base Directory Specification has it, which says too that a relative one counts for nothing.
    let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let caches = || absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")));
    match cache {
        Cache::Default => caches().map(|caches| caches.join("snow-host")),
        Cache::Off => None,
        Cache::Folder(folder) => Some(folder.clone()),
    }
}

/// This very program, even when its file has been replaced since it was started. Without either name of it, guests are
/// compiled in this process.
fn own_program() -> Option<PathBuf> {
    let running = PathBuf::from("/proc/self/exe");
    if running.exists() { Some(running) } else { env::current_exe().ok() }
}
