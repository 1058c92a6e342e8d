//! PromQL as a language: text to a typed tree with spans, and back.
//!
//! `lexer -> parser -> check` gives an [`ast::Expr`]; `printer` and `pretty` write it. Pure and bounded: any bytes give a
//! tree or errors, never a panic, in time and memory proportional to the text (see [`Limits`]). Evaluation is `eval`.

pub mod ast;
mod check;
mod edit;
mod error;
pub mod functions;
mod json;
mod lexer;
mod literal;
mod parser;
mod pretty;
mod printer;
pub mod series;
mod span;
mod token;

pub use ast::Expr;
pub use edit::{delete_matchers, set_matcher};
pub use error::{ParseError, ParseErrors};
pub use functions::Function;
pub use json::to_json;
pub use lexer::string_token_length;
pub use literal::{format_duration_ms, format_number, parse_duration_ms, unquote};
pub use parser::{Limits, Options, parse, parse_selector, parse_with};
pub use pretty::prettify;
pub use series::{Series, SeriesValue, parse_metric, parse_series};
pub use span::{Position, Span};
