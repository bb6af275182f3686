//! A sum some of whose parts may be unknown.

/// A sum over turns or tasks, some of which may not know their part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sum {
    Exactly(u64),
    /// At least one part is unknown.
    AtLeast(u64),
    /// No part is known.
    Unknown,
}

impl Sum {
    /// Adds up what is known. Nothing to add is exactly 0.
    pub(crate) fn of(parts: impl IntoIterator<Item = Option<u64>>) -> Sum {
        let (mut sum, mut known, mut unknown) = (0u64, false, false);
        for part in parts {
            known |= part.is_some();
            unknown |= part.is_none();
            sum = sum.saturating_add(part.unwrap_or(0));
        }
        match (known, unknown) {
            (_, false) => Sum::Exactly(sum),
            (true, true) => Sum::AtLeast(sum),
            (false, true) => Sum::Unknown,
        }
    }

    /// Adds up sums. Nothing to add is exactly 0.
    pub(super) fn all(parts: impl IntoIterator<Item = Sum>) -> Sum {
        parts.into_iter().reduce(Sum::plus).unwrap_or(Sum::Exactly(0))
    }

    pub(super) fn plus(self, other: Sum) -> Sum {
        let known = |sum: Sum| match sum {
            Sum::Exactly(part) | Sum::AtLeast(part) => part,
            Sum::Unknown => 0,
        };
        let sum = known(self).saturating_add(known(other));
        match (self, other) {
            (Sum::Exactly(_), Sum::Exactly(_)) => Sum::Exactly(sum),
            (Sum::Unknown, Sum::Unknown) => Sum::Unknown,
            _ => Sum::AtLeast(sum),
        }
    }

    /// The amount where all of it is known.
    pub(crate) fn exactly(self) -> Option<u64> {
        match self {
            Sum::Exactly(sum) => Some(sum),
            Sum::AtLeast(_) | Sum::Unknown => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_with_an_unknown_part_is_at_least() {
        assert_eq!(Sum::of([]), Sum::Exactly(0));
        assert_eq!(Sum::of([Some(1), Some(2)]), Sum::Exactly(3));
        assert_eq!(Sum::of([Some(1), None]), Sum::AtLeast(1));
        assert_eq!(Sum::of([Some(0), None]), Sum::AtLeast(0));
        assert_eq!(Sum::of([None]), Sum::Unknown);
        assert_eq!(Sum::all([]), Sum::Exactly(0));
        assert_eq!(Sum::all([Sum::Unknown, Sum::Unknown]), Sum::Unknown);
        assert_eq!(Sum::all([Sum::Exactly(2), Sum::Unknown]), Sum::AtLeast(2));
    }
}
