//! `[guest.NAME.config]` and `wasi:config`: a guest that knows the standard alone finds what the
//! deployer says, a change takes effect while the server runs, and nobody is shown a secret.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use crate::harness::{Admin, Folder, Server, keep_in_target, program, run};

/// The texts of secrets, none of which may be in anything that the program says.
const SECRETS: [&str; 3] = ["s3cret-in-the-file", "s3cret-in-the-environment", "s3cret-beside-it"];

/// The drafts of the interface, as the guest calls them.
const DRAFTS: [&str; 3] = ["rc", "draft", "dated"];

/// Files that lie elsewhere than the guests.
fn files() -> Folder {
    let files = Folder::new();
    files.add("motd", b"of a file\n");
    files.add("token", SECRETS[2].as_bytes());
    files
}

fn at(files: &Folder, name: &str) -> PathBuf {
    files.path().join(name)
}

fn manifest(files: &Folder) -> String {
    format!(
        "[guest.configured.config]\n\
         greeting = 'hello'\n\
         variable = {{ env = 'SNOW_TEST_GREETING' }}\n\
         motd = {{ file = '{}' }}\n\
         plain = {{ secret = '{}' }}\n\
         key = {{ secret = {{ env = 'SNOW_TEST_KEY' }} }}\n\
         token = {{ secret = {{ file = '{}' }} }}\n",
        at(files, "motd").display(),
        SECRETS[0],
        at(files, "token").display(),
    )
}

fn folder(manifest: &str) -> Option<Folder> {
    let folder = Folder::with(&["configured"])?;
    folder.add("snow.toml", manifest.as_bytes());
    Some(folder)
}

/// A command with the environment that the manifest names.
fn command(name: &str, folder: &Folder, arguments: &[&str]) -> Command {
    let mut command = Command::new(program());
    command.arg(name).arg(folder.path()).args(arguments).stdin(Stdio::null());
    command.env("SNOW_TEST_GREETING", "of a variable").env("SNOW_TEST_KEY", SECRETS[1]);
    keep_in_target(&mut command);
    command
}

fn serve(name: &str, folder: Folder, arguments: &[&str]) -> Server {
    let common = ["--listen", "127.0.0.1:0", "--workers", "2"];
    let mut command = command(name, &folder, &common);
    Server::spawn(command.args(Admin::ARGUMENTS).args(arguments), folder)
}

#[track_caller]
fn says(server: &Server, target: &str) -> String {
    let response = server.get(target);
    assert_eq!(response.status, 200, "{target}");
    response.text().to_owned()
}

#[track_caller]
fn shows_no_secret(text: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "{secret} is in:\n{text}");
    }
}

#[track_caller]
fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("it prints text");
    text(&output.stdout) + &text(&output.stderr)
}

#[test]
fn a_guest_of_the_standard_finds_what_the_deployer_says() {
    let files = files();
    let Some(folder) = folder(&manifest(&files)) else { return };
    let server = serve("run", folder, &[]);
    for draft in DRAFTS {
        for (key, value) in [
            ("greeting", "hello"),
            ("variable", "of a variable"),
            ("motd", "of a file"),
            ("plain", SECRETS[0]),
            ("key", SECRETS[1]),
            ("token", SECRETS[2]),
        ] {
            let got = says(&server, &format!("/{draft}/get/{key}"));
            assert_eq!(got, format!("Ok(Some({value:?}))"), "{draft} {key}");
        }
        assert_eq!(says(&server, &format!("/{draft}/get/nothing")), "Ok(None)");
        assert_eq!(
            says(&server, &format!("/{draft}/all")),
            r#"Ok([("greeting", "hello"), ("motd", "of a file"), ("variable", "of a variable")])"#,
            "secrets are for those who ask by name"
        );
    }
}

#[test]
fn nobody_is_shown_a_secret() {
    let files = files();
    let Some(folder) = folder(&manifest(&files)) else { return };
    for arguments in [&[][..], &["--json"]] {
        let output = command("config", &folder, arguments).output().expect("it can be started");
        assert!(output.status.success());
        shows_no_secret(&said(&output));
        assert!(said(&output).contains("(not shown)"));
    }
    let mut server = serve("run", folder, &[]);
    assert_eq!(server.get("/panic").status, 500);
    server.log.until(&["the token is Some(\"[secret token]\")"]);
    assert_eq!(server.get("/careless").status, 200);
    server.log.until(&["plain is [secret plain]"]);
    let admin = server.admin();
    for page in ["/metrics", "/guests", "/pending", "/readyz"] {
        shows_no_secret(&admin.page(page));
    }
    let status = run(["status", "--admin", &admin.address.to_string()]);
    shows_no_secret(&said(&status));
    // A manifest that is wrong beside its secrets.
    let wrong = manifest(&files) + "more = 1\n[limits]\nconfig_value_bytes_max = 4\n";
    server.folder.replace("snow.toml", wrong.as_bytes());
    server.log.until(&["snow.toml is invalid, so the settings in force stay", "snow.toml:8:8: "]);
    let wrong = wrong.replace("more = 1\n", "");
    server.folder.replace("snow.toml", wrong.as_bytes());
    server
        .log
        .until(&["snow.toml:5:9: `plain` of [guest.configured.config] has more than 4 bytes"]);
    assert_eq!(says(&server, "/rc/get/plain"), format!("Ok(Some({:?}))", SECRETS[0]));
    server.signal("TERM");
    server.ended();
    shows_no_secret(&server.log.to_end());
    shows_no_secret(&server.out.to_end());
}

#[test]
fn a_change_takes_effect_while_the_server_runs() {
    let files = files();
    let Some(folder) = folder(&manifest(&files)) else { return };
    let server = serve("run", folder, &[]);
    // A file that the manifest names, and that lies elsewhere.
    files.replace("token", b"another\r\n");
    server.everywhere("/rc/get/token", "Ok(Some(\"another\"))");
    // One that goes away changes nothing, and one that is there again does.
    fs::remove_file(at(&files, "motd")).expect("it is there");
    server.log.until(&["snow.toml:4:8: `motd` of [guest.configured.config] names the file "]);
    assert_eq!(says(&server, "/rc/get/motd"), "Ok(Some(\"of a file\"))");
    files.add("motd", b"back");
    server.everywhere("/rc/get/motd", "Ok(Some(\"back\"))");
    // The manifest.
    server.log.forget();
    server
        .folder
        .replace("snow.toml", b"[guest.configured.config]\na = { env = 'SNOW_NO_SUCH' }\n");
    server.log.until(&[
        "snow.toml:2:5: `a` of [guest.configured.config] names the environment variable \
                        SNOW_NO_SUCH, which is not set: set it where snow-host is started",
    ]);
    assert_eq!(says(&server, "/rc/get/motd"), "Ok(Some(\"back\"))", "what was in force stays");
    server.folder.replace("snow.toml", b"[guest.configured.config]\ngreeting = 'bye'\n");
    server.everywhere("/rc/all", "Ok([(\"greeting\", \"bye\")])");
    server.folder.replace("snow.toml", b"");
    server.everywhere("/rc/all", "Ok([])");
}

#[test]
fn a_server_does_not_start_without_its_values() {
    let Some(folder) = folder(
        "[guest.configured.config]\na = { env = 'SNOW_NO_SUCH' }\nb = { file = '/no/such' }\n",
    ) else {
        return;
    };
    let output = command("run", &folder, &[]).output().expect("it can be started");
    assert_eq!(output.status.code(), Some(1));
    let said = said(&output);
    assert!(
        said.contains("snow.toml:2:5: `a` of [guest.configured.config] names the env"),
        "{said}"
    );
    assert!(
        said.contains("snow.toml:3:5: `b` of [guest.configured.config] names the file"),
        "{said}"
    );
    // Whoever only looks does not need them.
    let output = command("config", &folder, &[]).output().expect("it can be started");
    let said = self::said(&output);
    assert!(output.status.success() && said.contains("warning: "), "{said}");
    assert!(
        said.contains("config = { a = { env = \"SNOW_NO_SUCH\" }, b = { file = \"/no/such\" } }")
    );
    let check = run(["check".into(), folder.path().join("configured.wasm")]);
    assert!(check.status.success(), "{}", self::said(&check));
}

#[test]
fn the_command_line_wins() {
    let Some(folder) = folder("[guest.configured.config]\na = { env = 'SNOW_NO_SUCH' }\nb = 'x'\n")
    else {
        return;
    };
    let values = ["--config", "a=of all", "--config", "configured.c=own", "--config", "b=y"];
    let output = command("config", &folder, &values).output().expect("it can be started");
    let printed = said(&output);
    assert!(printed.contains("config = { a = \"of all\", b = \"y\", c = \"own\" }"), "{printed}");
    assert!(printed.contains("# snow.toml:1, --config"), "{printed}");
    let server = serve("run", folder, &values);
    let all = r#"Ok([("a", "of all"), ("b", "y"), ("c", "own")])"#;
    assert_eq!(says(&server, "/rc/all"), all);
    // Also over a manifest that changes, and without any table.
    server.folder.replace("snow.toml", b"[guest.configured.config]\na = 'mine'\n");
    server.everywhere("/rc/all", r#"Ok([("a", "of all"), ("b", "y"), ("c", "own")])"#);
    let Some(bare) = self::folder("") else { return };
    assert_eq!(says(&serve("run", bare, &["--config", "a=1"]), "/rc/all"), r#"Ok([("a", "1")])"#);
    let wrong = run(["run", ".", "--config", "nothing"]);
    let said = said(&wrong);
    assert!(said.contains("KEY=VALUE for every guest, or GUEST.KEY=VALUE"), "{said}");
}

#[test]
fn a_file_of_variables_is_for_developers() {
    let text = "[guest.configured.config]\na = { env = 'SNOW_TEST_OWN' }\n\
                key = { secret = { env = 'SNOW_TEST_KEY' } }\n";
    let Some(folder) = folder(text) else { return };
    folder.add(".env", b"# of this machine\nSNOW_TEST_OWN=mine\nSNOW_TEST_KEY=not this\n");
    let output = command("run", &folder, &[]).output().expect("it can be started");
    assert_eq!(output.status.code(), Some(1), "it is not read by `run`");
    let server = serve("dev", folder, &[]);
    assert_eq!(says(&server, "/rc/all"), r#"Ok([("a", "mine")])"#);
    assert_eq!(says(&server, "/rc/get/key"), format!("Ok(Some({:?}))", SECRETS[1]));
    server.folder.replace(".env", b"SNOW_TEST_OWN='yours'\n");
    server.everywhere("/rc/all", r#"Ok([("a", "yours")])"#);
    server.folder.replace(".env", b"SNOW_TEST_OWN='yours'\ns3cret-in-the-file\n");
    let log = server.log.until(&[".env:2:1: this line is not KEY=VALUE"]);
    shows_no_secret(&log);
}

#[test]
fn cases_are_played_with_values_of_the_command_line() {
    let Some(folder) = folder("[guest.configured.config]\na = 'x'\n") else { return };
    folder.add(
        "configured.test.toml",
        b"[[case]]\nname = 'a'\npath = '/rc/all'\nexpect = { body = 'Ok([(\"a\", \"y\")])' }\n",
    );
    let played = |arguments: &[&str]| {
        command("test", &folder, arguments).output().expect("it can be started")
    };
    assert!(!played(&[]).status.success());
    let output = played(&["--config", "configured.a=y"]);
    assert!(output.status.success(), "{}", said(&output));
}
