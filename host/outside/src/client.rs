//! The connections of a guest, pooled by origin.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{ClientConfig, RootCertStore};
use snow_config::OutboundRules;
use snow_core::lock;
use snow_runtime::{FetchCode, FetchFailure};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::connect::Tcp;
use crate::counts::FetchCounts;
use crate::fault::failed;
use crate::proxy::Proxy;
use crate::resolve::{Names, Resolver};
use crate::tls::{Tls, provider};

/// How long a connection is kept without a request.
const IDLE: Duration = Duration::from_secs(60);
/// Origins of a guest of which the places are kept though nobody uses them.
const ORIGINS_KEPT: usize = 256;
/// Bytes of the head of an answer.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// Bytes that a server may send ahead of who reads them, in one stream of HTTP/2 and in all streams
/// of its connection. Those are as many as of 8,192 streams: whoever does not read an answer must not
/// hold up the others on the same connection.
const STREAM_WINDOW_BYTES: u32 = 128 << 10;
const CONNECTION_WINDOW_BYTES: u32 = STREAM_WINDOW_BYTES << 13;
/// How often the server of an HTTP/2 connection with requests is asked for a sign of life, and how
/// long that may take.
const PING: Duration = Duration::from_secs(30);
const PING_PATIENCE: Duration = Duration::from_secs(10);

/// The clients of all guests.
pub(crate) struct Clients {
    guests: Mutex<BTreeMap<Arc<str>, Known>>,
    names: Names,
    pub proxy: Option<Arc<Proxy>>,
    pub tls: Arc<Tls>,
    counts: Arc<FetchCounts>,
}

/// A guest's client.
struct Known {
    client: Arc<GuestClient>,
    /// The guest's rules as they were given last. Once they are dropped, the guest is gone.
    rules: Weak<OutboundRules>,
}

/// The client of one guest under one set of rules.
pub(crate) struct GuestClient {
    /// Its own copy.
    rules: Arc<OutboundRules>,
    pub http: Client<HttpsConnector<Tcp>, Full<Bytes>>,
    origins: Mutex<BTreeMap<String, Origin>>,
    counts: Arc<FetchCounts>,
}

/// The places for requests to one origin.
struct Origin {
    most: usize,
    places: Arc<Semaphore>,
}

impl Clients {
    /// Makes no client yet.
    pub fn new(tls: Arc<Tls>, proxy: Option<Proxy>, counts: Arc<FetchCounts>) -> Clients {
        Clients {
            guests: Mutex::default(),
            names: Names::default(),
            proxy: proxy.map(Arc::new),
            tls,
            counts,
        }
    }

    /// Returns the client of a guest. Other rules make another client: connections that the old ones
    /// allowed are used for nothing more.
    pub fn of(
        &self,
        guest: &Arc<str>,
        rules: &Arc<OutboundRules>,
        is_https: bool,
    ) -> Result<Arc<GuestClient>, FetchFailure> {
        // Without a system's authorities, only encrypted connections fail.
        let tls = match self.tls.config() {
            Err(why) if is_https => return Err(failed(FetchCode::Tls, why.as_str())),
            tls => tls.as_ref().ok(),
        };
        let mut guests = lock(&self.guests);
        if let Some(known) = guests.get_mut(guest)
            && (known.rules.as_ptr() == Arc::as_ptr(rules) || *known.client.rules == **rules)
        {
            known.rules = Arc::downgrade(rules);
            return Ok(known.client.clone());
        }
        guests.retain(|_, known| known.rules.strong_count() > 0);
        let tls = tls.cloned().unwrap_or_else(believes_nobody);
        let client = Arc::new(self.client(rules, tls));
        let known = Known { client: client.clone(), rules: Arc::downgrade(rules) };
        guests.insert(guest.clone(), known);
        Ok(client)
    }
}

/// Returns a configuration with which no encrypted connection can be made.
fn believes_nobody() -> ClientConfig {
    ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(rustls::ALL_VERSIONS)
        .expect("ring has suites for all versions")
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth()
}

impl Clients {
    fn client(&self, rules: &Arc<OutboundRules>, tls: ClientConfig) -> GuestClient {
        let rules = Arc::new((**rules).clone());
        let resolver = Resolver { rules: Some(rules.clone()), names: self.names.clone() };
        let tcp = Tcp::new(resolver, self.proxy.clone(), self.counts.clone());
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(tcp);
        let http = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .http1_max_buf_size(HEAD_BYTES_MAX)
            .http2_max_header_list_size(HEAD_BYTES_MAX as u32)
            .http2_initial_stream_window_size(STREAM_WINDOW_BYTES)
            .http2_initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .http2_keep_alive_interval(PING)
            .http2_keep_alive_timeout(PING_PATIENCE)
            .build(connector);
        GuestClient { rules, http, origins: Mutex::default(), counts: self.counts.clone() }
    }
}

impl GuestClient {
    /// Waits for a place among the requests to an origin, `queue_ms_max` at most.
    pub async fn place(
        &self,
        origin: String,
        most: usize,
        queue_ms_max: u32,
    ) -> Result<OwnedSemaphorePermit, FetchFailure> {
        let places = self.places(origin, most);
        if let Ok(place) = places.clone().try_acquire_owned() {
            return Ok(place);
        }
        let _queued = self.counts.queued.one();
        let patience = Duration::from_millis(queue_ms_max.into());
        match tokio::time::timeout(patience, places.acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_)) | Err(_) => Err(failed(
                FetchCode::Overloaded,
                format!(
                    "{most} others to the same origin left no place for {queue_ms_max} ms \
                     (origin_fetches_max, fetch_queue_ms_max)"
                ),
            )),
        }
    }

    fn places(&self, origin: String, most: usize) -> Arc<Semaphore> {
        let most = most.min(Semaphore::MAX_PERMITS);
        let mut origins = lock(&self.origins);
        if origins.len() > ORIGINS_KEPT {
            origins.retain(|_, origin| Arc::strong_count(&origin.places) > 1);
        }
        let new = || Origin { most, places: Arc::new(Semaphore::new(most)) };
        let known = origins.entry(origin).or_insert_with(new);
        // Another limit is in force: those that have a place keep it, beside the new ones.
        if known.most != most {
            *known = new();
        }
        known.places.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(rules: &[&str]) -> Arc<OutboundRules> {
        Arc::new(rules.iter().map(|rule| rule.parse().unwrap()).collect())
    }

    fn clients() -> Clients {
        Clients::new(Arc::default(), None, Arc::default())
    }

    fn client(clients: &Clients, guest: &str, rules: &Arc<OutboundRules>) -> Arc<GuestClient> {
        clients.of(&guest.into(), rules, false).unwrap()
    }

    #[test]
    fn guests_share_no_client_and_other_rules_make_another() {
        let clients = clients();
        let (some, same, other) = (rules(&["https://*"]), rules(&["https://*"]), rules(&[]));
        let first = client(&clients, "a", &some);
        assert!(!Arc::ptr_eq(&first, &client(&clients, "b", &some)));
        assert!(Arc::ptr_eq(&first, &client(&clients, "a", &same)), "the manifest was read again");
        assert!(!Arc::ptr_eq(&first, &client(&clients, "a", &other)));
        assert!(!Arc::ptr_eq(&first, &client(&clients, "a", &some)), "it is gone");
    }

    #[test]
    fn clients_of_guests_that_are_gone_go_too() {
        let clients = clients();
        let (gone, stays) = (rules(&["https://a.example"]), rules(&["https://b.example"]));
        client(&clients, "gone", &gone);
        client(&clients, "stays", &gone);
        let kept = client(&clients, "stays", &stays);
        drop(gone);
        client(&clients, "new", &stays);
        let names: Vec<Arc<str>> = lock(&clients.guests).keys().cloned().collect();
        assert_eq!(names.iter().map(|name| &**name).collect::<Vec<_>>(), ["new", "stays"]);
        assert!(Arc::ptr_eq(&kept, &client(&clients, "stays", &stays)));
    }
}
