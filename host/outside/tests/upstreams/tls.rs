//! Encrypted connections: whom a fetch believes, and HTTP/2.

use std::convert::Infallible;
use std::future::pending;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::{env, fs, process, thread};

use base64::Engine;
use base64::prelude::BASE64_STANDARD as BASE64;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType, date_time_ymd};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use snow_runtime::Outside;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_rustls::TlsAcceptor;

use super::lab::{Lab, Server, end_of};

/// An authority that signs certificates, with its own in a file.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    pub file: PathBuf,
}

impl Authority {
    pub fn new(name: &str) -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let file = env::temp_dir().join(format!("snow-outside-{}-{name}.pem", process::id()));
        fs::write(&file, certificate.pem()).unwrap();
        let certificate = certificate.der().clone();
        Authority { issuer: Issuer::new(params, key), certificate, file }
    }

    /// Signs a certificate for names and addresses, which is valid until a year.
    pub fn sign(
        &self,
        names: &[&str],
        until: i32,
    ) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.not_after = date_time_ymd(until, 1, 1);
        params.subject_alt_names = names
            .iter()
            .map(|name| match name.parse() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => SanType::DnsName((*name).try_into().unwrap()),
            })
            .collect();
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        (certificate.der().clone(), key.into())
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.file);
    }
}

/// A server that speaks one protocol over TLS.
pub struct Secure {
    pub address: SocketAddr,
    connections: Arc<AtomicUsize>,
    /// The paths of the requests that hang.
    hanging: Receiver<String>,
    /// The paths of the requests that hung and were given up.
    given_up: Receiver<String>,
}

/// Tells that a request is given up, by being dropped.
struct GivenUp(Sender<String>, String);

impl Drop for GivenUp {
    fn drop(&mut self) {
        let _ = self.0.send(std::mem::take(&mut self.1));
    }
}

impl Secure {
    pub fn new(
        certificate: (CertificateDer<'static>, PrivateKeyDer<'static>),
        protocol: &'static str,
    ) -> Secure {
        Secure::asking(certificate, protocol, None)
    }

    /// One whose clients have a certificate of an authority.
    fn asking(
        (certificate, key): (CertificateDer<'static>, PrivateKeyDer<'static>),
        protocol: &'static str,
        of: Option<&Authority>,
    ) -> Secure {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier(of))
            .with_single_cert(vec![certificate], key)
            .unwrap();
        config.alpn_protocols = vec![protocol.into()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let ((hangs, hanging), (gives_up, given_up)) = (channel(), channel());
        let counted = connections.clone();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    counted.fetch_add(1, Ordering::SeqCst);
                    let (acceptor, hangs, gives_up) =
                        (acceptor.clone(), hangs.clone(), gives_up.clone());
                    tokio::spawn(async move {
                        let Ok(stream) = acceptor.accept(stream).await else { return };
                        let (broken, mut breaks) = unbounded_channel();
                        let service = service_fn(move |request| {
                            answer(request, hangs.clone(), gives_up.clone(), broken.clone())
                        });
                        let io = TokioIo::new(stream);
                        if protocol == "h2" {
                            let http =
                                hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                            let connection = http.serve_connection(io, service);
                            tokio::select! { _ = connection => {}, _ = breaks.recv() => {} }
                        } else {
                            let http = hyper::server::conn::http1::Builder::new();
                            let _ = http.serve_connection(io, service).await;
                        }
                    });
                }
            });
        });
        Secure { address, connections, hanging, given_up }
    }

    fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.address)
    }
}

/// Returns what believes clients that have a certificate of an authority, or all of them.
fn verifier(of: Option<&Authority>) -> Arc<dyn ClientCertVerifier> {
    let Some(authority) = of else { return WebPkiClientVerifier::no_client_auth() };
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap()
}

async fn answer(
    request: hyper::Request<Incoming>,
    hangs: Sender<String>,
    gives_up: Sender<String>,
    breaks: UnboundedSender<()>,
) -> Result<hyper::Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    match &*path {
        "/hang" => {
            let _given_up = GivenUp(gives_up, path.clone());
            hangs.send(path).unwrap();
            pending().await
        }
        "/break" => {
            breaks.send(()).unwrap();
            pending().await
        }
        "/fields" => {
            let mut response = hyper::Response::new(Full::default());
            response.headers_mut().insert("x-a", "x".repeat(100_000).parse().unwrap());
            Ok(response)
        }
        _ => Ok(hyper::Response::new(Full::from(format!("{:?}", request.version())))),
    }
}

const RULES: &[&str] = &["https://127.0.0.1:*", "https://localhost:*"];

#[test]
fn a_certificate_is_believed_if_an_authority_of_ours_vouches_for_the_host() {
    let authority = Authority::new("believed");
    let stranger = Authority::new("stranger");
    let lab = Lab::believing(std::slice::from_ref(&authority.file), RULES);
    let good = Secure::new(authority.sign(&["127.0.0.1"], 4096), "http/1.1");
    assert_eq!(lab.fetch(&good.url("/")).unwrap().body, b"HTTP/1.1");
    // Without the file, only the system's authorities are believed.
    assert_eq!(Lab::new(RULES).failure(&good.url("/")).0, "tls");
    for (what, certificate) in [
        ("another host", authority.sign(&["10.0.0.1", "other.example"], 4096)),
        ("expired", authority.sign(&["127.0.0.1"], 2001)),
        ("a stranger's", stranger.sign(&["127.0.0.1"], 4096)),
    ] {
        let server = Secure::new(certificate, "http/1.1");
        let (code, message) = lab.failure(&server.url("/"));
        assert_eq!(code, "tls", "{what}: {message}");
    }
    // The certificate is for the address, and the name that leads there is another host.
    let by_name = format!("https://localhost:{}/", good.address.port());
    assert_eq!(lab.failure(&by_name).0, "tls");
}

#[test]
fn a_server_that_speaks_no_tls() {
    // One that closes the connection, since what comes is no HTTP.
    let plain = Server::saying("x");
    let (code, message) = Lab::new(RULES).failure(&format!("https://{}/", plain.address));
    assert_eq!(code, "tls", "{message}");
    // One that answers at once, as a mail server does.
    let greeting = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/", greeting.local_addr().unwrap());
    thread::spawn(move || {
        let (mut stream, _) = greeting.accept().unwrap();
        stream.write_all(b"220 mail.example ESMTP\r\n").unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let (code, message) = Lab::new(RULES).failure(&url);
    assert_eq!(code, "tls", "{message}");
}

#[test]
fn http_2_is_spoken_where_it_is_offered_and_one_connection_is_enough() {
    let authority = Authority::new("h2");
    let lab = Lab::believing(std::slice::from_ref(&authority.file), RULES);
    let server = Secure::new(authority.sign(&["127.0.0.1"], 4096), "h2");
    assert_eq!(lab.fetch(&server.url("/")).unwrap().body, b"HTTP/2.0");
    let many: Vec<_> = (0..20).map(|_| lab.start("guest", &server.url("/")).1).collect();
    for fetch in &many {
        assert_eq!(end_of(fetch).unwrap().body, b"HTTP/2.0");
    }
    // Giving a fetch up resets its stream, and the connection goes on.
    let (operation, ended) = lab.start("guest", &server.url("/hang"));
    assert_eq!(server.hanging.recv().unwrap(), "/hang");
    lab.egress.cancel(operation);
    assert_eq!(server.given_up.recv().unwrap(), "/hang");
    assert!(ended.recv().is_err(), "nothing is reported");
    assert_eq!(lab.fetch(&server.url("/")).unwrap().status, 200);
    // Fields beyond 64 KiB.
    let (code, message) = lab.failure(&server.url("/fields"));
    assert!(["too-large", "protocol"].contains(&code), "{code} {message}");
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
    let (code, message) = lab.failure(&server.url("/break"));
    assert_eq!(code, "reset", "{message}");
    assert_eq!(lab.fetch(&server.url("/")).unwrap().status, 200, "over another connection");
    // The request was sent a second time, since the first connection had been good before.
    assert_eq!(server.connections.load(Ordering::SeqCst), 3);
    assert_eq!(lab.egress.counts().connected.get(), 3);
}

#[test]
fn a_server_that_asks_for_a_certificate_is_shown_ours() {
    let authority = Authority::new("mutual");
    let server = Secure::asking(authority.sign(&["127.0.0.1"], 4096), "http/1.1", Some(&authority));
    let (own, key) = authority.sign(&["client.example"], 4096);
    let PrivateKeyDer::Pkcs8(key) = key else { panic!("rcgen writes PKCS #8") };
    let pem = |name: &str, label: &str, der: &[u8]| {
        let lines = BASE64.encode(der);
        let file = env::temp_dir().join(format!("snow-outside-{}-{name}", process::id()));
        fs::write(&file, format!("-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n"))
            .unwrap();
        file
    };
    let certificate = pem("own.pem", "CERTIFICATE", &own);
    let key = pem("own.key", "PRIVATE KEY", key.secret_pkcs8_der());
    let settings = snow_config::ServerConfig {
        outbound_ca: vec![authority.file.clone()],
        outbound_certificate: Some(certificate.clone()),
        outbound_key: Some(key.clone()),
        ..snow_config::ServerConfig::default()
    };
    let lab = Lab::with(&settings, RULES);
    assert_eq!(lab.fetch(&server.url("/")).unwrap().status, 200);
    let without = Lab::believing(std::slice::from_ref(&authority.file), RULES);
    let (code, message) = without.failure(&server.url("/"));
    assert_eq!(code, "tls", "{message}");
    fs::remove_file(certificate).unwrap();
    fs::remove_file(key).unwrap();
}
