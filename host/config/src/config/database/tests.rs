use super::*;

fn parse(text: &str) -> Result<DatabasePlace, String> {
    DatabasePlace::parse(text, Path::new("/guests"))
}

fn server_of(text: &str) -> ServerPlace {
    match parse(text) {
        Ok(DatabasePlace::Postgres(server) | DatabasePlace::Mysql(server)) => server,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn paths_of_sqlite_begin_at_the_folder() {
    for (text, path) in [
        ("sqlite:data/app.db", "/guests/data/app.db"),
        ("sqlite:/var/app.db", "/var/app.db"),
        ("sqlite:///var/app.db", "/var/app.db"),
        ("sqlite://app.db", "/guests/app.db"),
    ] {
        assert_eq!(parse(text), Ok(DatabasePlace::Sqlite(path.into())), "{text}");
    }
    for wrong in ["sqlite:", "sqlite::memory:", "sqlite:a?mode=ro", "sqlite:data/"] {
        assert!(parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn urls_of_servers_are_read_whole() {
    let server = server_of("postgres://ann:p%40ss@db.example:5433/shop?sslmode=require");
    assert_eq!(server.address, ServerAddress::Tcp("db.example".into(), 5_433));
    assert_eq!((&*server.user, &*server.database, server.is_encrypted), ("ann", "shop", true));
    assert_eq!(server.password.as_ref().map(Secret::expose), Some("p@ss"));
    let server = server_of("mysql://root@[::1]/app");
    assert_eq!(server.address, ServerAddress::Tcp("::1".into(), 3_306));
    assert_eq!((server.password, server.is_encrypted), (None, false));
    for text in [
        "postgres://ann@%2Frun%2Fpg:7000/shop",
        "postgresql://ann@localhost:7000/shop?host=/run/pg",
    ] {
        let server = server_of(text);
        assert_eq!(server.address, ServerAddress::Unix("/run/pg/.s.PGSQL.7000".into()), "{text}");
    }
    let server = server_of("mariadb://ann@localhost/shop?socket=/run/my.sock");
    assert_eq!(server.address, ServerAddress::Unix("/run/my.sock".into()));
}

#[test]
fn what_is_wrong_is_said_without_the_password() {
    for (text, words) in [
        ("oracle://ann:hunter2@a/b", "sqlite:, postgres:// and mysql://"),
        ("hunter2", "no URL"),
        ("postgres://ann:hunter2@a:x/b", "no URL"),
        ("postgres://ann:hunter2@a/", "no database"),
        ("postgres://a/b", "no user"),
        ("postgres:///b", "no host"),
        ("mysql://ann:hunter2@a/b?sslmode=prefer", "neither disable nor require"),
        ("mysql://ann:hunter2@a/b?charset=latin1", "only sslmode"),
        // The host is `ann` there, and the rest of the password the name of a parameter.
        ("postgres://ann:12?hunter2@a/b", "only sslmode"),
        ("postgres://ann:12?hunter2&host=x@a/b", "only sslmode"),
        ("postgres://ann:12?host=hunter2@a/b", "no path of a socket"),
        ("mysql://ann:hunter2@a/b?socket=x", "no path of a socket"),
        ("mysql://ann:hunter2@a/b?socket=/x&sslmode=require", "unix socket"),
        ("mysql://ann:hunter2@a/b%00", "NUL"),
    ] {
        let why = parse(text).unwrap_err();
        assert!(why.contains(words) && !why.contains("hunter2"), "{text}: {why}");
    }
}

#[test]
fn a_place_is_shown_without_the_password_and_a_url_with_one_is_a_secret() {
    let place = parse("postgres://ann:hunter2@a/b").unwrap();
    assert_eq!(place.to_string(), "postgres://a:5432");
    let place = parse("mysql://ann:hunter2@a/b?socket=/run/my.sock").unwrap();
    assert_eq!(place.to_string(), "mysql:/run/my.sock");
    assert!(!format!("{place:?}").contains("hunter2"));
    let is_secret = |text| DatabaseUrl::new(text).written.is_secret;
    assert!(is_secret("postgres://ann:hunter2@a/b") && is_secret("hunter2"));
    assert!(is_secret("postgres://ann:12?hunter2@a/b") && is_secret("mysql://ann:12/hunter2@a/b"));
    assert!(!is_secret("postgres://ann@a/b") && !is_secret("sqlite:data/app.db"));
}
