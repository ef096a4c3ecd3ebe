//! The environment variables that a build inherits.

use std::env;
use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

/// Returns the command that starts a program in a folder, with the environment that a build may
/// see.
///
/// The host may have been started by `cargo run`, which leaves the settings of the host's own build
/// in the environment. Flags for the native linker or a shared target folder would break a guest's
/// build or put its output in the wrong place, so they are removed.
pub(crate) fn command_in(folder: &Path, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder);
    let toolchain_is_chosen = toolchain_is_chosen();
    for (name, _) in env::vars_os() {
        let is_kept = match name.to_str() {
            Some("RUSTUP_TOOLCHAIN") => toolchain_is_chosen,
            Some(name) => is_kept(name),
            None => true,
        };
        if !is_kept {
            command.env_remove(&name);
        }
    }
    command
}

/// Returns whether a person chose the toolchain that `RUSTUP_TOOLCHAIN` names.
///
/// Rustup sets the variable for every program that it starts. A toolchain from a file or from
/// rustup's default was chosen for the folder that `cargo run` was called in, and has to be chosen
/// anew for the guest's folder. A toolchain from `cargo +nightly` or from the user's own variable
/// stays. Rustup names the source in a second variable; older versions do not, and are taken to
/// have chosen by themselves.
fn toolchain_is_chosen() -> bool {
    match env::var("RUSTUP_TOOLCHAIN_SOURCE") {
        Ok(source) => source == "cli" || source == "env",
        Err(_) => env::var_os("CARGO").is_none(),
    }
}

/// Returns whether a guest's build inherits a variable. Settings of cargo's folders, network and
/// terminal, and of the guests' target, are kept; whatever shapes the host's own build is not.
fn is_kept(name: &str) -> bool {
    const SHAPES_A_BUILD: &[&str] =
        &["CARGO", "RUSTC", "RUSTDOC", "RUSTFLAGS", "RUSTUP_TOOLCHAIN_"];
    const KEPT_ALL_THE_SAME: &[&str] = &[
        "CARGO_HOME",
        "CARGO_HTTP_",
        "CARGO_NET_",
        "CARGO_REGISTR",
        "CARGO_SOURCE_",
        "CARGO_TERM_",
        "CARGO_BUILD_JOBS",
        "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_",
    ];
    let begins_with = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    !begins_with(SHAPES_A_BUILD) || begins_with(KEPT_ALL_THE_SAME)
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
            assert!(!is_kept(name), "{name}");
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
            assert!(is_kept(name), "{name}");
        }
    }
}
