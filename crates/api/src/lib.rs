//! Query doors: the HTTP APIs that clients of Prometheus, Loki, Tempo, Jaeger and Pyroscope know, pushes in their formats, and Oriel's own status.
//!
//! The flow of a query: [`doors`] routes it -> authentication and tenant -> [`params`] (URL and form alike) -> [`queries`] runs the door's
//! function on a bounded pool of blocking threads with a deadline, a byte budget and a cancel -> [`answer`] compresses what it made. A push goes to
//! [`push`] and through the same intake as OTLP.
//!
//! Only this crate knows the shapes of query APIs. A door's function is synchronous: parameters in, an [`answer::Answer`] or a
//! [`refusal::Refusal`] out; each family of APIs dresses refusals its own way.

pub mod answer;
pub mod doors;
pub mod jaeger;
pub mod json;
pub mod lifecycle;
pub mod loki;
pub mod params;
pub mod prometheus;
pub mod push;
pub mod pyroscope;
pub mod queries;
pub mod refusal;
pub mod status;
pub mod tempo;
pub mod times;
pub mod web;

pub use doors::{Api, Doors, Stores};
