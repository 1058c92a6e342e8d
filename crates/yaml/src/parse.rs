//! Events of the parser to a tree, with aliases resolved and everything bounded.

use std::collections::{HashMap, HashSet};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};

use crate::error::{Position, YamlError};
use crate::map::Entry;
use crate::node::{Kind, Node, Style};

/// Bounds of one file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    pub bytes: usize,
    /// Lists and mappings inside one another.
    pub depth: usize,
    /// Nodes of the tree, those that aliases repeat included: an alias bomb ends here.
    pub nodes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 16 << 20, depth: 100, nodes: 1_000_000 }
    }
}

/// The first document of a file; an empty file is null.
pub fn parse(text: &str) -> Result<Node, YamlError> {
    parse_with(text, Limits::default())
}

/// [`parse`] with other bounds.
pub fn parse_with(text: &str, limits: Limits) -> Result<Node, YamlError> {
    let first = documents(text, limits, 1)?.into_iter().next();
    Ok(first.unwrap_or_else(|| null(START)))
}

/// All documents of a file.
pub fn parse_all(text: &str, limits: Limits) -> Result<Vec<Node>, YamlError> {
    documents(text, limits, usize::MAX)
}

const START: Position = Position { line: 1, column: 1 };

fn documents(text: &str, limits: Limits, most: usize) -> Result<Vec<Node>, YamlError> {
    if text.len() > limits.bytes {
        return Err(YamlError::new(
            START,
            format!("file is larger than the limit of {} bytes", limits.bytes),
        ));
    }
    // Windows editors put a byte order mark in front.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut builder =
        Builder { limits, nodes: 0, open: Vec::new(), anchors: HashMap::new(), done: Vec::new() };
    let mut parser = Parser::new_from_str(text);
    while builder.done.len() < most
        && let Some(event) = parser.next_event()
    {
        let (event, span) = event.map_err(|error| YamlError::new(position(error.marker()), error.info()))?;
        builder.event(event, position(&span.start))?;
    }
    Ok(builder.done)
}

fn position(marker: &Marker) -> Position {
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Position { line: number(marker.line()), column: number(marker.col()).saturating_add(1) }
}

fn null(position: Position) -> Node {
    Node { position, kind: Kind::Scalar { text: "".into(), style: Style::Plain } }
}

struct Builder {
    limits: Limits,
    nodes: usize,
    /// Lists and mappings that have begun.
    open: Vec<Open>,
    /// Finished nodes with an anchor, and how many nodes each has.
    anchors: HashMap<usize, (Node, usize)>,
    done: Vec<Node>,
}

struct Open {
    position: Position,
    anchor: usize,
    /// Nodes counted when it began.
    nodes_before: usize,
    body: Body,
}

enum Body {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, keys: HashSet<Box<str>>, merged: Vec<Node>, key: Option<(Box<str>, Position)> },
}

impl Builder {
    fn event(&mut self, event: Event<'_>, position: Position) -> Result<(), YamlError> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let style = scalar_style(style, tag.as_deref());
                let node = Node { position, kind: Kind::Scalar { text: text.into(), style } };
                self.count(1, position)?;
                self.anchor(anchor, &node, 1);
                self.place(node)
            }
            Event::Alias(anchor) => {
                let Some((node, nodes)) = self.anchors.get(&anchor).cloned() else {
                    return Err(YamlError::new(position, "alias refers to a value that contains itself"));
                };
                self.count(nodes, position)?;
                self.place(Node { position, ..node })
            }
            Event::SequenceStart(anchor, _) => self.begin(anchor, position, Body::List(Vec::new())),
            Event::MappingStart(anchor, _) => {
                let body = Body::Map { entries: vec![], keys: HashSet::new(), merged: vec![], key: None };
                self.begin(anchor, position, body)
            }
            Event::SequenceEnd | Event::MappingEnd => self.finish(),
            Event::DocumentEnd => {
                self.anchors.clear();
                Ok(())
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) => Ok(()),
        }
    }

    fn count(&mut self, nodes: usize, position: Position) -> Result<(), YamlError> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes <= self.limits.nodes {
            return Ok(());
        }
        let message =
            format!("document has more than the limit of {} values, aliases counted", self.limits.nodes);
        Err(YamlError::new(position, message))
    }

    fn anchor(&mut self, anchor: usize, node: &Node, nodes: usize) {
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), nodes));
        }
    }

    fn begin(&mut self, anchor: usize, position: Position, body: Body) -> Result<(), YamlError> {
        if self.open.len() >= self.limits.depth {
            let message = format!("document nests deeper than the limit of {} levels", self.limits.depth);
            return Err(YamlError::new(position, message));
        }
        let nodes_before = self.nodes;
        self.count(1, position)?;
        self.open.push(Open { position, anchor, nodes_before, body });
        Ok(())
    }

    fn finish(&mut self) -> Result<(), YamlError> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let kind = match open.body {
            Body::List(items) => Kind::List(items),
            Body::Map { mut entries, mut keys, merged, .. } => {
                merged.into_iter().for_each(|node| merge(node, &mut entries, &mut keys));
                Kind::Map(entries)
            }
        };
        let node = Node { position: open.position, kind };
        self.anchor(open.anchor, &node, self.nodes - open.nodes_before);
        self.place(node)
    }

    /// Puts a finished node where it belongs: into the list, as a key or value of the mapping, or as a document.
    fn place(&mut self, node: Node) -> Result<(), YamlError> {
        let Some(open) = self.open.last_mut() else {
            self.done.push(node);
            return Ok(());
        };
        match &mut open.body {
            Body::List(items) => items.push(node),
            Body::Map { entries, keys, merged, key } => match key.take() {
                None => *key = Some(key_of(node)?),
                Some((name, _)) if *name == *"<<" => merged.extend(merge_sources(node)?),
                Some((name, key_position)) => {
                    if !keys.insert(name.clone()) {
                        let first = entries.iter().find(|entry| entry.key == name);
                        let line = first.map_or(0, |entry| entry.key_position.line);
                        let message = format!("mapping key \"{name}\" already defined at line {line}");
                        return Err(YamlError::new(key_position, message));
                    }
                    entries.push(Entry { key: name, key_position, value: node });
                }
            },
        }
        Ok(())
    }
}

fn scalar_style(style: ScalarStyle, tag: Option<&Tag>) -> Style {
    let is_string = tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
    if style == ScalarStyle::Plain && !is_string { Style::Plain } else { Style::Text }
}

fn key_of(node: Node) -> Result<(Box<str>, Position), YamlError> {
    match node.kind {
        Kind::Scalar { text, .. } => Ok((text, node.position)),
        Kind::List(_) | Kind::Map(_) => Err(node.error("a key of a mapping must be a scalar")),
    }
}

/// The mappings that a `<<` names.
fn merge_sources(node: Node) -> Result<Vec<Node>, YamlError> {
    let all = match node.kind {
        Kind::Map(_) => return Ok(vec![node]),
        Kind::List(items) => items,
        Kind::Scalar { .. } => {
            return Err(node.error("map merge requires map or sequence of maps as the value"));
        }
    };
    match all.iter().find(|item| !matches!(item.kind, Kind::Map(_))) {
        Some(other) => Err(other.error("map merge requires map or sequence of maps as the value")),
        None => Ok(all),
    }
}

/// What is there already wins; earlier sources win over later ones.
fn merge(source: Node, entries: &mut Vec<Entry>, keys: &mut HashSet<Box<str>>) {
    let Kind::Map(from) = source.kind else { return };
    for entry in from {
        if keys.insert(entry.key.clone()) {
            entries.push(entry);
        }
    }
}

#[cfg(test)]
mod tests;
