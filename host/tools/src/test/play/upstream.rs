//! Answers to what guests ask of other servers, as a case says.

use std::mem;
use std::sync::Mutex;

use anyhow::{Context, bail};

use crate::client::Response;
use crate::test::cases::{Upstream, UpstreamAnswer, UrlPattern};
use crate::test::compare::{self, Wanted};
use crate::test::saved::{Renderer, Saved};
use snow_core::{cut, lock};
use snow_outside::{self as outside, UpstreamEnd, UpstreamRequest};
use snow_runtime::{FetchCode, FetchFailure, Settlement};

/// The most faults of one step that are shown.
const FAULTS_MAX: usize = 5;
/// Bytes of a URL that are shown.
const URL_BYTES_SHOWN: usize = 500;

/// What answers during one case.
pub(super) struct Script {
    entries: Vec<Entry>,
    asked: Mutex<Asked>,
}

/// An upstream with what it answers.
struct Entry {
    line: usize,
    url: UrlPattern,
    method: Option<String>,
    delay_ms: u32,
    times: Option<u32>,
    end: UpstreamEnd,
    wanted: Option<Wanted>,
}

/// What was asked so far.
#[derive(Default)]
struct Asked {
    /// How often each entry was.
    counts: Vec<u32>,
    /// What was not as it should have been, since the last step.
    faults: Vec<String>,
}

impl Script {
    /// Makes the script of a case: its own upstreams first, then those of its file.
    pub fn new(own: &[Upstream], of_file: &[Upstream]) -> anyhow::Result<Script> {
        let entries = own.iter().chain(of_file).map(Entry::new);
        let entries = entries.collect::<anyhow::Result<Vec<_>>>()?;
        let counts = vec![0; entries.len()];
        Ok(Script { entries, asked: Mutex::new(Asked { counts, faults: Vec::new() }) })
    }

    /// Answers a request of a guest.
    pub fn answer(&self, request: &UpstreamRequest) -> outside::UpstreamAnswer {
        let mut asked = lock(&self.asked);
        let fits = |(index, entry): &(usize, &Entry)| {
            let is_left = |times| asked.counts[*index] < times;
            entry.fits(request) && entry.times.is_none_or(is_left)
        };
        let Some((index, entry)) = self.entries.iter().enumerate().find(fits) else {
            asked.add(self.nobody(request));
            let message = "no upstream of the case answers this request".to_owned();
            let failure = FetchFailure { code: FetchCode::Refused, message };
            return outside::UpstreamAnswer { after_ms: 0, end: UpstreamEnd::Failure(failure) };
        };
        asked.counts[index] += 1;
        if let Some(differences) = entry.differences(request) {
            asked.add(differences);
        }
        outside::UpstreamAnswer { after_ms: entry.delay_ms, end: entry.end.clone() }
    }

    /// Takes what was not as it should have been, since this was called last.
    pub fn take_faults(&self) -> Option<String> {
        let mut faults = mem::take(&mut lock(&self.asked).faults);
        if faults.len() > FAULTS_MAX {
            faults.truncate(FAULTS_MAX);
            faults.push("and so on".to_owned());
        }
        (!faults.is_empty()).then(|| faults.join("\n"))
    }

    /// Checks that an upstream of the case was asked as often as it says.
    pub fn check_asked(&self, index: usize) -> anyhow::Result<()> {
        let entry = self.entries.get(index).context("there is no such upstream")?;
        let (wanted, got) = (entry.times.unwrap_or(0), lock(&self.asked).counts[index]);
        if wanted != got {
            bail!("{} was asked {}, expected {}", entry.url, times(got), times(wanted));
        }
        Ok(())
    }

    /// Describes a request that nobody answers, and what would.
    fn nobody(&self, request: &UpstreamRequest) -> String {
        let UpstreamRequest { method, url, .. } = request;
        let url = cut(url, URL_BYTES_SHOWN);
        let used_up = self.entries.iter().find(|entry| entry.fits(request));
        let used_up = used_up.map(|Entry { line, times, .. }| {
            format!(" any more (that of line {line} has `times = {}`)", times.unwrap_or(0))
        });
        let method_line = match &**method {
            "GET" => String::new(),
            method => format!("method = {method:?}\n"),
        };
        format!(
            "the guest asked {method} {url}, and no upstream of the case answers that{}. Add\n\
             [[case.upstream]]\nurl = {url:?}\n{method_line}body = \"…\"",
            used_up.unwrap_or_default()
        )
    }
}

impl Asked {
    fn add(&mut self, fault: String) {
        // One more than are shown, which says that there were more.
        if self.faults.len() <= FAULTS_MAX {
            self.faults.push(fault);
        }
    }
}

impl Entry {
    fn new(upstream: &Upstream) -> anyhow::Result<Entry> {
        let saved = Saved::default();
        let mut renderer = Renderer::new(&saved);
        let end = match &upstream.end {
            UpstreamAnswer::Answers(answer) => match answer.render(&mut renderer)? {
                Settlement::Response(response) => UpstreamEnd::Response(response),
                _ => bail!("an upstream answers with a response"),
            },
            UpstreamAnswer::Fails(code) => UpstreamEnd::Failure(FetchFailure {
                code: *code,
                message: "the case says so".to_owned(),
            }),
            UpstreamAnswer::Hangs => UpstreamEnd::Never,
        };
        let wanted = upstream.expect.as_ref().map(|expect| expect.render(&mut renderer));
        Ok(Entry {
            line: upstream.line,
            url: upstream.url.clone(),
            method: upstream.method.clone(),
            delay_ms: upstream.delay_ms,
            times: upstream.times,
            end,
            wanted: wanted.transpose()?,
        })
    }

    fn fits(&self, request: &UpstreamRequest) -> bool {
        let is_method = |method: &String| *method == request.method;
        self.method.as_ref().is_none_or(is_method) && self.url.matches(&request.url)
    }

    /// Describes what a request should have had.
    fn differences(&self, request: &UpstreamRequest) -> Option<String> {
        let wanted = self.wanted.as_ref()?;
        let headers = request.headers.iter().map(|field| (field.name.clone(), field.value.clone()));
        let as_answer = Response {
            status: wanted.status,
            headers: headers.collect(),
            body: request.body.clone(),
        };
        let differences = compare::differences(wanted, &as_answer);
        let UpstreamRequest { method, url, .. } = request;
        let (url, line) = (cut(url, URL_BYTES_SHOWN), self.line);
        let place = format!("the request {method} {url} to the upstream of line {line}:");
        (!differences.is_empty()).then(|| format!("{place}\n{differences}"))
    }
}

fn times(count: u32) -> String {
    match count {
        0 => "never".to_owned(),
        1 => "once".to_owned(),
        count => format!("{count} times"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test::cases::{Content, SettlementText};

    fn upstream(line: usize, url: UrlPattern, times: Option<u32>) -> Upstream {
        let content = Content::Bytes(line.to_string().into_bytes());
        let answer = SettlementText::Response { status: 200, headers: Vec::new(), content };
        let end = UpstreamAnswer::Answers(answer);
        Upstream { line, url, method: None, delay_ms: 7, end, times, expect: None }
    }

    fn request(method: &str, url: &str) -> UpstreamRequest {
        let (method, url) = (method.to_owned(), url.to_owned());
        UpstreamRequest { method, url, headers: Vec::new(), body: Vec::new() }
    }

    /// Asks, and returns the content of the answer; none for a failure.
    fn ask(script: &Script, method: &str, url: &str) -> Option<String> {
        match script.answer(&request(method, url)).end {
            UpstreamEnd::Response(response) => String::from_utf8(response.body).ok(),
            _ => None,
        }
    }

    #[test]
    fn the_first_that_fits_and_is_not_used_up_answers() {
        let one = || UrlPattern::One("http://a/".to_owned());
        let all = UrlPattern::Glob(snow_core::Glob::new("http://*"));
        let own = [upstream(1, one(), Some(1)), upstream(2, one(), Some(2))];
        let script = Script::new(&own, &[upstream(3, all, None)]).unwrap();
        let answers = [(); 4].map(|()| ask(&script, "GET", "http://a/").unwrap());
        assert_eq!(answers, ["1", "2", "2", "3"]);
        assert!(script.check_asked(0).is_ok() && script.check_asked(1).is_ok());
        assert_eq!(script.answer(&request("GET", "http://b/")).after_ms, 7);
        assert_eq!(script.take_faults(), None);
    }

    #[test]
    fn a_request_that_nobody_answers_is_told_once_with_what_would_answer_it() {
        let url = UrlPattern::One("http://a/".to_owned());
        let script = Script::new(&[upstream(4, url, Some(1))], &[]).unwrap();
        let few = script.check_asked(0).unwrap_err().to_string();
        assert_eq!(few, "http://a/ was asked never, expected once");
        assert_eq!(ask(&script, "POST", "http://a/").as_deref(), Some("4"));
        assert_eq!(ask(&script, "POST", "http://a/"), None);
        let fault = script.take_faults().unwrap();
        for words in ["POST http://a/", "line 4 has `times = 1`", "method = \"POST\"\n"] {
            assert!(fault.contains(words), "{words}: {fault}");
        }
        assert_eq!(script.take_faults(), None);
    }

    #[test]
    fn many_faults_of_one_step_are_not_all_kept() {
        let script = Script::new(&[], &[]).unwrap();
        (0..1_000).for_each(|_| drop(ask(&script, "GET", "http://a/")));
        let faults = script.take_faults().unwrap();
        assert_eq!(faults.matches("the guest asked").count(), FAULTS_MAX);
        assert!(faults.ends_with("and so on"));
    }
}
