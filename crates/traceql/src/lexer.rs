//! Text -> tokens. An attribute name ends at white space or one of `{}()=~!<>&|^,`; so `.a-b` is one name and `.a - b` a difference.

use crate::error::ParseError;
use crate::value::parse_duration_ns;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    /// A word: keyword, intrinsic, function.
    Word(String),
    /// `scope.key`, `.key`; the scope as written, the key unquoted.
    Attribute {
        scope: String,
        key: String,
    },
    String(String),
    Int(i64),
    Float(f64),
    Duration(i64),
    Symbol(&'static str),
    End,
}

#[derive(Clone, Debug)]
pub(crate) struct Placed {
    pub token: Token,
    /// Byte offset.
    pub place: usize,
}

/// Longest first.
const SYMBOLS: &[&str] = &[
    "!>>", "!<<", "&>>", "&<<", ">>", "<<", "!>", "!<", "!~", "&>", "&<", "&~", "&&", "||", ">=", "<=", "!=",
    "=~", "{", "}", "(", ")", "=", "<", ">", "~", "!", "|", "^", ",", "+", "-", "*", "/", "%",
];

/// Scopes that are written before a dot.
const SCOPES: &[&str] =
    &["span", "resource", "event", "link", "instrumentation", "parent", "parent.span", "parent.resource"];

fn is_attribute_char(c: char) -> bool {
    !c.is_whitespace() && !"{}()=~!<>&|^,".contains(c)
}

pub(crate) fn tokens(text: &str) -> Result<Vec<Placed>, ParseError> {
    let mut lexer = Lexer { text, place: 0 };
    let mut tokens = Vec::new();
    loop {
        let skipped = lexer.rest().trim_start();
        lexer.place = text.len() - skipped.len();
        let place = lexer.place;
        let token = lexer.token()?;
        let end = token == Token::End;
        tokens.push(Placed { token, place });
        if end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'t> {
    text: &'t str,
    place: usize,
}

impl<'t> Lexer<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.place..]
    }

    fn error(&self, message: impl Into<String>) -> ParseError {
        ParseError::at(self.text, self.place, message)
    }

    fn take(&mut self, len: usize) -> &'t str {
        let taken = &self.rest()[..len];
        self.place += len;
        taken
    }

    fn token(&mut self) -> Result<Token, ParseError> {
        let Some(first) = self.rest().chars().next() else { return Ok(Token::End) };
        if first == '"' || first == '`' {
            return self.quoted().map(Token::String);
        }
        let digit_follows = self.rest()[first.len_utf8()..].starts_with(|c: char| c.is_ascii_digit());
        if first == '.' && !digit_follows {
            self.take(1);
            return Ok(Token::Attribute { scope: String::new(), key: self.attribute_name()? });
        }
        if first.is_ascii_digit() || first == '.' {
            return self.number();
        }
        if first.is_alphabetic() || first == '_' {
            return self.word();
        }
        match SYMBOLS.iter().find(|symbol| self.rest().starts_with(**symbol)) {
            Some(symbol) => {
                self.take(symbol.len());
                Ok(Token::Symbol(symbol))
            }
            None => Err(self.error(format!("syntax error: unexpected {first:?}"))),
        }
    }

    fn number(&mut self) -> Result<Token, ParseError> {
        let rest = self.rest();
        let plain = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let exponent = {
            let tail = &rest[plain..];
            let digits = tail.strip_prefix(['e', 'E']).map(|tail| tail.trim_start_matches(['+', '-']));
            digits.filter(|digits| digits.starts_with(|c: char| c.is_ascii_digit())).map(|digits| {
                let signed = tail.len() - digits.len();
                plain + signed + digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len())
            })
        };
        let word = rest.find(|c: char| !c.is_alphanumeric() && c != '.').unwrap_or(rest.len());
        if exponent.is_none() && word > plain {
            return match parse_duration_ns(&rest[..word]) {
                Some(ns) => {
                    self.take(word);
                    Ok(Token::Duration(ns))
                }
                None => Err(self.error(format!(
                    "syntax error: unexpected {:?}: not a number or a duration",
                    &rest[..word]
                ))),
            };
        }
        let number = &rest[..exponent.unwrap_or(plain)];
        let token = match number.parse::<i64>() {
            Ok(int) => Token::Int(int),
            Err(_) => match number.parse::<f64>() {
                Ok(float) if number.contains(['.', 'e', 'E']) => Token::Float(float),
                _ => return Err(self.error(format!("syntax error: {number:?} is not a number of 64 bits"))),
            },
        };
        self.take(number.len());
        Ok(token)
    }

    fn word(&mut self) -> Result<Token, ParseError> {
        let rest = self.rest();
        let mut len = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        // `parent.span.key` has two words before its key.
        if rest[..len] == *"parent" {
            for longer in ["parent.span", "parent.resource"] {
                if rest.strip_prefix(longer).is_some_and(|tail| tail.starts_with('.')) {
                    len = longer.len();
                }
            }
        }
        let word = &rest[..len];
        let tail = &rest[len..];
        if tail.starts_with('.') && SCOPES.contains(&word) {
            self.take(len + 1);
            return Ok(Token::Attribute { scope: word.to_owned(), key: self.attribute_name()? });
        }
        if let Some(name) = tail.strip_prefix(':').filter(|name| name.starts_with(char::is_alphabetic)) {
            len += 1 + name.find(|c: char| !c.is_alphanumeric()).unwrap_or(name.len());
        }
        Ok(Token::Word(self.take(len).to_owned()))
    }

    /// Runs of plain characters and quoted stretches: `a.b`, `"a b"`, `a."b c".d`.
    fn attribute_name(&mut self) -> Result<String, ParseError> {
        let mut name = String::new();
        loop {
            match self.rest().chars().next() {
                Some('"') => name.push_str(&self.quoted()?),
                Some(c) if is_attribute_char(c) => {
                    self.place += c.len_utf8();
                    name.push(c);
                }
                _ => break,
            }
        }
        if name.is_empty() {
            return Err(self.error("syntax error: unexpected END_ATTRIBUTE, expecting IDENTIFIER"));
        }
        Ok(name)
    }

    fn quoted(&mut self) -> Result<String, ParseError> {
        let start = self.place;
        let quote = self.take(1);
        let mut out = String::new();
        while let Some(c) = self.rest().chars().next() {
            self.place += c.len_utf8();
            match c {
                '`' if quote == "`" => return Ok(out),
                '"' if quote == "\"" => return Ok(out),
                '\\' if quote == "\"" => out.push(self.escape()?),
                '\n' if quote == "\"" => break,
                c => out.push(c),
            }
        }
        Err(ParseError::at(self.text, start, "syntax error: literal not terminated"))
    }

    fn escape(&mut self) -> Result<char, ParseError> {
        let Some(c) = self.rest().chars().next() else {
            return Err(self.error("syntax error: literal not terminated"));
        };
        self.place += c.len_utf8();
        let hex = |lexer: &mut Self, len: usize| {
            let digits =
                lexer.rest().get(..len).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
            let value = digits.and_then(|digits| char::from_u32(u32::from_str_radix(digits, 16).ok()?));
            let value = value.ok_or_else(|| lexer.error("syntax error: invalid char escape"))?;
            lexer.take(len);
            Ok(value)
        };
        Ok(match c {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'a' => '\x07',
            'b' => '\x08',
            'f' => '\x0c',
            'v' => '\x0b',
            '\\' | '"' | '\'' => c,
            'x' => hex(self, 2)?,
            'u' => hex(self, 4)?,
            'U' => hex(self, 8)?,
            _ => return Err(self.error("syntax error: invalid char escape")),
        })
    }
}
