//! What a person sees of `run` and `queue run` while they work: lines, and on a terminal a block below them.

use std::sync::Mutex;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::flow::progress::{Line, Now, Unwatched, Watcher};

use super::output::Output;
use super::text;

/// The watcher that fits the output: a block on a terminal, plain lines elsewhere, nothing where nothing is wanted.
pub(crate) fn watcher(out: &Output) -> Box<dyn Watcher> {
    if out.draws() {
        Box::new(Live::new())
    } else if out.says_progress() {
        Box::new(PlainLines { out: out.clone() })
    } else {
        Box::new(Unwatched)
    }
}

/// One line as both watchers show it, in nextest's style.
pub(crate) fn shown_line(line: &Line) -> String {
    let tasks: Vec<&str> = line.tasks.iter().map(|id| id.as_str()).collect();
    let time = match line.seconds {
        Some(0) => "[  <1s]".to_owned(),
        Some(seconds) => format!("[{:>5}]", text::span(i64::try_from(seconds).unwrap_or(i64::MAX))),
        None => "       ".to_owned(),
    };
    let shown = format!("{:>10} {time} {}  {}", line.step.word(), tasks.join(" + "), text::line(&line.text));
    shown.trim_end().to_owned()
}

/// The summary line below the busy agents.
fn summary(now: &Now, elapsed: Duration) -> String {
    let mut parts = vec![
        text::span(i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX)),
        format!("{}/{} landed", now.landed, now.total),
    ];
    if now.needs_you > 0 {
        parts.push(format!("{} for you", now.needs_you));
    }
    parts.push(text::money(now.cost));
    if now.stopping {
        parts.push("stopping after the work in hand".to_owned());
    }
    parts.join(", ")
}

/// Lines on standard error.
struct PlainLines {
    out: Output,
}

impl Watcher for PlainLines {
    fn line(&self, line: &Line) {
        self.out.progress(&shown_line(line));
    }

    fn now(&self, _now: &Now) {}
}

/// Lines, and below them one line for each busy agent and a bar.
struct Live {
    all: MultiProgress,
    bar: ProgressBar,
    agents: Mutex<Vec<ProgressBar>>,
}

impl Live {
    fn new() -> Live {
        let all = MultiProgress::new();
        let bar = all.add(ProgressBar::new(0));
        let style = ProgressStyle::with_template("  {bar:24} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Live { all, bar, agents: Mutex::new(Vec::new()) }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let _ = self.all.clear();
    }
}

impl Watcher for Live {
    fn line(&self, line: &Line) {
        let _ = self.all.println(shown_line(line));
    }

    fn now(&self, now: &Now) {
        let Ok(mut agents) = self.agents.lock() else { return };
        while agents.len() > now.busy.len() {
            if let Some(gone) = agents.pop() {
                self.all.remove(&gone);
            }
        }
        while agents.len() < now.busy.len() {
            let spinner = self.all.insert_before(&self.bar, ProgressBar::new_spinner());
            let style = ProgressStyle::with_template("  {spinner} {msg}");
            spinner.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            agents.push(spinner);
        }
        for (bar, (task, role, agent, seconds)) in agents.iter().zip(&now.busy) {
            let time = text::span(i64::try_from(*seconds).unwrap_or(i64::MAX));
            bar.set_message(format!("{task}  {role}  {}  {time}", text::owner(agent)));
            bar.tick();
        }
        self.bar.set_length(now.total as u64);
        self.bar.set_position(now.landed as u64);
        self.bar.set_message(summary(now, self.bar.elapsed()));
        self.bar.tick();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::progress::Step;
    use crate::task::id::TaskId;
    use insta::assert_snapshot;

    #[test]
    fn lines_have_a_verb_a_time_and_the_tasks() {
        let line = |step, seconds, text: &str| {
            let tasks = ["t-1", "t-2"].map(|id| TaskId::parse(id).unwrap()).to_vec();
            shown_line(&Line { step, tasks, seconds, text: text.to_owned() })
        };
        let lines = [
            line(Step::Test, None, "2 tasks as one batch"),
            line(Step::Land, Some(1), "main a1..b2"),
            line(Step::NeedsYou, Some(75), "worse\u{1b}[0m"),
        ];
        assert_snapshot!(format!("|\n{}", lines.join("\n")), @r"
        |
              TEST         t-1 + t-2  2 tasks as one batch
              LAND [   1s] t-1 + t-2  main a1..b2
         NEEDS YOU [   1m] t-1 + t-2  worse\u{1b}[0m
        ");
    }

    #[test]
    fn the_summary_says_what_is_done_and_what_it_cost() {
        let now = Now { landed: 2, needs_you: 1, total: 5, cost: Some(400_000), ..Now::default() };
        assert_snapshot!(summary(&now, Duration::from_secs(61)), @"1m, 2/5 landed, 1 for you, $0.40");
    }
}
