//! Dependencies between tasks: cycles are refused when they are made.

use std::collections::{BTreeMap, BTreeSet};

use crate::task::id::TaskId;

/// A dependency cycle that `from -> after` would close: its members in order, the first one again at the end.
pub(crate) fn cycle(
    from: &TaskId,
    after: &[TaskId],
    known: &BTreeMap<TaskId, Vec<TaskId>>,
) -> Option<Vec<TaskId>> {
    after.iter().find_map(|first| {
        let mut path = vec![from.clone()];
        leads_to(first, from, known, &mut path, &mut BTreeSet::new()).then_some(path)
    })
}

fn leads_to(
    at: &TaskId,
    goal: &TaskId,
    known: &BTreeMap<TaskId, Vec<TaskId>>,
    path: &mut Vec<TaskId>,
    seen: &mut BTreeSet<TaskId>,
) -> bool {
    path.push(at.clone());
    if at == goal {
        return true;
    }
    if seen.insert(at.clone()) {
        for next in known.get(at).into_iter().flatten() {
            if leads_to(next, goal, known, path, seen) {
                return true;
            }
        }
    }
    path.pop();
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> TaskId {
        TaskId::parse(text).unwrap()
    }

    #[test]
    fn a_cycle_is_named_in_order() {
        let known = BTreeMap::from([(id("b"), vec![id("c")]), (id("c"), vec![id("a")])]);
        let path = cycle(&id("a"), &[id("b")], &known).unwrap();
        assert_eq!(path, [id("a"), id("b"), id("c"), id("a")]);
        assert_eq!(cycle(&id("x"), &[id("b")], &known), None);
        assert_eq!(cycle(&id("a"), &[id("a")], &known).unwrap(), [id("a"), id("a")]);
    }
}
