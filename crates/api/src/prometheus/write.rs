//! Remote write 1 and 2: which one a request is, and what its sender is told.

use http::{HeaderMap, header};
use model::{Compression, Format};
use pipeline::Accepted;

use crate::answer::Answer;
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
