//! What a budget holds back, and 200 runs of six agents side by side.

use super::*;

fn turn(task: &str, agent: &str) -> OpenTurn {
    OpenTurn {
        task: task.to_owned(),
        role: "implement".to_owned(),
        agent: agent.to_owned(),
        reserved: Both::default(),
        free: false,
        seen: Seen::default(),
    }
}

fn limited(micros: u64) -> Ledger {
    Ledger { caps: Caps::of(Some(MicroUsd(micros)), None), ..Ledger::default() }
}

fn dollars(cap: u64) -> Ledger {
    limited(cap * 1_000_000)
}

fn money(micros: u64) -> Told {
    Both { money: Some(micros), tokens: Some(1) }
}

#[test]
fn a_turn_of_unknown_cost_gets_half_an_equal_share_and_then_what_was_seen() {
    let mut ledger = dollars(6);
    let first = ledger.reserve(turn("0", "a"), 6).unwrap();
    // It may be told more than that: an equal share of what is left.
    assert_eq!((first.reserved.money, first.limit), (500_000, Some(MicroUsd(1_000_000))));
    assert_eq!(ledger.left(Currency::Money), Some(5_500_000));
    assert_eq!(ledger.settle("0", "implement", "a", money(250_000), Close::Whole), None);
    let next = ledger.reserve(turn("1", "a"), 5).unwrap();
    assert_eq!((next.reserved.money, next.limit), (250_000, Some(MicroUsd(5_750_000 / 5))));
    let other_role = OpenTurn { role: "fix".to_owned(), ..turn("2", "a") };
    assert_eq!(ledger.reserve(other_role, 4).unwrap().reserved.money, 5_500_000 / 8);
}

#[test]
fn what_does_not_fit_waits_for_others_and_then_for_a_person() {
    let mut ledger = dollars(1);
    assert!(ledger.reserve(turn("0", "a"), 1).is_ok());
    ledger.settle("0", "implement", "a", money(400_000), Close::Whole);
    assert!(ledger.reserve(turn("1", "a"), 6).is_ok());
    // 20 cents are left beside the one that is going on: it may cost less than it is taken for.
    assert_eq!(ledger.reserve(turn("2", "a"), 5), Err(Refusal::Wait));
    ledger.settle("1", "implement", "a", money(400_000), Close::Whole);
    let Err(Refusal::Over(words)) = ledger.reserve(turn("2", "a"), 6) else { panic!() };
    assert_eq!(words, "$0.80 of the run's $1.00 are spent; the next turn may cost $0.40, and $0.20 is left");
    ledger.grant();
    assert!(ledger.reserve(turn("2", "a"), 6).is_ok());
}

#[test]
fn a_turn_that_does_not_tell_keeps_its_reservation() {
    let mut ledger = dollars(4);
    assert!(ledger.reserve(turn("0", "a"), 2).is_ok());
    let silent = ledger.settle("0", "implement", "a", Told::default(), Close::Whole);
    assert_eq!(silent, Some(Currency::Money));
    assert_eq!(ledger.left(Currency::Money), Some(3_000_000));
    assert_eq!(
        ledger.summary().unwrap(),
        "$0.00 of the run's $4.00 are spent, and $1.00 stay reserved for 1 turn that did not tell"
    );
    // One that was ended from outside says nothing about its agent, and neither does one that was killed with its run.
    assert!(ledger.reserve(turn("1", "b"), 2).is_ok());
    assert_eq!(ledger.settle("1", "implement", "b", Told::default(), Close::Outside), None);
    assert!(ledger.reserve(turn("2", "b"), 1).is_ok());
    let dead = ledger.open[0].clone();
    ledger.bury(&dead, Told::default());
    assert!(ledger.open.is_empty());
    assert_eq!(ledger.left(Currency::Money), Some(4_000_000 - 1_000_000 - 750_000 - 1_125_000));
    // Now one of its like tells: the others will not have cost much more.
    assert!(ledger.reserve(turn("3", "b"), 1).is_ok());
    ledger.settle("3", "implement", "b", money(200_000), Close::Whole);
    assert_eq!(ledger.left(Currency::Money), Some(4_000_000 - 1_000_000 - 3 * 200_000));
}

#[test]
fn a_killed_turn_costs_what_its_log_told_and_keeps_the_rest() {
    let mut ledger = dollars(4);
    assert!(ledger.reserve(turn("0", "a"), 2).is_ok());
    let dead = ledger.open[0].clone();
    ledger.bury(&dead, Both { money: Some(400_000), tokens: None });
    assert_eq!(ledger.accounts.money.spent, 400_000);
    assert_eq!(ledger.left(Currency::Money), Some(3_000_000), "it may have used all that was reserved");
}

#[test]
fn a_turn_that_fails_without_a_word_is_taken_for_what_others_cost() {
    let mut ledger = dollars(50);
    assert!(ledger.reserve(turn("0", "fixer"), 1).is_ok());
    // Nobody has told anything: all that was reserved may be gone.
    assert_eq!(ledger.settle("0", "implement", "fixer", Told::default(), Close::Failed), None);
    assert_eq!(ledger.left(Currency::Money), Some(25_000_000));
    assert!(ledger.reserve(turn("1", "worker"), 1).is_ok());
    ledger.settle("1", "implement", "worker", money(100_000), Close::Whole);
    assert_eq!(ledger.left(Currency::Money), Some(50_000_000 - 2 * 100_000));
    assert_eq!(
        ledger.summary().unwrap(),
        "$0.10 of the run's $50.00 are spent, and $0.10 stay reserved for 1 turn that did not tell"
    );
    // What has told may fail as often as it does; what never has may fail twice in a row.
    for _ in 0..9 {
        assert!(ledger.reserve(turn("2", "worker"), 1).is_ok());
        assert_eq!(ledger.settle("2", "implement", "worker", Told::default(), Close::Failed), None);
    }
    let mut fails = || {
        assert!(ledger.reserve(turn("3", "fixer"), 1).is_ok());
        ledger.settle("3", "implement", "fixer", Told::default(), Close::Failed)
    };
    assert_eq!((fails(), fails()), (None, Some(Currency::Money)));
}

#[test]
fn what_tells_its_tokens_alone_is_held_by_a_limit_of_tokens() {
    let tokens = Both { money: None, tokens: Some(300) };
    let mut ledger = dollars(4);
    assert!(ledger.reserve(turn("0", "a"), 1).is_ok());
    assert_eq!(ledger.settle("0", "implement", "a", tokens, Close::Whole), Some(Currency::Money));
    ledger.limit(Both { money: None, tokens: Some(1000) });
    for _ in 0..2 {
        assert!(ledger.reserve(turn("1", "a"), 1).is_ok());
        assert_eq!(ledger.settle("1", "implement", "a", tokens, Close::Whole), None);
    }
    assert_eq!(ledger.left(Currency::Money), Some(4_000_000));
    assert!(matches!(ledger.reserve(turn("2", "a"), 1), Err(Refusal::Over(_))), "the tokens are used up");
    assert_eq!(
        ledger.summary().unwrap(),
        "$0.00 of the run's $4.00 are spent, besides what 3 turns cost that told only tokens; \
         900 tokens of the run's 1000 tokens are spent"
    );
}

#[test]
fn what_asks_nobody_who_charges_needs_no_money() {
    let mut ledger = dollars(1);
    assert!(ledger.reserve(turn("0", "a"), 1).is_ok());
    assert!(ledger.reserve(OpenTurn { free: true, ..turn("1", "script") }, 1).is_ok());
    assert_eq!(ledger.settle("1", "implement", "script", money(0), Close::Whole), None);
}

#[test]
fn a_task_goes_on_after_a_yes() {
    use crate::task::samples::task;
    use crate::task::{Actor, Event, State};
    let caps = Caps::of(Some(MicroUsd(1_000_000)), None);
    let mut over = task(State::Pending);
    over.spent.cost = Some(MicroUsd(1_200_000));
    let evidence = task_over(&over, caps).unwrap();
    assert_eq!(evidence.text, "$1.20 of the task's $1.00 are spent");
    let at = crate::task::id::Seconds(9);
    let asked = over.after(&Event::Escalated { because: evidence }, &Actor::orchestrator(), at).unwrap();
    let tries = asked.try_number;
    let mut goes_on =
        asked.after(&Event::Approved { head: None, note: None }, &Actor::person("Ana"), at).unwrap();
    assert_eq!((goes_on.state.clone(), goes_on.try_number), (State::Pending, tries));
    assert_eq!(task_over(&goes_on, caps), None);
    goes_on.spent.cost = Some(MicroUsd(2_000_000));
    assert!(task_over(&goes_on, caps).is_some());
    goes_on.spent.cost = None;
    assert_eq!(task_over(&goes_on, caps), None, "a person was asked already");
}

/// Six agents side by side, 200 worlds: once the budget is used up nothing starts, and what is over it is no more than
/// what the turns of the last start go over their reservations, each once.
#[test]
fn six_parallel_agents_overshoot_by_at_most_one_turn_each() {
    let (mut over, mut most_over) = (0, 0);
    for seed in 0..200_u64 {
        let mut random = fastrand::Rng::with_seed(seed);
        let cap = random.u64(100_000..20_000_000);
        let mut ledger = limited(cap);
        // Task, agent, what it will cost, what is reserved.
        let mut running: Vec<(String, String, u64, u64)> = Vec::new();
        let (mut next, mut ended, mut may_go_over) = (0_u32, false, 0);
        while !(ended && running.is_empty()) {
            while running.len() < 6 && !ended {
                let (task, agent) = (next.to_string(), format!("agent-{}", next % 4));
                next += 1;
                match ledger.reserve(turn(&task, &agent), 6 - running.len()) {
                    Ok(allowance) => {
                        assert!(ledger.accounts.money.spent < cap, "seed {seed}: started over its budget");
                        // Most turns cost about the same, some ten times as much.
                        let cost = random.u64(1..=cap / 16) * if random.u8(0..10) == 0 { 10 } else { 1 };
                        running.push((task, agent, cost, allowance.reserved.money));
                        let excess =
                            |(_, _, cost, reserved): &(_, _, u64, u64)| cost.saturating_sub(*reserved);
                        may_go_over = running.iter().map(excess).sum::<u64>();
                    }
                    Err(Refusal::Wait) => break,
                    Err(Refusal::Over(words)) => {
                        assert!(running.is_empty() && words.contains("are spent"), "seed {seed}: {words}");
                        ended = true;
                    }
                }
            }
            if running.is_empty() {
                continue;
            }
            let (task, agent, cost, _) = running.swap_remove(random.usize(0..running.len()));
            // One in twenty does not tell.
            let told = if random.u8(0..20) == 0 { Told::default() } else { money(cost) };
            let close = [Close::Whole, Close::Failed, Close::Outside][random.usize(0..3)];
            ledger.settle(&task, "implement", &agent, told, close);
        }
        let spent = ledger.accounts.money.spent;
        assert!(spent <= cap + may_go_over, "seed {seed}: {spent} of {cap}, {may_go_over} may go over");
        if spent > cap {
            over += 1;
            most_over = most_over.max((spent - cap) * 100 / cap);
        }
    }
    assert!(over > 0, "the worlds are too kind: none goes over");
    eprintln!("{over} of 200 runs over their budget, by at most {most_over} %");
}

#[test]
fn a_trial_before_the_start_counts() {
    let mut ledger = Ledger::default();
    ledger.limit(Both { money: Some(1_000_000), tokens: Some(1000) });
    ledger.tried("pi", Both { money: Some(300_000), tokens: None });
    assert_eq!((ledger.left(Currency::Money), ledger.left(Currency::Tokens)), (Some(700_000), Some(1000)));
    assert!(
        ledger.summary().unwrap().starts_with("$0.30 of the run's $1.00 are spent"),
        "{:?}",
        ledger.summary()
    );
}
