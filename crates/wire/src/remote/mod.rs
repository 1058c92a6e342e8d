//! Prometheus' remote protocols: write 1 (`prometheus.WriteRequest`), write 2 (`io.prometheus.write.v2.Request`) and read.
//!
//! Bodies are snappy blocks (`compress`); these are the messages inside, as borrowed views, and builders for senders and generators.
//! A series' labels are at hand as the raw bytes they came in, so that a store finds a known series by one hash and no parsing.
//! Not here: relabelling, checks of label names, out-of-order rules (`metrics`), HTTP headers and codes (`api`).

pub mod histogram;
pub mod read;
pub mod write1;
pub mod write2;
pub mod xor;

pub use histogram::HistogramView;
pub use write1::{WriteRequest, WriteRequestBuilder};
pub use write2::{Request, RequestBuilder};

#[cfg(test)]
mod tests;
