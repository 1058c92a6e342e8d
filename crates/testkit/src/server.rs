//! The real `oriel` binary on free ports with its own data directory. Dropping the handle kills it.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use crate::http::Client;

/// A server that has not said "ready" by then is broken.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// A running server.
pub struct Server {
    child: Child,
    pub http: SocketAddr,
    pub otlp_http: SocketAddr,
    pub otlp_grpc: SocketAddr,
    pub data: PathBuf,
}

impl Server {
    /// Starts `binary serve` on `data` with free ports and `extra` arguments, and returns when it is ready.
    /// The error holds what the server wrote to standard error.
    pub fn start(binary: &Path, data: &Path, extra: &[&str]) -> Result<Self, String> {
        let mut command = Command::new(binary);
        command.arg("serve").arg("--data").arg(data);
        for flag in ["--http", "--otlp-http", "--otlp-grpc"] {
            command.args([flag, "127.0.0.1:0"]);
        }
        command.args(extra).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            command.spawn().map_err(|error| format!("could not start {}: {error}", binary.display()))?;
        let stderr = drain(child.stderr.take().expect("standard error is piped"));
        let ready = ready_line(child.stdout.take().expect("standard output is piped"));
        let line = ready.recv_timeout(READY_WITHIN).unwrap_or_default();
        let parsed: Option<serde_json::Value> = serde_json::from_str(&line).ok();
        let address = |name: &str| parsed.as_ref()?.get(name)?.as_str()?.parse::<SocketAddr>().ok();
        match (address("http"), address("otlp_http"), address("otlp_grpc")) {
            (Some(http), Some(otlp_http), Some(otlp_grpc)) => {
                Ok(Self { child, http, otlp_http, otlp_grpc, data: data.to_owned() })
            }
            _ => {
                let _ = child.kill();
                let status = child.wait();
                let log = stderr.recv_timeout(READY_WITHIN).unwrap_or_default();
                Err(format!("not ready, said {line:?}, ended with {status:?}, logged:\n{log}"))
            }
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A new connection to the port that serves the UI and every API.
    pub fn client(&self) -> Client {
        Client::new(self.http)
    }

    /// `kill -9`: what a power loss looks like to everybody but the disk.
    pub fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks for a graceful end (SIGTERM) and returns the exit code.
    pub fn stop(mut self) -> Option<i32> {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        self.child.wait().ok()?.code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The first line of standard output; what follows is read and let go, so that the child never blocks on a full pipe.
fn ready_line(stdout: impl Read + Send + 'static) -> std::sync::mpsc::Receiver<String> {
    let (sender, receiver) = sync_channel(1);
    std::thread::spawn(move || {
        let mut stdout = BufReader::new(stdout);
        let mut line = String::new();
        let _ = stdout.read_line(&mut line);
        let _ = sender.send(line);
        let _ = std::io::copy(&mut stdout, &mut std::io::sink());
    });
    receiver
}

/// Everything that the child writes to standard error, once it has ended. Shown live with `ORIEL_TEST_LOG=1`.
fn drain(stderr: impl Read + Send + 'static) -> std::sync::mpsc::Receiver<String> {
    const KEPT_BYTES: usize = 64 * 1024;
    let show = std::env::var_os("ORIEL_TEST_LOG").is_some();
    let (sender, receiver) = sync_channel(1);
    std::thread::spawn(move || {
        let mut kept = String::new();
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if show {
                eprintln!("{line}");
            }
            if kept.len() < KEPT_BYTES {
                kept.push_str(&line);
                kept.push('\n');
            }
        }
        let _ = sender.send(kept);
    });
    receiver
}
