//! Structured metadata of one entry while it is looked at: names and values in one reused buffer, sorted by name, each name once.

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
