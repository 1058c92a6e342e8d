//! Formats of telemetry to and from the model: OTLP, remote write, Loki push, pprof, trace context, compression.
//!
//! A door hands a body here; what comes back is either a precise error for the client or borrowed views that the stores read. Everything is
//! synchronous and pure: bytes in, bytes or views out, no clock, no socket. The body stays as it came; views point into it.
//! Every decoder stands hostile input: no panic, no allocation by a claimed length, bounded nesting, decompression under a cap.
//! Not here: routing, limits by tenant, status codes of a door (`receivers`, `api`) and what is done with the data (`metrics`, `logs`, ...).

pub mod compress;
pub mod context;
pub mod fuzz;
pub mod loki;
pub mod otlp;
pub mod pprof;
pub mod proto;
pub mod remote;
pub mod series_batch;
