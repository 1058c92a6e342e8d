//! Structural operators, each in one pass over spans in tree order.

use super::Trace;
use crate::ast::{Relation, RelationKind};

/// Sorted, each once.
pub(super) fn union(left: &[usize], right: &[usize]) -> Vec<usize> {
    let mut all: Vec<usize> = left.iter().chain(right).copied().collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Which spans `left OP right` gives.
pub(super) fn related(
    relation: Relation,
    kind: RelationKind,
    left: &[usize],
    right: &[usize],
    trace: &dyn Trace,
) -> Vec<usize> {
    let found = standing(relation, left, right, trace);
    match kind {
        RelationKind::Plain => found,
        RelationKind::Not => {
            right.iter().copied().filter(|span| found.binary_search(span).is_err()).collect()
        }
        RelationKind::Union => union(&standing(inverse(relation), right, left, trace), &found),
    }
}

fn inverse(relation: Relation) -> Relation {
    match relation {
        Relation::Child => Relation::Parent,
        Relation::Parent => Relation::Child,
        Relation::Descendant => Relation::Ancestor,
        Relation::Ancestor => Relation::Descendant,
        Relation::Sibling => Relation::Sibling,
    }
}

/// Spans of `right` that stand so to one of `left`. Both are sorted.
fn standing(relation: Relation, left: &[usize], right: &[usize], trace: &dyn Trace) -> Vec<usize> {
    let in_left = |span: usize| left.binary_search(&span).is_ok();
    match relation {
        Relation::Child => keep(right, |span| trace.parent(span).is_some_and(in_left)),
        Relation::Parent => {
            let mut parents: Vec<usize> = left.iter().filter_map(|span| trace.parent(*span)).collect();
            parents.sort_unstable();
            keep(right, |span| parents.binary_search(&span).is_ok())
        }
        Relation::Descendant => {
            let mut rest = left.iter().peekable();
            let mut covered = 0;
            let mut below = |span: usize| {
                while let Some(above) = rest.next_if(|above| **above < span) {
                    covered = covered.max(trace.end_of_subtree(*above));
                }
                span < covered
            };
            right.iter().copied().filter(|span| below(*span)).collect()
        }
        Relation::Ancestor => keep(right, |span| {
            let first = left.partition_point(|have| *have <= span);
            left.get(first).is_some_and(|have| *have < trace.end_of_subtree(span))
        }),
        Relation::Sibling => {
            let mut parents: Vec<(usize, usize)> =
                left.iter().filter_map(|span| Some((trace.parent(*span)?, *span))).collect();
            parents.sort_unstable();
            keep(right, |span| {
                let Some(parent) = trace.parent(span) else { return false };
                let start = parents.partition_point(|have| have.0 < parent);
                parents[start..].iter().take_while(|have| have.0 == parent).take(2).any(|have| have.1 != span)
            })
        }
    }
}

fn keep(spans: &[usize], holds: impl Fn(usize) -> bool) -> Vec<usize> {
    spans.iter().copied().filter(|span| holds(*span)).collect()
}
