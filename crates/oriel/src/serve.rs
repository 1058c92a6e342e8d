//! A server's life as a list: each part starts in order and stops in reverse.
//!
//! Addresses are bound before anything is opened, so a mistake is reported at once; the common port answers health from then on. OTLP is accepted and
//! everything else answered once the stores are open. The stop: no new connections, requests under way finish, then the stores close.

mod parts;
mod process;
mod stores;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use api::Api;
use config::Settings;
use ports::{Clock, Disk, RealClock, RealDisk};
use receivers::otlp::grpc::OtlpGrpc;
use receivers::otlp::http::OtlpHttp;
use receivers::serve::{Bound, Serving};
use telemetry::Registry;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::BUILD;
use crate::data_dir::DataDir;

/// What everything else is made of.
pub struct World {
    pub settings: Settings,
    pub disk: Arc<dyn Disk>,
    pub clock: Arc<dyn Clock>,
    pub registry: Registry,
}

/// Where a ready server listens.
pub struct Addresses {
    pub http: SocketAddr,
    pub otlp_http: SocketAddr,
}

pub fn run(settings: Settings) -> anyhow::Result<()> {
    run_then(settings, |_| Ok(()))
}

/// As `run`; calls `ready` once when everything is open.
pub fn run_then(
    settings: Settings,
    ready: impl FnOnce(&Addresses) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    telemetry::logs::start(&settings.log.level, settings.log.format).map_err(anyhow::Error::msg)?;
    let world = World {
        settings,
        disk: Arc::new(RealDisk),
        clock: Arc::new(RealClock::new()),
        registry: Registry::new(),
    };
    BUILD.register(&world.registry);
    process::register(&world.registry, &world.disk, world.clock.now_ms());
    let doors = parts::runtime("oriel-door").context("cannot start threads")?;
    let intake = parts::runtime("oriel-intake").context("cannot start threads")?;
    let served = doors.block_on(serve(&world, intake.handle().clone(), ready));
    intake.shutdown_timeout(Duration::from_secs(5));
    doors.shutdown_timeout(Duration::from_secs(5));
    served
}

async fn serve(
    world: &World,
    intake_runtime: tokio::runtime::Handle,
    ready: impl FnOnce(&Addresses) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut told = Told::new()?;
    let server = &world.settings.server;
    let data = DataDir::open(&world.disk, &world.settings.data.dir)?;
    let http = Bound::bind(&server.http, "http", "--http").await?;
    let otlp_grpc = Bound::bind(&server.otlp_grpc, "OTLP/gRPC", "--otlp-grpc").await?;
    let otlp_http = Bound::bind(&server.otlp_http, "OTLP/HTTP", "--otlp-http").await?;
    let listening = [http.address, otlp_grpc.address, otlp_http.address];
    let security = parts::security(&world.settings, &*world.disk)?;
    let ready_line = Ready::line(&http, &otlp_grpc, &otlp_http, &data);

    let (stop_doors, stop_pushes) = (CancellationToken::new(), CancellationToken::new());
    let (doors, pushes) = (TaskTracker::new(), TaskTracker::new());
    let drain = server.drain_timeout.duration();
    let api = Api::new(security.auth.clone(), world.registry.clone());
    doors.spawn(serving(http, api.clone(), &security, world).run(stop_doors.clone(), drain));

    let opened = stores::Opened::open(world, &data.path).await?;
    let otlp = parts::otlp_door(world, &opened, intake_runtime)?;
    api.open(parts::doors(world, &opened, &otlp), axum::Router::new());
    let grpc = Arc::new(OtlpGrpc::new(otlp.clone(), security.auth.clone()));
    let cors = server.cors.clone();
    let pushed = Arc::new(OtlpHttp::new(otlp, security.auth.clone(), cors));
    pushes.spawn(serving(otlp_grpc, grpc, &security, world).run(stop_pushes.clone(), drain));
    pushes.spawn(serving(otlp_http, pushed, &security, world).run(stop_pushes.clone(), drain));
    crate::arguments::say(&ready_line)?;
    tracing::info!(http = %listening[0], otlp_grpc = %listening[1], otlp_http = %listening[2], "ready");
    ready(&Addresses { http: listening[0], otlp_http: listening[2] })?;

    told.wait_for_stop(|| parts::reload(world, &security)).await;
    tracing::info!("stopping: finishing what is under way");
    stop_pushes.cancel();
    pushes.close();
    pushes.wait().await;
    stop_doors.cancel();
    doors.close();
    doors.wait().await;
    api.close();
    opened.close().await?;
    tracing::info!("stopped");
    drop(data);
    Ok(())
}

fn serving<H>(bound: Bound, handler: Arc<H>, security: &parts::Security, world: &World) -> Serving<H> {
    let bounds = world.settings.server.bounds;
    Serving { bound, handler, tls: security.tls.clone(), bounds, registry: world.registry.clone() }
}

/// For whoever started this process: where it listens now.
#[derive(serde::Serialize)]
struct Ready {
    ready: bool,
    http: String,
    otlp_grpc: String,
    otlp_http: String,
    data: String,
}

impl Ready {
    fn line(http: &Bound, otlp_grpc: &Bound, otlp_http: &Bound, data: &DataDir) -> String {
        let address = |bound: &Bound| bound.address.to_string();
        let ready = Self {
            ready: true,
            http: address(http),
            otlp_grpc: address(otlp_grpc),
            otlp_http: address(otlp_http),
            data: data.path.display().to_string(),
        };
        serde_json::to_string(&ready).expect("strings become JSON")
    }
}

/// Signals: two that end the server, and one that makes it read its file again.
struct Told {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    hang_up: tokio::signal::unix::Signal,
}

impl Told {
    fn new() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }

    async fn wait_for_stop(&mut self, reload: impl Fn() -> anyhow::Result<()>) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hang_up.recv() => match reload() {
                    Ok(()) => tracing::info!("users, tokens and certificates were read again; all else takes effect at the next start"),
                    Err(error) => tracing::error!("nothing was changed: {error:#}"),
                },
            }
        }
    }
}
