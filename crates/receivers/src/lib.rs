//! Doors that take telemetry in, and what every door needs.
//!
//! The flow of one request: [`serve`] (listener, TLS, authentication) -> a door ([`otlp`]) reads the body within bounds ([`body`]) -> [`intake`]
//! decompresses it, makes a `Batch` and hands it to the pipeline on threads of its own -> the answer of the pipeline becomes the protocol's.
//! A client is told "accepted" only after the pipeline has said so.
//!
//! Not here: query APIs (`api`), formats (`wire`), what happens to a batch (`pipeline` and the stores).

pub mod body;
pub mod intake;
pub mod otlp;
pub mod serve;
pub mod tenant;

pub use intake::{Intake, Offer};
