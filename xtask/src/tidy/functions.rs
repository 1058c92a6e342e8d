//! Finds the functions of a Rust file and their lengths, by counting braces outside strings, characters and comments.

/// Where a function is and how many lines it takes, signature to closing brace.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    pub name: String,
    pub line: usize,
    pub lines: usize,
}

/// All functions with a body, inner ones too.
pub fn functions(text: &str) -> Vec<Function> {
    let code = blank_out(text);
    let bytes = code.as_bytes();
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(place) = code[from..].find("fn ").map(|place| place + from) {
        from = place + 3;
        if place > 0 && (bytes[place - 1].is_ascii_alphanumeric() || bytes[place - 1] == b'_') {
            continue;
        }
        let name: String = code[from..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        if name.is_empty() {
            continue;
        }
        if let Some(end) = body_end(bytes, from) {
            let line = 1 + bytes[..place].iter().filter(|byte| **byte == b'\n').count();
            let lines = 1 + bytes[place..end].iter().filter(|byte| **byte == b'\n').count();
            found.push(Function { name, line, lines });
        }
    }
    found
}

/// The closing brace of the body that starts after `from`; `None` for a declaration without body.
fn body_end(bytes: &[u8], from: usize) -> Option<usize> {
    let (mut braces, mut brackets) = (0usize, 0usize);
    for (place, byte) in bytes.iter().enumerate().skip(from) {
        match byte {
            b'(' | b'[' => brackets += 1,
            b')' | b']' => brackets = brackets.saturating_sub(1),
            b';' if braces == 0 && brackets == 0 => return None,
            b'{' => braces += 1,
            b'}' => {
                braces = braces.checked_sub(1)?;
                if braces == 0 {
                    return Some(place);
                }
            }
            _ => {}
        }
    }
    None
}

/// `text` with the insides of strings, characters and comments replaced by spaces; line breaks stay.
pub fn blank_out(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        let len = skipped(rest);
        if len > 0 {
            out.extend(rest[..len].iter().map(|byte| if *byte == b'\n' { b'\n' } else { b' ' }));
            rest = &rest[len..];
        } else {
            // A whole identifier at once, so that the `r` of `for"` or the quote of a lifetime start nothing.
            let word =
                rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count().max(1);
            out.extend(rest[..word].iter().map(|byte| if byte.is_ascii() { *byte } else { b' ' }));
            rest = &rest[word..];
        }
    }
    String::from_utf8(out).expect("only ASCII was kept")
}

/// Length of the comment, string or character literal that starts here; 0 if none does.
fn skipped(text: &[u8]) -> usize {
    let until = |end: &[u8], from: usize| {
        text[from..]
            .windows(end.len())
            .position(|window| window == end)
            .map_or(text.len(), |place| from + place + end.len())
    };
    match text {
        [b'/', b'/', ..] => text.iter().position(|byte| *byte == b'\n').unwrap_or(text.len()),
        [b'/', b'*', ..] => until(b"*/", 2),
        [b'"', ..] => quoted(text, 1),
        [b'b', b'"', ..] => quoted(text, 2),
        [b'r', b'"' | b'#', ..] | [b'b', b'r', b'"' | b'#', ..] => {
            let start = text.iter().position(|byte| *byte == b'r').expect("matched") + 1;
            let hashes = text[start..].iter().take_while(|byte| **byte == b'#').count();
            if text.get(start + hashes) != Some(&b'"') {
                return 0;
            }
            let end = [b"\"".as_slice(), &vec![b'#'; hashes]].concat();
            until(&end, start + hashes + 1)
        }
        [b'\'', b'\\', ..] => {
            2 + text[2..].iter().skip(1).position(|byte| *byte == b'\'').map_or(0, |place| place + 2)
        }
        [b'\'', rest @ ..] => {
            // A character, not a lifetime: one character and a closing quote.
            let text = std::str::from_utf8(&rest[..rest.len().min(5)]).unwrap_or_else(|error| {
                std::str::from_utf8(&rest[..error.valid_up_to()]).expect("valid up to there")
            });
            let mut chars = text.chars();
            match (chars.next(), chars.next()) {
                (Some(c), Some('\'')) => 2 + c.len_utf8(),
                _ => 0,
            }
        }
        _ => 0,
    }
}

fn quoted(text: &[u8], from: usize) -> usize {
    let mut place = from;
    while place < text.len() {
        match text[place] {
            b'\\' => place += 2,
            b'"' => return place + 1,
            _ => place += 1,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_counted_past_strings_and_inner_functions() {
        let text = "trait T { fn none(&self) -> [u8; 3]; }\n\nfn outer<'a>(x: &'a str) -> char {\n    let s = \"}{ fn no() {\";\n    fn inner() {}\n    // } fn no() {\n    let r = r#\"} \" \"#;\n    '}'\n}\n";
        let found: Vec<_> = functions(text).into_iter().map(|f| (f.name, f.line, f.lines)).collect();
        assert_eq!(found, [("outer".to_owned(), 3, 7), ("inner".to_owned(), 5, 1)]);
    }
}
