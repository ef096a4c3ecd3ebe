//! Other servers, in whose place a case answers.

use snow_core::Glob;
use snow_http::headers;
use snow_runtime::FetchCode;
use toml::de::DeTable;
use url::Url;

use super::values::{Value, Values, get};
use crate::test::cases::{Content, SettlementText, Upstream, UpstreamAnswer, UrlPattern};

/// The longest that an answer may take: a day.
const DELAY_MS_MAX: u64 = 86_400_000;
/// The most requests that one upstream counts.
const TIMES_MAX: u64 = 1_000_000;
/// The fault of a server that never answers.
const HANGS: &str = "hangs";

const KEYS: &[&str] = &["url", "method", "delay_ms", "fault", "times", "expect"];
const ANSWER_KEYS: &[&str] = &["status", "headers", "body", "body_file", "json"];

impl Values<'_> {
    /// Reads a list of upstreams; `wanted` is how one is written.
    pub fn upstreams(&mut self, wanted: &str, value: &Value<'_>) -> Vec<Upstream> {
        let all = self.tables("upstream", wanted, value);
        all.into_iter().filter_map(|value| self.upstream(wanted, value)).collect()
    }

    fn upstream(&mut self, wanted: &str, value: &Value<'_>) -> Option<Upstream> {
        let table = self.table("upstream", wanted, value)?;
        self.check_keys("an upstream", table, &[KEYS, ANSWER_KEYS]);
        let url = match get(table, "url") {
            Some(value) => self.url(value),
            None => {
                let message = "an upstream has a `url`, such as \"https://api.example.com/stock\" \
                               or \"https://api.example.com/*\"";
                self.problem(value.span(), message.to_owned());
                None
            }
        };
        let method = get(table, "method").map(|value| (value, self.string("method", value)));
        if let Some((value, Some(method))) = &method
            && !headers::is_token(method.as_bytes())
        {
            let message = format!("{method:?} is not a method: use a word such as \"POST\"");
            self.problem(value.span(), message);
        }
        let mut number = |name: &'static str, range: std::ops::RangeInclusive<u64>| {
            let value = get(table, name)?;
            self.reader.integer(name, value, range)
        };
        let delay_ms = number("delay_ms", 0..=DELAY_MS_MAX).unwrap_or(0) as u32;
        let times = number("times", 1..=TIMES_MAX).map(|times| times as u32);
        let end = match get(table, "fault") {
            Some(fault) => self.fault(table, fault),
            None => self.upstream_answer(table),
        };
        let expect = get(table, "expect").map(|value| self.expect_request(value));
        let line = self.line_of(value);
        Some(Upstream {
            line,
            url: url?,
            method: method.and_then(|(_, method)| method),
            delay_ms,
            end: end?,
            times,
            expect: expect.flatten(),
        })
    }

    fn url(&mut self, value: &Value<'_>) -> Option<UrlPattern> {
        let text = self.string("url", value)?;
        if text.contains('*') {
            return Some(UrlPattern::Glob(Glob::new(&text)));
        }
        let fault = match Url::parse(&text) {
            Ok(mut url) if matches!(url.scheme(), "http" | "https") => {
                url.set_fragment(None);
                return Some(UrlPattern::One(url.into()));
            }
            Ok(_) => "it begins with http:// or https://".to_owned(),
            Err(error) => error.to_string(),
        };
        self.problem(value.span(), format!("`url` can't be {text:?}: {fault}"));
        None
    }

    fn fault(&mut self, table: &DeTable<'_>, value: &Value<'_>) -> Option<UpstreamAnswer> {
        for name in ANSWER_KEYS {
            if let Some(value) = get(table, name) {
                let message = format!("there are `fault` and `{name}`: what fails has no answer");
                self.problem(value.span(), message);
            }
        }
        // The other two are the host's to say.
        let is_upstream_s =
            |code: &FetchCode| !matches!(code, FetchCode::InvalidUrl | FetchCode::Denied);
        let codes = FetchCode::ALL.into_iter().filter(is_upstream_s);
        let names: Vec<&str> = codes.clone().map(FetchCode::name).chain([HANGS]).collect();
        let name = self.reader.choice("fault", value, &names)?;
        let code = codes.into_iter().find(|code| code.name() == name);
        Some(code.map_or(UpstreamAnswer::Hangs, UpstreamAnswer::Fails))
    }

    fn upstream_answer(&mut self, table: &DeTable<'_>) -> Option<UpstreamAnswer> {
        let status = get(table, "status");
        let status =
            status.map_or(Some(200), |value| self.reader.integer("status", value, 200..=599));
        let headers = self.headers(table);
        let content = self.content(table).unwrap_or(Content::Bytes(Vec::new()));
        let answer = SettlementText::Response { status: status? as u16, headers, content };
        Some(UpstreamAnswer::Answers(answer))
    }
}
