//! W3C Baggage: `key=value;property,key2=value2`, values in percent encoding.

use std::fmt::Write;

/// One entry; the value is decoded, the properties are as they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BaggageMember {
    pub key: String,
    pub value: String,
    /// What follows the first `;`, trimmed.
    pub properties: String,
}

/// Entries in the order they came in, keys unique.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Baggage {
    members: Vec<BaggageMember>,
}

impl Baggage {
    pub const MEMBERS_MAX: usize = 180;
    pub const MEMBER_BYTES_MAX: usize = 4096;
    pub const BYTES_MAX: usize = 8192;

    /// Reads one or more headers. Entries that are malformed, too long or too many are left out; of a key that stands twice the last counts.
    pub fn parse<'h>(headers: impl IntoIterator<Item = &'h str>) -> Self {
        let mut baggage = Self::default();
        let mut bytes = 0;
        for text in headers.into_iter().flat_map(|header| header.split(',')) {
            bytes += text.len() + 1;
            if bytes > Self::BYTES_MAX + 1 {
                break;
            }
            if text.len() <= Self::MEMBER_BYTES_MAX
                && let Some(member) = parse_member(text)
            {
                baggage.set(member);
            }
        }
        baggage
    }

    pub fn get(&self, key: &str) -> Option<&str> {
        self.members.iter().find(|member| member.key == key).map(|member| member.value.as_str())
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = &BaggageMember> {
        self.members.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Adds or replaces an entry. False, and nothing done, if the key is no token or there are `MEMBERS_MAX` already.
    pub fn set(&mut self, member: BaggageMember) -> bool {
        if !is_token(&member.key) {
            return false;
        }
        if let Some(have) = self.members.iter_mut().find(|have| have.key == member.key) {
            *have = member;
            return true;
        }
        let room = self.members.len() < Self::MEMBERS_MAX;
        if room {
            self.members.push(member);
        }
        room
    }

    /// The header's value. Entries that would take it over `BYTES_MAX` are left out.
    pub fn header(&self) -> String {
        let mut out = String::new();
        for member in &self.members {
            let start = out.len();
            if start > 0 {
                out.push(',');
            }
            out.push_str(&member.key);
            out.push('=');
            encode(&member.value, &mut out);
            if !member.properties.is_empty() {
                out.push(';');
                out.push_str(&member.properties);
            }
            if out.len() - start > Self::MEMBER_BYTES_MAX || out.len() > Self::BYTES_MAX {
                out.truncate(start);
            }
        }
        out
    }
}

fn parse_member(text: &str) -> Option<BaggageMember> {
    let (pair, properties) = text.split_once(';').unwrap_or((text, ""));
    let (key, value) = pair.split_once('=')?;
    let (key, value) = (key.trim(), value.trim());
    // baggage-octet: printable ASCII without space, quote, comma, semicolon and backslash.
    let octet = |byte: u8| matches!(byte, 0x21 | 0x23..=0x2b | 0x2d..=0x3a | 0x3c..=0x5b | 0x5d..=0x7e);
    if !is_token(key)
        || !value.bytes().all(octet)
        || !properties.bytes().all(|byte| matches!(byte, 0x20..=0x7e | b'\t'))
    {
        return None;
    }
    Some(BaggageMember { key: key.into(), value: decode(value)?, properties: properties.trim().into() })
}

/// An HTTP token.
fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// Percent decoding; what is then no UTF-8 is replaced, as the specification says. A percent sign that is no escape is `None`.
pub(super) fn decode(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            out.push(*first);
            continue;
        }
        let [high, low, tail @ ..] = tail else { return None };
        let digit = |byte: u8| (byte as char).to_digit(16);
        out.push((digit(*high)? << 4 | digit(*low)?) as u8);
        rest = tail;
    }
    Some(String::from_utf8_lossy(&out).into_owned())
}

fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'%' => out.push_str("%25"),
            0x21 | 0x23..=0x2b | 0x2d..=0x3a | 0x3c..=0x5b | 0x5d..=0x7e => out.push(byte as char),
            byte => write!(out, "%{byte:02X}").expect("writing to a string cannot fail"),
        }
    }
}
