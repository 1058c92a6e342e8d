//! Tokens to a tree: precedence climbing over a hand-written lexer, one token ahead.
//!
//! The order in which errors are found is that of Prometheus's LALR parser, since people see the first: tokens are read only
//! when needed, and a misplaced token ([`Stop::Unexpected`]) is reported by the innermost construct that has words for it
//! ("in aggregation", "in offset"). A misplaced token ends parsing; other errors are collected. Depth, length and number of
//! nodes are bounded by [`Limits`].

mod aggregate;
mod binary;
mod duration;
mod selector;

use model::matcher::Matcher;

use crate::ast::{
    Aggregator, BinaryOp, Call, Expr, Keyword, NumberLiteral, Paren, StringLiteral, Unary, UnaryOp,
};
use crate::error::{ParseError, ParseErrors};
use crate::functions::Function;
use crate::lexer::Lexer;
use crate::literal;
use crate::span::Span;
use crate::token::{Token, TokenKind};

/// Which opt-in parts of the language are on; all of them unless asked otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// Experimental functions, `limitk` and `limit_ratio`.
    pub experimental_functions: bool,
    /// `anchored` and `smoothed`.
    pub extended_range_selectors: bool,
    /// `fill`, `fill_left`, `fill_right`.
    pub fill_modifiers: bool,
    pub limits: Limits,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            experimental_functions: true,
            extended_range_selectors: true,
            fill_modifiers: true,
            limits: Limits::default(),
        }
    }
}

impl Options {
    /// What Prometheus accepts without feature flags.
    pub fn strict() -> Self {
        Self {
            experimental_functions: false,
            extended_range_selectors: false,
            fill_modifiers: false,
            ..Self::default()
        }
    }
}

/// Bounds of one query.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    pub query_bytes: usize,
    /// Constructs inside one another: parentheses, arguments, right sides. Bounds the stack of the parser.
    pub nesting: usize,
    /// Levels of the tree, where `a + b + c` counts too. Bounds the stack of whoever walks it.
    pub height: usize,
    /// Expressions and matchers.
    pub nodes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { query_bytes: 1 << 20, nesting: 128, height: 512, nodes: 100_000 }
    }
}

/// Parses and type-checks an expression.
pub fn parse(query: &str) -> Result<Expr, ParseErrors> {
    parse_with(query, Options::default())
}

/// [`parse`] with other options.
pub fn parse_with(query: &str, options: Options) -> Result<Expr, ParseErrors> {
    let mut parser = Parser::new(query, options);
    let expr = parser.whole_expression();
    match expr {
        Some(mut expr) if parser.errors.is_empty() => {
            let errors = crate::check::check(&mut expr);
            if errors.is_empty() { Ok(expr) } else { Err(ParseErrors::new(errors, query)) }
        }
        _ => Err(ParseErrors::new(parser.errors, query)),
    }
}

/// Parses a bare selector, as in `match[]`. It may select everything: who asks for that decides.
pub fn parse_selector(text: &str) -> Result<Vec<Matcher>, ParseErrors> {
    let mut parser = Parser::new(text, Options::default());
    let selector = parser.whole(Parser::bare_selector);
    match selector {
        Some(selector) if parser.errors.is_empty() => Ok(selector.matchers),
        _ => Err(ParseErrors::new(parser.errors, text)),
    }
}

/// Why a construct could not be read.
pub(crate) enum Stop {
    /// The next token is out of place; nothing has been said yet.
    Unexpected,
    /// The error has been said.
    Recorded,
}

type Parsed<T> = Result<T, Stop>;

struct Parser<'q> {
    query: &'q str,
    lexer: Lexer<'q>,
    ahead: Option<Token>,
    /// Where the last consumed token ends.
    last_end: u32,
    errors: Vec<ParseError>,
    options: Options,
    /// Constructs being read.
    depth: usize,
    /// Height of the expression read last.
    height: usize,
    nodes: usize,
}

impl<'q> Parser<'q> {
    fn new(query: &'q str, options: Options) -> Self {
        Self {
            query,
            lexer: Lexer::new(query),
            ahead: None,
            last_end: 0,
            errors: Vec::new(),
            options,
            depth: 0,
            height: 0,
            nodes: 0,
        }
    }

    fn whole_expression(&mut self) -> Option<Expr> {
        if self.query.len() <= self.options.limits.query_bytes && self.peek() == TokenKind::End {
            self.error(Span::default(), "no expression found in input".to_owned());
            return None;
        }
        self.whole(|parser| parser.expression(0))
    }

    /// Reads with `read` to the end of the text.
    fn whole<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Option<T> {
        let limit = self.options.limits.query_bytes;
        if self.query.len() > limit {
            self.error(Span::default(), format!("query is longer than the limit of {limit} bytes"));
            return None;
        }
        let result = read(self).and_then(|value| match self.peek() {
            TokenKind::End => Ok(value),
            _ => Err(Stop::Unexpected),
        });
        self.in_context(result, "", "").ok()
    }

    fn peek(&mut self) -> TokenKind {
        self.peek_token().kind
    }

    fn peek_token(&mut self) -> Token {
        if let Some(token) = self.ahead {
            return token;
        }
        let token = self.lexer.next();
        if token.kind == TokenKind::Error {
            self.errors.extend(self.lexer.take_error());
        }
        self.ahead = Some(token);
        token
    }

    fn bump(&mut self) -> Token {
        let token = self.peek_token();
        self.ahead = None;
        self.last_end = token.span.end;
        token
    }

    fn eat(&mut self, kind: TokenKind) -> bool {
        let found = self.peek() == kind;
        if found {
            self.bump();
        }
        found
    }

    fn expect(&mut self, kind: TokenKind) -> Parsed<Token> {
        if self.peek() == kind { Ok(self.bump()) } else { Err(Stop::Unexpected) }
    }

    fn error(&mut self, span: Span, message: impl Into<String>) {
        self.errors.push(ParseError::new(span, message));
    }

    /// Says what is unexpected, when `result` has not said it yet.
    fn in_context<T>(&mut self, result: Parsed<T>, context: &str, expected: &str) -> Parsed<T> {
        result.map_err(|stop| {
            if let Stop::Unexpected = stop {
                self.unexpected(context, expected);
            }
            Stop::Recorded
        })
    }

    fn unexpected(&mut self, context: &str, expected: &str) {
        let token = self.peek_token();
        // An error of the lexer has been reported when its token was read.
        if token.kind == TokenKind::Error {
            return;
        }
        let mut message = format!("unexpected {}", token.describe(self.query));
        if !context.is_empty() {
            message.push_str(" in ");
            message.push_str(context);
        }
        if !expected.is_empty() {
            message.push_str(", expected ");
            message.push_str(expected);
        }
        self.error(token.span, message);
    }

    /// Enters a nested construct; pair with `self.depth -= 1`.
    fn descend(&mut self) -> Parsed<()> {
        self.depth += 1;
        self.bounded(self.depth, self.options.limits.nesting)
    }

    /// Counts a node above subtrees of the given height.
    fn node(&mut self, height_below: usize) -> Parsed<()> {
        self.height = height_below + 1;
        self.nodes += 1;
        if self.nodes > self.options.limits.nodes {
            let message = format!("query has more than the limit of {} nodes", self.options.limits.nodes);
            self.error(Span::new(0, self.last_end), message);
            return Err(Stop::Recorded);
        }
        self.bounded(self.height, self.options.limits.height)
    }

    fn bounded(&mut self, level: usize, limit: usize) -> Parsed<()> {
        if level <= limit {
            return Ok(());
        }
        let span = self.peek_token().span;
        self.error(span, format!("query nests deeper than the limit of {limit} levels"));
        Err(Stop::Recorded)
    }

    /// `+expr`, `-expr`: binds like `*`, so only `^` binds tighter.
    fn unary(&mut self) -> Parsed<Expr> {
        let op = match self.peek() {
            TokenKind::Op(BinaryOp::Add) => UnaryOp::Plus,
            TokenKind::Op(BinaryOp::Sub) => UnaryOp::Minus,
            _ => return self.postfix(),
        };
        let start = self.bump().span;
        self.descend()?;
        let mut expr = self.expression(BinaryOp::Pow.precedence())?;
        self.depth -= 1;
        let span = start.to(expr.span());
        if let Expr::Number(number) = &mut expr {
            if op == UnaryOp::Minus {
                number.value = -number.value;
            }
            number.span = span;
            return Ok(expr);
        }
        self.node(self.height)?;
        Ok(Expr::Unary(Box::new(Unary { op, expr, span })))
    }

    fn primary(&mut self) -> Parsed<Expr> {
        match self.peek() {
            TokenKind::Number | TokenKind::Duration => {
                self.node(0)?;
                Ok(Expr::Number(self.number()?))
            }
            TokenKind::String => {
                self.node(0)?;
                let token = self.bump();
                let value = literal::unquote(token.span.text(self.query)).into_boxed_slice();
                Ok(Expr::String(StringLiteral { value, span: token.span }))
            }
            TokenKind::LeftParen => self.parenthesised(),
            TokenKind::LeftBrace => self.selector(None),
            TokenKind::Identifier => self.call_or_selector(),
            TokenKind::Aggregator(op) => self.aggregate_or_selector(op),
            TokenKind::Keyword(
                Keyword::Start
                | Keyword::End
                | Keyword::Step
                | Keyword::Range
                | Keyword::MinOf
                | Keyword::MaxOf,
            ) => self.call_or_selector(),
            TokenKind::MetricIdentifier
            | TokenKind::Op(BinaryOp::And | BinaryOp::Or | BinaryOp::Unless)
            | TokenKind::Keyword(
                Keyword::Offset
                | Keyword::By
                | Keyword::Without
                | Keyword::Anchored
                | Keyword::Smoothed
                | Keyword::Fill
                | Keyword::FillLeft
                | Keyword::FillRight,
            ) => {
                let name = self.bump();
                self.selector(Some(name))
            }
            _ => Err(Stop::Unexpected),
        }
    }

    fn parenthesised(&mut self) -> Parsed<Expr> {
        let start = self.bump().span;
        self.descend()?;
        let expr = self.expression(0)?;
        self.depth -= 1;
        let end = self.expect(TokenKind::RightParen)?.span;
        self.node(self.height)?;
        Ok(Expr::Paren(Box::new(Paren { expr, span: start.to(end) })))
    }

    /// A number or duration token; the caller has seen one.
    fn number(&mut self) -> Parsed<NumberLiteral> {
        let token = self.bump();
        let text = token.span.text(self.query);
        let is_duration = token.kind == TokenKind::Duration;
        let value = match is_duration {
            true => literal::parse_duration_ms(text).map(|ms| ms as f64 / 1000.0),
            false => literal::number(text),
        };
        let value = value.unwrap_or_else(|message| {
            self.error(token.span, message);
            0.0
        });
        Ok(NumberLiteral { value, is_duration, span: token.span })
    }

    fn call_or_selector(&mut self) -> Parsed<Expr> {
        let name = self.bump();
        if self.peek() == TokenKind::LeftParen { self.call(name) } else { self.selector(Some(name)) }
    }

    fn aggregate_or_selector(&mut self, op: Aggregator) -> Parsed<Expr> {
        let name = self.bump();
        match self.peek() {
            TokenKind::LeftParen | TokenKind::Keyword(Keyword::By | Keyword::Without) => {
                self.aggregate(op, name)
            }
            _ => self.selector(Some(name)),
        }
    }

    fn call(&mut self, name: Token) -> Parsed<Expr> {
        let args = self.arguments()?;
        let span = Span::new(name.span.start, self.last_end);
        let text = name.span.text(self.query);
        self.node(self.height)?;
        let Some(function) = Function::from_name(text) else {
            let mut error = ParseError::new(
                name.span,
                format!("unknown function with name {}", model::quote::quoted(text)),
            );
            let known = Function::ALL.iter().map(|function| function.name());
            error.suggestion =
                stdx::nearest::nearest(text, known.chain(Aggregator::ALL.map(Aggregator::name)));
            self.errors.push(error);
            // Stands in for the call in a tree that nobody sees.
            return Ok(Expr::String(StringLiteral { value: Box::default(), span }));
        };
        if function.signature().is_experimental && !self.options.experimental_functions {
            self.error(name.span, format!("function {} is not enabled", model::quote::quoted(text)));
        }
        Ok(Expr::Call(Call { function, args, name_span: name.span, span }))
    }

    /// `(a, b)` of calls and aggregations. Leaves in `height` that of the highest argument.
    fn arguments(&mut self) -> Parsed<Vec<Expr>> {
        self.expect(TokenKind::LeftParen)?;
        let (mut args, mut height) = (Vec::new(), 0);
        if self.eat(TokenKind::RightParen) {
            self.height = height;
            return Ok(args);
        }
        self.descend()?;
        args.push(self.expression(0)?);
        height = height.max(self.height);
        while self.peek() == TokenKind::Comma {
            let comma = self.bump().span;
            if matches!(self.peek(), TokenKind::Comma | TokenKind::RightParen) {
                self.error(comma, "trailing commas not allowed in function call args");
            } else {
                args.push(self.expression(0)?);
                height = height.max(self.height);
            }
        }
        self.expect(TokenKind::RightParen)?;
        self.depth -= 1;
        self.height = height;
        Ok(args)
    }
}

#[cfg(test)]
mod tests;
