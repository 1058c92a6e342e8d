//! How far a number or a duration reaches. What they are worth is `literal`.

/// How many bytes were read, and whether they are a whole token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Reach {
    pub length: usize,
    pub is_whole: bool,
}

/// Reads `[.]digits[._eE digits]`, `0x` digits included unless in a series description, where `x` repeats a value.
pub(crate) fn number_length(text: &[u8], in_series: bool) -> Reach {
    let peek = |at: usize| text.get(at).copied().unwrap_or(0);
    let is_hex = !in_series && peek(0) == b'0' && matches!(peek(1), b'x' | b'X');
    let (mut dot, mut exponent) = (false, false);
    let mut at = 0;
    let broken = |at| Reach { length: at, is_whole: false };
    if is_hex {
        at = 2;
        at += usize::from(peek(at) == b'_');
    }
    loop {
        match peek(at) {
            b'0'..=b'9' => at += 1,
            b'a'..=b'f' | b'A'..=b'F' if is_hex => at += 1,
            b'.' if dot || exponent => return broken(at + 1),
            b'.' => {
                dot = true;
                at += 1;
                if matches!(peek(at), b'_' | b'.') {
                    return broken(at);
                }
            }
            // A repeated underscore, or one next to a dot or an exponent, separates nothing.
            b'_' => {
                at += 1;
                if matches!(peek(at), b'_' | b'.' | b'e' | b'E') && !is_hex || at == text.len() {
                    return broken(at);
                }
            }
            b'e' | b'E' if exponent => return broken(at + 1),
            b'e' | b'E' => {
                exponent = true;
                at += 1;
                at += usize::from(matches!(peek(at), b'+' | b'-'));
                if !peek(at).is_ascii_digit() {
                    return broken(at);
                }
            }
            next => {
                let goes_on = next.is_ascii_alphanumeric() && !(in_series && next == b'x');
                return Reach { length: at, is_whole: at > 0 && !goes_on };
            }
        }
    }
}

/// Reads on from `number` digits: a unit, then digits and units. Units are only checked when the value is taken.
pub(crate) fn duration_length(text: &[u8], number: usize) -> Reach {
    let mut at = number;
    let accept = |at: &mut usize, set: &[u8]| {
        let hit = text.get(*at).is_some_and(|byte| set.contains(byte));
        *at += usize::from(hit);
        hit
    };
    if !accept(&mut at, b"smhdwy") {
        return Reach { length: at, is_whole: false };
    }
    accept(&mut at, b"s");
    while accept(&mut at, b"0123456789") {
        while accept(&mut at, b"0123456789") {}
        if !accept(&mut at, b"smhdw") {
            return Reach { length: at, is_whole: false };
        }
        accept(&mut at, b"s");
    }
    // Whatever follows directly belongs to the broken token.
    match text.get(at) {
        Some(byte) if byte.is_ascii_alphanumeric() || *byte == b'_' => {
            Reach { length: at + 1, is_whole: false }
        }
        _ => Reach { length: at, is_whole: true },
    }
}
