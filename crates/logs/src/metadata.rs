//! Structured metadata of one entry while it is looked at: names and values in one reused buffer, sorted by name, each name once.

use stdx::varint::take_bytes;

/// Names and values of one entry, sorted by name. `detected_level` is not among them: the entry has it as its level.
#[derive(Clone, Copy, Debug, Default)]
pub struct Metadata<'a> {
    text: &'a str,
    spans: &'a [Span],
}

/// Where a name and its value lie: the value follows the name.
#[derive(Clone, Copy, Debug)]
struct Span {
    start: u32,
    name_end: u32,
    end: u32,
}

impl<'a> Metadata<'a> {
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&'a str, &'a str)> + use<'a> {
        let text = self.text;
        self.spans.iter().map(move |span| {
            (
                &text[span.start as usize..span.name_end as usize],
                &text[span.name_end as usize..span.end as usize],
            )
        })
    }

    /// The value of `name`, if the entry has it.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.iter().find(|(have, _)| *have == name).map(|(_, value)| value)
    }

    pub fn len(&self) -> usize {
        self.spans.len()
    }

    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }
}

/// Collects the metadata of one entry after the other without allocating for each.
#[derive(Debug, Default)]
pub(crate) struct MetadataBuffer {
    text: Vec<u8>,
    spans: Vec<Span>,
    is_unsorted: bool,
}

impl MetadataBuffer {
    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.spans.clear();
        self.is_unsorted = false;
    }

    /// Adds a name that sorts behind all that are there.
    fn push_sorted(&mut self, name: &str, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.text.len() as u32;
        self.text.extend_from_slice(name.as_bytes());
        let name_end = self.text.len() as u32;
        write(&mut self.text);
        self.spans.push(Span { start, name_end, end: self.text.len() as u32 });
    }

    /// Adds a name that sorts behind all that were added so, whatever [`push`](Self::push) has added before.
    pub(crate) fn push_next(&mut self, name: &str, write: impl FnOnce(&mut Vec<u8>)) {
        if self.is_unsorted { self.push(name, write) } else { self.push_sorted(name, write) }
    }

    /// Adds a name whose value `write` appends. The first of several equal names stays.
    pub(crate) fn push(&mut self, name: &str, write: impl FnOnce(&mut Vec<u8>)) {
        if self
            .spans
            .iter()
            .any(|span| &self.text[span.start as usize..span.name_end as usize] == name.as_bytes())
        {
            return;
        }
        self.is_unsorted = true;
        self.push_sorted(name, write);
    }

    /// Sorts what was pushed and lends it out.
    pub(crate) fn finish(&mut self) -> Metadata<'_> {
        if self.is_unsorted {
            let text = &self.text;
            self.spans.sort_unstable_by(|a, b| {
                text[a.start as usize..a.name_end as usize].cmp(&text[b.start as usize..b.name_end as usize])
            });
        }
        if std::str::from_utf8(&self.text).is_err() {
            self.repair();
        }
        Metadata { text: std::str::from_utf8(&self.text).unwrap_or_default(), spans: &self.spans }
    }

    /// Replaces what is no UTF-8.
    #[cold]
    fn repair(&mut self) {
        let mut repaired = String::with_capacity(self.text.len());
        for span in &mut self.spans {
            let part =
                |start: u32, end: u32| String::from_utf8_lossy(&self.text[start as usize..end as usize]);
            let (name, value) = (part(span.start, span.name_end), part(span.name_end, span.end));
            span.start = repaired.len() as u32;
            repaired.push_str(&name);
            span.name_end = repaired.len() as u32;
            repaired.push_str(&value);
            span.end = repaired.len() as u32;
        }
        self.text = repaired.into_bytes();
    }
}

/// Shows the pairs of a value of the overflow column: names and values, each behind its length.
pub(crate) fn overflow_pairs(mut packed: &[u8], mut each: impl FnMut(&str, &[u8])) {
    while let (Some(name), Some(value)) = (take_bytes(&mut packed), take_bytes(&mut packed)) {
        if let Ok(name) = std::str::from_utf8(name) {
            each(name, value);
        }
    }
}
