//! What a guest asks for on the first line, and where servers send it on the others: nobody is asked
//! whom the rules do not allow, and the field that the host adds for one origin comes to no other.
#![no_main]

use std::sync::mpsc::channel;
use std::sync::{Arc, LazyLock, Mutex};

use libfuzzer_sys::fuzz_target;
use snow_config::{AddedField, ConfigValue, Limits, OutboundRule, OutboundRules};
use snow_http::{Field, Response};
use snow_outside::{Scripted, UpstreamAnswer, UpstreamEnd, UpstreamRequest};
use snow_runtime::{Clock, Fetch, FetchOptions, Outside, Settled, Settlement};
use url::Url;

/// Where the servers of this run send whoever asks them.
static LOCATIONS: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

static RULES: LazyLock<Arc<OutboundRules>> = LazyLock::new(|| {
    let field = AddedField::new("authorization", "", ConfigValue::plain("x")).expect("it is one");
    let rule = |text: &str| text.parse::<OutboundRule>().expect("it is one");
    let secret = rule("https://a.example/v1").adding(vec![field]).expect("it has an origin");
    Arc::new(
        [secret, rule("http://b.example:8080"), rule("GET https://*.c.example")]
            .into_iter()
            .collect(),
    )
});

static SCRIPTED: LazyLock<Scripted> =
    LazyLock::new(|| Scripted::start(&Clock::start(), answer).expect("there are threads"));

fn answer(request: &UpstreamRequest) -> UpstreamAnswer {
    let url = Url::parse(&request.url).expect("it was read before");
    assert!(RULES.allow(&request.method, &url), "{} {url}", request.method);
    let has_secret = request.headers.iter().any(|field| field.name == "authorization");
    let is_for_it = url.as_str().starts_with("https://a.example/v1");
    assert_eq!(has_secret, is_for_it, "{url}");
    let location = LOCATIONS.lock().expect("nobody panics").pop();
    let status = if location.is_some() { 302 } else { 200 };
    let field = |value| Field { name: "location".to_owned(), value };
    let headers = location.map(field).into_iter().collect();
    let end = UpstreamEnd::Response(Response { status, headers, body: Vec::new() });
    UpstreamAnswer { after_ms: 0, end }
}

fuzz_target!(|data: &[u8]| {
    let mut lines = data.split(|byte| *byte == b'\n');
    let Some(Ok(url)) = lines.next().map(str::from_utf8) else { return };
    *LOCATIONS.lock().expect("nobody panics") = lines.map(<[u8]>::to_vec).collect();
    let fetch = Fetch {
        guest: "guest".into(),
        rules: RULES.clone(),
        limits: Arc::new(Limits::default()),
        request_id: "7".to_owned(),
        method: "GET".to_owned(),
        url: url.to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
        options: FetchOptions { redirects_max: Some(20), ..FetchOptions::default() },
        keep: Arc::new(|answer| Ok(Settled::new(Settlement::Response(answer)))),
    };
    let (sender, ended) = channel();
    SCRIPTED.fetch(fetch, Box::new(move |end| drop(sender.send(end))));
    // Its end is reported, whatever was asked for.
    let _ = ended.recv().expect("a fetch ends");
});
