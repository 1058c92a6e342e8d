//! A pprof upload as the pipeline and the journal carry it (`Format::Pprof`): labels and time before the profile's protobuf bytes.
//!
//! ```text
//! version 1 | label count | ( name value )* | from ± | until ± | pprof protobuf, not compressed
//! ```
//!
//! Integers are varints, `±` zig-zag nanoseconds since 1970 (0: not said), text is length then UTF-8.

use stdx::varint::{put_bytes, put_i64, put_u64, take_bytes, take_i64, take_u64};

/// What a door knows of an upload. The labels say the service (`service_name`) and may say the profile's name (`__name__`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PprofUpload<'a> {
    pub labels: Vec<(String, String)>,
    /// 0: not said, then the profile itself says the time.
    pub from_ns: i64,
    pub until_ns: i64,
    pub pprof: &'a [u8],
}

const VERSION: u8 = 1;
const LABELS_MAX: u64 = 1024;

impl<'a> PprofUpload<'a> {
    /// The body of a batch.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        put_u64(&mut out, self.labels.len() as u64);
        for (name, value) in &self.labels {
            put_bytes(&mut out, name.as_bytes());
            put_bytes(&mut out, value.as_bytes());
        }
        put_i64(&mut out, self.from_ns);
        put_i64(&mut out, self.until_ns);
        out.extend_from_slice(self.pprof);
        out
    }

    pub fn decode(mut input: &'a [u8]) -> Option<Self> {
        let input = &mut input;
        let (&version, rest) = input.split_first()?;
        *input = rest;
        let count = take_u64(input)?;
        if version != VERSION || count > LABELS_MAX {
            return None;
        }
        let mut labels = Vec::new();
        for _ in 0..count {
            let name = std::str::from_utf8(take_bytes(input)?).ok()?.to_owned();
            labels.push((name, std::str::from_utf8(take_bytes(input)?).ok()?.to_owned()));
        }
        Some(Self { labels, from_ns: take_i64(input)?, until_ns: take_i64(input)?, pprof: input })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uploads_come_back() {
        let upload = PprofUpload {
            labels: vec![("service_name".into(), "web".into())],
            from_ns: 5,
            until_ns: -1,
            pprof: b"bytes",
        };
        assert_eq!(PprofUpload::decode(&upload.encode()), Some(upload.clone()));
        assert_eq!(PprofUpload::decode(&upload.encode()[..10]), None);
        assert_eq!(PprofUpload::decode(&[2, 0, 0, 0]), None);
    }
}
