//! The codes of failures: stable, in JSON and in `git orch show E-CODE`. One table, one paragraph each.

use super::exit::Exit;

/// The code of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    Usage,
    BadValue,
    BadId,
    Vague,
    Unknown,
    Ambiguous,
    Exists,
    Cycle,
    UnknownDependency,
    NoTaskHere,
    NoBranch,
    Settings,
    SayWhich,
    InsideAgent,
    NotNow,
    NotYours,
    OwnWork,
    HeadMoved,
    Standing,
    UnderReview,
    Claimed,
    TakenOver,
    NotReady,
    NothingReady,
    NothingWaits,
    NoChange,
    TooBig,
    Outside,
    Conflict,
    Worse,
    Gate,
    Dirty,
    QueueBusy,
    Contended,
    Locked,
    Rewound,
    Diverged,
    NothingToUndo,
    NoRun,
    NoTests,
    NoEvidence,
    Interrupted,
    NoRepository,
    Bare,
    Reftable,
    Unreadable,
    OldGit,
    Shallow,
    NoBase,
    Newer,
    BrokenRecord,
    NoRemote,
    Unreachable,
    RemoteRefused,
    Agent,
    AgentFailed,
    NotFound,
    Program,
    Prompt,
    Git,
    File,
    Editor,
    NotFit,
    RunBusy,
    RunWaits,
    NoSandbox,
    CheckoutInWay,
    BranchInTheWay,
    Github,
    Payload,
    Bug,
}

/// Every code with its name, how the program ends with it, and what it means.
pub(crate) const CODES: &[(Code, &str, Exit, &str)] = &[
    (
        Code::Usage,
        "E-USAGE",
        Exit::Usage,
        "The command line could not be read: an unknown option, a missing value, two options that do not go \
         together. The help of each command lists what it takes.",
    ),
    (
        Code::BadValue,
        "E-BAD-VALUE",
        Exit::Usage,
        "A value was readable but cannot be used: an empty title, a priority above 4, a glob that does not \
         close. The message names the value and the rule.",
    ),
    (
        Code::BadId,
        "E-BAD-ID",
        Exit::Usage,
        "Task ids are 1 to 64 characters of a-z, 0-9 and '-', and do not begin with '-': each id is also a \
         ref, a folder and a word on a command line.",
    ),
    (
        Code::Vague,
        "E-VAGUE",
        Exit::Usage,
        "Nobody could tell when this task is done. One line is enough where it names a thing. A spec with \
         headings, and a task of tier 3 or 4, also says how one sees that it is done (Acceptance criteria, or a \
         line 'Done when: ...'); a heading that is there says something. spec.require asks for more. A draft \
         (--draft) may say what it likes: nobody takes it before it is approved.",
    ),
    (
        Code::Unknown,
        "E-UNKNOWN",
        Exit::Usage,
        "No task, branch, run or error code has this name. Any unique beginning of an id will do; git orch \
         status -a lists all tasks.",
    ),
    (Code::Ambiguous, "E-AMBIGUOUS", Exit::Usage, "Several tasks begin so. Type more of the id."),
    (
        Code::Exists,
        "E-EXISTS",
        Exit::Usage,
        "A task with this id exists, open or finished. Ids are never used twice, because branches and records \
         carry them.",
    ),
    (Code::Cycle, "E-CYCLE", Exit::Usage, "These tasks would wait for each other for ever."),
    (
        Code::UnknownDependency,
        "E-UNKNOWN-DEPENDENCY",
        Exit::Usage,
        "A task can only wait for tasks that exist, open or landed. Add the other one first.",
    ),
    (
        Code::NoTaskHere,
        "E-NO-TASK-HERE",
        Exit::Usage,
        "Without a task's id the command means the task of the worktree that you stand in; this folder is \
         none.",
    ),
    (
        Code::NoBranch,
        "E-NO-BRANCH",
        Exit::Usage,
        "There is no local branch of this name. A remote's branch must be fetched and made local first.",
    ),
    (
        Code::Settings,
        "E-SETTINGS",
        Exit::Usage,
        "A setting cannot be used: orch.toml, git config orch.* or a variable GIT_ORCH_*. The message names \
         the place. Unknown keys are errors, because a typo in a limit would lift it.",
    ),
    (
        Code::SayWhich,
        "E-SAY-WHICH",
        Exit::Usage,
        "Several tasks wait for a person, and an answer is for exactly one.",
    ),
    (
        Code::InsideAgent,
        "E-INSIDE-AGENT",
        Exit::Usage,
        "An agent of a run may hand in, check, look at and comment on its own task, and nothing else: it does not land, \
         approve or plan. A reviewer does not hand in. What an agent leaves in its worktree is handed in when it ends.",
    ),
    (
        Code::NotNow,
        "E-NOT-NOW",
        Exit::Failed,
        "In the task's present state this cannot happen. git orch show TASK says what can.",
    ),
    (
        Code::NotYours,
        "E-NOT-YOURS",
        Exit::Gate,
        "Each event has those who may cause it: a worker cannot approve, a reviewer cannot hand in.",
    ),
    (
        Code::OwnWork,
        "E-OWN-WORK",
        Exit::Person,
        "Nobody approves their own work. Another person, or a reviewer, has to.",
    ),
    (
        Code::HeadMoved,
        "E-HEAD-MOVED",
        Exit::Race,
        "The change is not the one that was looked at: its branch moved meanwhile. Look again, then approve.",
    ),
    (
        Code::Standing,
        "E-STANDING",
        Exit::Gate,
        "A CRITICAL finding, or a reviewer that gave no verdict, stands against the change.",
    ),
    (
        Code::UnderReview,
        "E-UNDER-REVIEW",
        Exit::Gate,
        "A task enters the queue by its review: it lands after approval and tests, not before.",
    ),
    (
        Code::Claimed,
        "E-CLAIMED",
        Exit::Race,
        "Somebody else holds the task. Take another one, wait, or take it over: then the old owner's work is \
         refused from that moment.",
    ),
    (
        Code::TakenOver,
        "E-TAKEN-OVER",
        Exit::Race,
        "The task was yours, and somebody took it over. Your work is still on the branch and in the kept \
         attempts.",
    ),
    (Code::NotReady, "E-NOT-READY", Exit::Nothing, "The task waits for others that have not landed."),
    (
        Code::NothingReady,
        "E-NOTHING-READY",
        Exit::Nothing,
        "No task can be taken now: all are in hand, wait for others, or wait for a person.",
    ),
    (Code::NothingWaits, "E-NOTHING-WAITS", Exit::Nothing, "No task waits for a person."),
    (Code::NoChange, "E-NO-CHANGE", Exit::Gate, "The branch has nothing that the base does not have."),
    (
        Code::TooBig,
        "E-TOO-BIG",
        Exit::Gate,
        "The change has more lines than cap.diff, or adds a large binary. Small changes are reviewed better \
         and land sooner: split it, or let a person grant an exception.",
    ),
    (
        Code::Outside,
        "E-OUTSIDE-PATHS",
        Exit::Gate,
        "The change touches files outside the task's paths, or files that no task may change.",
    ),
    (
        Code::Conflict,
        "E-CONFLICT",
        Exit::Gate,
        "The change does not merge with the base, or conflict markers are left in it.",
    ),
    (Code::Worse, "E-WORSE", Exit::Gate, "Tests that pass on the base fail with the change, or are gone."),
    (Code::Gate, "E-GATE", Exit::Gate, "A gate says no. The message names the gate and what it saw."),
    (
        Code::Dirty,
        "E-DIRTY",
        Exit::Failed,
        "There are uncommitted files, and nobody's uncommitted work is ever touched.",
    ),
    (
        Code::QueueBusy,
        "E-QUEUE-BUSY",
        Exit::Race,
        "Only one process of a machine lands at a time. The other one takes your task along.",
    ),
    (
        Code::Contended,
        "E-CONTENDED",
        Exit::Race,
        "Many others wrote the same record at the same time. Nothing was changed; run the command again.",
    ),
    (
        Code::Locked,
        "E-LOCKED",
        Exit::Race,
        "Another program holds git's lock on a ref. If none is running, the lock was left by a dead one.",
    ),
    (
        Code::Rewound,
        "E-REWOUND",
        Exit::Person,
        "The remote's journal lost events that we have seen: somebody forced it back. Both histories are \
         kept; a person decides which one holds.",
    ),
    (
        Code::Diverged,
        "E-DIVERGED",
        Exit::Person,
        "The base branch has commits here that its upstream lacks, and the upstream has others: a landing would need \
         both. Nothing is merged by itself. Rebase or push yours, then run the command again.",
    ),
    (
        Code::NothingToUndo,
        "E-NOTHING-TO-UNDO",
        Exit::Failed,
        "There is no operation that could be taken back. A landing is never undone by rewriting the base: add \
         a task that reverts it.",
    ),
    (
        Code::NoRun,
        "E-NO-RUN",
        Exit::Usage,
        "No run has this name. git orch report --list lists runs; git orch run makes one.",
    ),
    (
        Code::NoTests,
        "E-NO-TESTS",
        Exit::Environment,
        "Nothing lands without tests, and tests.all is not set: the command that runs the full suite. \
         Write it under [tests] as all = \"COMMAND\" into orch.toml, and commit that to the base branch: what is not \
         committed does not count (see Settings in the README).",
    ),
    (
        Code::NoEvidence,
        "E-NO-EVIDENCE",
        Exit::Gate,
        "The test command ended without a result that counts: no report, no tests, or a report that \
         contradicts the exit code. That is never taken as a pass.",
    ),
    (
        Code::Interrupted,
        "E-INTERRUPTED",
        Exit::Interrupted,
        "You asked for the end. All state is kept; run the command again to go on.",
    ),
    (Code::NoRepository, "E-NO-REPOSITORY", Exit::Environment, "The folder is in no git repository."),
    (
        Code::Bare,
        "E-BARE",
        Exit::Environment,
        "A bare repository has no worktree, and there is nowhere to put the tasks' ones. Use a clone with a \
         checkout.",
    ),
    (
        Code::Reftable,
        "E-REFTABLE",
        Exit::Environment,
        "Refs in the 'reftable' format are not supported yet. git refs migrate --ref-format=files converts a \
         repository.",
    ),
    (
        Code::Unreadable,
        "E-UNREADABLE",
        Exit::Environment,
        "The repository's own files could not be read: permissions, or damage.",
    ),
    (
        Code::OldGit,
        "E-OLD-GIT",
        Exit::Environment,
        "This version of git has known holes that a hostile branch could use, or lacks what is needed.",
    ),
    (
        Code::Shallow,
        "E-SHALLOW",
        Exit::Environment,
        "The clone was made with --depth, and history ends before the place where the branches meet.",
    ),
    (
        Code::NoBase,
        "E-NO-BASE",
        Exit::Environment,
        "The branch onto which everything lands does not exist or has no commit. The setting 'base' names it.",
    ),
    (
        Code::Newer,
        "E-NEWER-RECORD",
        Exit::Environment,
        "A newer git orch wrote this record. This one would lose what it does not know.",
    ),
    (
        Code::BrokenRecord,
        "E-BROKEN-RECORD",
        Exit::Environment,
        "A stored record or ref cannot be read. Nothing is guessed; a remote or the census of this clone may \
         have it.",
    ),
    (Code::NoRemote, "E-NO-REMOTE", Exit::Environment, "No remote of this name is configured."),
    (
        Code::Unreachable,
        "E-UNREACHABLE",
        Exit::Environment,
        "The remote cannot be reached. Claims and landings are made on it, so that two machines never do the \
         same; --offline works without, and says so.",
    ),
    (
        Code::RemoteRefused,
        "E-REMOTE-REFUSED",
        Exit::Environment,
        "The remote answered, and refused: permissions, a rule on its refs, or a hook.",
    ),
    (
        Code::Agent,
        "E-AGENT",
        Exit::Usage,
        "The agent's name cannot be used: exec:COMMAND runs any command, script:FOLDER replays recorded \
         changes.",
    ),
    (
        Code::AgentFailed,
        "E-AGENT-FAILED",
        Exit::Failed,
        "An agent was called, and nothing came of it that could be used. Its logs are below .git/orch/logs.",
    ),
    (Code::NotFound, "E-PROGRAM-NOT-FOUND", Exit::Environment, "A program is not in any folder of PATH."),
    (Code::Program, "E-PROGRAM", Exit::Environment, "A program could not be started or talked with."),
    (
        Code::Prompt,
        "E-PROMPT",
        Exit::Usage,
        "A prompt template cannot be used. Templates in prompts/ of the base branch replace the built-in \
         ones.",
    ),
    (Code::Git, "E-GIT", Exit::Failed, "Git could not do what was asked. The message has git's own words."),
    (Code::File, "E-FILE", Exit::Failed, "A file could not be read or written: permissions, or a full disk."),
    (Code::Editor, "E-EDITOR", Exit::Failed, "The editor failed. Nothing was changed."),
    (
        Code::NotFit,
        "E-NOT-FIT",
        Exit::Environment,
        "A run looks at what it needs before it starts anything: the commands of run.services, the free disk space \
         (run.disk_mb), and with --for also the checkout, the tests, the paths of the worktrees and each agent. \
         Something is missing; nothing was started.",
    ),
    (
        Code::RunBusy,
        "E-RUN-BUSY",
        Exit::Race,
        "Another git orch run of this clone is going on. One run at a time hands out the clone's agents; wait for it, or \
         stop it with git orch stop.",
    ),
    (
        Code::RunWaits,
        "E-RUN-WAITS",
        Exit::Limit,
        "A run has used up its budget and waits for a yes (git orch approve budget). A run over other tasks would take its \
         place, and spend what nobody allowed: go on with the first by git orch run, or give the other one a --budget of its own.",
    ),
    (
        Code::NoSandbox,
        "E-NO-SANDBOX",
        Exit::Environment,
        "Nothing on this machine can hold an agent: bubblewrap is missing or may not be used here, and the kernel has no \
         Landlock. Agents read text from strangers and obey it at times, so they are not started without, unless \
         --no-sandbox says so.",
    ),
    (
        Code::CheckoutInWay,
        "E-CHECKOUT",
        Exit::Person,
        "The base branch is checked out somewhere with changes in files that a landing would write. Landing all the same \
         would leave that checkout behind its branch, and its next commit would take the landing back. Commit or stash them. \
         The same holds while a merge, rebase, cherry-pick or revert of it has not ended.",
    ),
    (
        Code::BranchInTheWay,
        "E-BRANCH-ORCH",
        Exit::Environment,
        "A branch is called orch. Git keeps branches as files, so no branch orch/<task> can be made beside it: rename it.",
    ),
    (
        Code::Github,
        "E-GITHUB",
        Exit::Environment,
        "GitHub did not do what was asked. bot check needs no token. bot publish needs checks: write, issues: write and \
         pull-requests: write; bot command and bot queue need contents: write too. A rate limit or an outage passes: \
         everything is done again from what is there.",
    ),
    (
        Code::Payload,
        "E-PAYLOAD",
        Exit::Usage,
        "What GitHub says happened (GITHUB_EVENT_NAME, and the file GITHUB_EVENT_PATH) is not what this command is \
         for, or lacks what it needs.",
    ),
    (
        Code::Bug,
        "E-BUG",
        Exit::Bug,
        "A mistake in git-orch itself. The report file has what is needed to mend it.",
    ),
];

impl Code {
    /// As people and programs see it.
    pub(crate) fn name(self) -> &'static str {
        self.row().1
    }

    /// How the program ends with it: one code, one exit.
    pub(crate) fn exit(self) -> Exit {
        self.row().2
    }

    fn row(self) -> &'static (Code, &'static str, Exit, &'static str) {
        // The table has a row for each, in this order: a test holds it.
        CODES.get(self as usize).unwrap_or(&CODES[Code::Bug as usize])
    }
}

/// The code that a person typed, in any case, with its name and its meaning.
pub(crate) fn explain(text: &str) -> Option<(Code, &'static str, &'static str)> {
    let found = CODES.iter().find(|(_, name, ..)| name.eq_ignore_ascii_case(text));
    found.map(|(code, name, _, meaning)| (*code, *name, *meaning))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_one_row() {
        for (at, (code, name, _, meaning)) in CODES.iter().enumerate() {
            assert_eq!(*code as usize, at, "{name} stands in the order of the enum");
            assert_eq!(CODES.iter().filter(|(_, other, ..)| other == name).count(), 1, "{name}");
            assert!(name.starts_with("E-") && meaning.ends_with('.'), "{name}");
        }
        assert_eq!(explain("e-claimed").map(|(_, name, _)| name), Some("E-CLAIMED"));
        assert_eq!(explain("E-NONE"), None);
    }

    #[test]
    fn each_code_has_one_exit() {
        let mut lines = Vec::new();
        for exit in Exit::ALL {
            let of = CODES.iter().filter(|(_, _, own, _)| *own == exit).map(|(_, name, ..)| *name);
            let line = format!("{} {}: {}", exit.code(), exit.meaning(), of.collect::<Vec<_>>().join(" "));
            lines.push(line.trim_end().to_owned());
        }
        insta::assert_snapshot!(lines.join("\n"), @r"
        0 done, or nothing to do:
        1 failed: E-NOT-NOW E-DIRTY E-NOTHING-TO-UNDO E-AGENT-FAILED E-GIT E-FILE E-EDITOR
        2 wrong usage: E-USAGE E-BAD-VALUE E-BAD-ID E-VAGUE E-UNKNOWN E-AMBIGUOUS E-EXISTS E-CYCLE E-UNKNOWN-DEPENDENCY E-NO-TASK-HERE E-NO-BRANCH E-SETTINGS E-SAY-WHICH E-INSIDE-AGENT E-NO-RUN E-AGENT E-PROMPT E-PAYLOAD
        3 the gate says no: E-NOT-YOURS E-STANDING E-UNDER-REVIEW E-NO-CHANGE E-TOO-BIG E-OUTSIDE-PATHS E-CONFLICT E-WORSE E-GATE E-NO-EVIDENCE
        4 waits for a person: E-OWN-WORK E-REWOUND E-DIVERGED E-CHECKOUT
        5 limit reached, state saved: run again: E-RUN-WAITS
        6 lost a race: retry: E-HEAD-MOVED E-CLAIMED E-TAKEN-OVER E-QUEUE-BUSY E-CONTENDED E-LOCKED E-RUN-BUSY
        7 the environment lacks something: see git orch doctor: E-NO-TESTS E-NO-REPOSITORY E-BARE E-REFTABLE E-UNREADABLE E-OLD-GIT E-SHALLOW E-NO-BASE E-NEWER-RECORD E-BROKEN-RECORD E-NO-REMOTE E-UNREACHABLE E-REMOTE-REFUSED E-PROGRAM-NOT-FOUND E-PROGRAM E-NOT-FIT E-NO-SANDBOX E-BRANCH-ORCH E-GITHUB
        8 nothing ready: E-NOT-READY E-NOTHING-READY E-NOTHING-WAITS
        70 a bug in git-orch: E-BUG
        130 interrupted, state saved: E-INTERRUPTED
        ");
    }
}
