//! How far a string reaches, and Go's way to show a letter. What the string says is `literal`.

use std::fmt::Write;

/// Bytes of the string at the start of `text`, quotes included; or the lexer's message.
pub fn string_token_length(text: &str) -> Result<usize, String> {
    let quote = text.as_bytes()[0];
    if quote == b'`' {
        let end = text[1..].find('`').ok_or("unterminated raw string")?;
        return Ok(end + 2);
    }
    let mut letters = text.char_indices().skip(1);
    while let Some((place, letter)) = letters.next() {
        match letter {
            '\\' => {
                let length = escape_length(&text[place + 1..], quote)?;
                // All letters of a valid escape are ASCII.
                for _ in 0..length {
                    letters.next();
                }
            }
            '\n' => break,
            _ if letter as u32 == u32::from(quote) => return Ok(place + 1),
            _ => {}
        }
    }
    Err("unterminated quoted string".to_owned())
}

/// Letters of the escape after its backslash.
fn escape_length(text: &str, quote: u8) -> Result<usize, String> {
    let Some(first) = text.chars().next() else { return Err("escape sequence not terminated".to_owned()) };
    let (skipped, digits, base, most) = match first {
        'a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | '\\' => return Ok(1),
        _ if first as u32 == u32::from(quote) => return Ok(1),
        '0'..='7' => (0, 3, 8, 255),
        'x' => (1, 2, 16, 255),
        'u' => (1, 4, 16, char::MAX as u32),
        'U' => (1, 8, 16, char::MAX as u32),
        _ => return Err(format!("unknown escape sequence {}", code_point(first))),
    };
    let mut value = 0_u32;
    let mut letters = text[skipped..].chars();
    for _ in 0..digits {
        let letter = letters.next().ok_or("escape sequence not terminated")?;
        let digit = letter
            .to_digit(base)
            .ok_or_else(|| format!("illegal character {} in escape sequence", code_point(letter)))?;
        value = value.wrapping_mul(base).wrapping_add(digit);
    }
    if value > most || (0xD800..0xE000).contains(&value) {
        return Err("escape sequence is an invalid Unicode code point".to_owned());
    }
    Ok(skipped + digits)
}

/// Go's `%#U`: `U+0063 'c'`.
fn code_point(letter: char) -> String {
    if letter.is_control() {
        return format!("U+{:04X}", letter as u32);
    }
    format!("U+{:04X} '{letter}'", letter as u32)
}

/// Go's `%q` of a rune: `'~'`.
pub(crate) fn quoted_letter(letter: char) -> String {
    let mut buffer = [0; 4];
    let text = model::quote::quoted(letter.encode_utf8(&mut buffer).as_bytes());
    let inner = match letter {
        '\'' => "\\'",
        '"' => "\"",
        _ => &text[1..text.len() - 1],
    };
    let mut out = String::with_capacity(inner.len() + 2);
    write!(out, "'{inner}'").expect("writing to a string cannot fail");
    out
}
