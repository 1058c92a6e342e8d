//! TraceQL as a language: text to a typed tree with positions, back to text, and evaluated over one trace at a time.
//!
//! `lexer -> parser -> check` gives a [`Query`]; `printer` writes it. [`evaluate`] runs a pipeline over anything that implements [`Trace`];
//! [`metrics`] turns the matched spans of many traces into series. Pure and bounded: any text gives a tree or an error with its place, never a
//! panic. Precedence is Tempo's: `&&` and `||` stand on one level and lean left, so `a || b && c` is `(a || b) && c`.
//! Not here: storage, which traces to look at (`traces`), shapes of answers (`api`).

pub mod ast;
mod check;
mod error;
mod evaluate;
mod lexer;
pub mod metrics;
mod parser;
mod printer;
#[cfg(test)]
mod tests;
mod value;

pub use ast::Query;
pub use error::ParseError;
pub use evaluate::{Spanset, Trace, evaluate};
pub use parser::parse;
pub use value::Static;
