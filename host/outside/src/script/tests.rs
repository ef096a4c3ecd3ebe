//! Fetches that a script answers, by a clock that these tests move.

use std::sync::mpsc::{Receiver, channel};

use snow_config::{AddedField, ConfigValue, Limits, OutboundRule, OutboundRules};
use snow_runtime::{FetchOptions, Settled, Settlement};

use super::*;

/// Longer than anything takes here.
const PATIENCE: Duration = Duration::from_secs(20);

type Ended = Receiver<Result<Settled, FetchFailure>>;

fn response(status: u16, body: &str) -> UpstreamEnd {
    UpstreamEnd::Response(Response { status, headers: Vec::new(), body: body.into() })
}

fn after(after_ms: u32, end: UpstreamEnd) -> UpstreamAnswer {
    UpstreamAnswer { after_ms, end }
}

/// A script, with the clock that it goes by.
struct Stage {
    clock: Clock,
    scripted: Scripted,
    rules: Arc<OutboundRules>,
    limits: Limits,
    options: FetchOptions,
}

impl Stage {
    fn new(
        answer: impl Fn(&UpstreamRequest) -> UpstreamAnswer + Send + Sync + 'static,
        rules: &[&str],
    ) -> Stage {
        let clock = Clock::start();
        let scripted = Scripted::start(&clock, answer).unwrap();
        let rules = rules.iter().map(|rule| rule.parse::<OutboundRule>().unwrap()).collect();
        let (limits, options) = (Limits::default(), FetchOptions::default());
        Stage { clock, scripted, rules: Arc::new(rules), limits, options }
    }

    fn start(&self, url: &str) -> (OperationId, Ended) {
        let fetch = Fetch {
            guest: "guest".into(),
            rules: self.rules.clone(),
            limits: Arc::new(self.limits.clone()),
            request_id: "id-1".to_owned(),
            method: "GET".to_owned(),
            url: url.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            options: self.options.clone(),
            keep: Arc::new(|answer| Ok(Settled::new(answer.into()))),
        };
        let (sender, ended) = channel();
        (self.scripted.fetch(fetch, Box::new(move |end| drop(sender.send(end)))), ended)
    }

    fn fetch(&self, url: &str) -> Result<(u16, String), &'static str> {
        told(&self.start(url).1)
    }
}

fn told(ended: &Ended) -> Result<(u16, String), &'static str> {
    let end = ended.recv_timeout(PATIENCE).expect("it ends").map_err(|failure| failure.code.name());
    end.map(|settled| match &*settled {
        Settlement::Response(response) => {
            (response.status, String::from_utf8(response.body.clone()).unwrap())
        }
        other => panic!("{other:?}"),
    })
}

fn rest(stage: &Stage) -> OutsideRest {
    stage.scripted.rest(Instant::now() + PATIENCE).expect("it comes to rest")
}

#[test]
fn the_script_answers_what_the_rules_allow() {
    let stage = Stage::new(
        |request| after(0, response(200, &format!("{} {}", request.method, request.url))),
        &["https://a.example/v1/"],
    );
    assert_eq!(stage.fetch("HTTPS://a.example:443/v1/x?y#z"), {
        Ok((200, "GET https://a.example/v1/x?y".to_owned()))
    });
    assert_eq!(stage.fetch("https://a.example/v2/"), Err("denied"));
    assert_eq!(stage.fetch("nothing"), Err("invalid-url"));
}

#[test]
fn delays_and_timeouts_go_by_the_clock_and_in_order() {
    let stage = Stage::new(
        |request| match request.url.ends_with("/never") {
            true => after(0, UpstreamEnd::Never),
            false => after(3_600_000, response(200, "late")),
        },
        &["http://*"],
    );
    let mut stage = stage;
    stage.options.timeout_ms = Some(3_600_000);
    let (late, never) = (stage.start("http://a/late"), stage.start("http://a/never"));
    stage.options.timeout_ms = Some(60_000);
    let impatient = stage.start("http://a/late");
    let mut clock = stage.clock.stop();
    stage.scripted.clock_moved();
    let minute = Duration::from_secs(60);
    assert_eq!(rest(&stage).works, 0);
    assert!(rest(&stage).next_ms.unwrap() <= (clock.now() + minute).as_millis() as u64);
    clock.set(clock.now() + minute);
    stage.scripted.clock_moved();
    assert_eq!(rest(&stage).works, 1);
    assert_eq!(told(&impatient.1), Err("timeout"));
    assert!(late.1.try_recv().is_err());
    clock.set(clock.now() + 60 * minute);
    stage.scripted.clock_moved();
    assert_eq!(rest(&stage), OutsideRest { next_ms: None, works: 3 });
    assert_eq!(told(&late.1), Ok((200, "late".to_owned())));
    assert_eq!(told(&never.1), Err("timeout"));
}

#[test]
fn what_is_cancelled_is_not_reported() {
    let stage = Stage::new(|_| after(60_000, response(200, "")), &["http://*"]);
    let (operation, ended) = stage.start("http://a/");
    stage.scripted.cancel(operation);
    assert!(ended.recv().is_err(), "whom to tell is dropped");
    assert_eq!(rest(&stage).next_ms, None);
    stage.scripted.cancel(operation);
}

#[test]
fn redirects_are_followed_as_rules_allow() {
    let mut stage = Stage::new(
        |request| {
            let to = match request.url.as_str() {
                "http://a.example/" => "/next",
                "http://a.example/next" => "https://b.example/",
                "http://a.example/away" => "http://c.example/",
                "http://a.example/loop" => "/loop",
                _ => return after(1, response(200, "there")),
            };
            let headers = vec![Field { name: "Location".to_owned(), value: to.into() }];
            let redirect = Response { status: 302, headers, body: Vec::new() };
            after(1, UpstreamEnd::Response(redirect))
        },
        &["http://a.example", "https://b.example"],
    );
    assert_eq!(stage.fetch("http://a.example/"), Ok((302, String::new())));
    stage.options.redirects_max = Some(2);
    assert_eq!(stage.fetch("http://a.example/"), Ok((200, "there".to_owned())));
    assert_eq!(stage.fetch("http://a.example/away"), Err("denied"));
    assert_eq!(stage.fetch("http://a.example/loop"), Err("protocol"));
}

#[test]
fn fields_and_contents_are_as_they_would_be() {
    let mut stage = Stage::new(
        |request| {
            let names = request.headers.iter().filter(|field| field.name == "authorization");
            let values = names.map(|field| String::from_utf8_lossy(&field.value).into_owned());
            let body = values.collect::<String>().into_bytes();
            let fields = [("X-A", "b"), ("Connection", "x-hop"), ("X-Hop", "1")];
            let field =
                |(name, value): (&str, &str)| Field { name: name.to_owned(), value: value.into() };
            let headers = fields.into_iter().map(field).collect();
            after(0, UpstreamEnd::Response(Response { status: 200, headers, body }))
        },
        &[],
    );
    let secret = AddedField::new("authorization", "Bearer ", ConfigValue::plain("x")).unwrap();
    let rule = "https://a.example".parse::<OutboundRule>().unwrap().adding(vec![secret]).unwrap();
    stage.rules = Arc::new([rule].into_iter().collect());
    let (_, ended) = stage.start("https://a.example/");
    let settled = ended.recv_timeout(PATIENCE).unwrap().unwrap();
    let Settlement::Response(response) = &*settled else { panic!("{settled:?}") };
    assert_eq!(response.body, b"Bearer x");
    let fields: Vec<_> = response.headers.iter().map(|field| &*field.name).collect();
    assert_eq!(fields, ["x-a"]);
    stage.options.response_bytes_max = Some(7);
    assert_eq!(stage.fetch("https://a.example/"), Err("too-large"));
}

#[test]
fn equal_fetches_are_asked_once() {
    let mut stage = Stage::new(
        {
            let asked = AtomicU64::new(0);
            move |_| after(1_000, response(200, &asked.fetch_add(1, Ordering::SeqCst).to_string()))
        },
        &["http://*"],
    );
    stage.options.collapse = Some("equal".to_owned());
    let mut clock = stage.clock.stop();
    let first = stage.start("http://a/");
    stage.options.timeout_ms = Some(10);
    let impatient = stage.start("http://a/");
    stage.options.timeout_ms = None;
    let other = stage.start("http://a/");
    stage.scripted.cancel(first.0);
    clock.set(clock.now() + Duration::from_millis(1_000));
    stage.scripted.clock_moved();
    assert_eq!(rest(&stage).works, 2);
    assert_eq!(told(&impatient.1), Err("timeout"));
    assert_eq!(told(&other.1), Ok((200, "0".to_owned())));
    // It is over, so the next one is asked anew; and so is one after all have left.
    let next = stage.start("http://a/");
    stage.scripted.cancel(next.0);
    let last = stage.start("http://a/");
    clock.set(clock.now() + Duration::from_millis(1_000));
    stage.scripted.clock_moved();
    assert_eq!(told(&last.1), Ok((200, "2".to_owned())));
}

#[test]
fn one_that_hangs_is_joined_by_nobody_who_has_less_time() {
    let mut stage = Stage::new(
        |request| match request.url.ends_with("hangs") {
            true => after(0, UpstreamEnd::Never),
            false => after(1, response(200, "x")),
        },
        &["http://*"],
    );
    stage.options.collapse = Some("equal".to_owned());
    stage.options.timeout_ms = Some(60_000);
    let mut clock = stage.clock.stop();
    let _patient = stage.start("http://a/hangs");
    stage.options.timeout_ms = Some(10);
    let joins = stage.start("http://a/");
    clock.set(clock.now() + Duration::from_millis(11));
    stage.scripted.clock_moved();
    assert_eq!(told(&joins.1), Err("timeout"));
    let anew = stage.start("http://a/");
    clock.set(clock.now() + Duration::from_millis(1));
    stage.scripted.clock_moved();
    assert_eq!(told(&anew.1), Ok((200, "x".to_owned())));
}
