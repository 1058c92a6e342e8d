//! Text to tokens: what stands outside of `{{ }}` as one, what stands inside as Go's template lexer reads it.

use super::Problem;

#[derive(Clone, PartialEq, Debug)]
pub(super) enum Kind {
    /// Outside of actions.
    Text(String),
    Open,
    Close,
    /// `.name`
    Field(String),
    /// `$name`; `$` is the empty name.
    Variable(String),
    Word(String),
    Dot,
    String(String),
    Integer(i64),
    Float(f64),
    Pipe,
    LeftParen,
    RightParen,
    /// `:=`
    Declare,
    /// `=`
    Assign,
    Comma,
    End,
}

#[derive(Clone, Debug)]
pub(super) struct Token {
    pub kind: Kind,
    pub line: usize,
    /// Space stands before it: `.a .b` is two operands, `.a.b` one.
    pub spaced: bool,
}

pub(super) fn lex(text: &str) -> Result<Vec<Token>, Problem> {
    let mut lexer = Lexer { text, at: 0, line: 1, tokens: Vec::new() };
    while lexer.at < text.len() {
        lexer.outside()?;
    }
    lexer.push(Kind::End, false);
    Ok(lexer.tokens)
}

struct Lexer<'t> {
    text: &'t str,
    at: usize,
    line: usize,
    tokens: Vec<Token>,
}

const BLANK: [char; 4] = [' ', '\t', '\r', '\n'];

impl<'t> Lexer<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn push(&mut self, kind: Kind, spaced: bool) {
        self.tokens.push(Token { kind, line: self.line, spaced });
    }

    fn skip(&mut self, length: usize) {
        self.line += self.rest()[..length].matches('\n').count();
        self.at += length;
    }

    fn fail<T>(&self, message: impl Into<String>) -> Result<T, Problem> {
        Err(Problem::new(self.line, message))
    }

    /// Text up to an action, then the action.
    fn outside(&mut self) -> Result<(), Problem> {
        let rest = self.rest();
        let Some(place) = rest.find("{{") else {
            self.push(Kind::Text(rest.to_owned()), false);
            self.skip(rest.len());
            return Ok(());
        };
        let after = &rest[place + 2..];
        let trims = after.starts_with('-') && after[1..].starts_with(BLANK);
        let before = if trims { rest[..place].trim_end_matches(BLANK) } else { &rest[..place] };
        if !before.is_empty() {
            self.push(Kind::Text(before.to_owned()), false);
        }
        self.skip(place + 2 + usize::from(trims));
        let body = self.rest();
        let lead = body.len() - body.trim_start_matches(BLANK).len();
        if body[if trims { lead } else { 0 }..].starts_with("/*") {
            return self.comment(if trims { lead } else { 0 });
        }
        self.push(Kind::Open, false);
        self.inside()
    }

    fn comment(&mut self, lead: usize) -> Result<(), Problem> {
        self.skip(lead);
        let Some(end) = self.rest().find("*/") else { return self.fail("unclosed comment") };
        self.skip(end + 2);
        let rest = self.rest();
        let blank = rest.len() - rest.trim_start_matches(BLANK).len();
        if rest.starts_with("}}") {
            self.skip(2);
        } else if blank > 0 && rest[blank..].starts_with("-}}") {
            self.skip(blank + 3);
            self.trim();
        } else {
            return self.fail("comment ends before closing delimiter");
        }
        Ok(())
    }

    fn trim(&mut self) {
        let rest = self.rest();
        self.skip(rest.len() - rest.trim_start_matches(BLANK).len());
    }

    /// Tokens up to and with the closing braces.
    fn inside(&mut self) -> Result<(), Problem> {
        loop {
            let rest = self.rest();
            let blank = rest.len() - rest.trim_start_matches(BLANK).len();
            if blank > 0 && rest[blank..].starts_with("-}}") {
                self.push(Kind::Close, true);
                self.skip(blank + 3);
                self.trim();
                return Ok(());
            }
            self.skip(blank);
            if self.rest().starts_with("}}") {
                self.push(Kind::Close, blank > 0);
                self.skip(2);
                return Ok(());
            }
            self.token(blank > 0)?;
        }
    }

    fn token(&mut self, spaced: bool) -> Result<(), Problem> {
        let rest = self.rest();
        let mut letters = rest.chars();
        let Some(first) = letters.next() else { return self.fail("unclosed action") };
        let second = letters.next().unwrap_or('\0');
        let (kind, length) = match first {
            '|' => (Kind::Pipe, 1),
            '(' => (Kind::LeftParen, 1),
            ')' => (Kind::RightParen, 1),
            ',' => (Kind::Comma, 1),
            ':' if second == '=' => (Kind::Declare, 2),
            ':' => return self.fail("expected :="),
            '=' => (Kind::Assign, 1),
            '"' | '`' => self.string(first)?,
            '\'' => self.letter()?,
            '.' if second.is_ascii_digit() => self.number()?,
            '.' => match word_length(&rest[1..]) {
                0 => (Kind::Dot, 1),
                length => (Kind::Field(rest[1..1 + length].to_owned()), 1 + length),
            },
            '$' => {
                let length = word_length(&rest[1..]);
                (Kind::Variable(rest[1..1 + length].to_owned()), 1 + length)
            }
            '+' | '-' | '0'..='9' => self.number()?,
            _ if first.is_alphabetic() || first == '_' => {
                let length = word_length(rest);
                (Kind::Word(rest[..length].to_owned()), length)
            }
            // Glued to a word it is a bad letter, by itself it is in the way.
            ' '..='~' if spaced => {
                return self
                    .fail(format!("unexpected {} in operand", model::quote::quoted(first.to_string())));
            }
            ' '..='~' => return self.fail(format!("bad character U+{:04X} '{first}'", first as u32)),
            _ => {
                let code = first as u32;
                return self.fail(format!("unrecognized character in action: U+{code:04X} '{first}'"));
            }
        };
        self.push(kind, spaced);
        self.skip(length);
        Ok(())
    }

    fn string(&self, quote: char) -> Result<(Kind, usize), Problem> {
        let length = promql::string_token_length(self.rest()).or_else(|_| match quote {
            '`' => self.fail("unterminated raw quoted string"),
            _ => self.fail("unterminated quoted string"),
        })?;
        let bytes = promql::unquote(&self.rest()[..length]);
        Ok((Kind::String(String::from_utf8_lossy(&bytes).into_owned()), length))
    }

    /// A character constant is its number.
    fn letter(&self) -> Result<(Kind, usize), Problem> {
        let length = promql::string_token_length(self.rest())
            .or_else(|_| self.fail("unterminated character constant"))?;
        let bytes = promql::unquote(&self.rest()[..length]);
        let text = String::from_utf8_lossy(&bytes);
        let mut letters = text.chars();
        match (letters.next(), letters.next()) {
            (Some(letter), None) => Ok((Kind::Integer(letter as i64), length)),
            _ => self.fail(format!("malformed character constant: {}", &self.rest()[..length])),
        }
    }

    fn number(&self) -> Result<(Kind, usize), Problem> {
        let rest = self.rest();
        let is_part = |place: usize, letter: char| {
            let after_exponent = rest[..place].ends_with(['e', 'E']) && !rest[..place].contains(['x', 'X']);
            letter.is_ascii_alphanumeric()
                || letter == '_'
                || letter == '.'
                || "+-".contains(letter) && (place == 0 || after_exponent)
        };
        let length = rest
            .char_indices()
            .find(|(place, letter)| !is_part(*place, *letter))
            .map_or(rest.len(), |(place, _)| place);
        let text = &rest[..length];
        let digits = text.replace('_', "");
        let unsigned = digits.trim_start_matches(['+', '-']);
        let negative = digits.starts_with('-');
        let integer = match unsigned.get(..2).map(str::to_ascii_lowercase).as_deref() {
            Some("0x") => i64::from_str_radix(&unsigned[2..], 16).ok(),
            Some("0o") => i64::from_str_radix(&unsigned[2..], 8).ok(),
            Some("0b") => i64::from_str_radix(&unsigned[2..], 2).ok(),
            _ if unsigned.len() > 1 && unsigned.starts_with('0') => i64::from_str_radix(unsigned, 8).ok(),
            _ => unsigned.parse().ok(),
        };
        let is_numeric = unsigned.starts_with(|letter: char| letter.is_ascii_digit() || letter == '.');
        match (integer, digits.parse::<f64>()) {
            (Some(number), _) => Ok((Kind::Integer(if negative { -number } else { number }), length)),
            (None, Ok(number)) if is_numeric => Ok((Kind::Float(number), length)),
            _ => self.fail(format!("bad number syntax: {}", model::quote::quoted(text))),
        }
    }
}

fn word_length(text: &str) -> usize {
    text.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(text.len())
}
