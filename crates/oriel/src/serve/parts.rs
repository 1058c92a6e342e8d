//! The parts of a server, made from settings.

use std::sync::Arc;

use anyhow::Context;
use api::Doors;
use api::queries::QueryPool;
use config::Settings;
use config::settings::SecretSource;
use limits::{MemoryGuard, TenantRate, TenantRates};
use model::Signal;
use pipeline::{Graph, MemoryGate, PipelinePlan, Plan, RateGate, Sink};
use ports::Disk;
use receivers::Intake;
use receivers::otlp::OtlpDoor;
use receivers::otlp::http::OtlpHttp;
use receivers::serve::auth::Secret;
use receivers::serve::tls::TlsMaterial;
use receivers::serve::{Auth, Tls};

use super::World;
use super::stores::{BySignal, Opened};
use crate::BUILD;

/// Threads that serve connections, or that take batches in: as many as cores.
pub fn runtime(name: &'static str) -> std::io::Result<tokio::runtime::Runtime> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    tokio::runtime::Builder::new_multi_thread().worker_threads(cores).thread_name(name).enable_all().build()
}

/// Who may come in, and how their bytes are protected.
pub struct Security {
    pub auth: Auth,
    pub tls: Option<Tls>,
}

pub fn security(settings: &Settings, disk: &dyn Disk) -> anyhow::Result<Security> {
    let server = &settings.server;
    let secret = |source: &SecretSource| -> anyhow::Result<Secret> {
        let text = match source {
            SecretSource::File(path) => config::secrets::file_text(disk, path)?,
            SecretSource::Env(name) => {
                std::env::var(name).with_context(|| format!("secret {name} is not in the environment"))?
            }
        };
        let secret = Secret::new(&text);
        anyhow::ensure!(!secret.is_empty(), "secret {source:?} is empty");
        Ok(secret)
    };
    let users = server
        .users
        .iter()
        .map(|(name, source)| Ok((name.clone(), secret(source)?)))
        .collect::<anyhow::Result<_>>()?;
    let tokens = server.tokens.iter().map(secret).collect::<anyhow::Result<_>>()?;
    let tls = match &server.tls {
        None => None,
        Some(files) => {
            let read = |path| config::secrets::file_bytes(disk, path);
            let material = TlsMaterial {
                certificate_pem: read(&files.cert_file)?,
                key_pem: read(&files.key_file)?,
                client_ca_pem: files.client_ca_file.as_ref().map(read).transpose()?,
            };
            Some(Tls::new(&material)?)
        }
    };
    Ok(Security { auth: Auth::new(users, tokens), tls })
}

/// What may change while the server runs: users, tokens and certificates, from the file that settings came from.
pub fn reload(world: &World, security: &Security) -> anyhow::Result<()> {
    let file = world.settings.file.as_ref().context("there is no configuration file to read again")?;
    let settings = crate::arguments::read_config(file)?;
    let new = self::security(&settings, &*world.disk)?;
    match (&security.tls, &new.tls) {
        (Some(have), Some(new)) => have.replace(new),
        (None, None) => {}
        _ => anyhow::bail!("TLS cannot be turned on or off while the server runs: restart it"),
    }
    security.auth.replace(&new.auth);
    Ok(())
}

/// Doors -> memory -> rates -> graph (here: straight to the stores, each behind its queue).
pub fn otlp_door(
    world: &World,
    opened: &Opened,
    runtime: tokio::runtime::Handle,
) -> anyhow::Result<OtlpDoor> {
    let limits = &world.settings.limits;
    let guard = MemoryGuard::new(world.settings.memory.budget.len(), opened.held_bytes());
    let plan = Plan { pipelines: Signal::ALL.into_iter().map(straight).collect(), connectors: Vec::new() };
    let graph = Graph::build(&plan, &mut opened.parts(world))?;
    let inlet = |signal: Signal| graph.inlet("doors", signal);
    let mut sink: Sink = Arc::new(BySignal::new(Signal::ALL.map(inlet)));
    if limits.tenant_rate.0 > 0 {
        let rate = TenantRate {
            bytes_per_second: limits.tenant_rate.0 as f64,
            burst_bytes: limits.tenant_burst.0 as f64,
        };
        sink = RateGate::new(TenantRates::new(rate), world.clock.clone(), &world.registry, sink);
    }
    let sink = MemoryGate::new(guard.clone(), &world.registry, sink);
    let intake = Intake::new(sink, runtime, world.clock.clone(), guard, world.registry.clone());
    Ok(OtlpDoor { intake, bounds: limits.otlp.clone(), without_tenant: world.settings.server.without_tenant })
}

fn straight(signal: Signal) -> PipelinePlan {
    PipelinePlan {
        name: signal.name().to_owned(),
        signal,
        receivers: vec!["doors".to_owned()],
        processors: Vec::new(),
        exporters: vec!["store".to_owned()],
    }
}

pub fn doors(world: &World, opened: &Opened, otlp: &OtlpDoor) -> Arc<Doors> {
    let limits = &world.settings.limits;
    Arc::new(Doors {
        stores: opened.stores.clone(),
        intake: otlp.intake.clone(),
        // Authentication of the common port has been done when its doors are reached.
        otlp: OtlpHttp::new(otlp.clone(), Auth::default(), world.settings.server.cors.clone()),
        queries: QueryPool::new(limits.queries, world.clock.clone(), &world.registry),
        clock: world.clock.clone(),
        registry: world.registry.clone(),
        without_tenant: world.settings.server.without_tenant,
        build: BUILD,
        started_at_ms: world.clock.now_ms(),
        push_bytes_max: limits.push_body.len(),
        rates: api::status::IngestRates::default(),
        admin_api: world.settings.server.admin_api,
    })
}
