//! Signals that come before a server listens, while guests are built.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::harness::{Folder, Lines, eventually, keep_in_target, program, source};

/// Says that it has begun, waits until it may go on, and leaves the guest where it is wanted.
const BUILD: &str = "echo $$ > ../begun.new && mv ../begun.new ../begun\n\
                     while [ ! -e ../go ]; do sleep 0.02; done\n\
                     cp guest.wat \"$SNOW_GUEST_OUT\"\n";

fn building(folder: &Folder) -> Child {
    let own = folder.path().join("app");
    fs::create_dir(&own).expect("a guests folder can be written");
    let hello = fs::read(source("hello").expect("it is there")).expect("it can be read");
    fs::write(own.join("guest.wat"), hello).expect("a guests folder can be written");
    folder
        .add("snow.toml", format!("[guest.app]\nbuild = ['sh', '-c', '''{BUILD}''']\n").as_bytes());
    let mut command = Command::new(program());
    command.arg("run").arg(folder.path()).args(["--build", "--listen", "127.0.0.1:0"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    keep_in_target(&mut command).spawn().expect("the program can be started")
}

fn begun(folder: &Folder) -> String {
    let read = || fs::read_to_string(folder.path().join("begun")).ok();
    eventually("the build has begun", read).trim().to_owned()
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args(["-s", name, &child.id().to_string()]).status();
    assert!(sent.expect("kill can be started").success());
}

#[test]
fn whoever_is_told_to_end_while_it_builds_ends_the_build_too() {
    for name in ["TERM", "INT"] {
        let folder = Folder::new();
        let mut child = building(&folder);
        let builder = begun(&folder);
        signal(&child, name);
        assert_eq!(child.wait().expect("it was started").code(), Some(130), "{name}");
        let is_gone = || (!Path::new("/proc").join(&builder).exists()).then_some(());
        eventually("the build's process is gone", is_gone);
    }
}

#[test]
fn to_look_again_while_it_builds_ends_nothing() {
    let folder = Folder::new();
    let mut child = building(&folder);
    begun(&folder);
    signal(&child, "HUP");
    folder.add("go", b"");
    let out = Lines::of(child.stdout.take().expect("it is piped"));
    out.until(&["listening on http://", "app"]);
    signal(&child, "TERM");
    assert_eq!(child.wait().expect("it was started").code(), Some(0));
}
