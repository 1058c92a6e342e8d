//! An answer before it is a response: status, type, body; compressed where the client takes it and it pays.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use model::Compression;

/// Made by a door's function, off the threads that serve connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub content_type: &'static str,
    pub body: Vec<u8>,
    pub retry_after_seconds: Option<u64>,
}

/// Below this a compressed body saves no packet.
const COMPRESS_BYTES_MIN: usize = 1400;

impl Answer {
    pub const JSON: &'static str = "application/json";
    pub const PROTOBUF: &'static str = "application/protobuf";
    pub const TEXT: &'static str = "text/plain; charset=utf-8";

    pub fn new(content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, content_type, body: body.into(), retry_after_seconds: None }
    }

    pub fn json(body: impl Into<Vec<u8>>) -> Self {
        Self::new(Self::JSON, body)
    }

    pub fn text(body: impl Into<Vec<u8>>) -> Self {
        Self::new(Self::TEXT, body)
    }

    /// A success that has nothing to say.
    pub fn no_content() -> Self {
        Self { status: 204, ..Self::text("") }
    }

    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Compresses (if `accept` allows) and becomes a response. Call it where computing is allowed.
    pub fn into_response(self, accept: Accepts) -> Response {
        let (compression, body) = accept.compress(self.body);
        let mut response = Response::new(Body::from(body));
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        if self.status != 204 {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        }
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        if let Some(name) = compression {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
        }
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// Which compression a client takes, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepts {
    Plain,
    Gzip,
    Zstd,
}

impl Accepts {
    /// `Accept-Encoding`, where `q=0` forbids.
    pub fn of(headers: &HeaderMap) -> Self {
        let mut best = Self::Plain;
        for value in headers.get_all(header::ACCEPT_ENCODING) {
            for item in value.to_str().unwrap_or_default().split(',') {
                let mut parts = item.split(';');
                let name = parts.next().unwrap_or_default().trim();
                let weight = parts.find_map(|part| part.trim().strip_prefix("q=")?.parse::<f32>().ok());
                if weight == Some(0.0) {
                    continue;
                }
                match name {
                    "zstd" => best = Self::Zstd,
                    "gzip" if best == Self::Plain => best = Self::Gzip,
                    _ => {}
                }
            }
        }
        best
    }

    fn compress(self, body: Vec<u8>) -> (Option<&'static str>, Vec<u8>) {
        let (name, compression, level) = match self {
            Self::Gzip if body.len() >= COMPRESS_BYTES_MIN => ("gzip", Compression::Gzip, Some(1)),
            Self::Zstd if body.len() >= COMPRESS_BYTES_MIN => ("zstd", Compression::Zstd, Some(1)),
            _ => return (None, body),
        };
        let mut out = Vec::with_capacity(body.len() / 4);
        wire::compress::compress(compression, level, &body, &mut out);
        (Some(name), out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_compression_that_a_client_takes() {
        let check = |value: &str, want: Accepts| {
            let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, value.parse().unwrap())]);
            assert_eq!(Accepts::of(&headers), want, "{value}");
        };
        check("gzip, deflate, br", Accepts::Gzip);
        check("gzip, deflate, br, zstd", Accepts::Zstd);
        check("zstd;q=0, gzip;q=0.5", Accepts::Gzip);
        check("identity", Accepts::Plain);
    }

    #[test]
    fn small_bodies_stay_as_they_are() {
        assert_eq!(Accepts::Gzip.compress(vec![b'a'; 100]), (None, vec![b'a'; 100]));
        let (name, body) = Accepts::Zstd.compress(vec![b'a'; 10_000]);
        assert_eq!((name, body.len() < 100), (Some("zstd"), true));
    }
}
