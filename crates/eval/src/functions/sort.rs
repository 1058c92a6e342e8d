//! The order of an instant result: by value with NaN last, or by labels as people count (`a9` before `a10`).

use crate::grid::Row;
use std::cmp::Ordering;

/// Sorts rows of one step by their floats; rows with a histogram are dropped.
pub fn by_value(rows: &mut Vec<Row>, descending: bool) {
    rows.retain(|row| row.histogram(0).is_none());
    rows.sort_by(|a, b| compare_values(a.values[0], b.values[0], descending));
}

/// Ascending or descending, NaN at the end either way.
fn compare_values(a: f64, b: f64, descending: bool) -> Ordering {
    a.partial_cmp(&b)
        .map(|order| if descending { order.reverse() } else { order })
        .unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

/// Sorts rows by the values of `names`, then by all labels.
pub fn by_labels(rows: &mut [Row], names: &[&str], descending: bool) {
    rows.sort_by(|a, b| {
        let by_names = names
            .iter()
            .map(|name| natural(a.labels.get(name), b.labels.get(name)))
            .find(|order| *order != Ordering::Equal)
            .unwrap_or_else(|| a.labels.cmp(&b.labels));
        if descending { by_names.reverse() } else { by_names }
    });
}

/// Runs of digits compare as numbers, everything else as text.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (chunks(a), chunks(b));
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return a.cmp(b),
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(left), Some(right)) => match (left.parse::<i64>(), right.parse::<i64>()) {
                (Ok(left), Ok(right)) => left.cmp(&right),
                _ => left.cmp(right),
            },
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// Maximal runs of digits, and what is between them.
fn chunks(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let digits = rest.bytes().next()?.is_ascii_digit();
        let end = rest.bytes().position(|byte| byte.is_ascii_digit() != digits).unwrap_or(rest.len());
        let (chunk, after) = rest.split_at(end);
        rest = after;
        Some(chunk)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_count() {
        let mut names = ["a10", "a9", "b", "", "a", "a9x", "a09", "9", "10"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["", "9", "10", "a", "a09", "a9", "a9x", "a10", "b"]);
    }
}
