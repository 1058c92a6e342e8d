//! Every fuzz target over the seeds and some of their mutations, a few seconds' worth; `cargo xtask fuzz` does it for as long as one likes.

use wire::fuzz::{Mutator, TARGETS, valid_bodies};

#[test]
fn no_target_panics_on_seeds_and_their_mutations() {
    let mut mutator = Mutator::new(1);
    let seeds = valid_bodies();
    for seed in &seeds {
        for (_, target) in TARGETS {
            target(seed);
        }
        for _ in 0..100 {
            let other = &seeds[mutator.below(seeds.len())];
            let bytes = mutator.mutate(seed, other);
            for (_, target) in TARGETS {
                target(&bytes);
            }
        }
    }
}
