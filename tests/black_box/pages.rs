//! The code in README and the pages: what is shown there is built, loaded, and called. Python's has
//! its test beside the others of its language.

use std::fs;
use std::process::Output;

use crate::harness::{Folder, Response, Server, Setup, Stage, run, source, workspace};

/// Returns the blocks of a language in a page that are whole guests.
fn blocks(page: &str, language: &str, sign: &str) -> Vec<String> {
    let text = fs::read_to_string(workspace().join(page)).expect("the page is there");
    let (begins, ends) = (format!("\n```{language}\n"), "\n```");
    let blocks = text.split(&begins).skip(1).filter_map(|rest| rest.split(ends).next());
    blocks.filter(|block| block.contains(sign)).map(str::to_owned).collect()
}

#[track_caller]
fn succeeds(what: &str, output: &Output) {
    let said = [&output.stdout[..], &output.stderr].concat();
    assert!(output.status.success(), "{what}:\n{}", String::from_utf8_lossy(&said));
}

/// Makes a new guest, puts the page's code in the place of the template's, and serves what it is
/// built to. `None` if the language's tools are not here.
fn serve(language: &str, needs: &str, file: &str, code: &str) -> Option<Server> {
    source(needs)?;
    let folder = Folder::new();
    if language == "rust" {
        // What it shares with the example guests has been built for them.
        fs::create_dir(folder.path().join(".cargo")).expect("the folder can be written");
        let target = workspace().join("guests/target");
        folder.add(".cargo/config.toml", format!("[build]\ntarget-dir = {target:?}\n").as_bytes());
    }
    let path = folder.path().as_os_str();
    succeeds(
        language,
        &run(["new".as_ref(), language.as_ref(), "page".as_ref(), "--in".as_ref(), path]),
    );
    fs::write(folder.path().join("page").join(file), code).expect("it can be written");
    succeeds(language, &run(["build".as_ref(), path]));
    Some(Setup::new(folder).start())
}

#[test]
fn javascript() {
    let Some(stage) = Stage::new("js", &[]) else { return };
    let pages = ["guest-sdk/js/README.md", "docs/languages.md", "docs/from-other-frameworks.md"];
    let blocks: Vec<String> =
        pages.iter().flat_map(|page| blocks(page, "js", "from 'snow'")).collect();
    assert!(blocks.len() >= 4, "{} blocks were found", blocks.len());
    for (number, code) in blocks.iter().enumerate() {
        let name = format!("page{number}.js");
        stage.write(&name, code);
        succeeds(code, &stage.run("check", &name));
    }
    stage.write("page.js", &blocks[0]);
    // The others have the same routes.
    for number in 0..blocks.len() {
        stage.remove(&format!("page{number}.js"));
    }
    let server = stage.serve(1);
    assert_eq!(server.get("/greet/ann").text(), "hello ann");
}

#[test]
fn rust() {
    let code = blocks("README.md", "rust", "snow_guest::serve!").remove(0);
    let Some(server) = serve("rust", "snow", "src/lib.rs", &code) else { return };
    let mut held = server.ask("/req/");
    held.is_silent();
    assert_eq!((server.get("/stop/").text(), held.response().text()), ("stop", "done"));
}

#[test]
fn go() {
    let code = blocks("guest-sdk/go/README.md", "go", "package main").remove(0);
    let Some(server) = serve("go", "go", "main.go", &code) else { return };
    assert_eq!(server.get("/hello/ann").text(), "hello ann");
    let mut held = server.ask("/news");
    held.is_silent();
    assert_eq!(server.connect().post("/news", b"news").status, 204);
    assert_eq!(held.response().text(), "news");
}

#[test]
fn a_session_in_go() {
    let code = blocks("guest-sdk/go/README.md", "go", "package main").remove(1);
    let code = code.replace("shop/sessions", "page/sessions");
    let Some(server) = serve("go", "go", "main.go", &code) else { return };
    orders_tea(&server);
}

#[test]
fn a_session_in_c() {
    let code = blocks("guest-sdk/c/README.md", "c", "SNOW_SERVE").remove(1);
    let code = code.replace("shop/sessions", "page/sessions");
    let Some(server) = serve("c", "c", "page.c", &code) else { return };
    orders_tea(&server);
}

/// Orders as a browser would: with the form's token, and the session's cookie.
#[track_caller]
fn orders_tea(server: &Server) {
    let cookie = |answer: &Response| {
        let field = answer.field("set-cookie").expect("it sets a cookie");
        field.split(';').next().expect("it has a value").to_owned()
    };
    let page = server.get("/order");
    let token = page.text().split("value='").nth(1).and_then(|rest| rest.split('\'').next());
    let body = format!("item=tea&count=2&csrf={}", token.expect("there is a token"));
    let (length, before) = (body.len(), cookie(&page));
    let mut client = server.connect();
    client.send(format!(
        "POST /order HTTP/1.1\r\nhost: a\r\ncookie: {before}\r\ncontent-length: {length}\r\n\
         content-type: application/x-www-form-urlencoded\r\n\r\n{body}"
    ));
    let answer = client.response();
    assert_eq!((answer.status, answer.field("location")), (303, Some("/basket")));
    let session = cookie(&answer);
    client.send(format!("GET /basket HTTP/1.1\r\nhost: a\r\ncookie: {session}\r\n\r\n"));
    assert_eq!(client.response().text(), "2 times tea");
}

#[test]
fn c() {
    let code = blocks("guest-sdk/c/README.md", "c", "SNOW_SERVE").remove(0);
    let Some(server) = serve("c", "c", "page.c", &code) else { return };
    assert_eq!(server.get("/hello/ann").text(), "hello ann");
    let mut held = server.ask("/news");
    held.is_silent();
    assert_eq!(server.connect().post("/news", b"news").text(), "told");
    assert_eq!(held.response().text(), "news");
}

/// The manifest that the page shows is one.
#[test]
fn the_manifest() {
    let folder = Folder::new();
    let blocks = blocks("docs/manifest.md", "toml", "[server]");
    folder.add("snow.toml", blocks[0].as_bytes());
    succeeds("docs/manifest.md", &run(["config".as_ref(), folder.path().as_os_str()]));
}
