//! `oriel.yaml` to settings.
//!
//! One table of fields ([`fields`]) reads, checks, suggests and documents: what it does not list is refused with file, line, path and the
//! nearest known key. Reading is pure; secrets are named here and read by [`secrets`] when a server is built. Knows all components' configurations and
//! builds none of them.

pub mod fields;
pub mod read;
pub mod reference;
pub mod secrets;
pub mod settings;
mod values;

pub use read::Mistakes;
pub use settings::Settings;
