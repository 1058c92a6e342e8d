//! Symbol tables of one part: strings, functions, mappings, locations, and stacks as a trie of locations. Equal things are there once.
//!
//! Mappings are equal by build id (or file) and extent, wherever a process loaded them; locations by mapping, lines and address within the mapping.
//! Entry 0 of the strings is empty; node 0 of the trie is the root, above the outermost frame. Every place in a table is known to hit.

use std::borrow::Borrow;
use std::hash::Hash;

use rustc_hash::FxHashMap;
use wire::pprof::{Function, Location, Mapping};

/// A stack is a node: its own location is the leaf, parents lead to the outermost frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Node {
    /// Lower than the node's own number.
    pub(crate) parent: u32,
    pub(crate) location: u32,
}

pub(crate) const ROOT: u32 = 0;

/// The tables. References are places in them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Symbols {
    pub(crate) strings: Vec<Box<str>>,
    pub(crate) functions: Vec<Function>,
    pub(crate) mappings: Vec<Mapping>,
    pub(crate) locations: Vec<Location>,
    /// Without the root: node `n` is at `n - 1`.
    pub(crate) nodes: Vec<Node>,
}

impl Symbols {
    pub(crate) fn string(&self, place: u32) -> &str {
        &self.strings[place as usize]
    }
}

/// Tables that something is added to.
#[derive(Debug)]
pub(crate) struct Interner {
    symbols: Symbols,
    strings: FxHashMap<Box<str>, u32>,
    functions: FxHashMap<Function, u32>,
    mappings: FxHashMap<MappingKey, u32>,
    locations: FxHashMap<Location, u32>,
    nodes: FxHashMap<Node, u32>,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct MappingKey {
    size: u64,
    offset: u64,
    build_id_or_file: u32,
}

/// The place of `key` in a table, a new one by `add` if need be.
fn place<Q, K>(places: &mut FxHashMap<K, u32>, key: &Q, add: impl FnOnce(&Q) -> K) -> (u32, bool)
where
    Q: Hash + Eq + ?Sized,
    K: Borrow<Q> + Hash + Eq,
{
    if let Some(place) = places.get(key) {
        return (*place, false);
    }
    let place = places.len() as u32;
    places.insert(add(key), place);
    (place, true)
}

impl Default for Interner {
    fn default() -> Self {
        let mut interner = Self {
            symbols: Symbols::default(),
            strings: FxHashMap::default(),
            functions: FxHashMap::default(),
            mappings: FxHashMap::default(),
            locations: FxHashMap::default(),
            nodes: FxHashMap::default(),
        };
        interner.string("");
        interner
    }
}

impl Interner {
    pub(crate) fn finish(self) -> Symbols {
        self.symbols
    }

    pub(crate) fn string(&mut self, text: &str) -> u32 {
        let (place, is_new) = place(&mut self.strings, text, |text| text.into());
        if is_new {
            self.symbols.strings.push(text.into());
        }
        place
    }

    fn function(&mut self, function: Function) -> u32 {
        let (place, is_new) = place(&mut self.functions, &function, |function| *function);
        if is_new {
            self.symbols.functions.push(function);
        }
        place
    }

    fn mapping(&mut self, mapping: Mapping) -> u32 {
        let key = MappingKey {
            size: mapping.memory_limit.wrapping_sub(mapping.memory_start),
            offset: mapping.file_offset,
            build_id_or_file: if mapping.build_id == 0 { mapping.filename } else { mapping.build_id },
        };
        if let Some(place) = self.mappings.get(&key) {
            return *place;
        }
        let place = self.symbols.mappings.len() as u32;
        self.mappings.insert(key, place);
        self.symbols.mappings.push(mapping);
        place
    }

    fn location(&mut self, location: Location) -> u32 {
        let (place, is_new) = place(&mut self.locations, &location, Location::clone);
        if is_new {
            self.symbols.locations.push(location);
        }
        place
    }

    /// The stack whose leaf is `location` under `parent`.
    fn node(&mut self, node: Node) -> u32 {
        let (place, is_new) = place(&mut self.nodes, &node, |node| *node);
        if is_new {
            self.symbols.nodes.push(node);
        }
        place + 1
    }
}

/// Symbols that come from elsewhere, with their own numbers. Lookups that miss give "none".
pub(crate) struct Foreign<'a> {
    pub(crate) strings: Vec<&'a str>,
    pub(crate) functions: &'a [Function],
    pub(crate) mappings: &'a [Mapping],
    pub(crate) locations: &'a [Location],
}

/// Brings foreign symbols into an interner, each at its first use.
pub(crate) struct Mover<'a> {
    foreign: Foreign<'a>,
    strings: Vec<u32>,
    functions: Vec<u32>,
    mappings: Vec<u32>,
    locations: Vec<u32>,
    nodes: Vec<u32>,
}

/// Not moved yet.
const UNKNOWN: u32 = u32::MAX;

impl<'a> Mover<'a> {
    pub(crate) fn new(foreign: Foreign<'a>) -> Self {
        Self {
            strings: vec![UNKNOWN; foreign.strings.len()],
            functions: vec![UNKNOWN; foreign.functions.len()],
            mappings: vec![UNKNOWN; foreign.mappings.len()],
            locations: vec![UNKNOWN; foreign.locations.len()],
            nodes: Vec::new(),
            foreign,
        }
    }

    pub(crate) fn of_symbols(symbols: &'a Symbols) -> Self {
        let mut mover = Self::new(Foreign {
            strings: symbols.strings.iter().map(|text| &**text).collect(),
            functions: &symbols.functions,
            mappings: &symbols.mappings,
            locations: &symbols.locations,
        });
        mover.nodes = vec![UNKNOWN; symbols.nodes.len()];
        mover
    }

    pub(crate) fn string(&mut self, into: &mut Interner, place: u32) -> u32 {
        match self.strings.get(place as usize) {
            None => 0,
            Some(&UNKNOWN) => {
                let moved = into.string(self.foreign.strings[place as usize]);
                self.strings[place as usize] = moved;
                moved
            }
            Some(moved) => *moved,
        }
    }

    fn function(&mut self, into: &mut Interner, place: u32) -> Option<u32> {
        let known = *self.functions.get(place as usize)?;
        if known != UNKNOWN {
            return Some(known);
        }
        let function = self.foreign.functions[place as usize];
        let function = Function {
            name: self.string(into, function.name),
            system_name: self.string(into, function.system_name),
            filename: self.string(into, function.filename),
            start_line: function.start_line,
        };
        let moved = into.function(function);
        self.functions[place as usize] = moved;
        Some(moved)
    }

    fn mapping(&mut self, into: &mut Interner, place: u32) -> Option<u32> {
        let known = *self.mappings.get(place as usize)?;
        if known != UNKNOWN {
            return Some(known);
        }
        let mut mapping = self.foreign.mappings[place as usize];
        mapping.filename = self.string(into, mapping.filename);
        mapping.build_id = self.string(into, mapping.build_id);
        let moved = into.mapping(mapping);
        self.mappings[place as usize] = moved;
        Some(moved)
    }

    /// A location that does not exist is one that says nothing.
    pub(crate) fn location(&mut self, into: &mut Interner, place: u32) -> u32 {
        if let Some(known) = self.locations.get(place as usize).filter(|known| **known != UNKNOWN) {
            return *known;
        }
        let foreign = self.foreign.locations.get(place as usize);
        let mut location = foreign.cloned().unwrap_or_default();
        for line in &mut location.lines {
            line.function = line.function.and_then(|function| self.function(into, function));
        }
        if let Some(mapping) = location.mapping {
            let start = self.foreign.mappings.get(mapping as usize).map_or(0, |mapping| mapping.memory_start);
            location.mapping = self.mapping(into, mapping);
            let moved_to =
                location.mapping.map_or(0, |mapping| into.symbols.mappings[mapping as usize].memory_start);
            location.address = location.address.wrapping_sub(start).wrapping_add(moved_to);
        }
        let moved = into.location(location);
        if let Some(known) = self.locations.get_mut(place as usize) {
            *known = moved;
        }
        moved
    }

    /// A stack given as foreign locations, leaf first, without the outermost beyond `depth_max`.
    pub(crate) fn stack(&mut self, into: &mut Interner, locations: &[u32], depth_max: usize) -> u32 {
        let kept = if depth_max > 0 { &locations[..locations.len().min(depth_max)] } else { locations };
        kept.iter().rev().fold(ROOT, |parent, location| {
            let location = self.location(into, *location);
            into.node(Node { parent, location })
        })
    }

    /// A stack given as a node of foreign symbols (see [`of_symbols`](Self::of_symbols)).
    pub(crate) fn node(&mut self, into: &mut Interner, nodes: &[Node], node: u32) -> u32 {
        let mut path = Vec::new();
        let mut at = node;
        let mut parent = loop {
            match (at as usize).checked_sub(1) {
                None => break ROOT,
                Some(place) if self.nodes[place] != UNKNOWN => break self.nodes[place],
                Some(place) => {
                    path.push(place);
                    at = nodes[place].parent;
                }
            }
        };
        for place in path.into_iter().rev() {
            let location = self.location(into, nodes[place].location);
            parent = into.node(Node { parent, location });
            self.nodes[place] = parent;
        }
        parent
    }
}
