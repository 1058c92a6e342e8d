//! Throws mutated input at every decoder, language and signal engine for as long as asked: `cargo xtask fuzz --seconds 60`.
//!
//! Seeds are valid bodies of every format and, if a folder is given, the files in it. Each round takes a seed, changes it at random places
//! and calls every target, or the one that was named. A panic is a finding: the input is written to the folder of findings
//! and its path printed, so that it can be given back as a seed. The same `--seed` repeats the same run.
//!
//! Coverage-guided fuzzing needs a nightly compiler; the targets are plain functions, so that such a fuzzer can drive them too.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a tool beside the house: it reads the clock, reads seeds and writes findings"
)]

mod engines;
mod texts;

use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Parser;

use wire::fuzz::Mutator;

type Target = (&'static str, fn(&[u8]));

#[derive(Parser)]
#[command(about = "Throws mutated input at every decoder", name = "cargo xtask fuzz")]
struct Arguments {
    /// How long to run
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Only this target (`--list` names them)
    #[arg(long)]
    target: Option<String>,
    /// Names the targets and ends
    #[arg(long)]
    list: bool,
    /// Where the random numbers start; the same number repeats the same run
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A folder of further seeds, such as findings of earlier runs
    #[arg(long)]
    corpus: Option<PathBuf>,
    /// Where inputs that made a target panic are written
    #[arg(long, default_value = "target/fuzz")]
    findings: PathBuf,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if arguments.list {
        all_targets().iter().for_each(|(name, _)| println!("{name}"));
        return Ok(());
    }
    let targets = targets(arguments.target.as_deref())?;
    let mut seeds = wire::fuzz::valid_bodies();
    seeds.extend(store::fuzz::seeds());
    seeds.extend(texts::seeds());
    if let Some(folder) = &arguments.corpus {
        seeds.extend(files(folder)?);
    }
    let deadline = Instant::now() + Duration::from_secs(arguments.seconds);
    let mut mutator = Mutator::new(arguments.seed);
    let mut inputs = 0u64;
    let mut slowest = Duration::ZERO;
    for seed in &seeds {
        run(&targets, seed, &arguments.findings)?;
    }
    while Instant::now() < deadline {
        let seed = &seeds[mutator.below(seeds.len())];
        let other = &seeds[mutator.below(seeds.len())];
        let input = mutator.mutate(seed, other);
        let start = Instant::now();
        run(&targets, &input, &arguments.findings)?;
        slowest = slowest.max(start.elapsed());
        inputs += 1;
    }
    println!(
        "{inputs} inputs of {} seeds at {} targets, no finding; the slowest input took {:.1} ms",
        seeds.len(),
        targets.len(),
        slowest.as_secs_f64() * 1e3
    );
    Ok(())
}

/// The decoders of bodies and files, then what stands on them.
fn all_targets() -> Vec<Target> {
    [wire::fuzz::TARGETS, store::fuzz::TARGETS, engines::TARGETS, texts::TARGETS].concat()
}

fn targets(only: Option<&str>) -> Result<Vec<Target>> {
    let all = all_targets();
    match only {
        None => Ok(all),
        Some(name) => match all.iter().find(|(have, _)| *have == name) {
            Some(target) => Ok(vec![*target]),
            None => bail!("no target {name:?}: `--list` names them"),
        },
    }
}

fn files(folder: &Path) -> Result<Vec<Vec<u8>>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.is_file() {
            files.push(std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?);
        }
    }
    Ok(files)
}

/// Calls the targets; a panic (its text is on standard error by then) keeps the input and ends the run.
fn run(targets: &[Target], input: &[u8], findings: &Path) -> Result<()> {
    for (name, target) in targets {
        if catch_unwind(|| target(input)).is_err() {
            std::fs::create_dir_all(findings)?;
            let sum = input.iter().fold(0xcbf2_9ce4_8422_2325u64, |sum, byte| {
                (sum ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
            });
            let path = findings.join(format!("{name}-{sum:016x}"));
            std::fs::write(&path, input)?;
            bail!("target {name} panicked; the input is {}", path.display());
        }
    }
    Ok(())
}
