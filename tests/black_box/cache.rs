//! Compiled code on disk: found again by the next start, never trusted when it should not be, and
//! made by a child process with limits of its own.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::harness::{Folder, Server, eventually, program, run, source};

/// For so long after a file was written, another write might leave it looking the same.
const SETTLED: Duration = Duration::from_millis(2_100);

fn text(guest: &str) -> String {
    fs::read_to_string(source(guest).expect("it needs no toolchain")).expect("it can be read")
}

/// A folder of guests as text, and beside it a place for a cache.
struct Place {
    guests: Folder,
    caches: Folder,
}

impl Place {
    fn with(guests: &[&str]) -> Place {
        let place = Place { guests: Folder::new(), caches: Folder::new() };
        for guest in guests {
            place.guests.add(&format!("{guest}.wat"), text(guest).as_bytes());
        }
        place
    }

    fn cache(&self) -> PathBuf {
        self.caches.path().join("cache")
    }

    /// Serves them, and says what was logged until `/hello` was answered.
    #[track_caller]
    fn start(&self) -> String {
        let server = self.serve();
        server.still_serves();
        server.log_by_now()
    }

    #[track_caller]
    fn serve(&self) -> Server {
        let mut command = Command::new(program());
        command.arg("run").arg(self.guests.path()).arg("--cache").arg(self.cache());
        command.args(["--listen", "127.0.0.1:0", "--workers", "1"]);
        // Its own folder is not the one that is served, which outlives it.
        Server::spawn(&mut command, Folder::new())
    }

    /// The files of the cache with this ending.
    fn files(&self, ending: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.cache()).expect("there is a cache");
        let paths = entries.map(|entry| entry.expect("it can be read").path());
        paths.filter(|path| path.extension().is_some_and(|extension| extension == ending)).collect()
    }
}

/// How often this log says that a guest was compiled.
fn compiled(log: &str, guest: &str) -> usize {
    log.lines().filter(|line| line.contains(&format!("compiled {guest} in "))).count()
}

#[test]
fn a_second_start_compiles_nothing() {
    let place = Place::with(&["hello", "trap"]);
    let first = place.start();
    assert_eq!((compiled(&first, "hello"), compiled(&first, "trap")), (1, 1), "{first}");
    assert_eq!(fs::metadata(place.cache()).unwrap().permissions().mode() & 0o777, 0o700);
    for _ in 0..2 {
        let again = place.start();
        assert!(!again.contains("compiled"), "{again}");
    }
    assert_eq!(place.files("cwasm").len(), 2);
    // By another name it is the same.
    place.guests.add("same.wat", text("trap").as_bytes());
    let again = place.start();
    assert!(!again.contains("compiled"), "{again}");
}

#[test]
fn a_changed_guest_is_compiled_and_the_others_are_not() {
    let place = Place::with(&["hello", "trap"]);
    place.start();
    place.guests.add("hello.wat", format!("{}\n;; another version", text("hello")).as_bytes());
    let log = place.start();
    assert_eq!((compiled(&log, "hello"), compiled(&log, "trap")), (1, 0), "{log}");
}

/// What a file looks like is believed at the start, and found out afterwards.
#[test]
fn a_file_is_read_only_after_the_start() {
    let place = Place::with(&["hello", "trap"]);
    place.start();
    thread::sleep(SETTLED);
    place.start();
    let stamps = place.files("stamp");
    let [one, other] = stamps.as_slice() else { panic!("{stamps:?}") };
    // Each gets the other's memory, but for what the file looked like: now each has the other's
    // code.
    let (one_text, other_text) =
        (fs::read_to_string(one).unwrap(), fs::read_to_string(other).unwrap());
    let mixed = |looks: &str, content: &str| {
        let words: Vec<&str> = looks.split(' ').take(6).chain(content.split(' ').skip(6)).collect();
        words.join(" ")
    };
    fs::write(one, mixed(&one_text, &other_text)).unwrap();
    fs::write(other, mixed(&other_text, &one_text)).unwrap();
    let server = place.serve();
    let log = server.log.until(&[
        "hello.wat is not the file it looks like",
        "trap.wat is not the file it looks like",
    ]);
    assert!(!log.contains("compiled"), "{log}");
    server.log.until(&["hello: version 2 serves", "trap: version 2 serves"]);
    eventually("each is served by its own code", || {
        (server.get("/trap").status == 500).then_some(())
    });
    server.still_serves();
    drop(server);
    // And that is not believed again. The folder is looked at again only when all that was believed
    // has been read.
    let server = place.serve();
    server.still_serves();
    place.guests.add("later.wat", text("trap").as_bytes());
    server.log.until(&["later: version 1 serves"]);
    let log = server.log_by_now();
    assert!(!log.contains("looks like") && !log.contains("compiled"), "{log}");
}

#[test]
fn damaged_code_is_compiled_anew() {
    let place = Place::with(&["hello"]);
    place.start();
    let whole = fs::read(&place.files("cwasm")[0]).unwrap();
    let cut = |bytes: usize| whole[..bytes].to_vec();
    let flipped = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    let mut all = vec![Vec::new(), b"noise".to_vec(), cut(whole.len() / 2), cut(whole.len() - 1)];
    all.push([&whole[..], b"\0"].concat());
    // All over the file: in its headers, in the code, in what wasmtime knows of it.
    all.extend((0..16).map(|part| flipped(whole.len() * part / 16)));
    for (number, damaged) in all.iter().enumerate() {
        let file = &place.files("cwasm")[0];
        fs::remove_file(file).unwrap();
        fs::write(file, damaged).unwrap();
        let log = place.start();
        assert_eq!(compiled(&log, "hello"), 1, "damage {number}: {log}");
        assert!(log.contains("warn") && log.contains("is damaged"), "damage {number}: {log}");
        assert_eq!(fs::read(&place.files("cwasm")[0]).unwrap(), whole, "it is healed");
        let log = place.start();
        assert!(!log.contains("compiled"), "{log}");
    }
}

/// Others could put code there, for this user to run.
#[test]
fn a_cache_that_is_not_private_is_not_used() {
    let place = Place::with(&["hello"]);
    place.start();
    for mode in [0o755, 0o770, 0o707] {
        fs::set_permissions(place.cache(), Permissions::from_mode(mode)).unwrap();
        let log = place.start();
        assert!(
            log.contains("warn") && log.contains("chmod 700") && log.contains("is not used"),
            "{log}"
        );
        assert_eq!(compiled(&log, "hello"), 1, "{log}");
    }
    fs::set_permissions(place.cache(), Permissions::from_mode(0o700)).unwrap();
    let aside = place.caches.path().join("aside");
    fs::rename(place.cache(), &aside).unwrap();
    symlink(&aside, place.cache()).unwrap();
    let log = place.start();
    assert!(log.contains("is not used") && log.contains("symbolic link"), "{log}");
    // One file in it that others may write is not used either.
    fs::remove_file(place.cache()).unwrap();
    fs::rename(&aside, place.cache()).unwrap();
    fs::set_permissions(&place.files("cwasm")[0], Permissions::from_mode(0o622)).unwrap();
    assert_eq!(compiled(&place.start(), "hello"), 1);
}

#[test]
fn without_a_cache_nothing_is_left_behind() {
    let (guests, temporary, caches) =
        (Folder::with(&["hello"]).unwrap(), Folder::new(), Folder::new());
    let mut command = Command::new(program());
    command.arg("run").arg(guests.path()).args(["--no-cache", "--listen", "127.0.0.1:0"]);
    command.env("TMPDIR", temporary.path()).env("HOME", caches.path());
    let server = Server::spawn(&mut command, guests);
    server.still_serves();
    assert_eq!(compiled(&server.log_by_now(), "hello"), 1);
    for folder in [&temporary, &caches] {
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{}", folder.path().display());
    }
}

#[test]
fn two_hosts_share_a_cache() {
    let place = Place::with(&["hello", "trap", "spin"]);
    let servers: Vec<Server> = thread::scope(|scope| {
        let starting: Vec<_> = (0..3).map(|_| scope.spawn(|| place.serve())).collect();
        starting.into_iter().map(|server| server.join().expect("it starts")).collect()
    });
    for server in &servers {
        server.still_serves();
        let log = server.log_by_now();
        assert!(!log.contains("warn"), "{log}");
    }
    assert_eq!(place.files("cwasm").len(), 3);
    assert!(!place.start().contains("compiled"));
}

#[test]
fn check_finds_what_run_has_compiled() {
    let place = Place::with(&["hello"]);
    place.start();
    let file = place.guests.path().join("hello.wat");
    let output =
        run(["check".as_ref(), file.as_os_str(), "--cache".as_ref(), place.cache().as_os_str()]);
    assert!(output.status.success() && output.stderr.is_empty());
    assert!(String::from_utf8_lossy(&output.stdout).contains("bytes as a component"));
    assert_eq!(place.files("cwasm").len(), 1);
}

/// The guest `hello` with one function more, which costs the compiler hundreds of megabytes.
fn heavy() -> String {
    let hello = text("hello");
    let end = hello.rfind(')').expect("it is a module");
    let body = "local.get 0 i32.const 7 i32.rotl local.set 0 ".repeat(150_000);
    format!("{} (func (param i32) {body}))", &hello[..end])
}

#[test]
fn a_guest_that_is_too_much_for_the_compiler_is_left_out() {
    for (limit, named) in [
        ("compile_bytes_max = 268435456", "compile_bytes_max"),
        ("compile_ms_max = 1", "compile_ms_max"),
    ] {
        let folder = Folder::new();
        folder.add("heavy.wat", heavy().as_bytes());
        folder.add("snow.toml", format!("[limits]\n{limit}\n").as_bytes());
        let path = folder.path().to_owned();
        // Beside it hello would have to be compiled within a millisecond too.
        let output =
            run(["run".as_ref(), path.as_os_str(), "--listen".as_ref(), "127.0.0.1:0".as_ref()]);
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{log}");
        assert!(log.contains("heavy.wat is left out") && log.contains(named), "{log}");
    }
}

/// The server's own memory is what it was: the child's was freed with the child.
#[test]
fn the_server_does_not_compile() {
    let place = Place::with(&["hello"]);
    place.guests.add("heavy.wat", heavy().replace("/hello", "/heavy").as_bytes());
    let server = place.serve();
    server.still_serves();
    let status =
        fs::read_to_string(Path::new("/proc").join(server.id().to_string()).join("status"))
            .unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("it says so");
    let kilobytes: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(kilobytes < 150_000, "{kilobytes} kB at its peak");
    assert_eq!(compiled(&server.log_by_now(), "heavy"), 1);
}
