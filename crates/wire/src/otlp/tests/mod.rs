//! Views, model and JSON of all four signals.

pub mod dice;
mod round_trip;
mod views;
