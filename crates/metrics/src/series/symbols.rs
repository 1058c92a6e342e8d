//! Interned strings of one tenant: every label name and value once, named by a small number.
//!
//! Counted by reference, so that churn gives its memory back: a freed number is used again, and the arena is rewritten when half of it is
//! waste. Numbers are stable while a string is in use.

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

/// Number of an interned string.
pub type Symbol = u32;

/// Waste below this is not worth a rewrite.
const WASTE_MIN: usize = 1 << 20;

#[derive(Clone, Copy, Default)]
struct Span {
    start: u32,
    len: u32,
}

/// The table.
#[derive(Default)]
pub struct Symbols {
    arena: Vec<u8>,
    spans: Vec<Span>,
    uses: Vec<u32>,
    free: Vec<Symbol>,
    table: HashTable<Symbol>,
    waste: usize,
}

fn text<'a>(arena: &'a [u8], spans: &[Span], symbol: Symbol) -> &'a [u8] {
    let span = spans[symbol as usize];
    &arena[span.start as usize..(span.start + span.len) as usize]
}

impl Symbols {
    /// Room left for strings; a tenant's names and values together stay below 4 GiB.
    pub fn has_room(&self, bytes: usize) -> bool {
        self.arena.len() + bytes <= u32::MAX as usize
    }

    pub fn find(&self, name: &str) -> Option<Symbol> {
        let hash = xxh3_64(name.as_bytes());
        self.table.find(hash, |&have| text(&self.arena, &self.spans, have) == name.as_bytes()).copied()
    }

    pub fn get(&self, symbol: Symbol) -> &str {
        std::str::from_utf8(text(&self.arena, &self.spans, symbol)).expect("only whole strings are interned")
    }

    /// The number of `name`, with one more use.
    pub fn intern(&mut self, name: &str) -> Symbol {
        if let Some(symbol) = self.find(name) {
            self.uses[symbol as usize] += 1;
            return symbol;
        }
        let span = Span { start: self.arena.len() as u32, len: name.len() as u32 };
        grow(&mut self.arena, name.len());
        self.arena.extend_from_slice(name.as_bytes());
        let symbol = self.free.pop().unwrap_or(self.spans.len() as Symbol);
        if symbol as usize == self.spans.len() {
            self.spans.push(span);
            self.uses.push(1);
        } else {
            self.spans[symbol as usize] = span;
            self.uses[symbol as usize] = 1;
        }
        let (arena, spans) = (&self.arena, &self.spans);
        self.table.insert_unique(xxh3_64(name.as_bytes()), symbol, |&have| xxh3_64(text(arena, spans, have)));
        symbol
    }

    /// One use less; the last one frees the number.
    pub fn release(&mut self, symbol: Symbol) {
        let uses = &mut self.uses[symbol as usize];
        *uses -= 1;
        if *uses > 0 {
            return;
        }
        let hash = xxh3_64(text(&self.arena, &self.spans, symbol));
        if let Ok(entry) = self.table.find_entry(hash, |&have| have == symbol) {
            entry.remove();
        }
        self.waste += self.spans[symbol as usize].len as usize;
        self.spans[symbol as usize] = Span::default();
        self.free.push(symbol);
        if self.waste > WASTE_MIN && self.waste > self.arena.len() / 2 {
            self.rewrite();
        }
    }

    fn rewrite(&mut self) {
        let mut arena = Vec::with_capacity(self.arena.len() - self.waste);
        for span in &mut self.spans {
            let start = arena.len() as u32;
            arena.extend_from_slice(&self.arena[span.start as usize..(span.start + span.len) as usize]);
            span.start = start;
        }
        (self.arena, self.waste) = (arena, 0);
    }

    pub fn bytes(&self) -> usize {
        self.arena.capacity()
            + self.spans.capacity() * size_of::<Span>()
            + self.uses.capacity() * 4
            + self.table.allocation_size()
    }
}

/// Makes room for `more` bytes, a quarter at a time: doubling would waste half of a large arena.
pub fn grow(arena: &mut Vec<u8>, more: usize) {
    if arena.capacity() - arena.len() < more {
        arena.reserve_exact(more.max(arena.len() / 4).max(4096));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_kept_once_and_given_back() {
        let mut symbols = Symbols::default();
        let (a, b) = (symbols.intern("a"), symbols.intern("b"));
        assert_eq!((symbols.intern("a"), symbols.get(b)), (a, "b"));
        symbols.release(a);
        assert_eq!(symbols.find("a"), Some(a));
        symbols.release(a);
        assert_eq!(symbols.find("a"), None);
        assert_eq!(symbols.intern("c"), a);
        symbols.rewrite();
        assert_eq!((symbols.get(a), symbols.get(b), symbols.find("b")), ("c", "b", Some(b)));
    }
}
