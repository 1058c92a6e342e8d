//! Puts the spans of a trace in order: every parent before its children, siblings by start. Stands any input: no root, several, cycles,
//! repeated ids, a chain of any length.
//!
//! Invariant: the order depends on the spans and the order in which they came, on nothing else.

use std::collections::HashMap;

use model::SpanId;

/// What the order depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SpanNode {
    pub id: SpanId,
    /// Zero: none.
    pub parent: SpanId,
    pub start: u64,
}

/// Where a span's parent is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parent {
    None,
    /// Not before it in these rows: not here at all, or part of a cycle.
    Loose(SpanId),
    /// So many rows back.
    Back(u32),
}

const NOBODY: u32 = u32::MAX;
/// Up to here, looking through all ids is quicker than a map.
const LINEAR_MAX: usize = 24;

/// Works out orders; keeps its memory between traces.
#[derive(Default)]
pub(crate) struct Tree {
    by_start: Vec<u32>,
    parent: Vec<u32>,
    first_child: Vec<u32>,
    next_sibling: Vec<u32>,
    row: Vec<u32>,
    stack: Vec<u32>,
    ids: HashMap<SpanId, u32>,
    order: Vec<(u32, Parent)>,
}

impl Tree {
    /// The places of `nodes` in order, each with its parent.
    pub(crate) fn order(&mut self, nodes: &[SpanNode]) -> &[(u32, Parent)] {
        self.order.clear();
        self.by_start.clear();
        self.by_start.extend(0..nodes.len() as u32);
        self.by_start.sort_unstable_by_key(|place| {
            let node = &nodes[*place as usize];
            (node.start, node.id, *place)
        });
        self.find_parents(nodes);
        self.link_children(nodes.len());
        self.row.clear();
        self.row.resize(nodes.len(), NOBODY);
        // First from those without a parent here; what is left then hangs on a cycle, which is cut at its earliest span.
        for round in 0..2 {
            for at in 0..self.by_start.len() {
                let place = self.by_start[at];
                let free = self.row[place as usize] == NOBODY;
                if free && (round == 1 || self.parent[place as usize] == NOBODY) {
                    self.walk_from(place, nodes);
                }
            }
            if self.order.len() == nodes.len() {
                break;
            }
        }
        &self.order
    }

    fn find_parents(&mut self, nodes: &[SpanNode]) {
        self.parent.clear();
        if nodes.len() <= LINEAR_MAX {
            let by_start = &self.by_start;
            let find = |id: SpanId| by_start.iter().copied().find(|place| nodes[*place as usize].id == id);
            self.parent.extend(nodes.iter().enumerate().map(|(place, node)| parent_of(place, node, find)));
            return;
        }
        self.ids.clear();
        for place in &self.by_start {
            self.ids.entry(nodes[*place as usize].id).or_insert(*place);
        }
        let find = |id: SpanId| self.ids.get(&id).copied();
        self.parent.extend(nodes.iter().enumerate().map(|(place, node)| parent_of(place, node, find)));
    }

    fn link_children(&mut self, len: usize) {
        for links in [&mut self.first_child, &mut self.next_sibling] {
            links.clear();
            links.resize(len, NOBODY);
        }
        // From the last to the first, each put in front: children end up by start.
        for place in self.by_start.iter().rev() {
            let parent = self.parent[*place as usize];
            if parent != NOBODY {
                self.next_sibling[*place as usize] = self.first_child[parent as usize];
                self.first_child[parent as usize] = *place;
            }
        }
    }

    fn walk_from(&mut self, top: u32, nodes: &[SpanNode]) {
        self.stack.push(top);
        while let Some(place) = self.stack.pop() {
            let row = self.order.len() as u32;
            let (node, parent) = (&nodes[place as usize], self.parent[place as usize]);
            let parent = match parent {
                _ if node.parent.is_zero() => Parent::None,
                NOBODY => Parent::Loose(node.parent),
                _ if place == top => Parent::Loose(node.parent),
                parent => Parent::Back(row - self.row[parent as usize]),
            };
            self.row[place as usize] = row;
            self.order.push((place, parent));
            let first = self.stack.len();
            let mut child = self.first_child[place as usize];
            while child != NOBODY {
                if self.row[child as usize] == NOBODY {
                    self.stack.push(child);
                }
                child = self.next_sibling[child as usize];
            }
            self.stack[first..].reverse();
        }
    }
}

fn parent_of(place: usize, node: &SpanNode, find: impl Fn(SpanId) -> Option<u32>) -> u32 {
    if node.parent.is_zero() || node.parent == node.id {
        return NOBODY;
    }
    find(node.parent).filter(|parent| *parent as usize != place).unwrap_or(NOBODY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id(number: u64) -> SpanId {
        SpanId(number.to_be_bytes())
    }

    /// (id, parent, start) in, "id<parent" out: `^` none, `?` loose.
    fn check(spans: &[(u64, u64, u64)], expect: &str) {
        let nodes: Vec<SpanNode> = spans
            .iter()
            .map(|(own, parent, start)| SpanNode { id: id(*own), parent: id(*parent), start: *start })
            .collect();
        let mut tree = Tree::default();
        let order = tree.order(&nodes);
        let shown: Vec<String> = order
            .iter()
            .enumerate()
            .map(|(row, (place, parent))| {
                let parent = match parent {
                    Parent::None => "^".to_owned(),
                    Parent::Loose(id) => format!("?{}", id.0[7]),
                    Parent::Back(rows) => spans[order[row - *rows as usize].0 as usize].0.to_string(),
                };
                format!("{}<{parent}", spans[*place as usize].0)
            })
            .collect();
        assert_eq!(shown.join(" "), expect);
    }

    #[test]
    fn parents_come_first_and_siblings_by_start() {
        check(&[(3, 1, 9), (2, 1, 5), (1, 0, 4), (4, 2, 6)], "1<^ 2<1 4<2 3<1");
        check(&[(1, 0, 1), (2, 0, 0)], "2<^ 1<^");
        check(&[(5, 9, 2), (6, 5, 1)], "5<?9 6<5");
    }

    #[test]
    fn cycles_are_cut_at_the_earliest_span() {
        check(&[(1, 1, 1)], "1<?1");
        check(&[(1, 2, 5), (2, 1, 3), (3, 2, 9)], "2<?1 1<2 3<2");
        check(&[(7, 0, 9), (1, 2, 5), (2, 1, 3)], "7<^ 2<?1 1<2");
    }

    #[test]
    fn a_repeated_id_keeps_its_children_with_the_first() {
        check(&[(1, 0, 1), (2, 1, 3), (2, 1, 2), (3, 2, 4)], "1<^ 2<1 3<2 2<1");
    }

    #[test]
    fn a_chain_of_fifty_thousand_is_walked() {
        let nodes: Vec<SpanNode> =
            (0..50_000).rev().map(|n| SpanNode { id: id(n + 1), parent: id(n), start: n }).collect();
        let mut tree = Tree::default();
        let order = tree.order(&nodes);
        assert!(order[1..].iter().all(|(_, parent)| *parent == Parent::Back(1)));
    }

    proptest! {
        #[test]
        fn every_span_once_and_every_parent_kept(spans in prop::collection::vec((0u64..40, 0u64..40, 0u64..10), 0..60)) {
            let nodes: Vec<SpanNode> =
                spans.iter().map(|(own, parent, start)| SpanNode { id: id(*own + 1), parent: id(*parent), start: *start }).collect();
            let mut tree = Tree::default();
            let order = tree.order(&nodes).to_vec();
            let mut places: Vec<u32> = order.iter().map(|(place, _)| *place).collect();
            places.sort_unstable();
            prop_assert!(places.iter().copied().eq(0..nodes.len() as u32));
            for (row, (place, parent)) in order.iter().enumerate() {
                let meant = match parent {
                    Parent::None => id(0),
                    Parent::Loose(id) => *id,
                    Parent::Back(rows) => nodes[order[row - *rows as usize].0 as usize].id,
                };
                prop_assert_eq!(meant, nodes[*place as usize].parent);
            }
        }
    }
}
