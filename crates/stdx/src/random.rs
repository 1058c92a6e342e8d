//! A small seeded generator (xorshift64*) for load, demo data and tests: the same seed gives the same run. Never for secrets.

#[derive(Clone)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next 64 bits.
    pub fn draw(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        (self.draw() >> 11) % bound
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u64) as usize]
    }

    /// Between 0 and 1.
    pub fn unit(&mut self) -> f64 {
        (self.draw() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn fill(&mut self, into: &mut [u8]) {
        for chunk in into.chunks_mut(8) {
            let bytes = self.draw().to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
    }

    /// Whether something that happens with this probability happens now.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Around 1 with the long tail of latencies: log-normal with this spread.
    pub fn spread(&mut self, sigma: f64) -> f64 {
        // Twelve uniform draws make a good enough bell.
        let bell: f64 = (0..12).map(|_| self.unit()).sum::<f64>() - 6.0;
        (bell * sigma).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn the_same_seed_gives_the_same_run_and_draws_stay_in_bounds() {
        let (mut a, mut b) = (Random::new(7), Random::new(7));
        for _ in 0..1000 {
            assert_eq!(a.draw(), b.draw());
            assert!(a.below(3) < 3 && b.below(3) < 3);
            let unit = a.unit();
            assert!((0.0..1.0).contains(&unit));
            b.unit();
        }
        let mean = (0..10_000).map(|_| a.spread(0.3)).sum::<f64>() / 10_000.0;
        assert!((0.95..1.15).contains(&mean), "{mean}");
    }
}
