//! `snow-host new`: what it writes is built and served, and passes its own cases; what it refuses.

use std::fs;
use std::process::Output;

use crate::harness::{Folder, Setup, eventually, run, source, workspace};

#[track_caller]
fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).expect("it prints text")
}

/// Runs `snow-host new rust NAME --in FOLDER`.
#[track_caller]
fn new(name: &str, folder: &Folder) -> Output {
    new_in("rust", name, folder)
}

/// Runs `snow-host new LANGUAGE NAME --in FOLDER`.
#[track_caller]
fn new_in(language: &str, name: &str, folder: &Folder) -> Output {
    run([
        "new".as_ref(),
        language.as_ref(),
        name.as_ref(),
        "--in".as_ref(),
        folder.path().as_os_str(),
    ])
}

#[track_caller]
fn refused(output: &Output, words: &str) {
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
    let said = text(&output.stderr);
    assert!(said.starts_with("error: ") && said.contains(words), "{words:?} is not in:\n{said}");
}

/// On a machine where no crate is at hand this needs the network, as the other guests' builds do.
#[test]
fn a_new_guest_builds_and_passes_its_own_cases_and_serves() {
    if source("snow").is_none() {
        return;
    }
    let folder = Folder::new();
    // What it shares with the example guests has been built for them.
    fs::create_dir(folder.path().join(".cargo")).expect("the folder can be written");
    let target = workspace().join("guests/target");
    folder.add(".cargo/config.toml", format!("[build]\ntarget-dir = {target:?}\n").as_bytes());
    let made = new("my-shop", &folder);
    assert!(made.status.success(), "{}", text(&made.stderr));
    for words in [
        "unpacked the SDK into ",
        "created ",
        "snow-host build ",
        "snow-host test ",
        "snow-host run ",
    ] {
        assert!(text(&made.stdout).contains(words), "{words:?} is not in:\n{}", text(&made.stdout));
    }
    let built = run(["test".as_ref(), folder.path().as_os_str(), "--build".as_ref()]);
    let (out, err) = (text(&built.stdout), text(&built.stderr));
    assert_eq!(built.status.code(), Some(0), "{out}{err}");
    assert!(err.contains("built my-shop -> ") && !err.contains("warning"), "{err}");
    assert!(
        out.contains("ok     my-shop: greets by name (") && out.ends_with("6 passed, 0 failed\n"),
        "{out}"
    );

    let server = Setup::new(folder).start();
    assert_eq!(server.get("/my-shop/hello/ada").text(), "hello ada");
    let mut waits = server.ask("/my-shop/orders/7");
    waits.is_silent();
    let approved = eventually("it waits", || {
        let answer = server.connect().post("/my-shop/orders/7/approve", b"yes");
        Some(answer).filter(|answer| answer.status != 404)
    });
    assert_eq!(approved.text(), "approved");
    assert_eq!(waits.response().text(), "order 7: yes");
}

/// Two of each beside one another, one with a name that needs care. What a language's example needs
/// to be built is what its template needs.
#[test]
fn new_guests_in_other_languages_pass_their_own_cases() {
    for (language, needs, files) in [("go", "go", 3), ("c", "c", 3), ("zig", "zig", 8)] {
        if source(needs).is_none() {
            continue;
        }
        let folder = Folder::new();
        for name in ["shop", "my-2nd_shop"] {
            let made = new_in(language, name, &folder);
            assert!(made.status.success(), "{language}: {}", text(&made.stderr));
            assert!(text(&made.stdout).contains("created "), "{language}: {}", text(&made.stdout));
        }
        let built = run(["test".as_ref(), folder.path().as_os_str(), "--build".as_ref()]);
        let (out, err) = (text(&built.stdout), text(&built.stderr));
        assert_eq!(built.status.code(), Some(0), "{language}: {out}{err}");
        assert!(!err.contains("warning"), "{language}: {err}");
        assert!(out.ends_with("12 passed, 0 failed\n"), "{language}: {out}");
        for name in ["shop", "my-2nd_shop"] {
            let left = fs::read_dir(folder.path().join(name)).expect("it is there").count();
            assert_eq!(left, files, "{language}: a build leaves nothing beside the source");
        }
    }
}

#[test]
fn the_sdk_is_unpacked_once() {
    let folder = Folder::new();
    let first = new("one", &folder);
    assert!(
        first.status.success() && text(&first.stdout).contains("unpacked"),
        "{}",
        text(&first.stderr)
    );
    let second = new("two", &folder);
    assert!(second.status.success(), "{}", text(&second.stderr));
    assert!(!text(&second.stdout).contains("unpacked"), "{}", text(&second.stdout));
    let found: Vec<_> = fs::read_dir(folder.path().join(".snow")).expect("it is there").collect();
    assert_eq!(found.len(), 1, "{found:?}");
}

/// The first guest makes the folder a workspace, so the second one finds all that it needs built.
#[test]
fn the_second_guest_is_built_with_what_the_first_has_built() {
    if source("snow").is_none() {
        return;
    }
    let folder = Folder::new();
    assert!(text(&new("one", &folder).stdout).contains("made the workspace "));
    let build = || run(["build".as_ref(), folder.path().as_os_str()]);
    let first = build();
    let said = text(&first.stderr);
    assert!(first.status.success() && said.contains("Compiling snow-guest "), "{said}");
    assert!(text(&new("two", &folder).stdout).contains("added the guest to the members"));
    let second = build();
    let said = text(&second.stderr);
    assert!(second.status.success() && said.contains("built two -> "), "{said}");
    assert!(said.contains("Compiling two ") && !said.contains("Compiling snow-guest "), "{said}");
}

/// What lies around a package that is there already may not expect to be in a workspace.
#[test]
fn beside_another_package_it_is_a_workspace_of_its_own() {
    let folder = Folder::new();
    fs::create_dir(folder.path().join("other")).expect("the folder can be written");
    folder.add("other/Cargo.toml", b"[package]\nname = \"other\"\n");
    assert!(new("one", &folder).status.success());
    let manifest = fs::read_to_string(folder.path().join("one/Cargo.toml")).expect("it is there");
    assert!(manifest.contains("path = \"../.snow/sdk-0.1.0/guest-sdk\""), "{manifest}");
    assert!(manifest.ends_with("[workspace]\n"), "{manifest}");
    assert!(!folder.path().join("Cargo.toml").exists());
}

#[test]
fn in_a_workspace_it_becomes_a_member() {
    let folder = Folder::new();
    let workspace = "[workspace]\nmembers = [\"a\"]\n\n[workspace.dependencies]\nsnow-guest = { path = \"sdk\" }\n";
    folder.add("Cargo.toml", workspace.as_bytes());
    let made = new("shop", &folder);
    assert!(
        made.status.success() && text(&made.stdout).contains("members"),
        "{}",
        text(&made.stderr)
    );
    let changed = fs::read_to_string(folder.path().join("Cargo.toml")).unwrap();
    assert_eq!(changed, workspace.replace("[\"a\"]", "[\"a\", \"shop\"]"));
    let manifest = fs::read_to_string(folder.path().join("shop/Cargo.toml")).unwrap();
    assert!(manifest.ends_with("[dependencies]\nsnow-guest.workspace = true\n"), "{manifest}");
    assert!(!folder.path().join(".snow").exists(), "the workspace has an SDK");
}

#[test]
fn names_that_can_not_be_are_refused_and_nothing_is_written() {
    let folder = Folder::new();
    for (name, words) in [
        ("My Shop", "How about `my-shop`?"),
        ("../up", "How about `up`?"),
        ("fn", "a keyword of Rust"),
        ("test", "How about `my-test`?"),
        ("snow-guest", "the SDK"),
    ] {
        refused(&new(name, &folder), words);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    folder.add("hello.wat", b"(module)");
    refused(&new("hello", &folder), "hello.wat is a guest with that name already");
    fs::create_dir(folder.path().join("shop")).unwrap();
    refused(&new("shop", &folder), "exists already");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn languages_are_listed() {
    for arguments in [&["new"][..], &["new", "--help"]] {
        let output = run(arguments);
        let said = [text(&output.stdout), text(&output.stderr)].concat();
        for words in ["rust", "go", "zig", "--in <GUESTS>"] {
            assert!(said.contains(words), "{words:?} is not in:\n{said}");
        }
    }
    let output = run(["new", "rusty", "shop"]);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    assert!(
        said.contains("possible values: rust, js, ts, python, go, c, zig")
            && said.contains("similar value exists: 'rust'"),
        "{said}"
    );
}
