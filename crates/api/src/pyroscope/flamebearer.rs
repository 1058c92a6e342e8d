//! Trees in Pyroscope's flamebearer form: a list a level, four numbers a node (seven in a difference), offsets counted from the neighbour.

use std::collections::HashMap;

use profiles::Tree;
use serde_json::{Value, json};

/// Levels, names, total and the largest own value.
pub struct Flamebearer {
    pub names: Vec<String>,
    pub levels: Vec<Vec<i64>>,
    pub total: i64,
    pub own_max: i64,
}

struct Place {
    node: usize,
    level: usize,
    offset: i64,
}

impl Flamebearer {
    /// A node is `offset, total, own, name`.
    pub fn of(tree: &Tree) -> Self {
        let children = tree.children();
        let mut names = Names::default();
        let mut levels: Vec<Vec<i64>> = Vec::new();
        let mut own_max = 0;
        let mut waiting =
            if tree.nodes.is_empty() { Vec::new() } else { vec![Place { node: 0, level: 0, offset: 0 }] };
        while let Some(Place { node, level, offset }) = waiting.pop() {
            let this = &tree.nodes[node];
            own_max = own_max.max(this.own);
            if levels.len() == level {
                levels.push(Vec::new());
            }
            levels[level].extend([offset, this.total, this.own, names.place(tree.name(node))]);
            // A node's own part comes first, then its children from left to right.
            let mut at = offset + this.own;
            let from = waiting.len();
            for child in &children[node] {
                waiting.push(Place { node: *child as usize, level: level + 1, offset: at });
                at += tree.nodes[*child as usize].total;
            }
            waiting[from..].reverse();
        }
        levels.iter_mut().for_each(|level| relative(level, 4, &[(0, 1)]));
        Self { names: names.list, levels, total: tree.total(), own_max }
    }

    pub fn to_json(&self) -> Value {
        json!({ "names": self.names, "levels": self.levels, "numTicks": self.total, "maxSelf": self.own_max })
    }
}

#[derive(Default)]
struct Names {
    list: Vec<String>,
    places: HashMap<String, i64>,
}

impl Names {
    fn place(&mut self, name: &str) -> i64 {
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        let place = self.list.len() as i64;
        self.list.push(name.to_owned());
        self.places.insert(name.to_owned(), place);
        place
    }
}

/// Makes offsets relative to the end of the node before; `pairs` are the places of offset and total in a node of `width` numbers.
fn relative(level: &mut [i64], width: usize, pairs: &[(usize, usize)]) {
    for (offset, total) in pairs {
        let mut end = 0;
        for node in level.chunks_mut(width) {
            let absolute = node[*offset];
            node[*offset] = absolute - end;
            end = absolute + node[*total];
        }
    }
}

/// Two trees laid over each other: a node is `left offset, total, own, right offset, total, own, name`.
pub fn difference(left: &Tree, right: &Tree) -> (Vec<String>, Vec<Vec<i64>>, i64) {
    struct Pair {
        left: Option<usize>,
        right: Option<usize>,
        level: usize,
        offsets: [i64; 2],
    }
    let (left_children, right_children) = (left.children(), right.children());
    let root = |tree: &Tree| (!tree.nodes.is_empty()).then_some(0);
    let mut names = Names::default();
    let mut levels: Vec<Vec<i64>> = Vec::new();
    let mut own_max = 0;
    let mut waiting = vec![Pair { left: root(left), right: root(right), level: 0, offsets: [0, 0] }];
    while let Some(Pair { left: l, right: r, level, offsets }) = waiting.pop() {
        let values = |tree: &Tree, node: Option<usize>| {
            node.map_or((0, 0), |node| (tree.nodes[node].total, tree.nodes[node].own))
        };
        let ((left_total, left_own), (right_total, right_own)) = (values(left, l), values(right, r));
        let name =
            l.map(|node| left.name(node)).or_else(|| r.map(|node| right.name(node))).unwrap_or("total");
        own_max = own_max.max(left_own).max(right_own);
        if levels.len() == level {
            levels.push(Vec::new());
        }
        let place = names.place(name);
        levels[level].extend([offsets[0], left_total, left_own, offsets[1], right_total, right_own, place]);
        let mut at = [offsets[0] + left_own, offsets[1] + right_own];
        let from = waiting.len();
        let mut pairs: std::collections::BTreeMap<&str, (Option<usize>, Option<usize>)> = Default::default();
        for child in l.iter().flat_map(|node| &left_children[*node]) {
            pairs.entry(left.name(*child as usize)).or_default().0 = Some(*child as usize);
        }
        for child in r.iter().flat_map(|node| &right_children[*node]) {
            pairs.entry(right.name(*child as usize)).or_default().1 = Some(*child as usize);
        }
        for (l, r) in pairs.into_values() {
            waiting.push(Pair { left: l, right: r, level: level + 1, offsets: at });
            at[0] += values(left, l).0;
            at[1] += values(right, r).0;
        }
        waiting[from..].reverse();
    }
    levels.iter_mut().for_each(|level| relative(level, 7, &[(0, 1), (3, 4)]));
    (names.list, levels, own_max)
}

#[cfg(test)]
mod tests {
    use profiles::TreeNode;

    use super::*;

    /// total(10) -> a(6, own 2) -> c(4); total -> b(4)
    fn tree() -> Tree {
        let node = |parent, name, own, total| TreeNode { parent, name, own, total };
        let nodes = vec![node(0, 0, 0, 10), node(0, 1, 2, 6), node(0, 2, 4, 4), node(1, 3, 4, 4)];
        Tree { nodes, names: ["total", "a", "b", "c"].map(str::to_owned).to_vec() }
    }

    #[test]
    fn levels_are_relative() {
        let flame = Flamebearer::of(&tree());
        assert_eq!(flame.names, ["total", "a", "c", "b"]);
        // c starts behind a's own part.
        assert_eq!(flame.levels, [vec![0, 10, 0, 0], vec![0, 6, 2, 1, 0, 4, 4, 3], vec![2, 4, 4, 2]]);
        assert_eq!((flame.total, flame.own_max), (10, 4));
        assert!(Flamebearer::of(&Tree::default()).levels.is_empty());
    }

    #[test]
    fn a_difference_has_both_sides() {
        let (names, levels, _) = difference(&tree(), &Tree::default());
        assert_eq!(names.len(), 4);
        assert_eq!(levels[1], [0, 6, 2, 0, 0, 0, 1, 0, 4, 4, 0, 0, 0, 3]);
    }
}
