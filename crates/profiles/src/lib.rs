//! The profile store: head, blocks, symbol tables.
