//! From matchers to series: which postings to read, in which order, and when to stop reading postings at all.
//!
//! Every matcher is one of two kinds. One that does not accept the empty value asks for series that have the label: intersect with the union of
//! the values it accepts. One that does (`!=`, `!~`, `=""`, `=~".*"`) also takes series without the label: subtract the union of the values
//! that it does *not* accept. Cheap matchers go first; once few candidates are left, their labels are looked at one by one instead.
//! The same code serves the head's index and a block's: both are a [`Postings source`](Index).

use model::matcher::{MatchOp, Matcher};
use model::regex::Shape;
use roaring::RoaringBitmap;

use super::postings::Union;

/// An index over series numbered from 0.
pub trait Index {
    type Error;
    fn all(&self) -> Result<RoaringBitmap, Self::Error>;
    /// Series with exactly this label.
    fn equal(&self, name: &str, value: &str) -> Result<RoaringBitmap, Self::Error>;
    /// How many values the label has; 0: no series has it.
    fn value_count(&self, name: &str) -> Result<usize, Self::Error>;
    /// Adds the series of every value for which `accept` holds. `prefix`: no other value can be accepted.
    fn union(
        &self,
        name: &str,
        prefix: &str,
        accept: &mut dyn FnMut(&str) -> bool,
        into: &mut Union,
    ) -> Result<(), Self::Error>;
    /// The value of one series' label; empty if it has none.
    fn value_of(&self, series: u32, name: &str) -> Result<String, Self::Error>;
}

/// Below one candidate for so many values, candidates are asked instead of values.
const VALUES_PER_CANDIDATE: u64 = 4;

/// The series that all matchers accept.
pub fn select<I: Index>(index: &I, matchers: &[Matcher]) -> Result<RoaringBitmap, I::Error> {
    let mut order: Vec<&Matcher> = matchers.iter().collect();
    order.sort_by_key(|matcher| cost(matcher));
    let mut found: Option<RoaringBitmap> = None;
    for matcher in order {
        let next = match found.take() {
            Some(have) => narrow(index, matcher, have)?,
            None if matcher.matches_empty() => {
                let mut all = index.all()?;
                all -= accepted(index, matcher, false)?;
                all
            }
            None => accepted(index, matcher, true)?,
        };
        if next.is_empty() {
            return Ok(next);
        }
        found = Some(next);
    }
    found.map_or_else(|| index.all(), Ok)
}

/// Single values, then sets, then prefixes, then what must look at every value; subtraction after intersection.
fn cost(matcher: &Matcher) -> (bool, u8) {
    let class = match matcher.shape() {
        Shape::Literal(_) => 0,
        Shape::Literals(_) => 1,
        Shape::Prefix { .. } => 2,
        Shape::Contains(_) | Shape::Suffix { .. } | Shape::Any | Shape::NonEmpty => 3,
        Shape::IgnoreCase(_) | Shape::General { .. } => 4,
    };
    (matcher.matches_empty(), class)
}

fn narrow<I: Index>(index: &I, matcher: &Matcher, have: RoaringBitmap) -> Result<RoaringBitmap, I::Error> {
    let looks_at_values = !matches!(matcher.shape(), Shape::Literal(_) | Shape::Literals(_));
    if looks_at_values && have.len() * VALUES_PER_CANDIDATE < index.value_count(matcher.name())? as u64 {
        let mut kept = Vec::new();
        for series in have {
            if matcher.matches(&index.value_of(series, matcher.name())?) {
                kept.push(series);
            }
        }
        return Ok(RoaringBitmap::from_sorted_iter(kept).expect("in the order of a bitmap"));
    }
    if matcher.matches_empty() {
        return Ok(have - accepted(index, matcher, false)?);
    }
    Ok(have & accepted(index, matcher, true)?)
}

/// The series whose value (a value that is there) the matcher accepts, or does not accept.
fn accepted<I: Index>(index: &I, matcher: &Matcher, accept: bool) -> Result<RoaringBitmap, I::Error> {
    let name = matcher.name();
    // The shape tells of the positive form.
    let positive = accept != matcher.op().is_negative();
    let mut into = Union::default();
    match matcher.shape() {
        Shape::Literal(value) if positive => return equal_of(index, name, value),
        Shape::Literals(values) if positive => {
            for value in values {
                into.add_bitmap(&equal_of(index, name, value)?);
            }
        }
        Shape::Any if !positive => {}
        Shape::Prefix { text, .. } | Shape::General { prefix: text } if positive => {
            index.union(name, text, &mut |value| matcher.matches(value) == accept, &mut into)?;
        }
        _ if matcher.op() == MatchOp::Equal || matcher.op() == MatchOp::NotEqual => {
            index.union(name, "", &mut |value| (value == matcher.value()) == positive, &mut into)?;
        }
        _ => index.union(name, "", &mut |value| matcher.matches(value) == accept, &mut into)?,
    }
    Ok(into.finish())
}

/// No series has an empty value.
fn equal_of<I: Index>(index: &I, name: &str, value: &str) -> Result<RoaringBitmap, I::Error> {
    if value.is_empty() { Ok(RoaringBitmap::new()) } else { index.equal(name, value) }
}
