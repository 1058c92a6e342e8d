//! Recognises expressions that need no automaton: literals, sets of literals, prefixes, suffixes, substrings.
//!
//! Most matchers of the field are of this kind. [`Shape`] is also what indexes push down: a literal or a set is a lookup,
//! a prefix is a range of sorted values. `General` carries the prefix that every match must have, which may be empty.

use regex_syntax::hir::literal::{ExtractKind, Extractor};
use regex_syntax::hir::{Class, Hir, HirKind};
use rustc_hash::FxHashSet;

/// Alternations up to this many literals are kept as a set.
const MAX_LITERALS: usize = 4096;
/// Sets up to this many are searched one by one.
const SCANNED_LITERALS: usize = 8;

/// What an expression accepts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape<'a> {
    /// `.*`
    Any,
    /// `.+`
    NonEmpty,
    Literal(&'a str),
    /// One of these; sorted, each once.
    Literals(&'a [Box<str>]),
    /// The literal in any mix of cases (Unicode simple folding of ASCII letters only).
    IgnoreCase(&'a str),
    /// Starts with `text`; `more` says that at least one letter must follow.
    Prefix {
        text: &'a str,
        more: bool,
    },
    /// Ends with `text`; `more` says that at least one letter must stand before it.
    Suffix {
        text: &'a str,
        more: bool,
    },
    /// Contains the text anywhere.
    Contains(&'a str),
    /// Run the automaton; every match starts with `prefix`, which may be empty.
    General {
        prefix: &'a str,
    },
}

pub(super) enum OwnedShape {
    Any,
    NonEmpty,
    Literal(Box<str>),
    Literals { sorted: Box<[Box<str>]>, hashed: Option<FxHashSet<Box<str>>> },
    IgnoreCase(Box<str>),
    Prefix(Box<str>, bool),
    Suffix(Box<str>, bool),
    Contains(Box<str>),
    General(Box<str>),
}

impl OwnedShape {
    /// The shape of the most common patterns, without parsing them: plain text, `.*`, `.+`, `text.*`, `text.+`, `a|b|c`.
    pub(super) fn of_plain(pattern: &str) -> Option<Self> {
        let is_plain = |text: &str| !text.bytes().any(|byte| b"\\.+*?()|[]{}^$".contains(&byte));
        Some(match pattern {
            ".*" => Self::Any,
            ".+" => Self::NonEmpty,
            text if is_plain(text) => Self::Literal(text.into()),
            text => match text.strip_suffix(".*").or_else(|| text.strip_suffix(".+")) {
                Some(start) if is_plain(start) => Self::Prefix(start.into(), text.ends_with('+')),
                _ if text.split('|').all(is_plain) && text.len() < MAX_LITERALS => {
                    Self::literals(text.split('|').map(Into::into).collect())
                }
                _ => return None,
            },
        })
    }

    pub(super) fn of(hir: &Hir) -> Self {
        if hir.properties().look_set().is_empty() {
            let mut parts = Vec::new();
            flatten(hir, &mut parts);
            if let Some(shape) = from_parts(&parts).or_else(|| ignore_case(&parts)).or_else(|| exact_set(hir))
            {
                return shape;
            }
        }
        Self::General(common_prefix(hir))
    }

    fn literals(mut all: Vec<Box<str>>) -> Self {
        all.sort_unstable();
        all.dedup();
        if all.len() == 1 {
            return Self::Literal(all.remove(0));
        }
        let hashed = (all.len() > SCANNED_LITERALS).then(|| all.iter().cloned().collect());
        Self::Literals { sorted: all.into_boxed_slice(), hashed }
    }

    pub(super) fn view(&self) -> Shape<'_> {
        match self {
            Self::Any => Shape::Any,
            Self::NonEmpty => Shape::NonEmpty,
            Self::Literal(text) => Shape::Literal(text),
            Self::Literals { sorted, .. } => Shape::Literals(sorted),
            Self::IgnoreCase(text) => Shape::IgnoreCase(text),
            Self::Prefix(text, more) => Shape::Prefix { text, more: *more },
            Self::Suffix(text, more) => Shape::Suffix { text, more: *more },
            Self::Contains(text) => Shape::Contains(text),
            Self::General(prefix) => Shape::General { prefix },
        }
    }

    /// Whether [`Self::decide`] always knows.
    pub(super) fn is_exact(&self) -> bool {
        !matches!(self, Self::General(_))
    }

    /// Whether `text` matches, unless only the automaton can tell.
    pub(super) fn decide(&self, text: &str) -> Option<bool> {
        Some(match self {
            Self::Any => true,
            Self::NonEmpty => !text.is_empty(),
            Self::Literal(want) => **want == *text,
            Self::Literals { hashed: Some(set), .. } => set.contains(text),
            Self::Literals { sorted, .. } => sorted.iter().any(|want| **want == *text),
            Self::IgnoreCase(want) => want.eq_ignore_ascii_case(text),
            Self::Prefix(want, more) => text.starts_with(&**want) && (!more || text.len() > want.len()),
            Self::Suffix(want, more) => text.ends_with(&**want) && (!more || text.len() > want.len()),
            Self::Contains(want) => memchr::memmem::find(text.as_bytes(), want.as_bytes()).is_some(),
            Self::General(prefix) if text.starts_with(&**prefix) => return None,
            Self::General(_) => false,
        })
    }
}

/// One link of a chain.
enum Part<'a> {
    Text(&'a str),
    /// `.*`
    Any,
    /// `.+`
    NonEmpty,
    /// An ASCII letter in either case, given in lower case.
    EitherCase(u8),
    Other,
}

/// The chain of `hir`, groups opened. Recursion is bounded by the parser's nest limit.
fn flatten<'a>(hir: &'a Hir, parts: &mut Vec<Part<'a>>) {
    match hir.kind() {
        HirKind::Empty => {}
        HirKind::Literal(literal) => {
            parts.push(std::str::from_utf8(&literal.0).map_or(Part::Other, Part::Text));
        }
        HirKind::Capture(capture) => flatten(&capture.sub, parts),
        HirKind::Concat(all) => all.iter().for_each(|one| flatten(one, parts)),
        HirKind::Repetition(repeat) if repeat.max.is_none() && is_any_letter(&repeat.sub) => {
            parts.push(match repeat.min {
                0 => Part::Any,
                1 => Part::NonEmpty,
                _ => Part::Other,
            });
        }
        HirKind::Class(class) => parts.push(either_case(class).map_or(Part::Other, Part::EitherCase)),
        _ => parts.push(Part::Other),
    }
}

fn is_any_letter(hir: &Hir) -> bool {
    let HirKind::Class(Class::Unicode(class)) = hir.kind() else { return false };
    matches!(class.ranges(), [range] if range.start() == '\0' && range.end() == char::MAX)
}

fn either_case(class: &Class) -> Option<u8> {
    let letters: Vec<char> = match class {
        Class::Unicode(class) if class.ranges().len() == 2 => class
            .ranges()
            .iter()
            .filter(|range| range.start() == range.end())
            .map(|range| range.start())
            .collect(),
        _ => return None,
    };
    match letters[..] {
        [upper @ 'A'..='Z', lower] if upper.to_ascii_lowercase() == lower => Some(lower as u8),
        _ => None,
    }
}

fn from_parts(parts: &[Part<'_>]) -> Option<OwnedShape> {
    let text = |from: &[Part<'_>]| -> Option<Box<str>> {
        let pieces: Option<Vec<&str>> =
            from.iter().map(|part| if let Part::Text(text) = part { Some(*text) } else { None }).collect();
        pieces.map(|pieces| pieces.concat().into())
    };
    Some(match parts {
        [Part::Any] => OwnedShape::Any,
        [Part::NonEmpty] => OwnedShape::NonEmpty,
        [Part::Any, middle @ .., Part::Any] if !middle.is_empty() => OwnedShape::Contains(text(middle)?),
        [start @ .., Part::Any] => OwnedShape::Prefix(text(start)?, false),
        [start @ .., Part::NonEmpty] => OwnedShape::Prefix(text(start)?, true),
        [Part::Any, end @ ..] => OwnedShape::Suffix(text(end)?, false),
        [Part::NonEmpty, end @ ..] => OwnedShape::Suffix(text(end)?, true),
        all => OwnedShape::Literal(text(all)?),
    })
}

/// `(?i)text`. Letters such as `k`, whose class has a third, non-ASCII member, make it general.
fn ignore_case(parts: &[Part<'_>]) -> Option<OwnedShape> {
    let mut text = String::new();
    for part in parts {
        match part {
            Part::EitherCase(letter) => text.push(*letter as char),
            Part::Text(piece) if !piece.bytes().any(|byte| byte.is_ascii_alphabetic()) => {
                text.push_str(piece)
            }
            _ => return None,
        }
    }
    Some(OwnedShape::IgnoreCase(text.into()))
}

fn exact_set(hir: &Hir) -> Option<OwnedShape> {
    let mut extractor = Extractor::new();
    extractor.kind(ExtractKind::Prefix).limit_total(MAX_LITERALS).limit_literal_len(4096);
    let found = extractor.extract(hir);
    if !found.is_exact() {
        return None;
    }
    let all: Option<Vec<Box<str>>> = found
        .literals()?
        .iter()
        .map(|one| std::str::from_utf8(one.as_bytes()).ok().map(Into::into))
        .collect();
    all.filter(|all| !all.is_empty()).map(OwnedShape::literals)
}

fn common_prefix(hir: &Hir) -> Box<str> {
    let found = Extractor::new().extract(hir);
    let prefix = found.longest_common_prefix().unwrap_or(b"");
    let whole = match std::str::from_utf8(prefix) {
        Ok(text) => text,
        Err(cut) => std::str::from_utf8(&prefix[..cut.valid_up_to()]).unwrap_or(""),
    };
    whole.into()
}
