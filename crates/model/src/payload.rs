//! How the bytes of a batch are to be read: format and compression. Numbers are part of the journal's format: never change them.

/// What the (decompressed) bytes of a payload are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Format {
    /// `Export{Logs,Metrics,Trace,Profiles}ServiceRequest` of OTLP in protobuf.
    OtlpProto = 1,
    /// The same in OTLP/JSON.
    OtlpJson = 2,
    /// Prometheus remote write 1, `prometheus.WriteRequest`.
    RemoteWrite1 = 3,
    /// Prometheus remote write 2, `io.prometheus.write.v2.Request`.
    RemoteWrite2 = 4,
    /// Loki `logproto.PushRequest`.
    LokiProto = 5,
    /// Loki push in JSON.
    LokiJson = 6,
    /// pprof `perftools.profiles.Profile`, preceded by our own label header.
    Pprof = 7,
    /// Our own columnar series batch, from scrapes and text imports.
    SeriesBatch = 8,
    /// A deletion (matchers and a time range) in our own encoding.
    Deletion = 9,
}

/// How the bytes of a payload are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Compression {
    None = 0,
    Gzip = 1,
    Zstd = 2,
    /// Snappy block format, as remote write and Loki use it.
    Snappy = 3,
    /// zlib-wrapped deflate, HTTP's `deflate`.
    Deflate = 4,
    Lz4Block = 5,
    /// LZ4 frame format, HTTP's `lz4` as the Collector reads it.
    Lz4Frame = 6,
    /// Snappy framing format: gRPC's `snappy` and HTTP's `x-snappy-framed`.
    SnappyFramed = 7,
}

impl Format {
    pub fn from_number(number: u8) -> Option<Self> {
        use Format::*;
        [OtlpProto, OtlpJson, RemoteWrite1, RemoteWrite2, LokiProto, LokiJson, Pprof, SeriesBatch, Deletion]
            .into_iter()
            .find(|format| *format as u8 == number)
    }
}

impl Compression {
    pub fn from_number(number: u8) -> Option<Self> {
        use Compression::*;
        [None, Gzip, Zstd, Snappy, Deflate, Lz4Block, Lz4Frame, SnappyFramed]
            .into_iter()
            .find(|compression| *compression as u8 == number)
    }
}
