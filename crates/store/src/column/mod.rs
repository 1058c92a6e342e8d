//! Column encodings that the signals' blocks share: integers ([`ints`]) and values that look like text ([`values`]).
//!
//! An encoded column is one container section. It knows neither its name nor its count; the signal's directory does. Decoders
//! take untrusted bytes: they answer `None`, never panic, and allocate no more than the caller's row count asks for.

pub mod ints;
pub mod values;

pub use ints::{put_ints, take_ints};
pub use values::{Column, ColumnBuilder, Value};
