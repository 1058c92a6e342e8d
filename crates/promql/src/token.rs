//! Tokens: what the lexer hands to the parsers, and how error texts name them.

use model::quote::quoted;

use crate::ast::{Aggregator, BinaryOp, Keyword};
use crate::span::Span;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TokenKind {
    /// The lexer gave up; it holds the message.
    Error,
    End,
    Identifier,
    /// An identifier with a colon in it.
    MetricIdentifier,
    String,
    Number,
    Duration,
    Op(BinaryOp),
    /// `=~`
    RegexMatch,
    /// `!~`
    RegexNotMatch,
    At,
    Aggregator(Aggregator),
    Keyword(Keyword),
    LeftParen,
    RightParen,
    LeftBrace,
    RightBrace,
    LeftBracket,
    RightBracket,
    Comma,
    /// `=`
    Assign,
    Colon,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub kind: TokenKind,
    pub span: Span,
}

impl Token {
    pub(crate) fn new(kind: TokenKind, start: usize, end: usize) -> Self {
        Self { kind, span: Span::new(start as u32, end as u32) }
    }

    /// The token as Prometheus's error texts name it: `identifier "foo"`, `<op:==>`, `end of input`.
    pub(crate) fn describe(&self, query: &str) -> String {
        use TokenKind::*;
        let text = self.span.text(query);
        match self.kind {
            Error => "lexing error".to_owned(),
            End => "end of input".to_owned(),
            Identifier => format!("identifier {}", quoted(text)),
            MetricIdentifier => format!("metric identifier {}", quoted(text)),
            String => format!("string {}", shortened(text)),
            Number => format!("number {}", shortened(text)),
            Duration => format!("duration {}", shortened(text)),
            Op(_) | RegexMatch | RegexNotMatch | At => format!("<op:{text}>"),
            Aggregator(_) => format!("<aggr:{text}>"),
            Keyword(_) => format!("<{text}>"),
            LeftParen | RightParen | LeftBrace | RightBrace | LeftBracket | RightBracket | Comma | Assign
            | Colon => quoted(text),
        }
    }
}

/// Go's `%.10q...` for texts longer than ten bytes, `%q` otherwise.
fn shortened(text: &str) -> String {
    if text.len() <= 10 {
        return quoted(text);
    }
    let head = text.chars().take(10).collect::<String>();
    format!("{}...", quoted(head))
}

/// The keyword, aggregator or operator that `word` is, in any case.
pub(crate) fn word_kind(word: &str) -> Option<TokenKind> {
    const LONGEST: usize = 12;
    let mut lower = [0_u8; LONGEST];
    let lower = lower.get_mut(..word.len())?;
    lower.copy_from_slice(word.as_bytes());
    lower.make_ascii_lowercase();
    let aggregator = |op| Some(TokenKind::Aggregator(op));
    let keyword = |word| Some(TokenKind::Keyword(word));
    match &*lower {
        b"and" => Some(TokenKind::Op(BinaryOp::And)),
        b"or" => Some(TokenKind::Op(BinaryOp::Or)),
        b"unless" => Some(TokenKind::Op(BinaryOp::Unless)),
        b"atan2" => Some(TokenKind::Op(BinaryOp::Atan2)),
        b"inf" | b"nan" => Some(TokenKind::Number),
        b"sum" => aggregator(Aggregator::Sum),
        b"avg" => aggregator(Aggregator::Avg),
        b"count" => aggregator(Aggregator::Count),
        b"min" => aggregator(Aggregator::Min),
        b"max" => aggregator(Aggregator::Max),
        b"group" => aggregator(Aggregator::Group),
        b"stddev" => aggregator(Aggregator::Stddev),
        b"stdvar" => aggregator(Aggregator::Stdvar),
        b"topk" => aggregator(Aggregator::Topk),
        b"bottomk" => aggregator(Aggregator::Bottomk),
        b"count_values" => aggregator(Aggregator::CountValues),
        b"quantile" => aggregator(Aggregator::Quantile),
        b"limitk" => aggregator(Aggregator::Limitk),
        b"limit_ratio" => aggregator(Aggregator::LimitRatio),
        b"offset" => keyword(Keyword::Offset),
        b"smoothed" => keyword(Keyword::Smoothed),
        b"anchored" => keyword(Keyword::Anchored),
        b"by" => keyword(Keyword::By),
        b"without" => keyword(Keyword::Without),
        b"on" => keyword(Keyword::On),
        b"ignoring" => keyword(Keyword::Ignoring),
        b"group_left" => keyword(Keyword::GroupLeft),
        b"group_right" => keyword(Keyword::GroupRight),
        b"fill" => keyword(Keyword::Fill),
        b"fill_left" => keyword(Keyword::FillLeft),
        b"fill_right" => keyword(Keyword::FillRight),
        b"bool" => keyword(Keyword::Bool),
        b"start" => keyword(Keyword::Start),
        b"end" => keyword(Keyword::End),
        b"step" => keyword(Keyword::Step),
        b"range" => keyword(Keyword::Range),
        b"max_of" => keyword(Keyword::MaxOf),
        b"min_of" => keyword(Keyword::MinOf),
        _ => None,
    }
}
