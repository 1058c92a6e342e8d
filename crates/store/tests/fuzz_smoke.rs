//! Every fuzz target over the golden files and some of their mutations, a second's worth; `cargo xtask fuzz` does it for as long as one likes.

use store::fuzz::{TARGETS, seeds};
use wire::fuzz::Mutator;

#[test]
fn no_target_panics_on_seeds_and_their_mutations() {
    let mut mutator = Mutator::new(1);
    let seeds = seeds();
    for seed in &seeds {
        for _ in 0..2000 {
            let other = &seeds[mutator.below(seeds.len())];
            let bytes = mutator.mutate(seed, other);
            for (_, target) in TARGETS {
                target(&bytes);
            }
        }
    }
}
