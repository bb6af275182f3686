//! Which agent takes a turn: the tier that the task has come to, its domain, and who is free (A13, E8).

use super::breaker::Gate;
use crate::task::id::Seconds;
use std::fmt;

/// What a model costs, roughly: small tasks start low, and two failures raise a task by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Tier {
    Cheap,
    Mid,
    Expensive,
}

/// Failures that raise a task by one tier.
const FAILURES_RAISE: u32 = 2;

impl Tier {
    /// The words of the setting, the cheapest first.
    pub(crate) const WORDS: &'static [&'static str] = &["cheap", "mid", "expensive"];
    const ALL: [Tier; 3] = [Tier::Cheap, Tier::Mid, Tier::Expensive];

    /// The tier of that word.
    pub(crate) fn parse(word: &str) -> Option<Tier> {
        Tier::ALL.into_iter().find(|tier| tier.to_string() == word)
    }

    /// Where a task of this weight (C3: 1 to 4) starts.
    fn start(weight: u8) -> Tier {
        match weight {
            0 | 1 => Tier::Cheap,
            2 => Tier::Mid,
            _ => Tier::Expensive,
        }
    }

    fn raised(self, steps: u32) -> Tier {
        let at = (self as usize).saturating_add(steps as usize);
        Tier::ALL[at.min(Tier::ALL.len() - 1)]
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Tier::WORDS[*self as usize])
    }
}

/// An agent that could take a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate<'a> {
    pub(crate) name: &'a str,
    pub(crate) tier: Tier,
    /// Domains that it is preferred for; none is all.
    pub(crate) domains: &'a [String],
    pub(crate) gate: Gate,
    /// Turns that it has at the moment.
    pub(crate) busy: usize,
}

/// What a turn needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Needs<'a> {
    /// The task's weight, 1 to 4.
    pub(crate) weight: u8,
    pub(crate) domain: Option<&'a str>,
    /// The tier that the prompt of its role asks for; without it the task's weight decides.
    pub(crate) asked: Option<Tier>,
    /// Attempts that failed or were sent back.
    pub(crate) failures: u32,
    /// Whose attempt failed the last time: another agent sees it with other eyes.
    pub(crate) failed: Option<&'a str>,
}

impl Needs<'_> {
    /// The tier that the task has come to.
    pub(crate) fn tier(&self) -> Tier {
        self.start().raised(self.failures / FAILURES_RAISE)
    }

    /// The tier that it begins with.
    fn start(&self) -> Tier {
        self.asked.unwrap_or_else(|| Tier::start(self.weight))
    }
}

/// Who takes a turn, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Choice {
    /// The place among the candidates.
    pub(crate) index: usize,
    pub(crate) tier: Tier,
    pub(crate) why: String,
}

/// Why nobody takes a turn now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Nobody {
    /// Somebody may at this time, or when a turn of theirs ended.
    Later { at: Option<Seconds>, why: String },
    /// Nobody in this run.
    Closed { why: String },
}

/// Chooses an agent for a turn: of those that may work, the lowest tier that the task needs, then whoever knows its
/// domain, then another one than the last that failed, then whoever has the least to do, then the order in which they
/// were named.
///
/// An expensive agent has one turn at a time where others could be asked.
///
/// # Errors
/// Nobody may work now, or at all.
pub(crate) fn choose(candidates: &[Candidate<'_>], needs: &Needs<'_>) -> Result<Choice, Nobody> {
    let start = needs.start();
    let wanted = needs.tier();
    // Where there is no choice of tiers, there is no dear one to be careful with.
    let mixed = candidates.windows(2).any(|pair| pair[0].tier != pair[1].tier);
    let spare = |one: &Candidate<'_>| mixed && one.tier == Tier::Expensive && one.busy > 0;
    let free = candidates.iter().enumerate().filter(|(_, one)| one.gate == Gate::Free && !spare(one));
    // Whoever knows the domain, then whoever knows any, then whoever knows others.
    let knows = |one: &Candidate<'_>| match needs.domain {
        Some(domain) if one.domains.iter().any(|own| own == domain) => 0,
        Some(_) | None if one.domains.is_empty() => 1,
        Some(_) | None => 2,
    };
    // The nearest tier from the wanted one up; below it only where there is none.
    let distance = |tier: Tier| {
        if tier >= wanted { tier as usize - wanted as usize } else { 3 + (wanted as usize - tier as usize) }
    };
    let best = free.min_by_key(|(index, one)| {
        (distance(one.tier), knows(one), needs.failed == Some(one.name), one.busy, *index)
    });
    let Some((index, one)) = best else { return Err(nobody(candidates)) };
    Ok(Choice { index, tier: one.tier, why: why(candidates, one, start, wanted, needs) })
}

fn why(
    candidates: &[Candidate<'_>],
    one: &Candidate<'_>,
    start: Tier,
    wanted: Tier,
    needs: &Needs<'_>,
) -> String {
    if candidates.len() == 1 {
        return "the only agent of its role".to_owned();
    }
    let mut why = match needs.failures {
        0 | 1 if needs.asked.is_some() => format!("{start}, as the prompt of its role asks for"),
        0 | 1 => format!("{start} for a task of tier {}", needs.weight),
        failures if wanted == start => format!("{failures} failures, and {start} is the highest tier"),
        failures => format!("{failures} failures raised it from {start} to {wanted}"),
    };
    if one.tier != wanted {
        why.push_str(&format!("; no agent of tier {wanted} is free, {} is the nearest", one.tier));
    }
    let known = needs.domain.filter(|domain| one.domains.iter().any(|own| own == domain));
    if let Some(domain) = known {
        why.push_str(&format!("; knows {domain}"));
    }
    let shut = candidates.iter().filter(|other| other.gate != Gate::Free).map(|other| other.name);
    let shut = shut.collect::<Vec<_>>().join(", ");
    if !shut.is_empty() {
        why.push_str(&format!("; not {shut}, whose breaker is open"));
    }
    why
}

fn nobody(candidates: &[Candidate<'_>]) -> Nobody {
    let mut whys = Vec::new();
    let mut earliest: Option<Option<Seconds>> = None;
    for one in candidates {
        match &one.gate {
            // Only busy.
            Gate::Free => earliest = earliest.or(Some(None)),
            Gate::Later { at, why, .. } => {
                whys.push(format!("{}: {why}", one.name));
                earliest = Some(Some(earliest.flatten().map_or(*at, |other| other.min(*at))));
            }
            Gate::Closed { why } => whys.push(format!("{}: {why}", one.name)),
        }
    }
    let why = whys.join("; ");
    match earliest {
        Some(at) => Nobody::Later { at, why },
        None => Nobody::Closed { why },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: &str, tier: Tier) -> Candidate<'_> {
        Candidate { name, tier, domains: &[], gate: Gate::Free, busy: 0 }
    }

    fn needs(weight: u8, failures: u32) -> Needs<'static> {
        Needs { weight, domain: None, asked: None, failures, failed: None }
    }

    #[test]
    fn two_failures_raise_the_tier() {
        let all = [one("dear", Tier::Expensive), one("small", Tier::Cheap), one("good", Tier::Mid)];
        let chosen = |needs: &Needs<'_>| {
            let choice = choose(&all, needs).unwrap();
            format!("{}: {}", all[choice.index].name, choice.why)
        };
        let lines: Vec<String> = [(1, 0), (1, 1), (1, 2), (1, 4), (1, 9), (2, 0), (4, 0), (4, 2)]
            .map(|(w, f)| chosen(&needs(w, f)))
            .into();
        insta::assert_snapshot!(lines.join("\n"), @r"
        small: cheap for a task of tier 1
        small: cheap for a task of tier 1
        good: 2 failures raised it from cheap to mid
        dear: 4 failures raised it from cheap to expensive
        dear: 9 failures raised it from cheap to expensive
        good: mid for a task of tier 2
        dear: expensive for a task of tier 4
        dear: 2 failures, and expensive is the highest tier
        ");
    }

    #[test]
    fn a_prompt_may_ask_for_a_tier() {
        let all = [one("small", Tier::Cheap), one("good", Tier::Mid)];
        let asked = Needs { asked: Some(Tier::Cheap), ..needs(4, 0) };
        let choice = choose(&all, &asked).unwrap();
        assert_eq!((choice.index, choice.why.as_str()), (0, "cheap, as the prompt of its role asks for"));
        assert_eq!(Needs { failures: 2, ..asked }.tier(), Tier::Mid, "failures raise it all the same");
    }

    #[test]
    fn a_domain_decides_among_equals_and_then_the_load() {
        let (web, none) = (["frontend".to_owned()], []);
        let mut all = [one("a", Tier::Mid), one("b", Tier::Mid), one("c", Tier::Mid)];
        (all[0].domains, all[1].domains, all[2].domains) = (&none, &web, &none);
        all[0].busy = 2;
        let chosen = |domain| all[choose(&all, &Needs { domain, ..needs(2, 0) }).unwrap().index].name;
        assert_eq!((chosen(Some("frontend")), chosen(Some("data")), chosen(None)), ("b", "c", "c"));
        let after_c = Needs { failed: Some("c"), ..needs(2, 1) };
        assert_eq!(all[choose(&all, &after_c).unwrap().index].name, "a");
    }

    #[test]
    fn an_open_breaker_passes_the_turn_on() {
        let mut all = [one("small", Tier::Cheap), one("good", Tier::Mid)];
        all[0].gate = Gate::Later { at: Seconds(9), why: "limit".to_owned(), worth_waiting: true };
        let choice = choose(&all, &needs(1, 0)).unwrap();
        assert_eq!(choice.index, 1);
        assert_eq!(
            choice.why,
            "cheap for a task of tier 1; no agent of tier cheap is free, mid is the nearest; not small, whose breaker \
             is open"
        );
        all[1].gate = Gate::Closed { why: "no key".to_owned() };
        let why = "small: limit; good: no key".to_owned();
        assert_eq!(choose(&all, &needs(1, 0)), Err(Nobody::Later { at: Some(Seconds(9)), why }));
        all[0].gate = Gate::Closed { why: "no key".to_owned() };
        assert!(matches!(choose(&all, &needs(1, 0)), Err(Nobody::Closed { .. })));
        assert!(matches!(choose(&[], &needs(1, 0)), Err(Nobody::Closed { .. })));
    }

    #[test]
    fn expensive_agents_have_one_turn_at_a_time() {
        let mut all = [one("good", Tier::Mid), one("dear", Tier::Expensive)];
        all[1].busy = 1;
        assert_eq!(choose(&all, &needs(4, 0)).unwrap().index, 0);
        assert_eq!(
            choose(&all[1..], &needs(4, 0)).unwrap().index,
            0,
            "where there is no other, it is not held back"
        );
    }
}
