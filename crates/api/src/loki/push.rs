//! `push`: snappy-compressed protobuf, or JSON with any compression of HTTP.

use http::{HeaderMap, header};
use model::{Compression, Format};
use pipeline::Accepted;

use crate::answer::Answer;
use crate::refusal::{Kind, Refusal};

/// As Loki decides it: JSON by its content type, everything else is protobuf, and protobuf is snappy unless the head says otherwise.
pub fn head(headers: &HeaderMap) -> Result<(Format, Compression), Refusal> {
    let text = |name| {
        headers.get(name).and_then(|value: &http::HeaderValue| value.to_str().ok()).unwrap_or_default().trim()
    };
    let media_type = text(header::CONTENT_TYPE).split(';').next().unwrap_or_default().trim();
    let encoding = text(header::CONTENT_ENCODING);
    let unsupported =
        || Refusal::new(Kind::Unsupported, format!("Content-Encoding {encoding:?} not supported"));
    match media_type {
        "application/json" => {
            let compression = wire::compress::http_compression(encoding).ok_or_else(unsupported)?;
            Ok((Format::LokiJson, compression))
        }
        "" | "application/x-protobuf" => match encoding {
            "" | "snappy" => Ok((Format::LokiProto, Compression::Snappy)),
            _ => Err(unsupported()),
        },
        other => Err(Refusal::new(
            Kind::Unsupported,
            format!("Content-Type {other:?} not supported, use application/json or application/x-protobuf"),
        )),
    }
}

/// Nothing to say unless entries were refused; then Loki says 400 although the others were taken, so that clients do not send them again.
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
    fn formats_are_told_by_the_head() {
        let check = |content_type: &str, encoding: &str, want: Result<(Format, Compression), &str>| {
            let mut headers = HeaderMap::new();
            for (name, value) in [(header::CONTENT_TYPE, content_type), (header::CONTENT_ENCODING, encoding)]
            {
                if !value.is_empty() {
                    headers.insert(name, value.parse().unwrap());
                }
            }
            assert_eq!(head(&headers).map_err(|refusal| refusal.message), want.map_err(str::to_owned));
        };
        check("", "", Ok((Format::LokiProto, Compression::Snappy)));
        check("application/x-protobuf", "snappy", Ok((Format::LokiProto, Compression::Snappy)));
        check("application/json; charset=utf-8", "", Ok((Format::LokiJson, Compression::None)));
        check("application/json", "gzip", Ok((Format::LokiJson, Compression::Gzip)));
        check("application/json", "br", Err("Content-Encoding \"br\" not supported"));
        check(
            "text/plain",
            "",
            Err("Content-Type \"text/plain\" not supported, use application/json or application/x-protobuf"),
        );
    }
}
