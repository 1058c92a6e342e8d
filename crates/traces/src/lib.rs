//! The trace store: head, blocks, trace-id index, summaries.
