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

/// A dependency cycle anywhere: its members in order, the first one again at the end. Takes long chains as they come.
pub(crate) fn any_cycle(known: &BTreeMap<TaskId, Vec<TaskId>>) -> Option<Vec<TaskId>> {
    // Whatever waits for nothing more is taken away, until nothing goes: the rest is in cycles, or waits for them.
    let mut waits: BTreeMap<&TaskId, usize> = BTreeMap::new();
    let mut waiting: BTreeMap<&TaskId, Vec<&TaskId>> = BTreeMap::new();
    for (id, after) in known {
        let open = after.iter().filter(|other| known.contains_key(other));
        waits.insert(id, open.clone().count());
        for other in open {
            waiting.entry(other).or_default().push(id);
        }
    }
    let mut free: Vec<&TaskId> = waits.iter().filter(|(_, count)| **count == 0).map(|(id, _)| *id).collect();
    while let Some(id) = free.pop() {
        waits.remove(id);
        for next in waiting.get(id).into_iter().flatten() {
            if let Some(count) = waits.get_mut(next) {
                *count -= 1;
                if *count == 0 {
                    free.push(next);
                }
            }
        }
    }
    let mut path: Vec<TaskId> = vec![(*waits.keys().next()?).clone()];
    loop {
        let last = path.last()?;
        let next = known.get(last)?.iter().find(|other| waits.contains_key(other))?.clone();
        if let Some(first) = path.iter().position(|id| *id == next) {
            path.drain(..first);
            path.push(next);
            return Some(path);
        }
        path.push(next);
    }
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

    #[test]
    fn a_cycle_anywhere_is_found_however_long_the_chains_are() {
        let link = |at: usize| (id(&format!("t-{at}")), vec![id(&format!("t-{}", at + 1))]);
        let mut known: BTreeMap<TaskId, Vec<TaskId>> = (0..100_000).map(link).collect();
        assert_eq!(any_cycle(&known), None);
        known.extend([(id("a"), vec![id("b")]), (id("b"), vec![id("x"), id("c")]), (id("c"), vec![id("b")])]);
        assert_eq!(any_cycle(&known).unwrap(), [id("b"), id("c"), id("b")]);
    }
}
