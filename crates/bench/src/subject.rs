//! What is measured: Oriel, or a peer started with the flags it needs, on free ports and an empty data directory.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use testkit::{Client, Server, process};

/// Which door takes the load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Signal {
    Logs,
    Traces,
    /// Prometheus remote write 1.
    Metrics,
}

/// A peer on the command line: `NAME=BINARY`.
#[derive(Clone, Debug)]
pub struct Peer {
    pub name: String,
    pub binary: PathBuf,
}

pub fn parse_peer(text: &str) -> Result<Peer, String> {
    let (name, binary) = text.split_once('=').ok_or("want NAME=BINARY")?;
    if !PEERS.iter().any(|peer| peer.name == name) {
        let known: Vec<_> = PEERS.iter().map(|peer| peer.name).collect();
        return Err(format!("unknown peer {name:?}; known: {}", known.join(", ")));
    }
    Ok(Peer { name: name.to_owned(), binary: binary.into() })
}

struct PeerKind {
    name: &'static str,
    signal: Signal,
    /// `{data}` and `{port}` are filled in.
    args: &'static [&'static str],
    ready: &'static str,
    path: &'static str,
}

const PEERS: &[PeerKind] = &[
    PeerKind {
        name: "victoria-logs",
        signal: Signal::Logs,
        args: &["-storageDataPath={data}", "-httpListenAddr=127.0.0.1:{port}"],
        ready: "/health",
        path: "/insert/opentelemetry/v1/logs",
    },
    PeerKind {
        name: "victoria-traces",
        signal: Signal::Traces,
        args: &["-storageDataPath={data}", "-httpListenAddr=127.0.0.1:{port}"],
        ready: "/health",
        path: "/insert/opentelemetry/v1/traces",
    },
    PeerKind {
        name: "victoria-metrics",
        signal: Signal::Metrics,
        args: &["-storageDataPath={data}", "-httpListenAddr=127.0.0.1:{port}"],
        ready: "/health",
        path: "/api/v1/write",
    },
    PeerKind {
        name: "prometheus",
        signal: Signal::Metrics,
        args: &[
            "--config.file=/dev/null",
            "--storage.tsdb.path={data}",
            "--web.listen-address=127.0.0.1:{port}",
            "--web.enable-remote-write-receiver",
        ],
        ready: "/-/ready",
        path: "/api/v1/write",
    },
];

/// A running server under load.
pub enum Subject {
    Oriel(Server),
    Peer { child: Child, address: SocketAddr, path: &'static str, data: PathBuf },
}

impl Subject {
    pub fn oriel(binary: &Path, data: &Path, extra: &[&str]) -> Result<Self> {
        Server::start(binary, data, extra).map(Self::Oriel).map_err(anyhow::Error::msg)
    }

    pub fn peer(peer: &Peer, signal: Signal, data: &Path) -> Result<Self> {
        let kind = PEERS
            .iter()
            .find(|kind| kind.name == peer.name)
            .context("the name was checked when it was parsed")?;
        if kind.signal != signal {
            bail!("{} does not take {signal:?}", peer.name);
        }
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let fill =
            |arg: &&str| arg.replace("{data}", &data.to_string_lossy()).replace("{port}", &port.to_string());
        let child = Command::new(&peer.binary)
            .args(kind.args.iter().map(fill))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("could not start {}", peer.binary.display()))?;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        wait_ready(address, kind.ready)?;
        Ok(Self::Peer { child, address, path: kind.path, data: data.to_owned() })
    }

    pub fn pid(&self) -> u32 {
        match self {
            Self::Oriel(server) => server.pid(),
            Self::Peer { child, .. } => child.id(),
        }
    }

    /// Where HTTP load goes.
    pub fn door(&self, signal: Signal) -> (SocketAddr, &'static str) {
        match (self, signal) {
            (Self::Oriel(server), Signal::Logs) => (server.otlp_http, "/v1/logs"),
            (Self::Oriel(server), Signal::Traces) => (server.otlp_http, "/v1/traces"),
            (Self::Oriel(server), Signal::Metrics) => (server.http, "/api/v1/write"),
            (Self::Peer { address, path, .. }, _) => (*address, path),
        }
    }

    pub fn data(&self) -> &Path {
        match self {
            Self::Oriel(server) => &server.data,
            Self::Peer { data, .. } => data,
        }
    }

    pub fn cpu(&self) -> Duration {
        process::cpu_time(self.pid()).unwrap_or_default()
    }

    /// Waits until the server has used less than 2 % of a core over two seconds in a row, so that background work is counted.
    pub fn settle(&self, at_most: Duration) -> Duration {
        let start = Instant::now();
        let (mut last, mut quiet) = (self.cpu(), 0);
        while quiet < 2 && start.elapsed() < at_most {
            std::thread::sleep(Duration::from_secs(1));
            let now = self.cpu();
            quiet = if now.saturating_sub(last) < Duration::from_millis(20) { quiet + 1 } else { 0 };
            last = now;
        }
        start.elapsed()
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        if let Self::Peer { child, .. } = self {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn wait_ready(address: SocketAddr, path: &str) -> Result<()> {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(30) {
        if Client::new(address).get(path).is_ok_and(|response| response.status == 200) {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    bail!("no 200 from {address}{path} within 30 s")
}

/// The release binary, built if it is not there.
pub fn oriel(given: Option<PathBuf>) -> Result<PathBuf> {
    if let Some(binary) = given {
        return Ok(binary);
    }
    let own = std::env::current_exe()?;
    let binary = own.parent().context("an executable is in a folder")?.join("oriel");
    let status = Command::new("cargo").args(["build", "--release", "--package", "oriel"]).status()?;
    if !status.success() {
        bail!("could not build oriel");
    }
    Ok(binary)
}
