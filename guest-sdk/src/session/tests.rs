use super::*;
use crate::store::Entry;

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn plain() -> Sessions {
    Sessions::in_memory().lifetime(Duration::from_secs(1_000))
}

fn signed() -> Sessions {
    plain().signed(SigningKeys::new(1, [7; 32]).unwrap())
}

/// A client: the cookie that it has.
#[derive(Default)]
struct Client(Option<String>);

impl Client {
    fn request(&self) -> Request {
        let request = Request::new("GET", "/");
        match &self.0 {
            Some(value) => request.with_header("cookie", format!("session={value}")),
            None => request,
        }
    }

    /// Does something with its session at a time. Whether it got a cookie.
    fn does(&mut self, sessions: &Sessions, now: u64, act: impl FnOnce(&mut Session<'_>)) -> bool {
        let mut session = sessions.of_at(&self.request(), at(now)).unwrap();
        act(&mut session);
        self.takes(session.save(Response::text("")).unwrap())
    }

    fn takes(&mut self, response: Response) -> bool {
        let mut fields = response.headers().filter(|(name, _)| *name == "set-cookie");
        let Some((_, field)) = fields.next() else { return false };
        let field = String::from_utf8(field.to_vec()).unwrap();
        assert!(field.contains("; HttpOnly; SameSite=Lax"), "{field}");
        let value = field.split(';').next().unwrap().strip_prefix("session=").unwrap();
        self.0 = (!value.is_empty()).then(|| value.to_owned());
        true
    }

    fn sees(&self, sessions: &Sessions, now: u64) -> Option<String> {
        let session = sessions.of_at(&self.request(), at(now)).unwrap();
        session.get("user").map(str::to_owned)
    }
}

#[test]
fn what_is_set_is_there_in_the_next_request() {
    for sessions in [plain(), signed()] {
        let mut client = Client::default();
        assert!(!client.does(&sessions, 0, |_| {}), "who does nothing gets no cookie");
        assert!(client.does(&sessions, 0, |session| session.set("user", "ann & bob")));
        assert_eq!(client.sees(&sessions, 1).as_deref(), Some("ann & bob"));
        assert!(!client.does(&sessions, 1, |session| session.set("other", "")));
        assert!(!client.does(&sessions, 1, |session| session.remove("user")));
        assert_eq!(client.sees(&sessions, 2), None);
    }
}

#[test]
fn an_id_that_was_made_up_is_no_session() {
    for sessions in [plain(), signed()] {
        let made_up = "0123456789abcdef0123456789abcdef";
        let forged = SigningKeys::new(1, [8; 32]).unwrap().sign_at("session", made_up, at(0));
        for text in [made_up, &forged, "x", ""] {
            let mut client = Client(Some(text.to_owned()));
            assert!(client.does(&sessions, 0, |session| session.set("user", "ann")));
            assert_ne!(client.0.as_deref(), Some(text), "its id is a new one");
            assert_eq!(Client(Some(text.to_owned())).sees(&sessions, 0), None);
        }
    }
}

#[test]
fn what_begins_to_be_stored_has_an_id_that_nobody_knew() {
    let sessions = signed();
    let mut client = Client::default();
    assert!(client.does(&sessions, 0, |session| drop(session.csrf_token().unwrap())));
    let planted = Client(client.0.clone());
    client.does(&sessions, 0, |session| session.set("user", "ann"));
    assert_eq!(client.sees(&sessions, 0).as_deref(), Some("ann"));
    assert_eq!(planted.sees(&sessions, 0), None);
}

#[test]
fn a_renewed_session_has_another_id_and_its_content() {
    for sessions in [plain(), signed()] {
        let mut client = Client::default();
        client.does(&sessions, 0, |session| session.set("basket", "7"));
        let before = Client(client.0.clone());
        assert!(client.does(&sessions, 0, |session| {
            session.renew();
            session.set("user", "ann");
        }));
        assert_eq!(client.sees(&sessions, 0).as_deref(), Some("ann"));
        client.does(&sessions, 0, |session| assert_eq!(session.get("basket"), Some("7")));
        assert_eq!(before.sees(&sessions, 0), None);
    }
}

#[test]
fn a_destroyed_session_stays_so() {
    for sessions in [plain(), signed()] {
        let mut client = Client::default();
        client.does(&sessions, 0, |session| session.set("user", "ann"));
        let other = Client(client.0.clone());
        let mut late = sessions.of_at(&other.request(), at(0)).unwrap();
        assert!(client.does(&sessions, 0, |session| session.destroy()));
        assert_eq!((client.0, other.sees(&sessions, 0)), (None, None));
        // A request that began before does not bring it back.
        late.set("user", "ann");
        assert!(late.commit().unwrap().is_some_and(|cookie| cookie == late_removal(&sessions)));
        assert_eq!(other.sees(&sessions, 0), None);
    }
}

fn late_removal(sessions: &Sessions) -> Cookie {
    sessions.of_at(&Request::new("GET", "/"), at(0)).unwrap().removal()
}

#[test]
fn requests_at_the_same_time_lose_nothing() {
    let sessions = plain();
    let mut client = Client::default();
    client.does(&sessions, 0, |session| session.set("user", "ann"));
    let mut one = sessions.of_at(&client.request(), at(0)).unwrap();
    let mut two = sessions.of_at(&client.request(), at(0)).unwrap();
    one.set("one", "1");
    two.set("two", "2");
    two.remove("user");
    assert!(one.commit().unwrap().is_none() && two.commit().unwrap().is_none());
    client.does(&sessions, 0, |session| {
        assert_eq!((session.get("one"), session.get("two")), (Some("1"), Some("2")));
        assert_eq!(session.get("user"), None);
    });
}

#[test]
fn its_time_begins_anew_as_it_is_used() {
    let sessions = signed();
    let mut client = Client::default();
    client.does(&sessions, 1_000, |session| session.set("user", "ann"));
    assert!(!client.does(&sessions, 1_099, |_| {}), "a tenth of its time has not passed");
    assert!(client.does(&sessions, 1_900, |_| {}));
    assert!(client.does(&sessions, 2_800, |_| {}), "by now the first cookie is too old");
    assert_eq!(client.sees(&sessions, 3_800).as_deref(), Some("ann"));
    assert_eq!(client.sees(&sessions, 3_801), None);
}

#[test]
fn a_form_has_a_token_of_its_session() {
    let sessions = signed();
    let (mut ann, mut bob) = (Client::default(), Client::default());
    let (mut token, mut other) = (String::new(), String::new());
    ann.does(&sessions, 0, |session| token = session.csrf_token().unwrap());
    bob.does(&sessions, 0, |session| other = session.csrf_token().unwrap());
    let check = |client: &Client, token: Option<&str>, now| {
        sessions.of_at(&client.request(), at(now)).unwrap().check_csrf(token)
    };
    assert!(check(&ann, Some(&token), 1_000).is_ok());
    for (client, token, now) in [
        (&ann, Some(&*token), 1_001),
        (&ann, Some(&*other), 0),
        (&ann, Some(""), 0),
        (&ann, None, 0),
        (&Client::default(), Some(&*token), 0),
    ] {
        let error = check(client, token, now).unwrap_err();
        assert_eq!(Response::from(error).code(), 403);
    }
    let mut session = plain();
    session.keys = None;
    assert!(session.of(&Request::new("GET", "/")).unwrap().csrf_token().is_err());
}

#[test]
fn what_is_no_session_in_the_store_is_an_error() {
    let entry = |text: &str| Entry { value: text.into(), version: 3 };
    let fields = BTreeMap::from([("a b".to_owned(), "c&d".to_owned())]);
    let record = Record { version: 3, written: 7, fields };
    assert_eq!(record.to_text(), "7 a%20b=c%26d");
    assert_eq!(Record::parse(&entry(&record.to_text())).unwrap(), record);
    for text in ["", "7", "x a=b"] {
        assert!(Record::parse(&entry(text)).is_err(), "{text:?}");
    }
}
