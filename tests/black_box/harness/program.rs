//! The program under test.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use super::PATIENCE;

/// The workspace's root.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this crate lies in the workspace")
}

/// Where cargo puts what it builds, and the profile that this test was built with.
fn target() -> (PathBuf, &'static str) {
    // target/release/deps/black_box-0123456789abcdef
    let test = env::current_exe().expect("a test knows its own file");
    let profile = test.ancestors().nth(2).expect("cargo puts tests in target/PROFILE/deps");
    let target = profile.parent().expect("cargo puts profiles in target");
    (target.to_owned(), if profile.ends_with("release") { "release" } else { "dev" })
}

/// The program, as it is in the source: `cargo test` builds the programs of a package only for that
/// package's own tests, so cargo is asked here. It does nothing if the program is fresh.
///
/// `SNOW_HOST=/a/snow-host cargo test …` tests another one.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| match env::var_os("SNOW_HOST") {
        Some(program) => PathBuf::from(program),
        None => build(),
    })
}

fn build() -> PathBuf {
    let (target, profile) = target();
    eprintln!("building snow-host, unless it is fresh");
    let built = cargo(workspace())
        .args([
            "build",
            "--package",
            "snow-host",
            "--bin",
            "snow-host",
            "--profile",
            profile,
            "--target-dir",
        ])
        .arg(&target)
        .status()
        .expect("cargo can be started");
    assert!(built.success(), "`cargo build --package snow-host` failed; its messages are above");
    let folder = if profile == "release" { "release" } else { "debug" };
    target.join(folder).join("snow-host")
}

/// The cargo that runs this test.
pub fn cargo(folder: &Path) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // What cargo tells a test about its package. The script that builds `ring` asks to be run again
    // when that changes, and it would, from one cargo to the other and back, with all above it.
    let of_package =
        |name: &str| ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|begin| name.starts_with(begin));
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(of_package) {
            cargo.env_remove(name);
        }
    }
    cargo.current_dir(folder).stdin(Stdio::null());
    cargo
}

/// Where the program keeps what it keeps for all: compiled guests, from one test to the next and to
/// the next run.
pub fn keep_in_target(command: &mut Command) -> &mut Command {
    command.env("XDG_CACHE_HOME", Path::new(env!("CARGO_TARGET_TMPDIR")).join("caches"))
}

/// Runs the program to its end.
#[track_caller]
pub fn run<A: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = A>) -> Output {
    keep_in_target(&mut Command::new(program()))
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("the program can be started")
}

/// Runs the program to the end that it should come to by itself: it is not to serve. Should it all
/// the same, it is ended after a while, and its exit code is 124.
#[track_caller]
pub fn run_to_refusal<A: AsRef<std::ffi::OsStr>>(
    arguments: impl IntoIterator<Item = A>,
    input: Stdio,
) -> Output {
    let mut command = Command::new("timeout");
    command.arg(PATIENCE.as_secs().to_string()).arg(program()).args(arguments).stdin(input);
    keep_in_target(&mut command).output().expect("there is a `timeout`")
}
