//! Chance that can be had again: `ROWTIDE_SEED` makes a run repeat the choices of another.

use std::sync::OnceLock;

/// The seed of this run: `ROWTIDE_SEED`, else the one that `make test` always has. Printed, so that a failed test shows it.
///
/// # Panics
/// When the variable is no number.
pub fn seed() -> u64 {
    static SEED: OnceLock<u64> = OnceLock::new();
    *SEED.get_or_init(|| {
        let seed = std::env::var("ROWTIDE_SEED").map_or(1, |text| text.parse().expect("ROWTIDE_SEED is a whole number"));
        println!("ROWTIDE_SEED={seed}");
        seed
    })
}

/// Rounds of a test that `make torture` repeats (`ROWTIDE_TORTURE`); none in `make test`.
///
/// # Panics
/// When the variable is no number.
pub fn torture() -> Option<u64> {
    std::env::var("ROWTIDE_TORTURE").ok().map(|text| text.parse().expect("ROWTIDE_TORTURE is a whole number"))
}

/// Numbers that follow from a seed (splitmix64).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// From the run's seed and a name, so that tests differ from each other.
    pub fn of(name: &str) -> Self {
        Self::new(name.bytes().fold(seed(), |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte))))
    }

    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub fn any(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.any() % bound
    }
}
