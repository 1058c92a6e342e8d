//! RE2 syntax (as Go's `regexp/syntax` with Perl flags reads it) to the syntax of `regex-syntax`.
//!
//! One pass over the text. What means the same is copied; what differs is rewritten; what Go refuses is refused with Go's
//! words. Bounded: nesting by [`MAX_NESTING`], repeat counts by [`MAX_REPEAT`].

use super::RegexError;

/// Go's bound on nested groups and repeats.
const MAX_NESTING: usize = 1000;
/// Go's bound on `{n}`.
const MAX_REPEAT: u32 = 1000;

const MISSING_PAREN: &str = "missing closing )";
const UNEXPECTED_PAREN: &str = "unexpected )";
const MISSING_BRACKET: &str = "missing closing ]";
const MISSING_OPERAND: &str = "missing argument to repetition operator";
const NESTED_REPEAT: &str = "invalid nested repetition operator";
const BAD_REPEAT: &str = "invalid repeat count";
const BAD_ESCAPE: &str = "invalid escape sequence";
const BAD_RANGE: &str = "invalid character class range";
const BAD_NAME: &str = "invalid named capture";
const BAD_PERL: &str = "invalid or unsupported Perl syntax";
const TRAILING_BACKSLASH: &str = "trailing backslash at end of expression";
const TOO_DEEP: &str = "expression nests too deeply";

pub(super) fn to_rust(pattern: &str) -> Result<String, RegexError> {
    let mut translator = Translator {
        pattern,
        rest: pattern,
        out: String::with_capacity(pattern.len() + 8),
        depth: 0,
        names: Vec::new(),
        has_operand: false,
        pending_flags: String::new(),
        last_repeat: None,
    };
    while !translator.rest.is_empty() {
        translator.step()?;
    }
    if translator.depth > 0 {
        return Err(RegexError::new(MISSING_PAREN, pattern));
    }
    Ok(translator.out)
}

struct Translator<'a> {
    pattern: &'a str,
    rest: &'a str,
    out: String,
    depth: usize,
    names: Vec<&'a str>,
    /// Something a repeat can apply to stands before.
    has_operand: bool,
    /// `(?i)` and the like, not yet written.
    pending_flags: String,
    /// The text from the repeat just before, if one stands there.
    last_repeat: Option<&'a str>,
}

type Step = Result<(), RegexError>;

impl<'a> Translator<'a> {
    fn step(&mut self) -> Step {
        let first = self.rest.chars().next().unwrap_or('\0');
        let repeat_before = self.last_repeat.take();
        let is_repeat = match first {
            '*' | '+' | '?' => true,
            '{' => self.counted(self.rest)?.is_some(),
            _ => false,
        };
        if !is_repeat && !self.pending_flags.is_empty() {
            self.out.push_str(&std::mem::take(&mut self.pending_flags));
        }
        match first {
            '(' => self.open(),
            ')' => self.close(),
            '|' => {
                self.copy(1);
                self.has_operand = false;
                Ok(())
            }
            '*' | '+' | '?' => self.repeat(1, repeat_before),
            '{' => match self.counted(self.rest)? {
                Some(length) => self.repeat(length, repeat_before),
                None => self.literal('{'),
            },
            '[' => self.class(),
            '\\' => self.escape(),
            '.' | '^' | '$' => {
                self.copy(1);
                self.has_operand = true;
                Ok(())
            }
            letter => self.literal(letter),
        }
    }

    fn copy(&mut self, length: usize) {
        let (head, tail) = self.rest.split_at(length);
        self.out.push_str(head);
        self.rest = tail;
    }

    fn literal(&mut self, letter: char) -> Step {
        push_literal(&mut self.out, letter);
        self.rest = &self.rest[letter.len_utf8()..];
        self.has_operand = true;
        Ok(())
    }

    /// Length of `{n}`, `{n,}` or `{n,m}` at the start of `text`; anything else is a literal brace.
    fn counted(&self, text: &str) -> Result<Option<usize>, RegexError> {
        let Some(end) = text.find('}') else { return Ok(None) };
        let (low, high) = match text[1..end].split_once(',') {
            Some((low, high)) => (low, Some(high)),
            None => (&text[1..end], None),
        };
        // Go takes no leading zeros, and any number of digits: too many mean too large.
        let count = |digits: &str| -> Option<u32> {
            let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            (is_number && (digits == "0" || !digits.starts_with('0')))
                .then(|| digits.parse().unwrap_or(u32::MAX))
        };
        let Some(low) = count(low) else { return Ok(None) };
        let high = match high {
            None => low,
            Some("") => low,
            Some(digits) => match count(digits) {
                Some(high) => high,
                None => return Ok(None),
            },
        };
        if low > MAX_REPEAT || high > MAX_REPEAT || low > high {
            return Err(RegexError::new(BAD_REPEAT, &text[..=end]));
        }
        Ok(Some(end + 1))
    }

    fn repeat(&mut self, length: usize, repeat_before: Option<&'a str>) -> Step {
        let start = self.rest;
        let lazy = start[length..].starts_with('?') as usize;
        let length = length + lazy;
        if !self.has_operand {
            return Err(RegexError::new(MISSING_OPERAND, &start[..length]));
        }
        if let Some(before) = repeat_before {
            let stacked = &before[..before.len() - start.len() + length];
            return Err(RegexError::new(NESTED_REPEAT, stacked));
        }
        self.copy(length);
        self.last_repeat = Some(start);
        Ok(())
    }

    fn open(&mut self) -> Step {
        self.depth += 1;
        if self.depth > MAX_NESTING {
            return Err(RegexError::new(TOO_DEEP, super::ellipsis(self.pattern)));
        }
        let operand_before = std::mem::replace(&mut self.has_operand, false);
        let starts_name = |start: &str| self.rest.len() > start.len() && self.rest.starts_with(start);
        if !self.rest.starts_with("(?") {
            self.copy(1);
            Ok(())
        } else if starts_name("(?P<") || starts_name("(?<") {
            self.named()
        } else {
            self.flags(operand_before)
        }
    }

    fn named(&mut self) -> Step {
        let start = if self.rest.starts_with("(?P<") { 4 } else { 3 };
        let Some(end) = self.rest.find('>') else {
            return Err(RegexError::new(BAD_NAME, self.rest));
        };
        let name = &self.rest[start..end];
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if name.is_empty() || !name.bytes().all(is_word) {
            return Err(RegexError::new(BAD_NAME, &self.rest[..=end]));
        }
        // Names that start with a digit or that stand twice are fine in Go, where the first of a name counts.
        if name.as_bytes()[0].is_ascii_digit() || self.names.contains(&name) {
            self.out.push('(');
        } else {
            self.names.push(name);
            self.out.push_str("(?P<");
            self.out.push_str(name);
            self.out.push('>');
        }
        self.rest = &self.rest[end + 1..];
        Ok(())
    }

    /// `(?flags)` and `(?flags:`; flags are `imsU`, and `-` once before those that go off.
    fn flags(&mut self, operand_before: bool) -> Step {
        let (mut negative, mut any) = (false, false);
        for (place, letter) in self.rest.char_indices().skip(2) {
            match letter {
                'i' | 'm' | 's' | 'U' => any = true,
                '-' if !negative => (negative, any) = (true, false),
                ':' | ')' if !negative || any => {
                    if letter == ':' {
                        self.copy(place + 1);
                        return Ok(());
                    }
                    self.depth -= 1;
                    self.has_operand = operand_before;
                    // `(?)` changes nothing, and the other syntax does not have it. A repeat after flags applies to what
                    // stands before them, so they wait until it is known that none follows.
                    if place > 2 {
                        self.pending_flags.push_str(&self.rest[..=place]);
                    }
                    self.rest = &self.rest[place + 1..];
                    return Ok(());
                }
                _ => {
                    return Err(RegexError::new(BAD_PERL, &self.rest[..place + letter.len_utf8()]));
                }
            }
        }
        Err(RegexError::new(BAD_PERL, self.rest))
    }

    fn close(&mut self) -> Step {
        if self.depth == 0 {
            return Err(RegexError::new(UNEXPECTED_PAREN, self.pattern));
        }
        self.depth -= 1;
        self.has_operand = true;
        self.copy(1);
        Ok(())
    }

    fn escape(&mut self) -> Step {
        let operand_before = std::mem::replace(&mut self.has_operand, true);
        let Some(letter) = self.rest[1..].chars().next() else {
            return Err(RegexError::new(TRAILING_BACKSLASH, ""));
        };
        match letter {
            'A' | 'z' => self.copy(2),
            'b' | 'B' => {
                self.out.push_str(if letter == 'b' { r"(?-u:\b)" } else { r"(?-u:\B)" });
                self.rest = &self.rest[2..];
            }
            'Q' => self.quoted(operand_before),
            _ => {
                if let Some(class) = perl_class(letter) {
                    self.out.push('[');
                    self.out.push_str(class);
                    self.out.push(']');
                    self.rest = &self.rest[2..];
                } else if matches!(letter, 'p' | 'P') {
                    self.unicode_class()?;
                } else {
                    let letter = self.escaped_letter()?;
                    push_literal(&mut self.out, letter);
                }
            }
        }
        Ok(())
    }

    /// `\Q...\E`, or to the end.
    fn quoted(&mut self, operand_before: bool) {
        let body = &self.rest[2..];
        let (text, after) = body.split_once(r"\E").unwrap_or((body, ""));
        text.chars().for_each(|letter| push_literal(&mut self.out, letter));
        self.has_operand = operand_before || !text.is_empty();
        self.rest = after;
    }

    /// `\pN`, `\p{Greek}`, `\p{^Greek}`, `\PN`.
    fn unicode_class(&mut self) -> Step {
        let mut letters = self.rest.char_indices().skip(2);
        let length = match letters.next() {
            Some((_, '{')) => match self.rest.find('}') {
                Some(end) => end + 1,
                None => return Err(RegexError::new("invalid character class range", self.rest)),
            },
            Some((place, letter)) => place + letter.len_utf8(),
            None => return Err(RegexError::new("invalid character class range", self.rest)),
        };
        let whole = &self.rest[..length];
        let name = whole[2..].trim_start_matches('{').trim_end_matches('}');
        let (name, negated) = name.strip_prefix('^').map_or((name, false), |name| (name, true));
        let is_name =
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let positive = whole.starts_with(r"\p") != negated;
        let class = format!(r"\{}{{{name}}}", if positive { 'p' } else { 'P' });
        if !is_name || regex_syntax::parse(&class).is_err() {
            return Err(RegexError::new("invalid character class range", whole));
        }
        self.out.push_str(&class);
        self.rest = &self.rest[length..];
        Ok(())
    }

    /// The letter that an escape stands for, in or out of a class; consumes it.
    fn escaped_letter(&mut self) -> Result<char, RegexError> {
        let text = self.rest;
        let Some(letter) = text[1..].chars().next() else {
            return Err(RegexError::new(TRAILING_BACKSLASH, ""));
        };
        let bad = |length: usize| {
            let end = text.char_indices().map(|(place, _)| place).find(|place| *place >= length);
            RegexError::new(BAD_ESCAPE, &text[..end.unwrap_or(text.len())])
        };
        let plain = match letter {
            'a' => '\x07',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\x0b',
            '0'..='7' => {
                let digits =
                    text[1..].bytes().take(3).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
                if letter != '0' && digits < 2 {
                    return Err(bad(2));
                }
                let value = u32::from_str_radix(&text[1..1 + digits], 8).unwrap_or(0);
                self.rest = &text[1 + digits..];
                return char::from_u32(value).ok_or_else(|| bad(1 + digits));
            }
            'x' => return self.hexadecimal(),
            _ if letter.is_ascii() && !letter.is_ascii_alphanumeric() => letter,
            _ => return Err(bad(1 + letter.len_utf8())),
        };
        self.rest = &text[2..];
        Ok(plain)
    }

    /// `\x41`, `\x{10FFFF}`.
    fn hexadecimal(&mut self) -> Result<char, RegexError> {
        let text = self.rest;
        // Go shows what it has read when it gives up: to the first wrong digit in braces, two letters otherwise.
        let (digits, shown, length) = match text[2..].strip_prefix('{') {
            Some(body) => {
                let digits = body.bytes().take_while(u8::is_ascii_hexdigit).count();
                let wrong = body[digits..].chars().next().map_or(0, char::len_utf8);
                (&body[..digits], 3 + digits + wrong, 4 + digits)
            }
            None => {
                let two = text[2..].chars().take(2).map(char::len_utf8).sum::<usize>();
                (&text[2..2 + two], 2 + two, 4)
            }
        };
        let is_closed = length == 4 && !text[2..].starts_with('{') || text[..shown].ends_with('}');
        let is_hex = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) && is_closed;
        let is_whole = text[2..].starts_with('{') || digits.len() == 2;
        match u32::from_str_radix(digits, 16).ok().filter(|_| is_hex && is_whole).and_then(char::from_u32) {
            Some(letter) => {
                self.rest = &text[length..];
                Ok(letter)
            }
            None => Err(RegexError::new(BAD_ESCAPE, &text[..shown])),
        }
    }

    fn class(&mut self) -> Step {
        let whole = self.rest;
        self.out.push('[');
        self.rest = &whole[1..];
        if let Some(rest) = self.rest.strip_prefix('^') {
            self.out.push('^');
            self.rest = rest;
        }
        let mut is_first = true;
        loop {
            if !is_first && self.rest.starts_with(']') {
                break;
            }
            if self.rest.is_empty() {
                return Err(RegexError::new(MISSING_BRACKET, whole));
            }
            self.class_item(whole)?;
            is_first = false;
        }
        self.rest = &self.rest[1..];
        self.out.push(']');
        self.has_operand = true;
        Ok(())
    }

    fn class_item(&mut self, whole: &'a str) -> Step {
        if let Some(body) = self.rest.strip_prefix("[:")
            && let Some(end) = body.find(":]")
        {
            return self.posix_class(&self.rest[..end + 4]);
        }
        if self.rest.starts_with('\\')
            && let Some(letter) = self.rest[1..].chars().next()
        {
            if matches!(letter, 'p' | 'P') {
                return self.unicode_class();
            }
            if let Some(class) = perl_class(letter) {
                self.out.push('[');
                self.out.push_str(class);
                self.out.push(']');
                self.rest = &self.rest[2..];
                return Ok(());
            }
        }
        self.class_range(whole)
    }

    fn class_range(&mut self, whole: &'a str) -> Step {
        let start = self.rest;
        let low = self.class_letter(whole)?;
        push_literal(&mut self.out, low);
        if self.rest.starts_with('-') && self.rest.len() > 1 && !self.rest[1..].starts_with(']') {
            self.rest = &self.rest[1..];
            let high = self.class_letter(whole)?;
            if high < low {
                return Err(RegexError::new(BAD_RANGE, &start[..start.len() - self.rest.len()]));
            }
            self.out.push('-');
            push_literal(&mut self.out, high);
        }
        Ok(())
    }

    fn class_letter(&mut self, whole: &str) -> Result<char, RegexError> {
        match self.rest.chars().next() {
            None => Err(RegexError::new(MISSING_BRACKET, whole)),
            Some('\\') => self.escaped_letter(),
            Some(letter) => {
                self.rest = &self.rest[letter.len_utf8()..];
                Ok(letter)
            }
        }
    }

    fn posix_class(&mut self, whole: &'a str) -> Step {
        const NAMES: [&str; 14] = [
            "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
            "space", "upper", "word", "xdigit",
        ];
        let name = whole[2..whole.len() - 2].trim_start_matches('^');
        if !NAMES.contains(&name) || whole.len() > name.len() + 5 {
            return Err(RegexError::new(BAD_RANGE, whole));
        }
        self.copy(whole.len());
        Ok(())
    }
}

/// Go's Perl classes are ASCII.
fn perl_class(letter: char) -> Option<&'static str> {
    Some(match letter {
        'd' => "0-9",
        'D' => "^0-9",
        's' => r"\t\n\f\r ",
        'S' => r"^\t\n\f\r ",
        'w' => "0-9A-Za-z_",
        'W' => "^0-9A-Za-z_",
        _ => return None,
    })
}

fn push_literal(out: &mut String, letter: char) {
    if regex_syntax::is_meta_character(letter) {
        out.push('\\');
    }
    out.push(letter);
}
