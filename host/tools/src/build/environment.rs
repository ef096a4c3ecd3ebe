//! What a build inherits of the host's own environment.

use std::env;
use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

/// A program that builds what is in `folder`: of the Rust toolchain in use there, or a guest's own.
///
/// We may ourselves have been started by `cargo run`, which leaves its own build's settings in the
/// environment. They were meant for the host: flags for the native linker or a shared target folder would
/// break a guest's build or end in the wrong place, so they do not pass.
pub(super) fn tool(program: impl AsRef<OsStr>, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder);
    let toolchain_is_chosen = toolchain_is_chosen();
    for (name, _) in env::vars_os() {
        let passes = match name.to_str() {
            Some("RUSTUP_TOOLCHAIN") => toolchain_is_chosen,
            Some(name) => passes(name),
            None => true,
        };
        if !passes {
            command.env_remove(&name);
        }
    }
    command
}

/// Whether a person chose the toolchain that `RUSTUP_TOOLCHAIN` names.
///
/// Rustup sets the variable for everything that it starts. If it took the toolchain from a file or from its
/// default, then it chose for the folder that `cargo run` was called in, and must choose anew for the guests'.
/// If somebody said `cargo +nightly` or set the variable, that stays. Rustup says which in a second variable;
/// versions before it are taken to have chosen by themselves.
fn toolchain_is_chosen() -> bool {
    match env::var("RUSTUP_TOOLCHAIN_SOURCE") {
        Ok(source) => source == "cli" || source == "env",
        Err(_) => env::var_os("CARGO").is_none(),
    }
}

/// Whether a variable may reach a guest's build: what says where cargo lives and how it reaches the network and
/// the terminal may, and what is said for the guests' target; what shapes the build of the host may not.
fn passes(name: &str) -> bool {
    const SHAPES_A_BUILD: &[&str] = &["CARGO", "RUSTC", "RUSTDOC", "RUSTFLAGS", "RUSTUP_TOOLCHAIN_"];
    const PASSES_YET: &[&str] = &[
        "CARGO_HOME",
        "CARGO_HTTP_",
        "CARGO_NET_",
        "CARGO_REGISTR",
        "CARGO_SOURCE_",
        "CARGO_TERM_",
        "CARGO_BUILD_JOBS",
        "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_",
    ];
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    !begins(SHAPES_A_BUILD) || begins(PASSES_YET)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hosts_build_settings_do_not_reach_the_guests() {
        for name in [
            "CARGO",
            "CARGO_TARGET_DIR",
            "CARGO_BUILD_TARGET",
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_MANIFEST_DIR",
            "CARGO_PROFILE_RELEASE_LTO",
            "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER",
            "RUSTC",
            "RUSTC_WRAPPER",
            "RUSTFLAGS",
        ] {
            assert!(!passes(name), "{name}");
        }
        for name in [
            "PATH",
            "HOME",
            "CARGO_HOME",
            "RUSTUP_HOME",
            "CARGO_HTTP_PROXY",
            "CARGO_REGISTRIES_MINE_TOKEN",
            "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS",
            "CARGO_TERM_COLOR",
        ] {
            assert!(passes(name), "{name}");
        }
    }
}
