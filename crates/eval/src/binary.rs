//! Operators between two sides: element by element ([`element`]), scalar with vector ([`scalar`]), vector with vector ([`matching`]), sets ([`set`]).

pub mod element;
pub mod matching;
pub mod scalar;
pub mod set;
mod signature;
