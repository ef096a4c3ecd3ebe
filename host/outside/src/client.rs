//! The connections of a guest, pooled by origin.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;
use rustls_platform_verifier::BuilderVerifierExt;
use snow_config::OutboundRules;
use snow_core::lock;
use snow_runtime::{FetchCode, FetchFailure};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::fault::failed;
use crate::resolve::{Names, Resolver};

/// How long a connection is kept without a request.
const IDLE: Duration = Duration::from_secs(60);
/// Connections to one origin that are kept without a request.
const IDLE_MAX: usize = 1_024;
/// How often the kernel asks a silent server for a sign of life.
const KEEPALIVE: Duration = Duration::from_secs(60);
/// Origins of a guest of which the places are kept though nobody uses them.
const ORIGINS_KEPT: usize = 256;

/// The clients of all guests.
#[derive(Default)]
pub(crate) struct Clients {
    guests: Mutex<BTreeMap<Arc<str>, Arc<GuestClient>>>,
    names: Names,
    tls: OnceLock<Result<ClientConfig, String>>,
}

/// The client of one guest under one set of rules.
pub(crate) struct GuestClient {
    rules: Arc<OutboundRules>,
    pub http: Client<HttpsConnector<HttpConnector<Resolver>>, Full<Bytes>>,
    origins: Mutex<BTreeMap<String, Origin>>,
}

/// The places for requests to one origin.
struct Origin {
    most: usize,
    places: Arc<Semaphore>,
}

impl Clients {
    /// Returns the client of a guest. Other rules make another client: connections that the old ones
    /// allowed are used for nothing more.
    pub fn of(
        &self,
        guest: &Arc<str>,
        rules: &Arc<OutboundRules>,
    ) -> Result<Arc<GuestClient>, FetchFailure> {
        let mut guests = lock(&self.guests);
        if let Some(client) = guests.get(guest)
            && (Arc::ptr_eq(&client.rules, rules) || client.rules == *rules)
        {
            return Ok(client.clone());
        }
        // Clients of guests that are gone have the only trace of their rules.
        guests.retain(|_, client| Arc::strong_count(&client.rules) > CLIENT_RULES);
        let client = Arc::new(GuestClient::new(rules, &self.names, self.tls()?));
        guests.insert(guest.clone(), client.clone());
        Ok(client)
    }

    /// Returns how encrypted connections are made: with the system's certificate authorities, which
    /// are read when the first fetch needs them.
    fn tls(&self) -> Result<ClientConfig, FetchFailure> {
        let made = self.tls.get_or_init(|| {
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let config = ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .and_then(|config| config.with_platform_verifier());
            config.map(|config| config.with_no_client_auth()).map_err(|error| error.to_string())
        });
        made.clone().map_err(|why| failed(FetchCode::Tls, why))
    }
}

/// How many references to its rules a client has itself: its own, and its resolver's.
const CLIENT_RULES: usize = 2;

impl GuestClient {
    fn new(rules: &Arc<OutboundRules>, names: &Names, tls: ClientConfig) -> GuestClient {
        let resolver = Resolver { rules: rules.clone(), names: names.clone() };
        let mut tcp = HttpConnector::new_with_resolver(resolver);
        // The one around it decides about https.
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(KEEPALIVE));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(tcp);
        let http = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_MAX)
            .build(connector);
        GuestClient { rules: rules.clone(), http, origins: Mutex::default() }
    }

    /// Waits for a place among the requests to an origin, `queue_ms_max` at most.
    pub async fn place(
        &self,
        origin: String,
        most: usize,
        queue_ms_max: u32,
    ) -> Result<OwnedSemaphorePermit, FetchFailure> {
        let places = self.places(origin, most);
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
