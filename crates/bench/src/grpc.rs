//! A gRPC client for unary OTLP exports: one connection, one request at a time, as an SDK's exporter does it.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use bytes::{BufMut, Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

pub struct Channel {
    runtime: Runtime,
    sender: SendRequest<Full<Bytes>>,
    uri: String,
}

impl Channel {
    pub fn connect(address: SocketAddr, method: &str) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let sender = runtime.block_on(async {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
            tokio::spawn(connection);
            anyhow::Ok(sender)
        })?;
        Ok(Self { runtime, sender, uri: format!("http://{address}{method}") })
    }

    /// Sends `message` and returns when the server has answered: `true` if it took it, `false` for "not now"
    /// (RESOURCE_EXHAUSTED, UNAVAILABLE); any other status is an error.
    pub fn export(&mut self, message: &[u8]) -> Result<bool> {
        let mut frame = BytesMut::with_capacity(message.len() + 5);
        frame.put_u8(0);
        frame.put_u32(u32::try_from(message.len()).context("a message is below 4 GiB")?);
        frame.put_slice(message);
        let request = http::Request::post(&self.uri)
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(Full::new(frame.freeze()))?;
        let sender = &mut self.sender;
        self.runtime.block_on(async {
            sender.ready().await?;
            let response = sender.send_request(request).await?;
            let (parts, body) = response.into_parts();
            let collected = body.collect().await?;
            let trailers = collected.trailers();
            let status = trailers
                .and_then(|trailers| trailers.get("grpc-status"))
                .or(parts.headers.get("grpc-status"));
            match status.map(|status| status.as_bytes()) {
                Some(b"0") => Ok(true),
                Some(b"8" | b"14") => Ok(false),
                other => bail!("grpc-status {:?}, trailers {trailers:?}", other.map(String::from_utf8_lossy)),
            }
        })
    }
}
