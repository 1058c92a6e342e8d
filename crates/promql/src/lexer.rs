//! Text to tokens, one at a time, on demand.
//!
//! Three modes: statements, inside braces (labels), inside brackets (durations). The modes, what each refuses and the texts
//! are Prometheus's. An error is the last token: `take_error` has its text and span, and after it comes only the end.

mod number;
mod text;

use model::quote::quoted;

use crate::ast::{BinaryOp, Keyword};
use crate::error::ParseError;
use crate::span::Span;
use crate::token::{Token, TokenKind, word_kind};

pub(crate) use number::{duration_length, number_length};
pub(crate) use text::quoted_letter;
pub use text::string_token_length;

pub(crate) struct Lexer<'q> {
    text: &'q str,
    bytes: &'q [u8],
    at: usize,
    paren_depth: u32,
    in_braces: bool,
    in_brackets: bool,
    /// Inside brackets: a duration, and the colon of a subquery, have been seen.
    got_duration: bool,
    got_colon: bool,
    error: Option<ParseError>,
    ended: bool,
}

impl<'q> Lexer<'q> {
    pub(crate) fn new(text: &'q str) -> Self {
        Self {
            text,
            bytes: text.as_bytes(),
            at: 0,
            paren_depth: 0,
            in_braces: false,
            in_brackets: false,
            got_duration: false,
            got_colon: false,
            error: None,
            ended: false,
        }
    }

    /// Reads on from byte `at`.
    pub(crate) fn at(text: &'q str, at: usize) -> Self {
        Self { at, ..Self::new(text) }
    }

    /// The error behind the [`TokenKind::Error`] token.
    pub(crate) fn take_error(&mut self) -> Option<ParseError> {
        self.error.take()
    }

    pub(crate) fn next(&mut self) -> Token {
        if self.ended {
            return Token::new(TokenKind::End, self.text.len(), self.text.len());
        }
        self.skip_blank();
        match self.bytes.get(self.at) {
            None => self.end(),
            Some(byte) if self.in_brackets => self.in_duration(*byte),
            Some(byte) if self.in_braces => self.in_labels(*byte),
            Some(byte) => self.in_statement(*byte),
        }
    }

    fn skip_blank(&mut self) {
        while let Some(byte) = self.bytes.get(self.at) {
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' => self.at += 1,
                b'#' => {
                    let rest = &self.bytes[self.at..];
                    self.at += rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
                }
                _ => return,
            }
        }
    }

    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    /// The letter at `place`; Go's replacement character past the end.
    fn letter_at(&self, place: usize) -> char {
        self.text.get(place..).and_then(|rest| rest.chars().next()).unwrap_or(char::REPLACEMENT_CHARACTER)
    }

    fn emit(&mut self, kind: TokenKind, length: usize) -> Token {
        let token = Token::new(kind, self.at, self.at + length);
        self.at += length;
        token
    }

    /// The last token; `start` is where the unfinished token begins.
    fn fail(&mut self, start: usize, message: String) -> Token {
        let span = Span::new(start as u32, self.text.len() as u32);
        self.error = Some(ParseError::new(span, message));
        self.ended = true;
        Token { kind: TokenKind::Error, span }
    }

    fn end(&mut self) -> Token {
        let message = if self.in_brackets {
            "unexpected end of input in duration expression"
        } else if self.in_braces {
            "unexpected end of input inside braces"
        } else if self.paren_depth > 0 {
            "unclosed left parenthesis"
        } else {
            self.ended = true;
            return Token::new(TokenKind::End, self.at, self.at);
        };
        self.fail(self.at, message.to_owned())
    }

    fn in_statement(&mut self, byte: u8) -> Token {
        use TokenKind::*;
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | b':' => self.word(),
            b'(' => self.left_paren(),
            b')' => self.right_paren(),
            b',' => self.emit(Comma, 1),
            b'{' => {
                self.in_braces = true;
                self.emit(LeftBrace, 1)
            }
            b'[' => {
                (self.in_brackets, self.got_duration, self.got_colon) = (true, false, false);
                self.emit(LeftBracket, 1)
            }
            b'0'..=b'9' => self.number_or_duration(),
            b'.' if self.peek(1).is_ascii_digit() => self.number_or_duration(),
            b'"' | b'\'' | b'`' => self.string(),
            b'+' => self.emit(Op(BinaryOp::Add), 1),
            b'-' => self.emit(Op(BinaryOp::Sub), 1),
            b'*' => self.emit(Op(BinaryOp::Mul), 1),
            b'/' => self.emit(Op(BinaryOp::Div), 1),
            b'%' => self.emit(Op(BinaryOp::Mod), 1),
            b'^' => self.emit(Op(BinaryOp::Pow), 1),
            b'@' => self.emit(At, 1),
            b'=' | b'!' | b'<' | b'>' => self.comparison(byte),
            b']' => self.unexpected_letter("unexpected right bracket"),
            _ => self.unexpected_letter("unexpected character:"),
        }
    }

    fn comparison(&mut self, byte: u8) -> Token {
        use TokenKind::*;
        match (byte, self.peek(1)) {
            (b'=', b'=') => self.emit(Op(BinaryOp::Eq), 2),
            (b'=', b'~') => self.fail(self.at, "unexpected character after '=': '~'".to_owned()),
            (b'=', _) => self.emit(Assign, 1),
            (b'!', b'=') => self.emit(Op(BinaryOp::Ne), 2),
            (b'!', _) => {
                let letter = quoted_letter(self.letter_at(self.at + 1));
                self.fail(self.at, format!("unexpected character after '!': {letter}"))
            }
            (b'<', b'=') => self.emit(Op(BinaryOp::Le), 2),
            (b'<', b'/') => self.emit(Op(BinaryOp::TrimUpper), 2),
            (b'<', _) => self.emit(Op(BinaryOp::Lt), 1),
            (_, b'=') => self.emit(Op(BinaryOp::Ge), 2),
            (_, b'/') => self.emit(Op(BinaryOp::TrimLower), 2),
            _ => self.emit(Op(BinaryOp::Gt), 1),
        }
    }

    fn in_labels(&mut self, byte: u8) -> Token {
        use TokenKind::*;
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
                let length = self.run(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
                self.emit(Identifier, length)
            }
            b',' => self.emit(Comma, 1),
            b'"' | b'\'' | b'`' => self.string(),
            b'=' if self.peek(1) == b'~' => self.emit(RegexMatch, 2),
            b'=' => self.emit(Assign, 1),
            b'!' => match self.peek(1) {
                b'~' => self.emit(RegexNotMatch, 2),
                b'=' => self.emit(Op(BinaryOp::Ne), 2),
                _ => {
                    let letter = quoted_letter(self.letter_at(self.at + 1));
                    self.fail(self.at, format!("unexpected character after '!' inside braces: {letter}"))
                }
            },
            b'{' => self.unexpected_letter("unexpected left brace"),
            b'}' => {
                self.in_braces = false;
                self.emit(RightBrace, 1)
            }
            _ => self.unexpected_letter("unexpected character inside braces:"),
        }
    }

    fn in_duration(&mut self, byte: u8) -> Token {
        use TokenKind::*;
        match byte {
            b']' => {
                self.in_brackets = false;
                self.emit(RightBracket, 1)
            }
            b':' => {
                let problem = if !self.got_duration {
                    "unexpected colon before duration in duration expression"
                } else if self.got_colon {
                    "unexpected repeated colon in duration expression"
                } else {
                    self.got_colon = true;
                    return self.emit(Colon, 1);
                };
                self.fail(self.at + 1, problem.to_owned())
            }
            b'(' => self.left_paren(),
            b')' => self.right_paren(),
            b',' => self.emit(Comma, 1),
            b'+' => self.emit(Op(BinaryOp::Add), 1),
            b'-' => self.emit(Op(BinaryOp::Sub), 1),
            b'*' => self.emit(Op(BinaryOp::Mul), 1),
            b'/' => self.emit(Op(BinaryOp::Div), 1),
            b'%' => self.emit(Op(BinaryOp::Mod), 1),
            b'^' => self.emit(Op(BinaryOp::Pow), 1),
            b'0'..=b'9' => self.number_or_duration(),
            b'.' if self.peek(1).is_ascii_digit() => self.number_or_duration(),
            b's' | b'S' | b'm' | b'M' | b'r' | b'R' => self.duration_word(),
            _ => self.unexpected_letter("unexpected character in duration expression:"),
        }
    }

    /// `step`, `range`, `min_of`, `max_of`.
    fn duration_word(&mut self) -> Token {
        let length = self.run(|byte| byte.is_ascii_alphabetic() || byte == b'_');
        let kind = word_kind(&self.text[self.at..self.at + length]);
        match kind {
            Some(TokenKind::Keyword(Keyword::Step | Keyword::Range | Keyword::MinOf | Keyword::MaxOf)) => {
                self.got_duration = true;
                self.emit(kind.unwrap_or(TokenKind::Identifier), length)
            }
            _ => self.unexpected_letter("unexpected character in duration expression:"),
        }
    }

    fn unexpected_letter(&mut self, what: &str) -> Token {
        let letter = quoted_letter(self.letter_at(self.at));
        self.fail(self.at, format!("{what} {letter}"))
    }

    fn left_paren(&mut self) -> Token {
        self.paren_depth += 1;
        self.emit(TokenKind::LeftParen, 1)
    }

    fn right_paren(&mut self) -> Token {
        match self.paren_depth.checked_sub(1) {
            Some(depth) => {
                self.paren_depth = depth;
                self.emit(TokenKind::RightParen, 1)
            }
            None => self.fail(self.at + 1, "unexpected right parenthesis ')'".to_owned()),
        }
    }

    fn run(&self, accept: impl Fn(u8) -> bool) -> usize {
        let rest = &self.bytes[self.at..];
        rest.iter().position(|byte| !accept(*byte)).unwrap_or(rest.len())
    }

    fn word(&mut self) -> Token {
        let length = self.run(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':');
        let word = &self.text[self.at..self.at + length];
        let kind = match word_kind(word) {
            Some(TokenKind::Keyword(Keyword::Fill | Keyword::FillLeft | Keyword::FillRight))
                if !self.paren_follows(self.at + length) =>
            {
                TokenKind::Identifier
            }
            Some(kind) => kind,
            None if word.contains(':') => TokenKind::MetricIdentifier,
            None => TokenKind::Identifier,
        };
        self.emit(kind, length)
    }

    fn paren_follows(&self, place: usize) -> bool {
        self.bytes[place..].iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'(')
    }

    fn number_or_duration(&mut self) -> Token {
        self.got_duration = true;
        let rest = &self.bytes[self.at..];
        let number = number_length(rest, false);
        if number.is_whole {
            return self.emit(TokenKind::Number, number.length);
        }
        let duration = duration_length(rest, number.length);
        if duration.is_whole {
            return self.emit(TokenKind::Duration, duration.length);
        }
        let shown = quoted(&self.bytes[self.at..self.at + duration.length]);
        self.fail(self.at, format!("bad number or duration syntax: {shown}"))
    }

    fn string(&mut self) -> Token {
        match string_token_length(&self.text[self.at..]) {
            Ok(length) => self.emit(TokenKind::String, length),
            Err(message) => self.fail(self.at, message),
        }
    }
}
