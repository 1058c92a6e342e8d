//! What the rows of one tenant in one block refer to: attribute columns, shapes, resources, scopes, dictionaries of texts.
//!
//! A *column* is (owner, key, type of value). A *shape* is the sequence of columns that a span's attributes fill, in the sender's order:
//! spans of one piece of code share it, so presence and order of attributes cost one small number a span. Repeated keys are two entries
//! of one shape. Beyond [`COLUMNS_MAX`] keys, attributes go whole into one overflow column of their owner.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};
use wire::otlp::{AnyValueView, KeyValueView};
use wire::proto::View;
use wire::proto::Writer;

use super::dictionary::Dictionary;

/// Most attribute columns of one tenant in one block.
pub(crate) const COLUMNS_MAX: usize = 4096;

/// Whose attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Owner {
    Span = 0,
    Event = 1,
    Link = 2,
}

/// The type of a column's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum CellKind {
    String = 1,
    Bool = 2,
    Int = 3,
    Double = 4,
    Bytes = 5,
    /// Arrays and maps, as the bytes of their `AnyValue`.
    Nested = 6,
    Empty = 7,
    /// The overflow column: whole `KeyValue`s.
    Pair = 8,
}

impl CellKind {
    pub(crate) fn from_number(number: u64) -> Option<Self> {
        use CellKind::*;
        [String, Bool, Int, Double, Bytes, Nested, Empty, Pair]
            .into_iter()
            .find(|kind| *kind as u64 == number)
    }

    /// Values are texts, not integers.
    pub(crate) fn is_text(self) -> bool {
        matches!(self, Self::String | Self::Bytes | Self::Nested | Self::Pair)
    }
}

impl Owner {
    pub(crate) fn from_number(number: u64) -> Option<Self> {
        [Self::Span, Self::Event, Self::Link].into_iter().find(|owner| *owner as u64 == number)
    }
}

/// A value on its way into or out of a column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cell<'a> {
    /// Bool as 0 or 1, int zig-zagged, double as its bits.
    Int(u64),
    Text(&'a [u8]),
    None,
}

/// One attribute column.
pub(crate) struct Column {
    pub owner: Owner,
    pub kind: CellKind,
    pub key: Box<[u8]>,
    /// Texts of this column, while or where it is coded by dictionary.
    pub texts: Dictionary,
    /// Values so far, in the whole block.
    pub values: u64,
    /// Values are written as they are instead of by number.
    pub plain: bool,
}

/// Texts of fixed columns, each with a dictionary of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum FixedText {
    Name = 0,
    StatusMessage = 1,
    TraceState = 2,
    EventName = 3,
    LinkState = 4,
}

impl FixedText {
    pub(crate) const COUNT: usize = 5;
}

#[derive(Default)]
pub(crate) struct Schema {
    pub columns: Vec<Column>,
    by_key: HashTable<u32>,
    hasher: DefaultHashBuilder,
    pub shapes: Shapes,
    /// `ResourceSpans` without spans.
    pub resources: Dictionary,
    /// `ScopeSpans` without spans.
    pub scopes: Dictionary,
    pub fixed: [Dictionary; FixedText::COUNT],
}

impl Schema {
    /// The column for `(owner, kind, key)`, made if there is room.
    fn column(&mut self, owner: Owner, kind: CellKind, key: &[u8]) -> Option<u32> {
        let hash = self.hasher.hash_one((owner as u8, kind as u8, key));
        let columns = &self.columns;
        let same = |place: &u32| {
            let have = &columns[*place as usize];
            have.owner == owner && have.kind == kind && *have.key == *key
        };
        if let Some(place) = self.by_key.find(hash, same) {
            return Some(*place);
        }
        if self.columns.len() >= COLUMNS_MAX && kind != CellKind::Pair {
            return None;
        }
        Some(self.add_column(owner, kind, key))
    }

    /// Adds a column that is not there yet.
    pub(crate) fn add_column(&mut self, owner: Owner, kind: CellKind, key: &[u8]) -> u32 {
        let place = self.columns.len() as u32;
        let texts = Dictionary::default();
        self.columns.push(Column { owner, kind, key: key.into(), texts, values: 0, plain: false });
        let (columns, hasher) = (&self.columns, &self.hasher);
        let hash_of = |place: &u32| {
            let column = &columns[*place as usize];
            hasher.hash_one((column.owner as u8, column.kind as u8, &*column.key))
        };
        self.by_key.insert_unique(hash_of(&place), place, hash_of);
        place
    }

    /// The column for an attribute and its cell; the overflow column of `owner` if there are too many.
    pub(crate) fn column_or_overflow(&mut self, owner: Owner, kind: CellKind, key: &[u8]) -> (u32, bool) {
        match self.column(owner, kind, key) {
            Some(column) => (column, false),
            None => {
                (self.column(owner, CellKind::Pair, b"").expect("overflow columns always have room"), true)
            }
        }
    }

    /// As [`column_or_overflow`](Self::column_or_overflow), quick if `shape` went on with this attribute the last time.
    #[inline]
    pub(crate) fn next_column(
        &mut self,
        shape: Node,
        owner: Owner,
        kind: CellKind,
        key: &[u8],
    ) -> (u32, Node, bool) {
        if let Some((column, next)) = self.shapes.last_child(shape) {
            let have = &self.columns[column as usize];
            if have.owner == owner && have.kind == kind && *have.key == *key {
                return (column, next, false);
            }
        }
        let (column, overflow) = self.column_or_overflow(owner, kind, key);
        (column, self.shapes.child(shape, column), overflow)
    }
}

/// Splits an attribute into the type of its column and its cell. `pair` is the whole `KeyValue`.
#[inline]
pub(crate) fn cell_of<'a>(attribute: &KeyValueView<'a>) -> (CellKind, Cell<'a>) {
    let nested = || Cell::Text(attribute.value_message.bytes().unwrap_or_default());
    match attribute.value() {
        AnyValueView::String(text) => (CellKind::String, Cell::Text(text.as_bytes())),
        AnyValueView::Bool(value) => (CellKind::Bool, Cell::Int(u64::from(value))),
        AnyValueView::Int(value) => (CellKind::Int, Cell::Int(stdx::varint::zigzag(value))),
        AnyValueView::Double(value) => (CellKind::Double, Cell::Int(value.to_bits())),
        AnyValueView::Bytes(bytes) => (CellKind::Bytes, Cell::Text(bytes)),
        AnyValueView::Array(_) | AnyValueView::KeyValueList(_) | AnyValueView::StringIndex(_) => {
            (CellKind::Nested, nested())
        }
        AnyValueView::Empty => (CellKind::Empty, Cell::None),
    }
}

/// Writes an attribute as field `number` of the message under construction.
pub(crate) fn write_attribute(out: &mut Writer<'_>, number: u32, kind: CellKind, key: &[u8], cell: Cell<'_>) {
    if let (CellKind::Pair, Cell::Text(pair)) = (kind, cell) {
        out.always_bytes(number, pair);
        return;
    }
    out.message(number, |pair| {
        pair.bytes(1, key);
        match (kind, cell) {
            (CellKind::Nested, Cell::Text(value)) => pair.always_bytes(2, value),
            (CellKind::Empty, _) => pair.message(2, |_| ()),
            (kind, cell) => pair.message(2, |value| match (kind, cell) {
                (CellKind::String, Cell::Text(text)) => value.always_bytes(1, text),
                (CellKind::Bytes, Cell::Text(bytes)) => value.always_bytes(7, bytes),
                (CellKind::Bool, Cell::Int(raw)) => value.always_varint(2, raw),
                (CellKind::Int, Cell::Int(raw)) => value.always_varint(3, stdx::varint::unzigzag(raw) as u64),
                (CellKind::Double, Cell::Int(raw)) => value.always_fixed64(4, raw),
                _ => (),
            }),
        }
    });
}

/// The value of a cell as queries see it.
pub(crate) fn value_of(kind: CellKind, cell: Cell<'_>) -> crate::query::Value {
    use crate::query::Value;
    match (kind, cell) {
        (CellKind::String, Cell::Text(text)) => Value::String(String::from_utf8_lossy(text).into_owned()),
        (CellKind::Bytes, Cell::Text(bytes)) => Value::Bytes(bytes.to_vec()),
        (CellKind::Nested, Cell::Text(bytes)) => Value::Nested(bytes.to_vec()),
        (CellKind::Bool, Cell::Int(raw)) => Value::Bool(raw != 0),
        (CellKind::Int, Cell::Int(raw)) => Value::Int(stdx::varint::unzigzag(raw)),
        (CellKind::Double, Cell::Int(raw)) => Value::Double(f64::from_bits(raw)),
        _ => Value::Empty,
    }
}

/// Key, type and cell of an attribute that sits whole in the overflow column.
pub(crate) fn open_pair(pair: &[u8]) -> (&[u8], CellKind, Cell<'_>) {
    let view = KeyValueView::read(pair);
    let (kind, cell) = cell_of(&view);
    (view.key.as_bytes(), kind, cell)
}

/// A place in the tree of shapes; [`Node::ROOT`] is the shape of no attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Node(u32);

impl Node {
    pub(crate) const ROOT: Self = Self(0);
}

/// All sequences of columns, as a tree; sequences that occur are numbered by first appearance.
pub(crate) struct Shapes {
    nodes: Vec<ShapeNode>,
    children: HashTable<u32>,
    hasher: DefaultHashBuilder,
    /// Columns of the numbered shapes, one after the other.
    columns: Vec<u32>,
    ends: Vec<u32>,
}

struct ShapeNode {
    parent: u32,
    column: u32,
    last_child: Option<u32>,
    number: Option<u32>,
}

impl Default for Shapes {
    fn default() -> Self {
        let root = ShapeNode { parent: 0, column: u32::MAX, last_child: None, number: None };
        Self {
            nodes: vec![root],
            children: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            columns: Vec::new(),
            ends: Vec::new(),
        }
    }
}

impl Shapes {
    #[inline]
    fn last_child(&self, node: Node) -> Option<(u32, Node)> {
        let child = self.nodes[node.0 as usize].last_child?;
        Some((self.nodes[child as usize].column, Node(child)))
    }

    /// The shape that goes on from `node` with `column`.
    pub(crate) fn child(&mut self, node: Node, column: u32) -> Node {
        let hash = self.hasher.hash_one((node.0, column));
        let nodes = &self.nodes;
        let same = |place: &u32| {
            let have = &nodes[*place as usize];
            have.parent == node.0 && have.column == column
        };
        let child = match self.children.find(hash, same) {
            Some(child) => *child,
            None => {
                let child = self.nodes.len() as u32;
                self.nodes.push(ShapeNode { parent: node.0, column, last_child: None, number: None });
                let (nodes, hasher) = (&self.nodes, &self.hasher);
                self.children.insert_unique(hash, child, |place| {
                    let have = &nodes[*place as usize];
                    hasher.hash_one((have.parent, have.column))
                });
                child
            }
        };
        self.nodes[node.0 as usize].last_child = Some(child);
        Node(child)
    }

    /// The number of the shape that ends at `node`.
    #[inline]
    pub(crate) fn number(&mut self, node: Node) -> u32 {
        if let Some(number) = self.nodes[node.0 as usize].number {
            return number;
        }
        let start = self.columns.len();
        let mut at = node.0;
        while at != 0 {
            self.columns.push(self.nodes[at as usize].column);
            at = self.nodes[at as usize].parent;
        }
        self.columns[start..].reverse();
        let number = self.ends.len() as u32;
        self.ends.push(self.columns.len() as u32);
        self.nodes[node.0 as usize].number = Some(number);
        number
    }

    /// The number of a whole sequence.
    #[cfg(test)]
    fn intern(&mut self, columns: &[u32]) -> u32 {
        let node = columns.iter().fold(Node::ROOT, |node, column| self.child(node, *column));
        self.number(node)
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The columns of shape `number`; none for one that is not there.
    #[inline]
    pub(crate) fn get(&self, number: u32) -> &[u32] {
        let place = number as usize;
        let Some(&end) = self.ends.get(place) else { return &[] };
        let start = if place == 0 { 0 } else { self.ends[place - 1] };
        &self.columns[start as usize..end as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_numbered_once_and_keep_order_and_repeats() {
        let mut shapes = Shapes::default();
        assert_eq!(shapes.intern(&[3, 1, 3]), 0);
        assert_eq!(shapes.intern(&[]), 1);
        assert_eq!(shapes.intern(&[3, 1]), 2);
        assert_eq!(shapes.intern(&[3, 1, 3]), 0);
        assert_eq!(
            (shapes.get(0), shapes.get(1), shapes.get(9)),
            ([3, 1, 3].as_slice(), [].as_slice(), [].as_slice())
        );
    }

    #[test]
    fn columns_beyond_the_bound_overflow() {
        let mut schema = Schema::default();
        for key in 0..COLUMNS_MAX {
            assert!(!schema.column_or_overflow(Owner::Span, CellKind::Int, key.to_string().as_bytes()).1);
        }
        let (overflow, is) = schema.column_or_overflow(Owner::Span, CellKind::Int, b"one more");
        assert!(is && schema.columns[overflow as usize].kind == CellKind::Pair);
        assert_eq!(schema.column_or_overflow(Owner::Span, CellKind::Int, b"5"), (5, false));
    }
}
