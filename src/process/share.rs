//! Work that is shared out over the cores of the machine.

use std::num::NonZero;

/// Does the same with all of the work, a share of it on each core; no share but the last is smaller than `least`. What the
/// shares gave comes in the order of the work.
pub(crate) fn share_out<W: Sync, R: Send>(
    work: &[W],
    least: usize,
    each: impl Fn(&[W]) -> R + Clone + Send,
) -> Vec<R> {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let mut shares = work.chunks(work.len().div_ceil(cores).max(least).max(1));
    let Some(first) = shares.next() else { return Vec::new() };
    std::thread::scope(|scope| {
        let own = |share| (each.clone(), share);
        let others: Vec<_> = shares.map(own).map(|(each, share)| scope.spawn(move || each(share))).collect();
        let first = each(first);
        let others = others.into_iter().map(|thread| thread.join().expect("no share panics"));
        std::iter::once(first).chain(others).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_in_order_and_none_is_too_small() {
        assert!(share_out(&[] as &[u8], 3, <[u8]>::len).is_empty());
        let work: Vec<usize> = (0..100).collect();
        let shares = share_out(&work, 30, <[usize]>::to_vec);
        assert_eq!(shares.concat(), work);
        assert!(shares[..shares.len() - 1].iter().all(|share| share.len() >= 30));
    }
}
