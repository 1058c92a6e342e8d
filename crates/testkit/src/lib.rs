//! What end-to-end tests and benchmarks share: the real binary as a child process, and a small blocking HTTP/1.1 client.
//!
//! Stands beside the house: only tests, `bench` and `xtask` depend on it. Ports are always chosen by the system, children never outlive
//! their handle, nothing waits by the clock: a server is ready when it says so.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "test code stands outside the simulated world"
)]

pub mod http;
pub mod process;
pub mod server;

pub use http::{Client, Response};
pub use server::Server;
