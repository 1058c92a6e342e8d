//! The demo shop: a seeded generator of traces, logs, metrics and profiles that belong together, with named incidents.
//!
//! `shop` says who calls whom, `incident` what goes wrong, `request` plays one user's request through the services, `usage` and `profile`
//! add up what the processes did, `otlp` writes it as a real SDK would, `simulation` moves time on second by second.
//! Stands beside the house: pure and deterministic (the same seed gives the same bytes); it opens no socket and reads no clock.
//! Sending is its caller's business.

pub mod incident;
pub mod otlp;
pub mod profile;
pub mod request;
pub mod shop;
pub mod simulation;
pub mod usage;

pub use incident::{Incident, Trouble};
pub use simulation::{Config, Export, Simulation};
