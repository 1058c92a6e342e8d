//! The log store: head, blocks, stream index.
