//! Says on the host what holds of a commit: comment, remarks at lines, labels, the one check.
//!
//! Runs from the base branch with a token that may write, after the checking workflow, which ran the change's own code
//! and has none. Of what that one left only the tests' answer is taken over; size, paths and review are judged here.

use crate::flow::FlowError;
use crate::flow::check::Gate;
use crate::flow::progress::Unwatched;
use crate::forge::{
    Artifact, BadArtifact, GateLine, MARKER, Memory, Pull, Ran, Report, Says, added_lines, finding_marker,
    inline, inline_body, label_changes, sticky, summary,
};
use crate::github::{CheckRun, Conclusion, NewInline};
use crate::task::finding::Severity;
use crate::task::id::CommitId;

use super::reviews::Reviewed;
use super::{Bot, GATE};

/// What was said, for the log.
#[derive(Debug, Clone)]
pub(crate) struct Published {
    /// `None` for a group of the host's own queue.
    pub(crate) number: Option<u64>,
    pub(crate) report: Report,
    pub(crate) summary: String,
    /// Why reviewers gave no verdict, for the log.
    pub(crate) failed: Vec<String>,
}

/// What the checking workflow left behind, and who looks at it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Left<'a> {
    /// `None` where it left no file.
    pub(crate) artifact: Option<&'a [u8]>,
    /// The host's workflow run that we are, if it is one.
    pub(crate) run: Option<u64>,
}

/// What a check has beside its report.
#[derive(Debug, Default)]
struct Extra {
    /// It waits for a maintainer.
    waits: bool,
    text: String,
}

impl Bot {
    /// Publishes what a workflow run found: on each open pull request whose head is its commit, or on that commit alone.
    ///
    /// # Errors
    /// The host or git fails. An artifact that cannot be used is no error: it is published as a gate that says no.
    pub(crate) fn publish(&self, ran: &Ran, left: &Left<'_>) -> Result<Vec<Published>, FlowError> {
        let tests = tests_gate(left.artifact, &ran.head);
        if ran.event == "merge_group" {
            let report = Report {
                number: None,
                head: ran.head.short().to_owned(),
                base: self.project.base.branch.clone(),
                gates: vec![tests.line],
                findings: Vec::new(),
                worse: tests.worse,
                chosen: tests.chosen,
                cost: None,
            };
            return Ok(vec![self.say_check(None, &ran.head, report, Extra::default())?]);
        }
        // Derived from the commit: a payload names no pull request of a fork, and an artifact may name any.
        let pulls: Vec<Pull> =
            self.github.open_pulls()?.into_iter().filter(|pull| pull.head == ran.head).collect();
        let mut published = Vec::new();
        for pull in &pulls {
            published.push(self.publish_pull(pull, &tests, left.run)?);
        }
        Ok(published)
    }

    fn publish_pull(&self, pull: &Pull, tests: &TestsGate, run: Option<u64>) -> Result<Published, FlowError> {
        let project = self.on_base(&pull.base_branch)?;
        if !self.bring(pull)? {
            return Err(super::check::moved(pull.number, &pull.head));
        }
        let range = format!("{}..{}", project.base.tip, pull.head);
        let checked = project.check(Some(&range), &[Gate::Size, Gate::Paths], &Unwatched)?;
        let mut report = super::report_of(&checked, Some(pull.number), &pull.base_branch);
        report.gates.push(tests.line.clone());
        report.worse.clone_from(&tests.worse);
        report.chosen.clone_from(&tests.chosen);
        let reviewed = self.review(&project, pull, &checked.base)?;
        let Reviewed { line, findings, cost, waits, kept, failed } = reviewed;
        report.gates.push(line);
        report.cost = cost;
        let dismissed = project.store.repo_state()?.dismissed;
        report.findings = findings;
        report.findings.retain(|named| !dismissed.iter().any(|wrong| wrong.finding == named.id.as_str()));
        report.findings.sort_by_key(|named| std::cmp::Reverse(named.finding.severity));
        soften(&mut report);
        // Somebody may have pushed while reviewers read: what was found is not about that.
        let now = self.github.pull(pull.number)?;
        if now.head != pull.head {
            return Err(super::check::moved(pull.number, &pull.head));
        }
        let patch = project.repo.patch(&checked.base, &pull.head)?;
        let added = added_lines(&patch);
        let remarks: Vec<NewInline> = inline(&report.findings, &added)
            .into_iter()
            .map(|at| NewInline {
                file: at.file.to_owned(),
                line: at.line,
                body: inline_body(at.named),
                marker: finding_marker(&at.named.id),
            })
            .collect();
        let extra = Extra { waits, text: Memory { run, kept }.text() };
        let published = self.say_check(Some(pull.number), &pull.head, report, extra)?;
        self.github.keep_comment(pull.number, MARKER, sticky(&published.report).as_deref())?;
        self.github.say_inline(pull.number, &pull.head, &remarks)?;
        self.github.change_labels(pull.number, &label_changes(&published.report, waits, &now.labels))?;
        Ok(Published { failed, ..published })
    }

    fn say_check(
        &self,
        number: Option<u64>,
        head: &CommitId,
        report: Report,
        extra: Extra,
    ) -> Result<Published, FlowError> {
        let summary = summary(&report);
        let conclusion = match (report.blocked(), extra.waits) {
            (_, true) => Conclusion::ActionRequired,
            (true, false) => Conclusion::Failure,
            (false, false) => Conclusion::Success,
        };
        self.github.keep_check(&CheckRun {
            name: GATE,
            head: head.clone(),
            conclusion,
            title: report.headline(),
            summary: summary.clone(),
            text: extra.text,
        })?;
        Ok(Published { number, report, summary, failed: Vec::new() })
    }
}

/// Where every CRITICAL finding was dismissed, the review blocks no longer.
fn soften(report: &mut Report) {
    let critical = report.count(Severity::Critical);
    for gate in report.gates.iter_mut().filter(|gate| gate.gate == "review" && gate.says == Says::No) {
        if gate.text.ends_with("CRITICAL") {
            match critical {
                0 => {
                    gate.says = Says::Pass;
                    gate.text = "what was critical was dismissed by a person".to_owned();
                }
                left => gate.text = format!("{left} CRITICAL"),
            }
        }
    }
}

/// The gate `tests` as the checking workflow left it.
struct TestsGate {
    line: GateLine,
    worse: Vec<(String, String)>,
    chosen: Vec<String>,
}

fn tests_gate(artifact: Option<&[u8]>, head: &CommitId) -> TestsGate {
    let read = artifact.ok_or(BadArtifact::Missing).and_then(|bytes| Artifact::read(bytes, head));
    match read {
        Ok(artifact) => {
            let tests = artifact.tests;
            let says = match (tests.passed, tests.asked) {
                (false, _) => Says::No,
                (true, true) => Says::Pass,
                (true, false) => Says::Neutral,
            };
            let line = GateLine { gate: "tests", says, text: tests.text };
            TestsGate { line, worse: tests.worse, chosen: tests.explanation }
        }
        Err(bad) => {
            let text = format!("the checking workflow left nothing that counts: {bad}");
            let line = GateLine { gate: "tests", says: Says::No, text };
            TestsGate { line, worse: Vec::new(), chosen: Vec::new() }
        }
    }
}
