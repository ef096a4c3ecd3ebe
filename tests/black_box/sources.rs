//! Guests that are source files, evaluated by an engine: here by one of a language of three words
//! (`tests/guests/engine`), in the place of JavaScript's. What real engines do has modules of its
//! own.

use std::fs;
use std::path::PathBuf;
use std::process::Output;

use crate::harness::{self, Folder, Server, command_with, engine, eventually};

/// Guests, and a folder with the engine of these tests.
pub struct Stage {
    engines: Folder,
    engine: PathBuf,
    guests: harness::Stage,
}

impl Stage {
    /// `None` if the engine can't be built here.
    pub fn new(files: &[(&str, &str)]) -> Option<Stage> {
        let engines = Folder::new();
        let listed = command_with(engines.path()).args(["engine", "list"]).output();
        let listed = String::from_utf8(listed.expect("it can be started").stdout).expect("text");
        let path = listed.lines().find_map(|line| line.strip_prefix("js ")?.split(' ').next_back());
        let path = PathBuf::from(path.expect("there is an engine for JavaScript"));
        let name = path.file_name().and_then(|name| name.to_str()).expect("a path ends in a name");
        let engine = engines.add(name, &fs::read(engine()?).expect("it was built"));
        let guests = harness::Stage::with(engines.path().to_owned(), files);
        Some(Stage { engines, engine, guests })
    }

    pub fn serve(self) -> (Server, Folder) {
        (self.guests.serve(1), self.engines)
    }

    /// The file of the engine.
    fn engine(&self) -> PathBuf {
        self.engine.clone()
    }

    fn check(&self, name: &str) -> Output {
        self.guests.run("check", name)
    }
}

#[track_caller]
fn becomes(server: &Server, target: &str, text: &str) {
    eventually(text, || (server.get(target).text() == text).then_some(()));
}

#[test]
fn a_source_file_is_a_guest_and_an_edit_swaps_it() {
    let Some(stage) = Stage::new(&[("shop.js", "/hello say hello\n")]) else { return };
    let checked = stage.check("shop.js");
    let text = String::from_utf8_lossy(&checked.stdout);
    assert!(text.contains("a guest named shop") && text.contains("/hello"), "{text}");
    let (server, _engines) = stage.serve();
    assert_eq!(server.get("/hello").text(), "hello");
    server.folder.replace("shop.js", b"/hello say changed\n/more say more\n");
    becomes(&server, "/hello", "changed");
    assert_eq!(server.get("/more").text(), "more");
    fs::remove_file(server.folder.path().join("shop.js")).expect("it is there");
    eventually("it is gone", || (server.get("/hello").status == 404).then_some(()));
    server.folder.add("other.ts", b"/ts say as well\n");
    becomes(&server, "/ts", "as well");
}

#[test]
fn the_folder_beside_is_part_of_the_guest() {
    let files = [
        ("shop.js", "/read read lib/a.txt\n/files files\n"),
        ("shop/lib/a.txt", "one"),
        ("shop/.hidden", "no"),
    ];
    let Some(stage) = Stage::new(&files) else { return };
    let (server, _engines) = stage.serve();
    assert_eq!(server.get("/read").text(), "one");
    assert_eq!(server.get("/files").text(), "lib/a.txt");
    server.folder.replace("shop/lib/a.txt", b"two");
    becomes(&server, "/read", "two");
    server.folder.add("shop/new.txt", b"");
    becomes(&server, "/files", "lib/a.txt new.txt");
    fs::remove_dir_all(server.folder.path().join("shop")).expect("it is there");
    becomes(&server, "/read", "no such file");
    // A folder that comes later is watched too.
    fs::create_dir(server.folder.path().join("shop")).expect("it can be made");
    fs::create_dir(server.folder.path().join("shop/lib")).expect("it can be made");
    server.folder.add("shop/lib/a.txt", b"three");
    becomes(&server, "/read", "three");
}

#[test]
fn what_can_not_be_evaluated_leaves_the_old_version() {
    let Some(stage) = Stage::new(&[("shop.js", "/hello say hello\n")]) else { return };
    let (server, engines) = stage.serve();
    server.folder.replace("shop.js", b"/hello say hello\n\n/x nonsense\n");
    let line = server.log.until(&["shop.js", "shop.js:3: `nonsense` is not a word"]);
    assert!(!line.contains("backtrace of the guest"), "{line}");
    assert_eq!(server.get("/hello").text(), "hello");
    let file = server.folder.path().join("shop.js");
    let checked =
        command_with(engines.path()).arg("check").arg(&file).output().expect("it can be started");
    let text = String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.code() == Some(1) && text.contains("shop.js:3: `nonsense`"), "{text}");
    server.folder.replace("shop.js", b"/hello say again\n");
    becomes(&server, "/hello", "again");
}

#[test]
fn a_failure_is_told_in_the_guests_own_words() {
    let Some(stage) = Stage::new(&[("shop.js", "/bad fail line 7: no such order\n")]) else {
        return;
    };
    let (server, _engines) = stage.serve();
    assert_eq!(server.get("/bad").status, 500);
    let log = server.log.until(&["\"GET /bad\": the call failed: line 7: no such order"]);
    assert!(!log.contains("backtrace of the guest"), "{log}");
}

/// Else a client that sends what a new version does not expect could take it away.
#[test]
fn failures_roll_no_version_back() {
    let Some(stage) = Stage::new(&[("shop.js", "/v say one\n")]) else { return };
    let (server, _engines) = stage.serve();
    server.folder.replace("shop.js", b"/v say two\n/bad fail no such order\n");
    becomes(&server, "/v", "two");
    for _ in 0..30 {
        assert_eq!(server.get("/bad").status, 500);
    }
    assert_eq!(server.get("/v").text(), "two");
    let log = server.log_by_now();
    assert!(!log.contains("trapped"), "{log}");
}

/// The engine exports `run` for all of its guests, and says which of them have jobs.
#[test]
fn a_guest_has_jobs_if_its_engine_says_so() {
    let files = [("shop.js", "/start start tidy\n"), ("other.js", "/none start nothing\n")];
    let Some(stage) = Stage::new(&files) else { return };
    for (name, exports) in [("shop.js", "handle, resume, run\n"), ("other.js", "handle, resume\n")]
    {
        let text = String::from_utf8_lossy(&stage.check(name).stdout).into_owned();
        assert!(text.contains(&format!("exports  {exports}")), "{text}");
    }
    let (server, _engines) = stage.serve();
    assert_eq!(server.get("/start").text(), "tidy");
    assert_eq!(server.get("/none").text(), "JobError::NoRunner");
    server.folder.replace("other.js", b"/none start some\n");
    becomes(&server, "/none", "some");
}

/// Any other component would do as it likes under the guest's name.
#[test]
fn what_reads_no_source_is_no_engine() {
    let Some(stage) = Stage::new(&[("shop.js", "/v say one\n")]) else { return };
    let hello = fs::read(harness::source("hello").expect("it is there")).expect("text");
    for entry in fs::read_dir(stage.engines.path()).expect("it is there").flatten() {
        fs::write(entry.path(), &hello).expect("it can be written");
    }
    let text = String::from_utf8_lossy(&stage.check("shop.js").stderr).into_owned();
    assert!(text.contains("is no engine"), "{text}");
}

#[test]
fn instances_are_used_again_unless_the_deployer_says_otherwise() {
    let manifest = "[guest.fresh]\ninstances = 'fresh'\nmount = '/fresh'\n";
    let files =
        [("reused.js", "/count count\n"), ("fresh.js", "/count count\n"), ("snow.toml", manifest)];
    let Some(stage) = Stage::new(&files) else { return };
    let (server, _engines) = stage.serve();
    let counted: Vec<String> = (0..3).map(|_| server.get("/count").text().to_owned()).collect();
    assert_eq!(counted, ["1", "2", "3"]);
    let counted: Vec<String> =
        (0..3).map(|_| server.get("/fresh/count").text().to_owned()).collect();
    assert_eq!(counted, ["1", "1", "1"]);
}

#[test]
fn an_engine_that_is_not_there_is_named_and_others_serve() {
    let hello = fs::read_to_string(harness::source("hello").expect("it is there"));
    let hello = hello.expect("it can be read");
    let files = [
        ("hello.wat", &*hello),
        ("shop.py", "print('x')\n"),
        ("shop.d.ts", "no guest"),
        ("shop.test.js", "no guest"),
    ];
    let Some(stage) = Stage::new(&files) else { return };
    let (server, _engines) = stage.serve();
    let log = server.log.until(&["shop.py is left out: ", "snow-host engine install python"]);
    assert!(!log.contains("shop.d.ts") && !log.contains("shop.test.js"), "{log}");
    server.still_serves();
}

#[test]
fn a_guest_is_loaded_once_its_engine_is_installed() {
    let hello = fs::read_to_string(harness::source("hello").expect("it is there"));
    let hello = hello.expect("it can be read");
    let files = [("hello.wat", &*hello), ("shop.js", "/shop say shop\n")];
    let Some(stage) = Stage::new(&files) else { return };
    let installed = stage.engine();
    let aside = installed.with_extension("aside");
    fs::rename(&installed, &aside).expect("the engine is there");
    let (server, _engines) = stage.serve();
    server.log.until(&["shop.js is left out: ", "snow-host engine install js"]);
    fs::rename(&aside, &installed).expect("it can be put back");
    becomes(&server, "/shop", "shop");
    assert!(!server.log_by_now().contains("version 2"), "it was loaded once");
}

#[test]
fn files_beyond_the_limit_are_refused() {
    let files = [
        ("shop.js", "/hello say hello\n"),
        ("shop/large.txt", "0123456789012345678901234567890123456789"),
        ("snow.toml", "[limits]\nsources_bytes_max = 50\n"),
    ];
    let Some(stage) = Stage::new(&files) else { return };
    let text = String::from_utf8_lossy(&stage.check("shop.js").stderr).into_owned();
    assert!(text.contains("sources_bytes_max"), "{text}");
}
