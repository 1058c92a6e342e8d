//! Remote write 1 and 2: which one a request is, and what its sender is told.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::routing::MethodRouter;
use http::{HeaderMap, Request, header};
use model::{Compression, Format, Signal};
use pipeline::Accepted;
use wire::remote;

use crate::answer::{Accepts, Answer};
use crate::doors::{Doors, Family};
use crate::push::{Taken, take};
use crate::refusal::{Kind, Refusal};

const MESSAGE_1: &str = "prometheus.WriteRequest";
const MESSAGE_2: &str = "io.prometheus.write.v2.Request";

/// Texts as Prometheus': senders that get 415 fall back to version 1.
pub fn head(headers: &HeaderMap) -> Result<(Format, Compression), Refusal> {
    let text = |name| {
        headers.get(name).and_then(|value: &http::HeaderValue| value.to_str().ok()).unwrap_or_default().trim()
    };
    let unsupported = |message: String| Err(Refusal::new(Kind::Unsupported, message));
    let content_type = text(header::CONTENT_TYPE);
    let mut parts = content_type.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default();
    if !media_type.is_empty() && media_type != "application/x-protobuf" {
        return unsupported(format!(
            "expected application/x-protobuf as the first (media) part, got {content_type} content-type"
        ));
    }
    let message = parts.find_map(|part| part.strip_prefix("proto=")).unwrap_or(MESSAGE_1);
    let format = match message {
        MESSAGE_1 => Format::RemoteWrite1,
        MESSAGE_2 => Format::RemoteWrite2,
        other => {
            return unsupported(format!(
                "got unknown remote write protobuf message {other}; expected one of {MESSAGE_1}, {MESSAGE_2}"
            ));
        }
    };
    match text(header::CONTENT_ENCODING) {
        "" | "snappy" => Ok((format, Compression::Snappy)),
        other => unsupported(format!(
            "{other} encoding (compression) is not accepted by this server; only snappy is acceptable"
        )),
    }
}

pub fn route() -> MethodRouter<Arc<Doors>> {
    axum::routing::post(|State(doors): State<Arc<Doors>>, request: Request<Body>| async move {
        let taken = match take(&doors, Signal::Metrics, head, request).await {
            Ok(taken) => taken,
            Err(refusal) => return Family::Loki.refuse(&refusal).into_response(Accepts::Plain),
        };
        let mut response = finish(&taken.accepted).into_response(Accepts::Plain);
        if taken.format == Format::RemoteWrite2 {
            let limit = doors.push_bytes_max;
            let counted = tokio::task::spawn_blocking(move || Written::of(&taken, limit)).await;
            for (name, count) in counted.ok().flatten().unwrap_or_default().headers() {
                response.headers_mut().insert(name, count.into());
            }
        }
        response
    })
}

/// What a sender of version 2 must be told that was written, or it takes a success for a failure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Written {
    samples: u64,
    histograms: u64,
    exemplars: u64,
}

impl Written {
    /// Counts the request, and takes what was refused off its samples, then off its histograms.
    fn of(taken: &Taken, limit: usize) -> Option<Self> {
        let mut body = Vec::new();
        wire::compress::decompress(taken.compression, &taken.sent, limit, &mut body).ok()?;
        let mut written = Self::default();
        for series in remote::Request::trusted(&body).timeseries() {
            written.samples += series.samples.count() as u64;
            written.histograms += series.histograms.count() as u64;
            written.exemplars += series.exemplars.count() as u64;
        }
        let rejected = taken.accepted.rejected;
        let rejected_histograms = rejected.saturating_sub(written.samples);
        written.samples = written.samples.saturating_sub(rejected);
        written.histograms = written.histograms.saturating_sub(rejected_histograms);
        Some(written)
    }

    fn headers(self) -> [(&'static str, u64); 3] {
        [
            ("x-prometheus-remote-write-samples-written", self.samples),
            ("x-prometheus-remote-write-histograms-written", self.histograms),
            ("x-prometheus-remote-write-exemplars-written", self.exemplars),
        ]
    }
}

/// Refused samples make it a 400, although the others were taken: the sender must not send them again.
pub fn finish(accepted: &Accepted) -> Answer {
    if accepted.rejected == 0 {
        Answer::no_content()
    } else {
        Answer::text(format!("{}\n", accepted.message)).with_status(400)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_counted() {
        let mut builder = remote::RequestBuilder::default();
        let labels = builder.references([("__name__", "a")]);
        builder.series(&labels, remote::write2::Metadata::default(), |series| {
            series.sample(1, 0, 1.0);
            series.sample(2, 0, 1.0);
            series.exemplar(&[], 1, 1.0);
        });
        let mut sent = Vec::new();
        wire::compress::compress(Compression::Snappy, None, &builder.finish(), &mut sent);
        let accepted = Accepted { items: 1, rejected: 1, message: String::new() };
        let taken = Taken {
            accepted,
            format: Format::RemoteWrite2,
            compression: Compression::Snappy,
            sent: sent.into(),
        };
        let written = Written { samples: 1, histograms: 0, exemplars: 1 };
        assert_eq!(Written::of(&taken, 1 << 20), Some(written));
    }

    #[test]
    fn versions_are_told_by_the_content_type() {
        let check = |content_type: &str, encoding: &str, want: Result<Format, u16>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, content_type.parse().unwrap());
            headers.insert(header::CONTENT_ENCODING, encoding.parse().unwrap());
            let got = head(&headers)
                .map(|(format, _)| format)
                .map_err(|refusal| crate::doors::plain_status(refusal.kind));
            assert_eq!(got, want, "{content_type}");
        };
        check("application/x-protobuf", "snappy", Ok(Format::RemoteWrite1));
        check("application/x-protobuf;proto=prometheus.WriteRequest", "snappy", Ok(Format::RemoteWrite1));
        check(
            "application/x-protobuf; proto=io.prometheus.write.v2.Request",
            "snappy",
            Ok(Format::RemoteWrite2),
        );
        check("application/x-protobuf;proto=x.Y", "snappy", Err(415));
        check("application/json", "snappy", Err(415));
        check("application/x-protobuf", "gzip", Err(415));
    }
}
