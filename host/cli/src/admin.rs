//! Asks a running server by its admin listener.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use snow_config::AdminListen;
use snow_core::escape_control;
use snow_tools::client::{Endpoint, Request, Response, SentRequest};

/// A question to an admin listener.
pub(crate) struct Question<'q> {
    pub method: &'q str,
    pub path: &'q str,
    /// The parameters of the query, as they are before percent-encoding.
    pub query: &'q [(&'q str, &'q str)],
    pub body: &'q [u8],
    /// The longest time until the whole answer is there.
    pub patience: Duration,
    /// The advice in the error if no server answers.
    pub advice: &'q str,
}

/// An answer of an admin listener.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    pub status: u16,
    pub text: String,
}

impl Question<'_> {
    /// Asks, and returns the answer of whatever status.
    pub fn ask(&self, admin: &AdminListen) -> anyhow::Result<Answer> {
        let endpoint = match admin {
            AdminListen::Address(address) => Endpoint::Tcp(*address),
            AdminListen::Unix(socket) => Endpoint::Unix(socket.clone()),
        };
        let request = Request {
            method: self.method.to_owned(),
            path: self.target(),
            headers: vec![("connection".to_owned(), "close".to_owned())],
            body: self.body.to_vec(),
        };
        let until = Instant::now() + self.patience;
        let sent = SentRequest::send(&endpoint, &request, until)
            .with_context(|| format!("no server answers at {admin}: {}", self.advice))?;
        let answer = sent.response(until).map_err(Into::into).and_then(Answer::of);
        answer.with_context(|| format!("can't read {} from {admin}", self.path))
    }

    /// Asks for JSON. A status other than 200 is an error with the server's words.
    pub fn json(&self, admin: &AdminListen) -> anyhow::Result<Value> {
        self.ask(admin)?.json(admin, self.path)
    }

    fn target(&self) -> String {
        let parameters = self.query.iter().map(|(name, value)| {
            format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC))
        });
        let query = parameters.collect::<Vec<_>>().join("&");
        if query.is_empty() { self.path.to_owned() } else { format!("{}?{query}", self.path) }
    }
}

impl Answer {
    /// Takes a response. All pages of a snow-host announce their length, and are text.
    fn of(response: Response) -> anyhow::Result<Answer> {
        let not_a_page = "this is not the answer of a snow-host";
        ensure!(response.field("content-length").is_some(), not_a_page);
        let text = String::from_utf8(response.body).context(not_a_page)?;
        Ok(Answer { status: response.status, text })
    }

    /// Returns the JSON of an answer of status 200.
    pub fn json(&self, admin: &AdminListen, path: &str) -> anyhow::Result<Value> {
        let Answer { status, text } = self;
        let words = escape_control(text.trim());
        ensure!(*status == 200, "{admin} answered {path} with {status}: {words}");
        serde_json::from_str(text).with_context(|| format!("{path} of {admin} is not JSON"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use snow_tools::client::ResponseReader;

    #[test]
    fn only_complete_answers_are_accepted() {
        let answer = |text: &str| {
            let response = ResponseReader::new(false).read(&mut text.as_bytes().to_vec());
            response.ok().flatten().and_then(|response| Answer::of(response).ok())
        };
        assert_eq!(
            answer("HTTP/1.1 503 x\r\ncontent-length: 3\r\n\r\nno\n"),
            Some(Answer { status: 503, text: "no\n".into() })
        );
        for bad in [
            "",
            "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nno\n",
            "SSH-2.0-x\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\n",
        ] {
            assert_eq!(answer(bad), None, "{bad}");
        }
    }

    #[test]
    fn parameters_are_encoded() {
        let question = Question {
            method: "GET",
            path: "/store/entry",
            query: &[("bucket", "a b"), ("key", "x&y=z")],
            body: &[],
            patience: Duration::ZERO,
            advice: "",
        };
        assert_eq!(question.target(), "/store/entry?bucket=a%20b&key=x%26y%3Dz");
        assert_eq!(Question { query: &[], ..question }.target(), "/store/entry");
    }
}
