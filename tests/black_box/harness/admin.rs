//! A server's admin listener: what it tells of what clients can't see.

use std::net::SocketAddr;

use serde_json::Value;

use super::client::Client;
use super::eventually;
use super::lines::Lines;

/// An admin listener.
#[derive(Clone, Copy)]
pub struct Admin {
    pub address: SocketAddr,
}

impl Admin {
    /// What makes a server have one.
    pub const ARGUMENTS: [&str; 2] = ["--admin", "127.0.0.1:0"];

    /// The one that a server has announced.
    #[track_caller]
    pub fn of(out: &Lines) -> Admin {
        let announced =
            |line: &str| Some(line.strip_prefix("admin on ")?.parse().expect("an address"));
        Admin { address: out.find("an admin listener", |out| out.lines().find_map(announced)) }
    }

    #[track_caller]
    pub fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    /// A GET on a new connection, its answer not waited for.
    #[track_caller]
    pub fn ask(&self, target: &str) -> Client {
        let mut client = self.connect();
        client.send(format!("GET {target} HTTP/1.1\r\nhost: localhost\r\n\r\n"));
        client
    }

    #[track_caller]
    pub fn page(&self, target: &str) -> String {
        let answer = self.ask(target).response();
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        answer.text().to_owned()
    }

    #[track_caller]
    pub fn json(&self, target: &str) -> Value {
        serde_json::from_str(&self.page(target)).expect("it is JSON")
    }

    /// What it tells of one guest.
    #[track_caller]
    pub fn guest(&self, name: &str) -> Value {
        let guests = self.json("/guests");
        let found =
            guests["guests"].as_array().expect("a list").iter().find(|guest| guest["name"] == name);
        found.unwrap_or_else(|| panic!("{name} is not in {guests}")).clone()
    }

    /// The sum of a metric's values, of those whose labels have all of these.
    #[track_caller]
    pub fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        let text = self.page("/metrics");
        let lines = text.lines().filter_map(|line| line.strip_prefix(name));
        let its_own = lines.filter(|rest| {
            rest.starts_with([' ', '{']) && labels.iter().all(|label| rest.contains(label))
        });
        its_own
            .map(|rest| rest.rsplit_once(' ').expect("a value").1.parse::<f64>().expect("a number"))
            .sum()
    }

    /// Waits until a metric has this value.
    #[track_caller]
    pub fn wait_for(&self, name: &str, labels: &[&str], value: f64) {
        eventually(&format!("{name} {labels:?} is {value}"), || {
            (self.metric(name, labels) == value).then_some(())
        });
    }

    #[track_caller]
    pub fn wait_until_held(&self, count: f64) {
        self.wait_for("snow_held_requests", &[], count);
    }
}
