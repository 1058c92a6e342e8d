//! Loki's push protocol: `logproto.PushRequest` as views, JSON pushes turned into it, stream labels (`{a="b"}`) read and written, and the
//! texts of Loki's refusals, which clients and dashboards know.
//!
//! A door decompresses the body (snappy for protobuf; gzip, deflate or nothing for JSON), brings JSON into protobuf, and hands views on.
//! Not here: limits, `service_name` and `detected_level` (`logs`, `limits`).

mod json;
pub mod labels;
mod push;
mod rejection;

pub use json::{BadJson, push_from_json};
pub use labels::{BadLabels, parse_labels, print_labels};
pub use push::{EntryView, LabelPairView, PushBuilder, PushRequest, StreamView, validate_push};
pub use rejection::Rejection;

#[cfg(test)]
mod tests;
