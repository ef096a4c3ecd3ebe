//! Guests to serve: the examples, the hostile ones, and `probe`, each built once for all tests.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs, process};

use super::engines;
use super::program::{self, cargo, workspace};

/// The targets of the guest `wasi`, less `wasm32-`.
const WASI: [&str; 2] = ["wasip1", "wasip2"];

/// The forms of the guest `standard`, by the host whose versions of the standard each of them
/// imports, and what cargo needs to build it.
const STANDARD: [(&str, &[&str]); 2] =
    [("standard-wasmtime", &[]), ("standard-spin", &["--features", "spin"])];

/// A guests folder of one test. Removed with everything in it when it goes out of scope.
pub struct Folder(PathBuf);

impl Folder {
    /// An empty one.
    pub fn new() -> Folder {
        static FOLDERS: AtomicUsize = AtomicUsize::new(0);
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let path =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{number}", process::id()));
        // A test process of this number may have been killed before it could remove its own.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("the target folder can be written");
        Folder(path)
    }

    /// One with these guests; `None` if one of them can't be built here (see [`source`]).
    pub fn with(guests: &[&str]) -> Option<Folder> {
        let folder = Folder::new();
        for guest in guests {
            let file = source(guest)?;
            folder.add(file.file_name()?.to_str()?, &fs::read(&file).expect("a guest can be read"));
        }
        Some(folder)
    }

    /// Puts a file there.
    pub fn add(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let file = self.0.join(name);
        fs::write(&file, bytes).expect("a guests folder can be written");
        file
    }

    /// Puts a file there at once, in the place of the one that may be there: nobody can see a part
    /// of it.
    pub fn replace(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let (file, aside) = (self.0.join(name), Folder::new());
        fs::rename(aside.add("new", bytes), &file).expect("a guests folder can be written");
        file
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left over lies in the target folder, and harms nobody.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The file of a guest: of an example (`hello`, `snow`), of one of these tests' own (`spin`,
/// `broken/regex`, `probe`).
///
/// `None`, and a line that says so, if this machine can't build it: the test is then skipped. Where
/// `CI` is set that is a failure: there, a test that does not run must not look passed.
pub fn source(guest: &str) -> Option<PathBuf> {
    let own = workspace().join("tests/guests").join(guest).with_extension("wat");
    match guest {
        "probe" => probe(),
        "awaits" => awaits(),
        "stores" => stores(),
        "queries" => queries(),
        "keyvalue" => keyvalue(),
        "configured" => configured(),
        "deployed" => deployed(),
        "works" => works(),
        "wasip1" | "wasip2" => wasi(guest),
        "standard-wasmtime" | "standard-spin" => standard(guest),
        "gopher" => gopher(),
        "in-c" => in_c(),
        "in-zig" => in_zig(),
        "zig-with-c" => zig_with_c(),
        "hello" => Some(workspace().join("guests/hello.wat")),
        "snow" | "tornado" | "two-step" | "parcels" | "notes" | "gather" | "executor" | "board"
        | "login" | "c" | "go" | "rust" | "zig" => example(guest),
        "js" => script("js.js", "js"),
        "ts" => script("ts.ts", "js"),
        "python" => script("python.py", "python"),
        _ => Some(own),
    }
}

/// An example guest, built by the program's own command.
fn example(guest: &str) -> Option<PathBuf> {
    let guests = workspace().join("guests");
    let said = examples(&guests);
    let failed = format!("error: {guest} ");
    let Some(at) = said.find(&failed) else {
        return Some(guests.join(guest).with_extension("wasm"));
    };
    let why = said[at..].lines().next().unwrap_or_default();
    assert!(env::var_os("CI").is_none(), "the example `{guest}` can't be built:\n{said}");
    eprintln!("SKIPPED: tests that need the example `{guest}`, which can't be built here: {why}");
    None
}

/// An example that is a source file, once the engine that evaluates it is made.
fn script(file: &str, engine: &str) -> Option<PathBuf> {
    engines::installed(engine)?;
    Some(workspace().join("guests").join(file))
}

/// Builds all examples once. Returns what the program said, an error for each that failed.
fn examples(guests: &Path) -> &'static str {
    static SAID: OnceLock<String> = OnceLock::new();
    SAID.get_or_init(|| {
        let mut build = Command::new(program::program());
        let output = build.arg("build").arg(guests).output().expect("the build can be started");
        String::from_utf8_lossy(&output.stderr).into_owned()
    })
}

/// A guest with a route for each clause of the contract.
fn probe() -> Option<PathBuf> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    BUILT.get_or_init(|| rust_guest("probe", "wasm32-unknown-unknown")).clone()
}

/// A guest whose handlers are `async`.
fn awaits() -> Option<PathBuf> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    BUILT.get_or_init(|| rust_guest("awaits", "wasm32-unknown-unknown")).clone()
}

/// A guest that does with the store what a test asks for.
fn stores() -> Option<PathBuf> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    BUILT.get_or_init(|| rust_guest("stores", "wasm32-unknown-unknown")).clone()
}

/// A guest that carries out the statements that a test sends.
fn queries() -> Option<PathBuf> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    BUILT.get_or_init(|| rust_guest("queries", "wasm32-unknown-unknown")).clone()
}

/// A guest that knows no store but the standard's.
fn keyvalue() -> Option<PathBuf> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    BUILT.get_or_init(|| rust_guest("keyvalue", "wasm32-unknown-unknown")).clone()
}

/// A guest that reads its configuration by `wasi:config` alone.
fn configured() -> Option<PathBuf> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    BUILT.get_or_init(|| rust_guest("configured", "wasm32-unknown-unknown")).clone()
}

/// A guest that says what it knows of its deployment and of its waits.
fn deployed() -> Option<PathBuf> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    BUILT.get_or_init(|| rust_guest("deployed", "wasm32-unknown-unknown")).clone()
}

/// A guest whose jobs do what a test asks for.
fn works() -> Option<PathBuf> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    BUILT.get_or_init(|| rust_guest("works", "wasm32-unknown-unknown")).clone()
}

/// A guest that asks WASI for everything, built for one of its versions.
fn wasi(version: &str) -> Option<PathBuf> {
    static BUILT: OnceLock<Option<Vec<PathBuf>>> = OnceLock::new();
    let build = |version: &&str| {
        let built = rust_guest("wasi", &format!("wasm32-{version}"))?;
        // It has the name that it is served by.
        let file = built.with_file_name(format!("{version}.wasm"));
        fs::copy(built, &file).expect("the target folder can be written");
        Some(file)
    };
    let files = BUILT.get_or_init(|| WASI.iter().map(build).collect()).as_ref()?;
    Some(files[WASI.iter().position(|known| *known == version)?].clone())
}

/// A guest that uses nothing of this project but the text of its contract, in one of its forms.
fn standard(form: &str) -> Option<PathBuf> {
    static BUILT: OnceLock<Option<Vec<PathBuf>>> = OnceLock::new();
    let build = |(form, arguments): &(&str, &[&str])| {
        let built = rust_guest_with("standard", "wasm32-wasip2", arguments)?;
        let file = built.with_file_name(format!("{form}.wasm"));
        fs::copy(built, &file).expect("the target folder can be written");
        Some(file)
    };
    let files = BUILT.get_or_init(|| STANDARD.iter().map(build).collect()).as_ref()?;
    Some(files[STANDARD.iter().position(|(known, _)| *known == form)?].clone())
}

/// An engine of these tests, which evaluates a language of three words. `None` if it can't be built
/// here.
pub fn engine() -> Option<PathBuf> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    BUILT.get_or_init(|| rust_guest("engine", "wasm32-unknown-unknown")).clone()
}

/// Builds a guest of these tests that is written in Rust. It is no example, so it is built here; in
/// the target folder of the examples, where the libraries that it shares with them are built
/// anyway.
fn rust_guest(name: &str, triple: &str) -> Option<PathBuf> {
    rust_guest_with(name, triple, &[])
}

/// Builds a guest as [`rust_guest`] does, with further arguments of cargo.
fn rust_guest_with(name: &str, triple: &str, arguments: &[&str]) -> Option<PathBuf> {
    let target = workspace().join("guests/target");
    let mut build = cargo(&workspace().join("tests/guests").join(name));
    build.args(["build", "--release", "--target", triple, "--target-dir"]).arg(&target);
    build.args(arguments);
    // What shapes a native build is not meant for this one.
    for variable in
        ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET", "CARGO_TARGET_DIR"]
    {
        build.env_remove(variable);
    }
    builds(name, &mut build)
        .then(|| target.join(triple).join("release").join(name).with_extension("wasm"))
}

/// A guest that does what the SDK for Go can.
fn gopher() -> Option<PathBuf> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("gopher.wasm");
        let mut go = Command::new("go");
        go.current_dir(workspace().join("tests/guests/gopher"));
        go.env("GOOS", "wasip1").env("GOARCH", "wasm");
        go.args(["build", "-buildmode=c-shared", "-trimpath", "-ldflags=-w", "-o"]).arg(&file);
        builds("gopher", go.arg(".")).then_some(file)
    });
    built.clone()
}

/// A guest that does what the SDK for C can.
fn in_c() -> Option<PathBuf> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    let sdk = workspace().join("guest-sdk/c");
    BUILT.get_or_init(|| built_of("in-c", &[], &format!("-I{}\n", sdk.display()))).clone()
}

/// A guest that does what the contract in Zig can, which comes with new guests.
fn in_zig() -> Option<PathBuf> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    let template = workspace().join("host/tools/src/languages/zig/template");
    let files = ["snow.zig", "contract.zig", "fetch.zig", "jobs.zig", "sql.zig", "store.zig"];
    let files = files.map(|file| template.join(file));
    BUILT.get_or_init(|| built_of("in-zig", &files, "")).clone()
}

/// A guest in Zig over the SDK for C, whose header zig reads: as docs/languages.md builds one.
fn zig_with_c() -> Option<PathBuf> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    BUILT.get_or_init(build_zig_with_c).clone()
}

fn build_zig_with_c() -> Option<PathBuf> {
    const WHAT: &str = "the guest `zig-with-c`";
    let sdk = workspace().join("guest-sdk/c");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("of-zig-with-c");
    let file = folder.join("zig-with-c.wasm");
    fs::create_dir_all(folder.join("target")).expect("the target folder can be written");
    let source = workspace().join("tests/guests/zig-with-c/guest.zig");
    fs::copy(source, folder.join("guest.zig")).expect("the target folder can be written");
    let zig = |command: &str| {
        let mut zig = Command::new("python3");
        zig.current_dir(&folder).args(["-m", "ziglang", command, "-lc"]);
        zig.args(["-target", "wasm32-wasi", "-I"]).arg(&sdk);
        zig
    };
    let header = fs::File::create(folder.join("target/c.zig")).expect("it can be written");
    if !can(WHAT, zig("translate-c").arg(sdk.join("snow.h")).stdout(header)) {
        return None;
    }
    let mut build = zig("build-exe");
    let sources = fs::read_dir(&sdk).expect("the SDK is there");
    let sources = sources.map(|entry| entry.expect("it can be read").path());
    build.arg("guest.zig").args(sources.filter(|path| path.extension().is_some_and(|e| e == "c")));
    build.args(["-mexec-model=reactor", "-OReleaseSmall", "-fno-entry", "-rdynamic"]);
    build.args(["--stack", "65536", "--cache-dir", "target/cache"]);
    let mut out = std::ffi::OsString::from("-femit-bin=");
    out.push(&file);
    can(WHAT, build.arg(out)).then_some(file)
}

/// Builds a guest of these tests by the program's own command, of its own files, of these beside
/// them, and with these flags for a compiler of C.
fn built_of(name: &str, beside: &[PathBuf], flags: &str) -> Option<PathBuf> {
    let guests = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("of-{name}"));
    let folder = guests.join(name);
    // What an earlier run has left may have files that are none of the guest's now.
    let _ = fs::remove_dir_all(&guests);
    fs::create_dir_all(&folder).expect("the target folder can be written");
    let own = fs::read_dir(workspace().join("tests/guests").join(name)).expect("it is there");
    let own = own.map(|entry| entry.expect("it can be read").path());
    for file in own.chain(beside.iter().cloned()) {
        let to = folder.join(file.file_name().expect("it is a file"));
        fs::copy(file, to).expect("the target folder can be written");
    }
    fs::write(folder.join("compile_flags.txt"), flags).expect("the target folder can be written");
    let mut build = Command::new(program::program());
    builds(name, build.arg("build").arg(&guests)).then(|| guests.join(name).with_extension("wasm"))
}

/// What a command says that lacks a tool: cargo without the target, and `snow-host build`.
const LACKS: [&str; 3] = ["target may not be installed", "install it ", "not found: install "];

/// Builds a guest of these tests. Returns whether this machine has what it takes, as [`can`] does.
///
/// A guest that does not compile fails the test everywhere: its tests must not look passed.
fn builds(guest: &str, command: &mut Command) -> bool {
    if let Ok(output) = command.output() {
        if output.status.success() {
            return true;
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let is_missing = LACKS.iter().any(|lacks| said.contains(lacks));
        assert!(is_missing, "the guest `{guest}` can't be built:\n{said}");
    }
    can(&format!("the guest `{guest}`"), command)
}

/// Runs a command that a test needs. Returns whether it succeeded.
///
/// If not, a line says which tests are skipped; where `CI` is set that is a failure.
pub fn can(what: &str, command: &mut Command) -> bool {
    let why = match command.output() {
        Ok(output) if output.status.success() => return true,
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(error) => error.to_string(),
    };
    assert!(env::var_os("CI").is_none(), "{what} can't be had:\n{why}");
    eprintln!("SKIPPED: tests that need {what}, which can't be had here:\n{why}");
    false
}
