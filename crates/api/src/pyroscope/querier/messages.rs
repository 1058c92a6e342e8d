//! The messages of `querier.v1` and `types.v1` that are served, as tables, and their fields.

use wire::proto::json::{from_json, to_json};
use wire::proto::schema::{Kind, many, one, optional};
use wire::proto::{Message, Reader, Value, validate};

use crate::answer::Answer;
use crate::refusal::{Kind as RefusalKind, Refusal};

pub struct Method {
    pub name: &'static str,
    request: &'static Message,
    /// `None`: pprof's own message, which has no JSON here.
    response: Option<&'static Message>,
}

pub static METHODS: &[Method] = &[
    Method { name: "ProfileTypes", request: &PROFILE_TYPES, response: Some(&PROFILE_TYPES_ANSWER) },
    Method { name: "LabelNames", request: &LABEL_NAMES, response: Some(&NAMES) },
    Method { name: "LabelValues", request: &LABEL_VALUES, response: Some(&NAMES) },
    Method { name: "SelectMergeStacktraces", request: &SELECT_STACKTRACES, response: Some(&STACKTRACES) },
    Method { name: "SelectSeries", request: &SELECT_SERIES, response: Some(&SERIES_ANSWER) },
    Method { name: "SelectMergeProfile", request: &SELECT_PROFILE, response: None },
];

static PROFILE_TYPES: Message =
    Message::new("ProfileTypesRequest", &[one(1, "start", Kind::Int64), one(2, "end", Kind::Int64)]);
static PROFILE_TYPES_ANSWER: Message =
    Message::new("ProfileTypesResponse", &[many(1, "profile_types", Kind::Message(&PROFILE_TYPE))]);
static PROFILE_TYPE: Message = Message::new(
    "ProfileType",
    &[
        one(1, "ID", Kind::String),
        one(2, "name", Kind::String),
        one(4, "sample_type", Kind::String),
        one(5, "sample_unit", Kind::String),
        one(6, "period_type", Kind::String),
        one(7, "period_unit", Kind::String),
    ],
);
static LABEL_NAMES: Message = Message::new(
    "LabelNamesRequest",
    &[many(1, "matchers", Kind::String), one(2, "start", Kind::Int64), one(3, "end", Kind::Int64)],
);
static LABEL_VALUES: Message = Message::new(
    "LabelValuesRequest",
    &[
        one(1, "name", Kind::String),
        many(2, "matchers", Kind::String),
        one(3, "start", Kind::Int64),
        one(4, "end", Kind::Int64),
    ],
);
static NAMES: Message = Message::new("LabelNamesResponse", &[many(1, "names", Kind::String)]);
static SELECT_STACKTRACES: Message = Message::new(
    "SelectMergeStacktracesRequest",
    &[
        one(1, "profile_typeID", Kind::String),
        one(2, "label_selector", Kind::String),
        one(3, "start", Kind::Int64),
        one(4, "end", Kind::Int64),
        optional(5, "max_nodes", Kind::Int64),
    ],
);
static STACKTRACES: Message =
    Message::new("SelectMergeStacktracesResponse", &[one(1, "flamegraph", Kind::Message(&FLAME_GRAPH))]);
static FLAME_GRAPH: Message = Message::new(
    "FlameGraph",
    &[
        many(1, "names", Kind::String),
        many(2, "levels", Kind::Message(&LEVEL)),
        one(3, "total", Kind::Int64),
        one(4, "max_self", Kind::Int64),
    ],
);
static LEVEL: Message = Message::new("Level", &[many(1, "values", Kind::Int64)]);
static SELECT_SERIES: Message = Message::new(
    "SelectSeriesRequest",
    &[
        one(1, "profile_typeID", Kind::String),
        one(2, "label_selector", Kind::String),
        one(3, "start", Kind::Int64),
        one(4, "end", Kind::Int64),
        many(5, "group_by", Kind::String),
        one(6, "step", Kind::Double),
    ],
);
static SERIES_ANSWER: Message =
    Message::new("SelectSeriesResponse", &[many(1, "series", Kind::Message(&SERIES))]);
static SERIES: Message = Message::new(
    "Series",
    &[many(1, "labels", Kind::Message(&LABEL_PAIR)), many(2, "points", Kind::Message(&POINT))],
);
static LABEL_PAIR: Message =
    Message::new("LabelPair", &[one(1, "name", Kind::String), one(2, "value", Kind::String)]);
static POINT: Message =
    Message::new("Point", &[one(1, "value", Kind::Double), one(2, "timestamp", Kind::Int64)]);
static SELECT_PROFILE: Message = Message::new(
    "SelectMergeProfileRequest",
    &[
        one(1, "profile_typeID", Kind::String),
        one(2, "label_selector", Kind::String),
        one(3, "start", Kind::Int64),
        one(4, "end", Kind::Int64),
    ],
);

/// The request in protobuf, proven.
pub fn request(method: &Method, is_json: bool, body: &[u8]) -> Result<Vec<u8>, Refusal> {
    if is_json {
        let mut proto = Vec::new();
        from_json(method.request, body, &mut proto).map_err(|error| Refusal::bad(error.to_string()))?;
        return Ok(proto);
    }
    validate(method.request, body).map_err(|error| Refusal::bad(error.to_string()))?;
    Ok(body.to_vec())
}

/// The answer in the encoding of the request.
pub fn response(method: &Method, is_json: bool, proto: Vec<u8>) -> Result<Answer, Refusal> {
    if !is_json {
        return Ok(Answer::new("application/proto", proto));
    }
    let table = method.response.ok_or_else(|| {
        Refusal::new(RefusalKind::Unsupported, format!("{} answers in application/proto only", method.name))
    })?;
    let mut json = Vec::new();
    to_json(table, &proto, &mut json)
        .map_err(|error| Refusal::new(RefusalKind::Internal, error.to_string()))?;
    Ok(Answer::json(json))
}

/// Fields of a proven message by number; absent ones are zero or empty.
pub struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub fn of(message: &'a [u8]) -> Self {
        Self(message)
    }

    fn values(&self, number: u32) -> impl Iterator<Item = Value<'a>> + use<'a> {
        let mut reader = Reader::new(self.0);
        std::iter::from_fn(move || reader.field().ok().flatten())
            .filter(move |field| field.number == number)
            .map(|field| field.value)
    }

    pub fn int(&self, number: u32) -> i64 {
        match self.values(number).last() {
            Some(Value::Varint(value)) => value as i64,
            _ => 0,
        }
    }

    pub fn double(&self, number: u32) -> f64 {
        match self.values(number).last() {
            Some(Value::Fixed64(bits)) => f64::from_bits(bits),
            _ => 0.0,
        }
    }

    pub fn texts(&self, number: u32) -> Vec<String> {
        let text = |value| match value {
            Value::Bytes(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
            _ => None,
        };
        self.values(number).filter_map(text).collect()
    }

    pub fn text(&self, number: u32) -> String {
        self.texts(number).pop().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_and_protobuf_are_the_same_request() {
        let method = METHODS.iter().find(|method| method.name == "SelectSeries").unwrap();
        let json = br#"{"profileTypeID":"cpu","labelSelector":"{a=\"b\"}","start":"1000","end":2000,"groupBy":["x","y"],"step":1.5}"#;
        let proto = request(method, true, json).unwrap();
        assert_eq!(request(method, false, &proto).unwrap(), proto);
        let fields = Fields::of(&proto);
        assert_eq!(
            (fields.text(1).as_str(), fields.int(3), fields.int(4), fields.double(6)),
            ("cpu", 1000, 2000, 1.5)
        );
        assert_eq!(fields.texts(5), ["x", "y"]);
        assert!(request(method, false, b"\xff").is_err());
        assert!(request(method, true, b"{").is_err());
    }
}
