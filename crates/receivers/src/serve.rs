//! A listener and its connections: accept within bounds, TLS, HTTP/1.1 and HTTP/2 on one port, and a stop that lets requests finish.
//!
//! Binding comes first for all listeners, serving later: an address that is taken is reported before anything else has started.

pub mod auth;
pub mod tls;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use telemetry::{Counter, Gauge, Registry};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

pub use auth::Auth;
pub use tls::Tls;

/// Answers requests. One value serves all connections of a listener.
pub trait Handler: Send + Sync + 'static {
    type Body: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static;

    fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<Self::Body>> + Send;
}

/// Who sent a request; in the request's extensions.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// An address that could not be bound.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error(
        "address {address} for {door} is in use by another program: stop it, or choose another address with {flag} (port 0 picks a free one)"
    )]
    InUse { address: String, door: &'static str, flag: &'static str },
    #[error("cannot listen on {address} for {door}: {source}; choose another address with {flag}")]
    Other { address: String, door: &'static str, flag: &'static str, source: std::io::Error },
}

/// A bound address that nobody serves yet.
pub struct Bound {
    listener: TcpListener,
    pub address: SocketAddr,
    pub door: &'static str,
}

impl Bound {
    /// `flag` is named in errors as the way to choose another address.
    pub async fn bind(address: &str, door: &'static str, flag: &'static str) -> Result<Self, BindError> {
        let fail = |source: std::io::Error| match source.kind() {
            std::io::ErrorKind::AddrInUse => BindError::InUse { address: address.to_owned(), door, flag },
            _ => BindError::Other { address: address.to_owned(), door, flag, source },
        };
        // Collector and Prometheus configurations write ":4318" for all interfaces.
        let full = if address.starts_with(':') { format!("0.0.0.0{address}") } else { address.to_owned() };
        let listener = TcpListener::bind(&full).await.map_err(fail)?;
        let address = listener.local_addr().map_err(fail)?;
        Ok(Self { listener, address, door })
    }
}

/// Bounds of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServeBounds {
    /// Connections at one time; more wait in the kernel's queue.
    pub connections_max: usize,
    /// A connection that has not sent the head of a request for so long is closed.
    pub header_timeout: Duration,
    /// Requests at one time on one HTTP/2 connection.
    pub streams_max: u32,
}

impl Default for ServeBounds {
    fn default() -> Self {
        Self { connections_max: 4096, header_timeout: Duration::from_secs(300), streams_max: 1024 }
    }
}

/// Largest HTTP/2 frame that clients may send: fewer frames are fewer copies.
const FRAME_BYTES_MAX: u32 = 1 << 20;
/// Unread bytes that a client may have on its way, per request and per connection.
const STREAM_WINDOW_BYTES: u32 = 2 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 8 << 20;
/// Names and values of a request's head.
const HEADER_BYTES_MAX: u32 = 64 << 10;

/// One listener with what it needs to serve.
pub struct Serving<H> {
    pub bound: Bound,
    pub handler: Arc<H>,
    pub tls: Option<Tls>,
    pub bounds: ServeBounds,
    pub registry: Registry,
}

struct Counts {
    open: Gauge,
    failed: Counter,
}

impl<H: Handler> Serving<H> {
    /// Serves until `stop`, then lets requests that are under way finish, for at most `drain`.
    pub async fn run(self, stop: CancellationToken, drain: Duration) {
        let labels = [("door", self.bound.door)];
        let counts = Arc::new(Counts {
            open: self.registry.gauge("oriel_http_connections", "Open connections.", &labels),
            failed: self.registry.counter(
                "oriel_http_connections_failed_total",
                "Connections that ended in an error (TLS, protocol).",
                &labels,
            ),
        });
        let limit =
            self.registry.gauge("oriel_http_connections_limit", "Connections that may be open.", &labels);
        limit.set(self.bounds.connections_max as i64);
        let places = Arc::new(Semaphore::new(self.bounds.connections_max));
        let graceful = GracefulShutdown::new();
        let server = Arc::new(http_server(&self.bounds));
        loop {
            let place = tokio::select! {
                place = places.clone().acquire_owned() => place.expect("the semaphore is never closed"),
                () = stop.cancelled() => break,
            };
            let (stream, peer) = tokio::select! {
                accepted = self.bound.listener.accept() => match accepted {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        accept_failed(&error).await;
                        continue;
                    }
                },
                () = stop.cancelled() => break,
            };
            let connection = Connection {
                handler: self.handler.clone(),
                tls: self.tls.clone(),
                server: server.clone(),
                watcher: graceful.watcher(),
                counts: counts.clone(),
                peer,
            };
            tokio::spawn(async move {
                connection.run(stream).await;
                drop(place);
            });
        }
        drop(self.bound);
        if tokio::time::timeout(drain, graceful.shutdown()).await.is_err() {
            tracing::warn!(
                door = labels[0].1,
                "requests were still under way when the time to drain was over"
            );
        }
    }
}

/// Out of file descriptors: waiting a moment is all that helps. Anything else concerns one connection only.
async fn accept_failed(error: &std::io::Error) {
    tracing::warn!(%error, "could not accept a connection");
    tokio::time::sleep(Duration::from_millis(50)).await;
}

fn http_server(bounds: &ServeBounds) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(bounds.header_timeout).half_close(false);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_frame_size(FRAME_BYTES_MAX)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_concurrent_streams(bounds.streams_max)
        .max_header_list_size(HEADER_BYTES_MAX);
    builder
}

struct Connection<H> {
    handler: Arc<H>,
    tls: Option<Tls>,
    server: Arc<auto::Builder<TokioExecutor>>,
    watcher: hyper_util::server::graceful::Watcher,
    counts: Arc<Counts>,
    peer: SocketAddr,
}

impl<H: Handler> Connection<H> {
    async fn run(self, stream: TcpStream) {
        self.counts.open.add(1);
        // Small answers must not wait for more to come.
        let _ = stream.set_nodelay(true);
        let counts = self.counts.clone();
        let peer = self.peer;
        let ended = match self.tls.clone() {
            None => self.serve(stream).await,
            Some(tls) => match tls.accept(stream).await {
                Ok(stream) => self.serve(stream).await,
                Err(error) => Err(error.into()),
            },
        };
        if let Err(error) = ended {
            counts.failed.inc();
            tracing::debug!(%peer, error, "a connection ended in an error");
        }
        counts.open.add(-1);
    }

    async fn serve(
        self,
        io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let (handler, peer) = (self.handler, self.peer);
        let service = service_fn(move |mut request: Request<Incoming>| {
            let handler = handler.clone();
            request.extensions_mut().insert(Peer(peer));
            async move { Ok::<_, std::convert::Infallible>(handler.handle(request).await) }
        });
        let connection = self.server.serve_connection_with_upgrades(TokioIo::new(io), service).into_owned();
        self.watcher.watch(connection).await
    }
}
