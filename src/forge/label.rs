//! The four labels that are ours.

use super::report::Report;

/// A label with its color and what it says of itself.
pub(crate) struct Label {
    pub(crate) name: &'static str,
    /// Six hexadecimal digits, as the host wants it.
    pub(crate) color: &'static str,
    pub(crate) description: &'static str,
}

const READY: &str = "orch:ready";
const NEEDS_HUMAN: &str = "orch:needs-human";
const TOO_BIG: &str = "orch:too-big";
/// Set by people: run the reviewers although the author has no write access.
const OK: &str = "orch:ok";

/// Every label of ours.
pub(crate) const LABELS: &[Label] = &[
    Label { name: READY, color: "0e8a16", description: "The gates have nothing against it" },
    Label { name: NEEDS_HUMAN, color: "d93f0b", description: "Waits for a person" },
    Label { name: TOO_BIG, color: "fbca04", description: "Over the size cap: split it" },
    Label { name: OK, color: "1d76db", description: "A maintainer lets the reviewers look at this commit" },
];

/// Which labels come and go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Labels {
    pub(crate) add: Vec<&'static str>,
    pub(crate) remove: Vec<&'static str>,
}

/// The labels that a report changes; those of others stay. `orch:ok` is people's own.
pub(crate) fn changes(report: &Report, needs_human: bool, have: &[String]) -> Labels {
    let too_big = report.gates.iter().any(|gate| gate.gate == "size" && gate.says == super::Says::No);
    let wanted = [(READY, !report.blocked() && !needs_human), (NEEDS_HUMAN, needs_human), (TOO_BIG, too_big)];
    let mut labels = Labels::default();
    for (name, wanted) in wanted {
        match (wanted, have.iter().any(|label| label == name)) {
            (true, false) => labels.add.push(name),
            (false, true) => labels.remove.push(name),
            _ => {}
        }
    }
    labels
}

/// Whether a maintainer lets the reviewers look at a change of somebody without write access.
pub(crate) fn is_let_in(have: &[String]) -> bool {
    have.iter().any(|label| label == OK)
}

#[cfg(test)]
mod tests {
    use super::super::report::{GateLine, Says};
    use super::*;

    #[test]
    fn only_our_own_labels_come_and_go() {
        let mut report = super::super::sticky::tests::report();
        let have = ["bug".to_owned(), "orch:ready".to_owned(), "orch:ok".to_owned()];
        let blocked = changes(&report, true, &have);
        assert_eq!(blocked, Labels { add: vec!["orch:needs-human"], remove: vec!["orch:ready"] });
        report.gates = vec![GateLine { gate: "size", says: Says::No, text: String::new() }];
        assert_eq!(changes(&report, false, &[]).add, ["orch:too-big"]);
        report.gates.clear();
        assert_eq!(changes(&report, false, &have), Labels::default(), "nothing changes, nothing is sent");
        assert!(is_let_in(&have) && !is_let_in(&[]));
    }
}
