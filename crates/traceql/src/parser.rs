//! Tokens -> tree, by precedence climbing. Where Tempo's grammar needs to see far ahead (a parenthesis may open spansets, a pipeline or a
//! scalar), both readings are tried and the error of the one that came further is told. Depth and length of the text are bounded.

mod fields;
mod metric;

use model::regex::Regex;

use crate::ast::{
    Aggregate, CompareOp, MathOp, Pipeline, Query, Relation, RelationKind, ScalarExpr, SpansetExpr,
    SpansetOp, Stage,
};
use crate::check::check;
use crate::error::ParseError;
use crate::lexer::{Placed, Token, tokens};
use crate::value::Static;

/// Longest query, as in Tempo.
pub const QUERY_BYTES_MAX: usize = 128 << 10;
/// Deepest nesting of parentheses and operators.
const DEPTH_MAX: u32 = 64;
/// Most tokens that trying both readings of parentheses may cost.
const STEPS_MAX: u32 = 200_000;

/// Reads and checks a query.
pub fn parse(text: &str) -> Result<Query, ParseError> {
    if text.len() > QUERY_BYTES_MAX {
        return Err(ParseError::Unsupported(format!(
            "query is {} bytes long: at most {QUERY_BYTES_MAX} are read",
            text.len()
        )));
    }
    let tokens = tokens(text)?;
    let mut parser = Parser { text, tokens, next: 0, depth: 0, steps: 0 };
    let query = parser.query()?;
    check(&query)?;
    Ok(query)
}

pub(crate) struct Parser<'t> {
    text: &'t str,
    tokens: Vec<Placed>,
    next: usize,
    depth: u32,
    steps: u32,
}

type Parsed<T> = Result<T, ParseError>;

/// A pipeline, and the bare aggregate that may end it inside parentheses.
type PipelineEnd = (Pipeline, Option<Aggregate>);

impl<'t> Parser<'t> {
    fn peek(&self) -> &Token {
        &self.tokens[self.next].token
    }

    fn advance(&mut self) -> Token {
        let token = self.tokens[self.next].token.clone();
        if self.next + 1 < self.tokens.len() {
            self.next += 1;
        }
        token
    }

    fn error(&self, message: impl Into<String>) -> ParseError {
        ParseError::at(self.text, self.tokens[self.next].place, message)
    }

    fn unexpected(&self) -> ParseError {
        self.error(match self.peek() {
            Token::End => "syntax error: unexpected $end".to_owned(),
            Token::Word(word) => format!("syntax error: unexpected IDENTIFIER {word:?}"),
            Token::Attribute { scope, key } => format!("syntax error: unexpected attribute {scope}.{key}"),
            Token::String(text) => format!("syntax error: unexpected STRING {text:?}"),
            Token::Int(number) => format!("syntax error: unexpected INTEGER {number}"),
            Token::Float(number) => format!("syntax error: unexpected FLOAT {number}"),
            Token::Duration(ns) => {
                format!("syntax error: unexpected DURATION {}", crate::value::go_duration(*ns))
            }
            Token::Symbol(symbol) => format!("syntax error: unexpected {symbol}"),
        })
    }

    fn at(&self, symbol: &str) -> bool {
        matches!(self.peek(), Token::Symbol(have) if *have == symbol)
    }

    fn at_word(&self, word: &str) -> bool {
        matches!(self.peek(), Token::Word(have) if have == word)
    }

    fn accept(&mut self, symbol: &str) -> bool {
        let have = self.at(symbol);
        if have {
            self.advance();
        }
        have
    }

    fn expect(&mut self, symbol: &str) -> Parsed<()> {
        if self.accept(symbol) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// Runs `parse` one level deeper.
    fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.steps += 1;
        if self.depth >= DEPTH_MAX || self.steps >= STEPS_MAX {
            return Err(self.error("query is nested too deep: use fewer parentheses"));
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    /// The first reading that succeeds; if none does, the error of the one that came further.
    fn either<T>(
        &mut self,
        first: impl FnOnce(&mut Self) -> Parsed<T>,
        second: impl FnOnce(&mut Self) -> Parsed<T>,
    ) -> Parsed<T> {
        let start = self.next;
        let first_error = match self.nested(first) {
            Ok(parsed) => return Ok(parsed),
            Err(error) => error,
        };
        let reached = std::mem::replace(&mut self.next, start);
        self.nested(second).map_err(|error| if self.next > reached { error } else { first_error })
    }

    fn query(&mut self) -> Parsed<Query> {
        let (pipeline, aggregate, metric) = self.pipeline(true)?;
        if aggregate.is_some() {
            return Err(self.unexpected());
        }
        let hints = self.hints()?;
        match self.peek() {
            Token::End => Ok(Query { pipeline, metric, hints }),
            Token::Symbol("+" | "-" | "*" | "/") => Err(ParseError::Unsupported(
                "arithmetic between metrics queries is not supported: run them one by one".into(),
            )),
            _ => Err(self.unexpected()),
        }
    }

    fn pipeline(&mut self, top: bool) -> Parsed<(Pipeline, Option<Aggregate>, Option<crate::ast::Metric>)> {
        let mut stages = Vec::new();
        loop {
            if top && !stages.is_empty() && self.at_metric() {
                return Ok((Pipeline(stages), None, Some(self.metric()?)));
            }
            if let Token::Word(word) = self.peek()
                && Self::is_aggregate(word)
                && !top
            {
                let start = self.next;
                let aggregate = self.aggregate()?;
                if self.at(")") && !stages.is_empty() {
                    return Ok((Pipeline(stages), Some(aggregate), None));
                }
                self.next = start;
            }
            stages.push(self.stage()?);
            if !self.accept("|") {
                return Ok((Pipeline(stages), None, None));
            }
        }
    }

    /// `pipeline ")"` or `pipeline "|" aggregate ")"`, the opening parenthesis being taken.
    fn inner_pipeline(&mut self) -> Parsed<PipelineEnd> {
        let (pipeline, aggregate, _) = self.pipeline(false)?;
        self.expect(")")?;
        Ok((pipeline, aggregate))
    }

    fn stage(&mut self) -> Parsed<Stage> {
        match self.peek() {
            Token::Symbol("{") => self.spansets(0).map(Stage::Spansets),
            Token::Symbol("(") => self.either(
                |parser| {
                    let spansets = parser.spansets(0).map(Stage::Spansets)?;
                    match parser.peek() {
                        Token::End | Token::Symbol("|" | ")") | Token::Word(_) => Ok(spansets),
                        _ => Err(parser.unexpected()),
                    }
                },
                Self::scalar_filter,
            ),
            Token::Word(word) if word == "by" => {
                self.advance();
                self.expect("(")?;
                let field = self.field(0)?;
                self.expect(")")?;
                Ok(Stage::By(field))
            }
            Token::Word(word) if word == "coalesce" => {
                self.advance();
                self.expect("(")?;
                self.expect(")")?;
                Ok(Stage::Coalesce)
            }
            Token::Word(word) if word == "select" => {
                self.advance();
                Ok(Stage::Select(self.attributes_in_parentheses()?))
            }
            _ => self.scalar_filter(),
        }
    }

    /// Levels: 0 `&& ||`, 1 the structural operators; all lean left.
    fn spansets(&mut self, level: u8) -> Parsed<SpansetExpr> {
        let mut left = self.nested(Self::spanset)?;
        while let Token::Symbol(symbol) = self.peek()
            && let Some((op, of_level)) = spanset_op(symbol)
            && of_level >= level
        {
            self.advance();
            let right = self.nested(|parser| parser.spansets(of_level + 1))?;
            left = SpansetExpr::Binary(op, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn spanset(&mut self) -> Parsed<SpansetExpr> {
        if self.accept("{") {
            if self.accept("}") {
                return Ok(SpansetExpr::Filter(None));
            }
            let field = self.field(0)?;
            self.expect("}")?;
            return Ok(SpansetExpr::Filter(Some(field)));
        }
        self.expect("(")?;
        let (pipeline, aggregate) = self.inner_pipeline()?;
        if aggregate.is_some() {
            return Err(self.unexpected());
        }
        match <[Stage; 1]>::try_from(pipeline.0) {
            Ok([Stage::Spansets(inner)]) => Ok(inner),
            Ok([stage]) => Ok(SpansetExpr::Pipeline(Pipeline(vec![stage]))),
            Err(stages) => Ok(SpansetExpr::Pipeline(Pipeline(stages))),
        }
    }

    fn scalar_filter(&mut self) -> Parsed<Stage> {
        let left = self.scalar(0)?;
        let Token::Symbol(symbol) = self.peek() else { return Err(self.unexpected()) };
        let op = compare_op(symbol).ok_or_else(|| self.unexpected())?;
        self.advance();
        let right = self.scalar(0)?;
        Ok(Stage::ScalarFilter(op, left, right))
    }

    /// Levels: 0 `+ -`, 1 `* / %`, 2 `^`.
    fn scalar(&mut self, level: u8) -> Parsed<ScalarExpr> {
        let mut left = self.nested(Self::scalar_primary)?;
        while let Token::Symbol(symbol) = self.peek()
            && let Some((op, of_level)) = math_op(symbol)
            && of_level >= level
        {
            self.advance();
            let next = if op == MathOp::Power { of_level } else { of_level + 1 };
            let right = self.nested(|parser| parser.scalar(next))?;
            left = ScalarExpr::Math(op, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn scalar_primary(&mut self) -> Parsed<ScalarExpr> {
        match self.peek() {
            Token::Symbol("-") => {
                self.advance();
                let number = self.number()?;
                Ok(ScalarExpr::Static(negated(number)))
            }
            Token::Int(_) | Token::Float(_) | Token::Duration(_) => self.number().map(ScalarExpr::Static),
            Token::Word(word) if Self::is_aggregate(word) => self.aggregate().map(ScalarExpr::Aggregate),
            Token::Symbol("(") => self.either(
                |parser| {
                    parser.expect("(")?;
                    let inner = parser.scalar(0)?;
                    parser.expect(")")?;
                    Ok(inner)
                },
                |parser| {
                    parser.expect("(")?;
                    let (pipeline, aggregate) = parser.inner_pipeline()?;
                    let aggregate = aggregate.ok_or_else(|| parser.unexpected())?;
                    Ok(ScalarExpr::Pipeline(pipeline, aggregate))
                },
            ),
            _ => Err(self.unexpected()),
        }
    }

    fn number(&mut self) -> Parsed<Static> {
        let number = match self.peek() {
            Token::Int(number) => Static::Int(*number),
            Token::Float(number) => Static::Float(*number),
            Token::Duration(ns) => Static::Duration(*ns),
            _ => return Err(self.unexpected()),
        };
        self.advance();
        Ok(number)
    }

    fn is_aggregate(word: &str) -> bool {
        matches!(word, "count" | "max" | "min" | "sum" | "avg")
    }

    fn aggregate(&mut self) -> Parsed<Aggregate> {
        let Token::Word(word) = self.advance() else { return Err(self.unexpected()) };
        self.expect("(")?;
        let aggregate = match word.as_str() {
            "count" => Aggregate::Count,
            "max" => Aggregate::Max(self.field(0)?),
            "min" => Aggregate::Min(self.field(0)?),
            "sum" => Aggregate::Sum(self.field(0)?),
            _ => Aggregate::Avg(self.field(0)?),
        };
        self.expect(")")?;
        Ok(aggregate)
    }

    fn regex(&self, text: &str) -> Parsed<Regex> {
        Regex::new(text).map_err(|error| ParseError::Types(format!("invalid regex: {error}")))
    }
}

fn negated(number: Static) -> Static {
    match number {
        Static::Int(value) => Static::Int(value.wrapping_neg()),
        Static::Float(value) => Static::Float(-value),
        Static::Duration(ns) => Static::Duration(-ns),
        other => other,
    }
}

fn spanset_op(symbol: &str) -> Option<(SpansetOp, u8)> {
    let (kind, plain) = match symbol {
        "&&" => return Some((SpansetOp::And, 0)),
        "||" => return Some((SpansetOp::Or, 0)),
        _ => match symbol.strip_prefix('!') {
            Some(rest) => (RelationKind::Not, rest),
            None => match symbol.strip_prefix('&') {
                Some(rest) => (RelationKind::Union, rest),
                None => (RelationKind::Plain, symbol),
            },
        },
    };
    let relation = match plain {
        ">" => Relation::Child,
        "<" => Relation::Parent,
        ">>" => Relation::Descendant,
        "<<" => Relation::Ancestor,
        "~" => Relation::Sibling,
        _ => return None,
    };
    Some((SpansetOp::Relation { relation, kind }, 1))
}

fn compare_op(symbol: &str) -> Option<CompareOp> {
    Some(match symbol {
        "=" => CompareOp::Equal,
        "!=" => CompareOp::NotEqual,
        "<" => CompareOp::Less,
        "<=" => CompareOp::LessOrEqual,
        ">" => CompareOp::Greater,
        ">=" => CompareOp::GreaterOrEqual,
        _ => return None,
    })
}

fn math_op(symbol: &str) -> Option<(MathOp, u8)> {
    Some(match symbol {
        "+" => (MathOp::Add, 0),
        "-" => (MathOp::Subtract, 0),
        "*" => (MathOp::Multiply, 1),
        "/" => (MathOp::Divide, 1),
        "%" => (MathOp::Modulo, 1),
        "^" => (MathOp::Power, 2),
        _ => return None,
    })
}
