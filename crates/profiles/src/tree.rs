//! A merged profile as a tree of function names: what a flame graph shows.

use rustc_hash::FxHashMap;
use wire::pprof::Location;

use crate::symbols::{ROOT, Symbols};

/// Node 0 is the root; a parent comes before its children.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    pub nodes: Vec<TreeNode>,
    pub names: Vec<String>,
}

/// A function under its callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeNode {
    /// The root's is itself.
    pub parent: u32,
    /// Place in `names`.
    pub name: u32,
    /// Of samples that end here.
    pub own: i64,
    /// Of samples that pass through here.
    pub total: i64,
}

/// The name that stands for all nodes that [`Tree::truncate`] took away under one parent.
pub const OTHER: &str = "other";
/// The root's name.
pub const TOTAL: &str = "total";

impl Tree {
    /// The sum of all samples.
    pub fn total(&self) -> i64 {
        self.nodes.first().map_or(0, |root| root.total)
    }

    pub fn name(&self, node: usize) -> &str {
        &self.names[self.nodes[node].name as usize]
    }

    /// Children of every node, sorted by name.
    pub fn children(&self) -> Vec<Vec<u32>> {
        let mut children = vec![Vec::new(); self.nodes.len()];
        for (place, node) in self.nodes.iter().enumerate().skip(1) {
            children[node.parent as usize].push(place as u32);
        }
        for of_node in &mut children {
            of_node.sort_by(|a, b| self.name(*a as usize).cmp(self.name(*b as usize)));
        }
        children
    }

    /// The tree with its `max_nodes` largest nodes (0: all); what goes is summed up in one child `other` of each parent that lost some.
    pub fn truncate(&self, max_nodes: usize) -> Self {
        if max_nodes == 0 || self.nodes.len() <= max_nodes {
            return self.clone();
        }
        let mut totals: Vec<i64> = self.nodes.iter().map(|node| node.total).collect();
        totals.sort_unstable_by(|a, b| b.cmp(a));
        let least = totals[max_nodes - 1];
        let mut builder = TreeBuilder::default();
        let mut moved: Vec<Option<u32>> = vec![Some(ROOT)];
        builder.nodes[0].own = self.nodes[0].own;
        for (place, node) in self.nodes.iter().enumerate().skip(1) {
            let Some(parent) = moved[node.parent as usize] else {
                moved.push(None);
                continue;
            };
            if node.total >= least {
                let child = builder.child(parent, self.name(place));
                builder.nodes[child as usize].own += node.own;
                moved.push(Some(child));
            } else {
                let other = builder.child(parent, OTHER);
                builder.nodes[other as usize].own += node.total;
                moved.push(None);
            }
        }
        builder.finish()
    }
}

/// Adds stacks up.
pub(crate) struct TreeBuilder {
    nodes: Vec<TreeNode>,
    names: Vec<String>,
    name_places: FxHashMap<Box<str>, u32>,
    children: FxHashMap<(u32, u32), u32>,
}

impl Default for TreeBuilder {
    fn default() -> Self {
        let mut builder = Self {
            nodes: Vec::new(),
            names: Vec::new(),
            name_places: FxHashMap::default(),
            children: FxHashMap::default(),
        };
        let name = builder.name(TOTAL);
        builder.nodes.push(TreeNode { parent: ROOT, name, own: 0, total: 0 });
        builder
    }
}

impl TreeBuilder {
    fn name(&mut self, name: &str) -> u32 {
        if let Some(place) = self.name_places.get(name) {
            return *place;
        }
        let place = self.names.len() as u32;
        self.names.push(name.to_owned());
        self.name_places.insert(name.into(), place);
        place
    }

    fn child(&mut self, parent: u32, name: &str) -> u32 {
        let name = self.name(name);
        let nodes = &mut self.nodes;
        *self.children.entry((parent, name)).or_insert_with(|| {
            nodes.push(TreeNode { parent, name, own: 0, total: 0 });
            nodes.len() as u32 - 1
        })
    }

    /// Adds values by stack (node of `symbols`).
    pub(crate) fn add(&mut self, symbols: &Symbols, values: &FxHashMap<u32, i64>) {
        // Tree nodes of the stacks met so far.
        let mut moved: FxHashMap<u32, u32> = FxHashMap::default();
        moved.insert(ROOT, ROOT);
        let mut stacks: Vec<(&u32, &i64)> = values.iter().collect();
        stacks.sort_unstable();
        for (stack, value) in stacks {
            let mut path = Vec::new();
            let mut at = *stack;
            while !moved.contains_key(&at) {
                path.push(at);
                at = symbols.nodes[at as usize - 1].parent;
            }
            let mut node = moved[&at];
            for stack in path.into_iter().rev() {
                let location = &symbols.locations[symbols.nodes[stack as usize - 1].location as usize];
                node = self.frames(node, symbols, location);
                moved.insert(stack, node);
            }
            let own = &mut self.nodes[node as usize].own;
            *own = own.saturating_add(*value);
        }
    }

    /// The functions of a location under `parent`, outermost first. A location without symbols is its address.
    fn frames(&mut self, parent: u32, symbols: &Symbols, location: &Location) -> u32 {
        if location.lines.is_empty() {
            return self.child(parent, &format!("{:#x}", location.address));
        }
        location.lines.iter().rev().fold(parent, |parent, line| {
            let function = line.function.map(|place| symbols.functions[place as usize]);
            let name = function.map_or("", |function| symbols.string(function.name));
            self.child(parent, name)
        })
    }

    pub(crate) fn finish(mut self) -> Tree {
        for place in (0..self.nodes.len()).rev() {
            let node = self.nodes[place];
            let total = node.total.saturating_add(node.own);
            self.nodes[place].total = total;
            if place > 0 {
                let parent = &mut self.nodes[node.parent as usize].total;
                *parent = parent.saturating_add(total);
            }
        }
        Tree { nodes: self.nodes, names: self.names }
    }
}
