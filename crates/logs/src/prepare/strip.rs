//! Rewrites a body without the entries that were refused: everything else stays byte for byte, but for the lengths around it.

use std::collections::HashSet;

use bytes::Bytes;
use stdx::varint::put_u64;
use wire::proto::Reader;

use crate::batch::{Batch, RecordKind};

pub(super) fn strip(batch: &Batch) -> Bytes {
    let kept: HashSet<u32> = batch.rows.iter().map(|row| row.record.start).collect();
    // Field numbers from the request down to an entry.
    let path: &[u32] = match batch.kind {
        RecordKind::Otlp => &[1, 2, 2],
        RecordKind::Loki => &[1, 2],
    };
    let mut out = Vec::with_capacity(batch.body.len());
    rewrite(&batch.body, 0, path, &kept, &mut out);
    out.into()
}

/// Copies `message`, which begins at `base` of the body.
fn rewrite(message: &[u8], base: usize, path: &[u32], kept: &HashSet<u32>, out: &mut Vec<u8>) {
    let mut reader = Reader::new(message);
    loop {
        let start = message.len() - reader.remaining();
        let Ok(Some(field)) = reader.field() else { return };
        let end = message.len() - reader.remaining();
        let raw = &message[start..end];
        match field.value {
            wire::proto::Value::Bytes(inner) if field.number == path[0] => {
                let inner_base = base + end - inner.len();
                if let [_, rest @ ..] = path
                    && !rest.is_empty()
                {
                    let mut shorter = Vec::with_capacity(inner.len());
                    rewrite(inner, inner_base, rest, kept, &mut shorter);
                    put_u64(out, u64::from(field.number) << 3 | 2);
                    put_u64(out, shorter.len() as u64);
                    out.extend_from_slice(&shorter);
                } else if kept.contains(&(inner_base as u32)) {
                    out.extend_from_slice(raw);
                }
            }
            _ => out.extend_from_slice(raw),
        }
    }
}
