//! PromQL as a language: text to a typed tree with spans, and back.
//!
//! `lexer -> parser -> check` gives an [`ast::Expr`]; `printer` and `pretty` write it. Pure and bounded: any bytes give a
//! tree or errors, never a panic, in time and memory proportional to the text (see `Limits`). Evaluation is `eval`.

pub mod ast;
pub mod functions;
pub mod span;

pub use ast::Expr;
pub use functions::Function;
pub use span::{Position, Span};
