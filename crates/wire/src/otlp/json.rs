//! OTLP/JSON requests to protobuf and back. A JSON body is turned into protobuf at the door, so that everything behind it knows one form.

use model::Signal;

use super::request_schema;
use crate::proto::Malformed;
use crate::proto::json::{JsonError, from_json, to_json};

/// The protobuf bytes of an export request in JSON. They are valid: nothing need be proved again.
pub fn request_from_json(signal: Signal, json: &[u8]) -> Result<Vec<u8>, JsonError> {
    let mut out = Vec::with_capacity(json.len() / 2);
    from_json(request_schema(signal), json, &mut out)?;
    Ok(out)
}

/// The JSON of an export request (and of `LogsData` and its siblings).
pub fn request_to_json(signal: Signal, proto: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut out = Vec::with_capacity(proto.len() * 2);
    to_json(request_schema(signal), proto, &mut out)?;
    Ok(out)
}
