//! Words that do not belong on main: debts without an owner, tests that are switched off, waiting by the clock.

use super::Source;

/// (what, why, where it is fine). Spelt in two halves so that this table does not find itself.
const BANNED: &[(&str, &str, &[&str])] = &[
    (concat!("TO", "DO"), "finish it, or write an issue", &[]),
    (concat!("FIX", "ME"), "fix it, or write an issue", &[]),
    (concat!("todo", "!("), "finish it", &[]),
    (concat!("unimplemented", "!("), "finish it, or refuse with a clear error", &[]),
    (concat!("#[ig", "nore"), "a test that is switched off proves nothing", &[]),
    (concat!(".only", "("), "the other tests would not run", &["rs"]),
    (concat!("thread::sl", "eep("), "wait for an event, not for the clock", &[]),
    (concat!("innerHT", "ML"), "nothing from telemetry is ever interpreted as HTML", &["rs"]),
    (concat!("dangerously", "Set"), "nothing from telemetry is ever interpreted as HTML", &["rs"]),
];

/// Files that may pace themselves: real clocks behind the seam, load generators that keep a rate.
const MAY_SLEEP: &[&str] = &["crates/ports/src/clock", "crates/bench/", "crates/demo/"];

pub fn check(sources: &[Source]) -> Vec<String> {
    let mut wrong = Vec::new();
    for source in sources {
        for (number, line) in source.text.lines().enumerate() {
            for (word, why, fine_in) in BANNED {
                let fine = fine_in.iter().any(|ending| source.path.ends_with(ending))
                    || (word.contains("sleep")
                        && MAY_SLEEP.iter().any(|start| source.path.starts_with(start)));
                if !fine && line.contains(word) && !inside_word(line, word) {
                    wrong.push(format!("{}:{}: `{word}`: {why}", source.path, number + 1));
                }
            }
        }
    }
    wrong
}

/// A banned word inside a longer one is another word.
fn inside_word(line: &str, word: &str) -> bool {
    let letter = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(word).all(|(place, _)| {
        let starts_inside =
            word.starts_with(|c: char| c.is_alphabetic()) && letter(line[..place].chars().next_back());
        let ends_inside =
            word.ends_with(|c: char| c.is_alphabetic()) && letter(line[place + word.len()..].chars().next());
        starts_inside || ends_inside
    })
}
