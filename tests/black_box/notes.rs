//! The example `notes`, as a browser uses it: its cookies, and the tokens of its forms.

use crate::harness::{Response, Server, serve};

/// A browser with one cookie.
struct Browser<'s> {
    server: &'s Server,
    cookie: String,
}

impl<'s> Browser<'s> {
    fn new(server: &'s Server) -> Self {
        Self { server, cookie: String::new() }
    }

    #[track_caller]
    fn sends(&mut self, method: &str, target: &str, form: &str) -> Response {
        let (length, cookie) = (form.len(), &self.cookie);
        let mut client = self.server.connect();
        client.send(format!(
            "{method} {target} HTTP/1.1\r\nhost: test\r\ncookie: notes={cookie}\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {length}\r\n\r\n{form}"
        ));
        let answer = client.response();
        if let Some(field) = answer.field("set-cookie") {
            assert!(field.contains("; HttpOnly; SameSite=Lax"), "{field}");
            let value = field.split(';').next().and_then(|pair| pair.strip_prefix("notes="));
            self.cookie = value.expect("there is one cookie").to_owned();
        }
        answer
    }

    #[track_caller]
    fn gets(&mut self, target: &str) -> Response {
        self.sends("GET", target, "")
    }

    /// The token of the form on a page.
    #[track_caller]
    fn token(&mut self, page: &str) -> String {
        let page = self.gets(page);
        let token = page.text().split("name=\"csrf\" value=\"").nth(1);
        token.and_then(|rest| rest.split('"').next()).expect("there is a form").to_owned()
    }

    /// Submits the form for a name and a password.
    #[track_caller]
    fn enters(&mut self, form: &str, name: &str, password: &str) -> Response {
        let target = format!("/notes/{form}");
        let token = self.token(&target);
        self.sends("POST", &target, &format!("name={name}&password={password}&csrf={token}"))
    }

    #[track_caller]
    fn writes(&mut self, name: &str, text: &str) -> Response {
        let target = format!("/notes/of/{name}");
        let token = self.token(&target);
        self.sends("POST", &target, &format!("text={text}&csrf={token}"))
    }
}

#[track_caller]
fn sent_to(answer: &Response, location: &str) {
    assert_eq!((answer.status, answer.field("location")), (303, Some(location)), "{answer:?}");
}

const PASSWORD: &str = "correct+horse";

#[test]
fn a_user_signs_up_writes_logs_out_and_logs_in() {
    let Some(server) = serve(&["notes"]) else { return };
    let mut ann = Browser::new(&server);
    sent_to(&ann.gets("/notes/"), "log-in");
    sent_to(&ann.enters("sign-up", "ann", PASSWORD), "of/ann");
    sent_to(&ann.gets("/notes/"), "of/ann");
    sent_to(&ann.writes("ann", "%3Cb%3Ebread"), "ann");
    sent_to(&ann.writes("ann", "butter"), "ann");
    let page = ann.gets("/notes/of/ann");
    let (bread, butter) = (page.text().find("&#60;b&#62;bread"), page.text().find("butter"));
    assert!(bread.is_some() && bread < butter, "{}", page.text());

    let token = ann.token("/notes/of/ann");
    let before = ann.cookie.clone();
    sent_to(&ann.sends("POST", "/notes/log-out", &format!("csrf={token}")), "log-in");
    assert_eq!(ann.cookie, "", "its browser forgets it");
    let mut late = Browser { server: &server, cookie: before };
    sent_to(&late.gets("/notes/of/ann"), "../log-in");

    assert_eq!(ann.enters("log-in", "ann", "wrong+horse").status, 403);
    assert_eq!(ann.enters("log-in", "bob", PASSWORD).status, 403);
    sent_to(&ann.enters("log-in", "ann", PASSWORD), "of/ann");
    assert!(ann.gets("/notes/of/ann").text().contains("butter"));
}

#[test]
fn a_page_is_its_users_alone() {
    let Some(server) = serve(&["notes"]) else { return };
    let (mut ann, mut bob) = (Browser::new(&server), Browser::new(&server));
    sent_to(&ann.enters("sign-up", "ann", PASSWORD), "of/ann");
    sent_to(&bob.enters("sign-up", "bob", PASSWORD), "of/bob");
    sent_to(&ann.writes("ann", "secret"), "ann");
    assert_eq!(bob.gets("/notes/of/ann").status, 403);
    let token = bob.token("/notes/of/bob");
    let form = format!("text=x&csrf={token}");
    assert_eq!(bob.sends("POST", "/notes/of/ann", &form).status, 403);
    assert!(!bob.gets("/notes/of/bob").text().contains("secret"));
}

#[test]
fn a_name_is_taken_once_and_has_its_characters() {
    let Some(server) = serve(&["notes"]) else { return };
    let mut browser = Browser::new(&server);
    sent_to(&browser.enters("sign-up", "ann", PASSWORD), "of/ann");
    for (name, password, fault) in [
        ("ann", "another+horse", "This name is taken."),
        ("Ann%2F..", PASSWORD, "A name has"),
        ("", PASSWORD, "A name has"),
        ("bob", "short", "A password has"),
    ] {
        let answer = Browser::new(&server).enters("sign-up", name, password);
        assert_eq!(answer.status, 409, "{name}");
        assert!(answer.text().contains(fault), "{}", answer.text());
    }
}

#[test]
fn a_forged_token_or_cookie_is_refused() {
    let Some(server) = serve(&["notes"]) else { return };
    let (mut ann, mut eve) = (Browser::new(&server), Browser::new(&server));
    sent_to(&ann.enters("sign-up", "ann", PASSWORD), "of/ann");
    sent_to(&eve.enters("sign-up", "eve", PASSWORD), "of/eve");
    // A token of another session, one of this session before it was logged in, one that is cut, none.
    let (own, foreign) = (ann.token("/notes/of/ann"), eve.token("/notes/of/eve"));
    let early = Browser::new(&server).token("/notes/log-in");
    for token in [&*foreign, &early, &own[..own.len() - 1], ""] {
        let answer = ann.sends("POST", "/notes/of/ann", &format!("text=x&csrf={token}"));
        assert_eq!(answer.status, 403, "{token}");
    }
    assert_eq!(ann.sends("POST", "/notes/log-out", "").status, 403);
    assert_eq!(ann.gets("/notes/of/ann").status, 200, "nobody has logged her out");

    // One character of the id, of the time, of the code.
    let parts: Vec<&str> = ann.cookie.split('.').collect();
    for place in 0..parts.len() {
        let mut forged = parts.clone();
        let changed = match parts[place].strip_prefix('9') {
            Some(rest) => format!("8{rest}"),
            None => format!("9{}", &parts[place][1..]),
        };
        forged[place] = &changed;
        let mut browser = Browser { server: &server, cookie: forged.join(".") };
        sent_to(&browser.gets("/notes/of/ann"), "../log-in");
    }
}

#[test]
fn logging_in_gives_the_session_another_id() {
    let Some(server) = serve(&["notes"]) else { return };
    let mut ann = Browser::new(&server);
    sent_to(&ann.enters("sign-up", "ann", PASSWORD), "of/ann");
    // A cookie that somebody else has, and has put into this browser.
    let mut planted = Browser::new(&server);
    planted.gets("/notes/log-in");
    let mut victim = Browser { server: &server, cookie: planted.cookie.clone() };
    sent_to(&victim.enters("log-in", "ann", PASSWORD), "of/ann");
    assert_ne!(victim.cookie, planted.cookie);
    sent_to(&planted.gets("/notes/of/ann"), "../log-in");
}
