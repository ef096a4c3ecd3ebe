//! Random numbers from a seed: SplitMix64.

/// A generator: the same seed gives the same numbers.
pub struct Random(u64);

impl Random {
    /// Returns a generator with a seed.
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// Returns the next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns one of the numbers below `end`, all equally likely.
    pub fn below(&mut self, end: usize) -> usize {
        (self.number() % end as u64) as usize
    }

    /// Returns true or false, both equally likely.
    pub fn coin(&mut self) -> bool {
        self.below(2) == 0
    }
}
