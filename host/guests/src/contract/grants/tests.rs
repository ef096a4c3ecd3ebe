//! Permits of a few guests, and what they may do.

use snow_config::{DatabaseConfig, DatabasePlace, DatabaseUrl};
use snow_core::{Glob, OWNERS_MAX, WorkerId};
use snow_http::Response;

use super::*;

fn globs(patterns: &[&str]) -> Option<Globs> {
    Some(patterns.iter().copied().map(Glob::new).collect())
}

fn value(bytes: usize) -> Settlement {
    Settlement::Value(vec![b'v'; bytes].into())
}

fn response() -> Settlement {
    Settlement::Response(Response::text(200, "x"))
}

/// Three guests: `shop` waits under orders and mail, `pay` settles orders, `desk` settles both
/// and may respond.
fn permits() -> Permits {
    let shop = GuestConfig {
        keys: globs(&["orders/*", "mail"]),
        settles: globs(&["mail"]),
        ..Default::default()
    };
    let pay = GuestConfig { settles: globs(&["orders/*"]), ..Default::default() };
    let desk = GuestConfig { settles: globs(&["*"]), responds: Some(true), ..Default::default() };
    let configs = [("shop", shop), ("pay", pay), ("desk", desk)]
        .map(|(name, config)| (name.to_owned(), config));
    Permits::new(&configs.into(), &Limits::default())
}

#[test]
fn without_grants_everybody_may_do_everything() {
    let configs = [("a".to_owned(), GuestConfig { pendings_max: Some(3), ..Default::default() })];
    let (permits, limits) = (Permits::new(&configs.into(), &Limits::default()), Limits::default());
    let (a, b) = (permits.of("a"), permits.of("b"));
    assert_eq!(a.create(Some("x"), &limits).unwrap().pendings_max, 3, "a limit is no grant");
    assert_eq!(b.create(Some("x"), &limits).unwrap().pendings_max, limits.guest_pendings_max);
    assert!(b.settle_key("x", response(), &limits).is_ok() && b.sees("x"));
}

#[test]
fn what_is_not_granted_is_denied() {
    let (permits, limits) = (permits(), Limits::default());
    let [shop, pay, stranger] = ["shop", "pay", "stranger"].map(|name| permits.of(name));
    let creates = |guest: &Permit, key| guest.create(key, &limits).map(|_| ());
    let settles = |guest: &Permit, key| guest.settle_key(key, value(1), &limits).map(|_| ());
    assert_eq!(
        (creates(&shop, Some("orders/1")), creates(&shop, Some("users"))),
        (Ok(()), Err(Refusal::Denied))
    );
    assert_eq!(
        (settles(&shop, "mail"), settles(&shop, "orders/1")),
        (Ok(()), Err(Refusal::Denied))
    );
    assert_eq!(
        (settles(&pay, "orders/1"), creates(&pay, Some("orders/1"))),
        (Ok(()), Err(Refusal::Denied))
    );
    assert_eq!(
        (creates(&stranger, Some("mail")), settles(&stranger, "")),
        (Err(Refusal::Denied), Err(Refusal::Denied))
    );
    assert_eq!(creates(&stranger, None), Ok(()), "a pending without a key needs no grant");
    assert!(
        shop.sees("orders/1")
            && pay.sees("orders/1")
            && !pay.sees("mail")
            && !stranger.sees("mail")
    );
}

#[test]
fn a_response_to_anothers_client_is_a_grant_of_its_own() {
    let (permits, limits) = (permits(), Limits::default());
    let [shop, pay, desk] = ["shop", "pay", "desk"].map(|name| permits.of(name));
    assert!(shop.settle_key("mail", response(), &limits).is_ok(), "only `shop` waits there");
    assert_eq!(pay.settle_key("orders/1", response(), &limits), Err(Refusal::Denied));
    assert!(desk.settle_key("orders/1", response(), &limits).is_ok());

    let registry: Registry<Settled> = Registry::new(10, |bytes| bytes.fill(7));
    let id = registry.create_for(shop.create(None, &limits).unwrap(), WorkerId(0), None).unwrap();
    let token = registry.token(id).unwrap();
    let with = |guest: &Permit, token: &str, what| {
        guest.settle_token(token, what, &registry, &limits).map(|_| ())
    };
    assert_eq!(with(&pay, &token, response()), Err(Refusal::Denied));
    assert_eq!(with(&pay, &token, value(1)), Ok(()), "a token is a capability");
    assert_eq!(
        (with(&shop, &token, response()), with(&desk, &token, response())),
        (Ok(()), Ok(()))
    );
    assert_eq!(with(&pay, "no token", response()), Ok(()), "the registry will refuse it");
    assert_eq!(
        with(&permits.of("shop"), &token, response()),
        Ok(()),
        "so may a later version of it"
    );
}

#[test]
fn owners_of_guests_that_are_gone_are_used_again() {
    let permits = permits();
    let registry: Registry<Settled> = Registry::new(10, |bytes| bytes.fill(7));
    let keeper = permits.of("keeper").account;
    let pending = registry.create_for(keeper, WorkerId(0), None).unwrap();
    for round in 0..3 {
        for n in 0..OWNERS_MAX - 2 {
            let owner = permits.of(&format!("guest-{round}-{n}")).account.owner;
            assert!(owner != Owner::ANONYMOUS && owner != keeper.owner, "{round} {n}");
        }
        let all = permits.owners();
        let mut numbers: Vec<Owner> = all.iter().map(|(_, owner)| *owner).collect();
        numbers.sort();
        numbers.dedup();
        assert_eq!((all.len(), numbers.len()), (OWNERS_MAX - 1, OWNERS_MAX - 1));
        permits.retire_owners(|_| false, &registry);
        assert_eq!(permits.owners().len(), 1, "it has a pending");
    }
    registry.release(pending);
    permits.retire_owners(|name| name == "keeper", &registry);
    assert_eq!(permits.owners().len(), 1, "it exists");
    permits.retire_owners(|_| false, &registry);
    assert!(permits.owners().is_empty());
}

#[test]
fn keys_and_settlements_have_lengths() {
    let (permits, limits) =
        (permits(), Limits { key_bytes_max: 8, settlement_bytes_max: 4, ..Limits::default() });
    let [shop, stranger] = ["shop", "stranger"].map(|name| permits.of(name));
    assert_eq!(shop.create(Some("orders/12"), &limits).map(|_| ()), Err(Refusal::Limit));
    assert_eq!(stranger.settle_key("too long!", value(1), &limits), Err(Refusal::Limit));
    assert!(shop.settle_key("mail", value(4), &limits).is_ok());
    assert_eq!(shop.settle_key("mail", value(5), &limits), Err(Refusal::Limit));
    let failed = Settlement::Failed { code: "abc".into(), message: "de".into() };
    assert_eq!(shop.settle_key("mail", failed, &limits), Err(Refusal::Limit));
    let empty = Response { status: 200, headers: Vec::new(), body: Vec::new() };
    assert_eq!(Settlement::Response(empty.with_field("a", "bc")).bytes(), 35);
}

#[test]
fn settlements_that_are_kept_have_a_sum() {
    let limits = Limits { guest_settled_bytes_max: 10, settled_bytes_max: 15, ..Limits::default() };
    let permits = Permits::new(&GuestConfigs::default(), &limits);
    let [a, b] = ["a", "b"].map(|name| permits.of(name));
    let first = a.settle_key("x", value(8), &limits).unwrap();
    assert_eq!(a.settle_key("x", value(3), &limits), Err(Refusal::Limit), "its own sum");
    assert_eq!(b.settle_key("x", value(8), &limits), Err(Refusal::Limit), "the sum of all");
    let shared = first.clone();
    drop(first);
    assert_eq!(permits.settled_bytes(), 8, "whoever has it keeps it");
    let under = permits.under(&GuestConfigs::default(), &limits);
    let newer = under.of("a").settle_key("x", value(3), &limits);
    assert_eq!(newer, Err(Refusal::Limit), "a newer version and another manifest");
    drop(shared);
    assert_eq!(under.settled_bytes(), 0);
    assert!(b.settle_key("x", value(8), &limits).is_ok());
}

/// The connections to a database are closed once nobody has it any more, so a reload that does not
/// change it leaves it alone.
#[test]
fn a_database_that_is_as_before_stays_the_same_after_a_reload() {
    let configs = |connections_max| {
        let place = DatabasePlace::parse("sqlite:app.db", "/".as_ref()).unwrap();
        let url = DatabaseUrl { place: Some(place.into()), ..DatabaseUrl::new("sqlite:app.db") };
        let config = DatabaseConfig {
            url: Some(url),
            connections_max: Some(connections_max),
            ..Default::default()
        };
        DatabaseConfigs::from([("app".to_owned(), config)])
    };
    let limits = Limits::default();
    let permits = Permits::new(&GuestConfigs::default(), &limits).with_databases(&configs(1));
    let before = permits.databases["app"].clone();
    let under = permits.under(&GuestConfigs::default(), &limits).with_databases(&configs(1));
    assert!(Arc::ptr_eq(&before, &under.databases["app"]));
    let under = under.under(&GuestConfigs::default(), &limits).with_databases(&configs(2));
    assert_eq!(under.databases["app"].connections_max, 2);
    assert!(under.with_databases(&DatabaseConfigs::new()).databases.is_empty());
}
