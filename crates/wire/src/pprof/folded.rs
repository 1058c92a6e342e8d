//! The folded (collapsed) text form: `main;handle;parse 42`, root first, one line a stack.

use std::collections::HashMap;

use rustc_hash::FxBuildHasher;

use super::merge::Merger;
use super::profile::{Function, Line, Location, Profile, Sample, ValueType};

/// Which line of a folded text is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the folded stacks: {what}")]
pub struct BadFolded {
    pub line: usize,
    pub what: &'static str,
}

/// The stacks of sample type `kind` (a place in `sample_types`); equal ones added up, sorted by name, empty ones left out.
pub fn write_folded(profile: &Profile, kind: usize) -> String {
    let mut stacks: HashMap<String, i64, FxBuildHasher> = HashMap::default();
    for sample in &profile.samples {
        let mut stack = String::new();
        for frame in profile.frames(sample).rev() {
            if !stack.is_empty() {
                stack.push(';');
            }
            // What separates frames and lines cannot stand in a name.
            stack.extend(frame.chars().map(|letter| match letter {
                ';' => ':',
                '\n' | '\r' => ' ',
                letter => letter,
            }));
        }
        let value = sample.values.get(kind).copied().unwrap_or_default();
        if value != 0 && !stack.is_empty() {
            let sum = stacks.entry(stack).or_default();
            *sum = sum.saturating_add(value);
        }
    }
    let mut lines: Vec<_> = stacks.into_iter().map(|(stack, value)| format!("{stack} {value}\n")).collect();
    lines.sort_unstable();
    lines.concat()
}

/// A profile of one sample type (`kind`, `unit`) from folded text. Empty lines are skipped; equal stacks add up.
pub fn parse_folded(text: &str, kind: &str, unit: &str) -> Result<Profile, BadFolded> {
    let mut profile = Profile {
        strings: vec![String::new(), kind.to_owned(), unit.to_owned()],
        sample_types: vec![ValueType { kind: 1, unit: 2 }],
        ..Profile::default()
    };
    let mut places: HashMap<&str, u32, FxBuildHasher> = HashMap::default();
    for (number, line) in text.lines().enumerate() {
        let bad = |what| BadFolded { line: number + 1, what };
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        let (stack, count) =
            line.rsplit_once([' ', '\t']).ok_or_else(|| bad("expected a stack and a count"))?;
        let count = count.parse::<i64>().map_err(|_| bad("the count is not a whole number"))?;
        let locations = stack
            .trim()
            .split(';')
            .rev()
            .map(|frame| *places.entry(frame).or_insert_with(|| push_frame(&mut profile, frame)));
        let locations = locations.collect();
        profile.samples.push(Sample { locations, values: vec![count], labels: Vec::new() });
    }
    // Stacks may repeat; merging adds them up.
    let mut merger = Merger::default();
    merger.add(&profile);
    Ok(merger.finish())
}

fn push_frame(profile: &mut Profile, frame: &str) -> u32 {
    let name = profile.strings.len() as u32;
    profile.strings.push(frame.to_owned());
    profile.functions.push(Function { name, system_name: name, ..Function::default() });
    let function = Some(profile.functions.len() as u32 - 1);
    profile
        .locations
        .push(Location { lines: vec![Line { function, line: 0, column: 0 }], ..Location::default() });
    profile.locations.len() as u32 - 1
}
