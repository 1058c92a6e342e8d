//! Remote read: the request, and both forms of response: samples in one message, or frames of chunked series.
//!
//! A frame is a varint length, the CRC32C of the message in big endian, and a `ChunkedReadResponse`.

use model::MatchOp;

use super::write1::{LABEL, LabelView, TIME_SERIES, TimeSeriesView, write_labels};
use crate::proto::schema::{Kind, many, one};
use crate::proto::view::{Many, One, Packed, Signed, Text, View, view};
use crate::proto::{Malformed, Message, Reader, Writer, validate};

/// Prometheus' bound on the message in a frame.
pub const FRAME_BYTES_MAX: usize = 1 << 20;

static READ_REQUEST: Message = Message::new(
    "ReadRequest",
    &[
        many(1, "queries", Kind::Message(&QUERY)),
        many(2, "accepted_response_types", Kind::Enum(&[("SAMPLES", 0), ("STREAMED_XOR_CHUNKS", 1)])),
    ],
);
static QUERY: Message = Message::new(
    "Query",
    &[
        one(1, "start_timestamp_ms", Kind::Int64),
        one(2, "end_timestamp_ms", Kind::Int64),
        many(3, "matchers", Kind::Message(&LABEL_MATCHER)),
        one(4, "hints", Kind::Message(&READ_HINTS)),
    ],
);
static LABEL_MATCHER: Message = Message::new(
    "LabelMatcher",
    &[
        one(1, "type", Kind::Enum(&[("EQ", 0), ("NEQ", 1), ("RE", 2), ("NRE", 3)])),
        one(2, "name", Kind::String),
        one(3, "value", Kind::String),
    ],
);
static READ_HINTS: Message = Message::new(
    "ReadHints",
    &[
        one(1, "step_ms", Kind::Int64),
        one(2, "func", Kind::String),
        one(3, "start_ms", Kind::Int64),
        one(4, "end_ms", Kind::Int64),
        many(5, "grouping", Kind::String),
        one(6, "by", Kind::Bool),
        one(7, "range_ms", Kind::Int64),
    ],
);
static READ_RESPONSE: Message =
    Message::new("ReadResponse", &[many(1, "results", Kind::Message(&QUERY_RESULT))]);
static QUERY_RESULT: Message =
    Message::new("QueryResult", &[many(1, "timeseries", Kind::Message(&TIME_SERIES))]);
static CHUNKED_READ_RESPONSE: Message = Message::new(
    "ChunkedReadResponse",
    &[many(1, "chunked_series", Kind::Message(&CHUNKED_SERIES)), one(2, "query_index", Kind::Int64)],
);
static CHUNKED_SERIES: Message = Message::new(
    "ChunkedSeries",
    &[many(1, "labels", Kind::Message(&LABEL)), many(2, "chunks", Kind::Message(&CHUNK))],
);
static CHUNK: Message = Message::new(
    "Chunk",
    &[
        one(1, "min_time_ms", Kind::Int64),
        one(2, "max_time_ms", Kind::Int64),
        one(3, "type", Kind::Enum(&[("UNKNOWN", 0), ("XOR", 1), ("HISTOGRAM", 2), ("FLOAT_HISTOGRAM", 3)])),
        one(4, "data", Kind::Bytes),
    ],
);

view! {
    ReadRequest<'a> {
        1 queries: Many<'a, QueryView<'a>>,
        2 accepted_response_types: Packed<'a, Signed>,
    }
    QueryView<'a> {
        1 start_timestamp_ms: i64,
        2 end_timestamp_ms: i64,
        3 matchers: Many<'a, LabelMatcherView<'a>>,
        4 hints: One<'a, ReadHintsView<'a>>,
    }
    LabelMatcherView<'a> {
        1 kind: i32,
        2 name: Text<'a>,
        3 value: Text<'a>,
    }
    ReadHintsView<'a> {
        1 step_ms: i64,
        2 func: Text<'a>,
        3 start_ms: i64,
        4 end_ms: i64,
        5 grouping: Many<'a, Text<'a>>,
        6 by: bool,
        7 range_ms: i64,
    }
    ReadResponse<'a> {
        1 results: Many<'a, QueryResultView<'a>>,
    }
    QueryResultView<'a> {
        1 timeseries: Many<'a, TimeSeriesView<'a>>,
    }
    ChunkedReadResponse<'a> {
        1 chunked_series: Many<'a, ChunkedSeriesView<'a>>,
        2 query_index: i64,
    }
    ChunkedSeriesView<'a> {
        1 labels: Many<'a, LabelView<'a>>,
        2 chunks: Many<'a, ChunkView<'a>>,
    }
    ChunkView<'a> {
        1 min_time_ms: i64,
        2 max_time_ms: i64,
        3 encoding: i32,
        4 data: &'a [u8],
    }
}

/// How a chunk's data are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum ChunkEncoding {
    Xor = 1,
    Histogram = 2,
    FloatHistogram = 3,
}

impl<'a> ReadRequest<'a> {
    pub fn new(bytes: &'a [u8]) -> Result<Self, Malformed> {
        validate(&READ_REQUEST, bytes)?;
        Ok(Self::read(bytes))
    }

    /// Whether the client takes frames of chunks: the first type of its list that we know counts, samples if it has none.
    pub fn wants_chunks(&self) -> bool {
        let known = self.accepted_response_types.iter().find(|kind| [0, 1].contains(&kind.0));
        known.is_some_and(|kind| kind.0 == 1)
    }
}

impl LabelMatcherView<'_> {
    /// `None` for a number that stands for no operator.
    pub fn operator(&self) -> Option<MatchOp> {
        [MatchOp::Equal, MatchOp::NotEqual, MatchOp::Regex, MatchOp::NotRegex]
            .get(usize::try_from(self.kind).ok()?)
            .copied()
    }
}

impl<'a> ReadResponse<'a> {
    pub fn new(bytes: &'a [u8]) -> Result<Self, Malformed> {
        validate(&READ_RESPONSE, bytes)?;
        Ok(Self::read(bytes))
    }
}

/// Writes one query of a request.
pub fn write_query<'l>(
    request: &mut Vec<u8>,
    start_ms: i64,
    end_ms: i64,
    matchers: impl IntoIterator<Item = (&'l str, MatchOp, &'l str)>,
) {
    Writer::new(request).message(1, |query| {
        query.int(1, start_ms);
        query.int(2, end_ms);
        for (name, operator, value) in matchers {
            query.message(3, |matcher| {
                matcher.varint(1, operator as u64);
                matcher.string(2, name);
                matcher.string(3, value);
            });
        }
    });
}

/// Says that frames of chunks are taken, samples too.
pub fn write_accepts_chunks(request: &mut Vec<u8>) {
    Writer::new(request).packed_varint(2, [1, 0].into_iter());
}

/// Builds the samples of a `ReadResponse`: `fill` writes the series of one query's result.
pub fn write_result(response: &mut Vec<u8>, fill: impl FnOnce(&mut super::WriteRequestBuilder)) {
    // A result's series have the field number that a write request's have.
    let mut series = super::WriteRequestBuilder::default();
    fill(&mut series);
    Writer::new(response).always_bytes(1, &series.finish());
}

/// One chunk of a series.
#[derive(Clone, Debug, PartialEq)]
pub struct Chunk<'a> {
    pub min_time_ms: i64,
    pub max_time_ms: i64,
    pub encoding: ChunkEncoding,
    pub data: &'a [u8],
}

/// Appends one frame with the chunks of one series. Prometheus keeps a frame under `FRAME_BYTES_MAX`: split the chunks of a long series.
pub fn write_frame<'l>(
    out: &mut Vec<u8>,
    query_index: i64,
    labels: impl IntoIterator<Item = (&'l str, &'l str)>,
    chunks: &[Chunk<'_>],
) {
    let mut message = Vec::new();
    let mut writer = Writer::new(&mut message);
    writer.message(1, |series| {
        write_labels(series, labels);
        for chunk in chunks {
            series.message(2, |nested| {
                nested.int(1, chunk.min_time_ms);
                nested.int(2, chunk.max_time_ms);
                nested.int(3, chunk.encoding as i64);
                nested.bytes(4, chunk.data);
            });
        }
    });
    writer.int(2, query_index);
    stdx::varint::put_u64(out, message.len() as u64);
    out.extend_from_slice(&crc32c::crc32c(&message).to_be_bytes());
    out.extend_from_slice(&message);
}

/// Why a stream of frames is no good.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadFrame {
    #[error("frame is cut short")]
    Truncated,
    #[error("message size {0} exceeds the limit of {FRAME_BYTES_MAX} bytes")]
    TooLarge(u64),
    #[error("chunkedReader: invalid checksum {have:#010x}, expected {expect:#010x}")]
    Checksum { have: u32, expect: u32 },
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

/// Takes one frame off the front of `stream`; `None` at its end.
pub fn take_frame<'a>(stream: &mut &'a [u8]) -> Result<Option<ChunkedReadResponse<'a>>, BadFrame> {
    if stream.is_empty() {
        return Ok(None);
    }
    let mut reader = Reader::new(stream);
    let len = reader.varint().map_err(|_| BadFrame::Truncated)?;
    if len > FRAME_BYTES_MAX as u64 {
        return Err(BadFrame::TooLarge(len));
    }
    let (sum, rest) = reader.rest().split_first_chunk::<4>().ok_or(BadFrame::Truncated)?;
    let (message, rest) = rest.split_at_checked(len as usize).ok_or(BadFrame::Truncated)?;
    let (have, expect) = (crc32c::crc32c(message), u32::from_be_bytes(*sum));
    if have != expect {
        return Err(BadFrame::Checksum { have, expect });
    }
    validate(&CHUNKED_READ_RESPONSE, message)?;
    *stream = rest;
    Ok(Some(ChunkedReadResponse::read(message)))
}
