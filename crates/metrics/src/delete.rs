//! Deletions: a tenant, matchers, a time range. A record of its own in the journal, a section of its own in blocks.
//!
//! A deletion hides what was durable before it: samples in files whose records all come before the deletion's offset (the store cuts the head
//! first, so that everything a client was told is in such a file). It says nothing about later records. Merges leave hidden samples
//! out, which gives the space back.
//!
//! ```text
//! version u8 = 1 | from zig-zag | to zig-zag | matcher count | matcher*
//! matcher := op u8 (0 =, 1 !=, 2 =~, 3 !~) | name | value        (length, then UTF-8)
//! ```

use model::{MatchOp, Matcher};
use stdx::varint::{put_bytes, put_i64, put_u64, take_bytes, take_i64, take_u64};

use crate::query::TimeRange;

const VERSION: u8 = 1;
const OPS: [MatchOp; 4] = [MatchOp::Equal, MatchOp::NotEqual, MatchOp::Regex, MatchOp::NotRegex];
/// More matchers than this are not one deletion.
const MATCHERS_MAX: u64 = 1000;

/// What is to be hidden.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deletion {
    pub matchers: Vec<Matcher>,
    pub range: TimeRange,
}

impl Deletion {
    pub fn put(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        put_i64(out, self.range.from_ms);
        put_i64(out, self.range.to_ms);
        put_u64(out, self.matchers.len() as u64);
        for matcher in &self.matchers {
            out.push(OPS.iter().position(|op| *op == matcher.op()).unwrap_or_default() as u8);
            put_bytes(out, matcher.name().as_bytes());
            put_bytes(out, matcher.value().as_bytes());
        }
    }

    pub fn take(input: &mut &[u8]) -> Option<Self> {
        let (&version, rest) = input.split_first()?;
        *input = rest;
        if version != VERSION {
            return None;
        }
        let range = TimeRange { from_ms: take_i64(input)?, to_ms: take_i64(input)? };
        let count = take_u64(input).filter(|&count| count <= MATCHERS_MAX)?;
        let mut matchers = Vec::new();
        for _ in 0..count {
            let (&op, rest) = input.split_first()?;
            *input = rest;
            let name = std::str::from_utf8(take_bytes(input)?).ok()?;
            let value = std::str::from_utf8(take_bytes(input)?).ok()?;
            matchers.push(Matcher::new(name, *OPS.get(usize::from(op))?, value).ok()?);
        }
        Some(Self { matchers, range })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deletions_round_trip() {
        let deletion = Deletion {
            matchers: vec![Matcher::equal("a", "b"), Matcher::new("c", MatchOp::NotRegex, "d.*").unwrap()],
            range: TimeRange { from_ms: i64::MIN, to_ms: 7 },
        };
        let mut bytes = Vec::new();
        deletion.put(&mut bytes);
        assert_eq!(Deletion::take(&mut bytes.as_slice()), Some(deletion));
        assert!((0..bytes.len()).all(|len| Deletion::take(&mut &bytes[..len]).is_none()));
    }
}
