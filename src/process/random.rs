//! Random names: runs, nonces, temporary branches. Not for secrets.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hash, Hasher},
    time::Instant,
};

/// Crockford's alphabet in lower case: no `i l o u`, so that nobody misreads a name.
const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Returns `count` random Crockford letters and digits.
pub(crate) fn random_letters(count: usize) -> String {
    let mut random = fastrand::Rng::with_seed(seed());
    (0..count).map(|_| char::from(LETTERS[random.usize(..LETTERS.len())])).collect()
}

/// A random number from 0 up to, and without, 1: to spread pauses.
pub(crate) fn random_share() -> f64 {
    fastrand::Rng::with_seed(seed()).f64()
}

/// A seed that no other process shares.
///
/// fastrand alone seeds itself from the clock and the thread's number, which two processes started together may have
/// in common; the hash map's keys come from the operating system.
fn seed() -> u64 {
    let mut hasher = RandomState::new().build_hasher();
    std::process::id().hash(&mut hasher);
    Instant::now().hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn letters_are_crockford_and_differ() {
        let names: HashSet<String> = (0..1000).map(|_| random_letters(16)).collect();
        assert_eq!(names.len(), 1000);
        assert!(names.iter().all(|name| name.len() == 16 && !name.contains(['i', 'l', 'o', 'u'])));
        assert_eq!(random_letters(5).len(), 5);
    }
}
