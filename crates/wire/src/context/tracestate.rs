//! `tracestate`: up to 32 members of vendors, the most recent first.

use std::fmt;

/// Members in order of precedence, keys unique.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceState {
    members: Vec<(Box<str>, Box<str>)>,
}

/// A member that the grammar does not allow, or too many; by the specification the whole state is then forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTraceState {
    #[error("tracestate holds more than {} members", TraceState::MEMBERS_MAX)]
    TooMany,
    #[error("invalid tracestate key")]
    Key,
    #[error("invalid tracestate value")]
    Value,
}

impl TraceState {
    pub const MEMBERS_MAX: usize = 32;
    /// Members longer than this go first when room is needed.
    const LONG: usize = 128;

    /// Reads one or more headers, which count as one joined by commas. Of a key that stands twice the first counts.
    pub fn parse<'h>(headers: impl IntoIterator<Item = &'h str>) -> Result<Self, BadTraceState> {
        let mut state = Self::default();
        for member in headers.into_iter().flat_map(|header| header.split(',')) {
            let member = member.trim_matches([' ', '\t']);
            if member.is_empty() {
                continue;
            }
            let (key, value) = member.split_once('=').ok_or(BadTraceState::Key)?;
            check(key, value)?;
            if state.members.len() == Self::MEMBERS_MAX {
                return Err(BadTraceState::TooMany);
            }
            if state.get(key).is_none() {
                state.members.push((key.into(), value.into()));
            }
        }
        Ok(state)
    }

    pub fn get(&self, key: &str) -> Option<&str> {
        self.members.iter().find(|(have, _)| &**have == key).map(|(_, value)| &**value)
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.members.iter().map(|(key, value)| (&**key, &**value))
    }

    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Sets a member and moves it to the front; the last one falls off if there are too many.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), BadTraceState> {
        check(key, value)?;
        self.remove(key);
        self.members.insert(0, (key.into(), value.into()));
        self.members.truncate(Self::MEMBERS_MAX);
        Ok(())
    }

    pub fn remove(&mut self, key: &str) {
        self.members.retain(|(have, _)| &**have != key);
    }

    /// Bytes of the header.
    pub fn header_len(&self) -> usize {
        let members: usize = self.members.iter().map(|(key, value)| key.len() + value.len() + 2).sum();
        members.saturating_sub(1)
    }

    /// Drops whole members until the header has at most `bytes`: long ones first, then from the end. The specification wants 512 at least.
    pub fn fit(&mut self, bytes: usize) {
        while self.header_len() > bytes {
            let long = self.members.iter().rposition(|(key, value)| key.len() + value.len() + 1 > Self::LONG);
            match long {
                Some(place) => drop(self.members.remove(place)),
                None => drop(self.members.pop()),
            }
        }
    }
}

fn check(key: &str, value: &str) -> Result<(), BadTraceState> {
    if !is_key(key.as_bytes()) {
        return Err(BadTraceState::Key);
    }
    let printable = |byte: u8| (0x20..=0x7e).contains(&byte) && byte != b',' && byte != b'=';
    if value.is_empty() || value.len() > 256 || value.ends_with(' ') || !value.bytes().all(printable) {
        return Err(BadTraceState::Value);
    }
    Ok(())
}

/// `key` of up to 256 characters that starts with a letter, or `tenant@system` of up to 241 and 14, where the tenant may start with a digit.
fn is_key(key: &[u8]) -> bool {
    let rest = |part: &[u8]| {
        part.iter().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/'))
    };
    let letter = |part: &[u8]| part.first().is_some_and(u8::is_ascii_lowercase);
    match key.iter().position(|byte| *byte == b'@') {
        None => key.len() <= 256 && letter(key) && rest(key),
        Some(at) => {
            let (tenant, system) = (&key[..at], &key[at + 1..]);
            let digit = tenant.first().is_some_and(u8::is_ascii_digit);
            tenant.len() <= 241
                && (letter(tenant) || digit)
                && rest(tenant)
                && system.len() <= 14
                && letter(system)
                && rest(system)
        }
    }
}

impl fmt::Display for TraceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (key, value)) in self.iter().enumerate() {
            let comma = if place > 0 { "," } else { "" };
            write!(f, "{comma}{key}={value}")?;
        }
        Ok(())
    }
}
