//! The metrics store: head, blocks, index.
