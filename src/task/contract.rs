//! What a task asks for, as a contract (E2, B4): the sections of its spec, and whether they say enough to work on.
//!
//! The rule grows with the task. One line is enough where it names a thing; a spec that is written with headings, and
//! any task of tier 3 or 4, says how one sees that it is done; `spec.require` asks every task for more.

/// What is missing.
mod vague;

pub(crate) use vague::{Gap, gaps};

/// A section of a spec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Section {
    Objective,
    Output,
    Tools,
    Sources,
    Boundaries,
    Acceptance,
}

impl Section {
    pub(crate) const ALL: [Section; 6] = [
        Section::Objective,
        Section::Output,
        Section::Tools,
        Section::Sources,
        Section::Boundaries,
        Section::Acceptance,
    ];

    /// The heading as we write it.
    pub(crate) fn heading(self) -> &'static str {
        match self {
            Section::Objective => "Objective",
            Section::Output => "Output format",
            Section::Tools => "Tools",
            Section::Sources => "Sources",
            Section::Boundaries => "Boundaries",
            Section::Acceptance => "Acceptance criteria",
        }
    }

    /// The name in JSON.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Section::Objective => "objective",
            Section::Output => "output_format",
            Section::Tools => "tools",
            Section::Sources => "sources",
            Section::Boundaries => "boundaries",
            Section::Acceptance => "acceptance",
        }
    }

    /// What it answers.
    pub(crate) fn asks(self) -> &'static str {
        match self {
            Section::Objective => "what is to be different afterwards, and why?",
            Section::Output => "what is handed in, in which form?",
            Section::Tools => "what may be used for it, and what may not?",
            Section::Sources => "where does one read first?",
            Section::Boundaries => "what must stay as it is?",
            Section::Acceptance => "how does one see that it is done?",
        }
    }

    /// What it may say.
    pub(crate) fn example(self) -> &'static str {
        match self {
            Section::Objective => "`tally list` shows dates as 2026-11-20, so that they sort as text",
            Section::Output => "a change of lib/date.sh with a test, and one line for the CHANGELOG",
            Section::Tools => "the shell alone, no new dependency",
            Section::Sources => "lib/date.sh, docs/format.md",
            Section::Boundaries => "what is stored stays as it is",
            Section::Acceptance => "`sh tests/run date` passes, with a test for 29 February",
        }
    }

    /// The section that a heading begins; the words that people use for it are the same to us.
    fn of_heading(heading: &str) -> Option<Section> {
        let plain = heading.trim().trim_matches(['*', '_']).trim_end_matches(':').trim_matches(['*', '_']);
        Some(match plain.trim().to_lowercase().as_str() {
            "objective" | "objectives" | "goal" | "goals" | "what is wanted" => Section::Objective,
            "output" | "output format" | "deliverable" | "deliverables" => Section::Output,
            "tools" => Section::Tools,
            "sources" | "references" | "context" | "where to look" => Section::Sources,
            "boundaries" | "constraints" | "out of scope" | "non-goals" | "limits" => Section::Boundaries,
            "acceptance criteria" | "acceptance" | "done when" | "definition of done" => Section::Acceptance,
            _ => return None,
        })
    }
}

/// How much a spec must say, whatever the task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) enum Require {
    /// It names a thing; more where it has headings or is of tier 3 or 4.
    #[default]
    Brief,
    /// Objective and acceptance criteria.
    Checkable,
    /// All six sections.
    Full,
}

impl Require {
    /// The words of the setting, the least first.
    pub(crate) const WORDS: &'static [&'static str] = &["brief", "checkable", "full"];

    /// The requirement of that word.
    pub(crate) fn parse(word: &str) -> Option<Require> {
        match word {
            "brief" => Some(Require::Brief),
            "checkable" => Some(Require::Checkable),
            "full" => Some(Require::Full),
            _ => None,
        }
    }
}

/// A spec, read by its headings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Spec {
    /// What stands in no section.
    free: String,
    /// The sections that were begun, in their order, with what stands in them.
    sections: Vec<(Section, String)>,
}

impl Spec {
    /// Reads a spec: `## Heading` or `Heading: text` begins a section, a heading of the same or a higher level ends it.
    /// Comments (`<!-- -->`) and placeholders say nothing.
    pub(crate) fn read(text: &str) -> Spec {
        let mut spec = Spec::default();
        let mut within: Option<(Section, usize)> = None;
        let mut fenced = false;
        for line in without_comments(text).lines() {
            let trimmed = line.trim();
            fenced ^= trimmed.starts_with("```") || trimmed.starts_with("~~~");
            if !fenced && let Some((level, heading)) = heading(trimmed) {
                if let Some(section) = Section::of_heading(heading) {
                    within = Some((section, level));
                    spec.begin(section);
                    continue;
                }
                within = within.filter(|(_, of)| level > *of);
                // The title of a file says what the task's own title says.
                if within.is_none() {
                    continue;
                }
            } else if !fenced
                && let Some((label, rest)) = trimmed.split_once(':')
                && let Some(section) = Section::of_heading(label)
            {
                within = Some((section, 7));
                spec.begin(section);
                spec.add(within, rest);
                continue;
            }
            spec.add(within, line);
        }
        spec
    }

    fn begin(&mut self, section: Section) {
        if !self.sections.iter().any(|(begun, _)| *begun == section) {
            self.sections.push((section, String::new()));
        }
    }

    fn add(&mut self, to: Option<(Section, usize)>, line: &str) {
        let section =
            to.and_then(|(section, _)| self.sections.iter_mut().find(|(begun, _)| *begun == section));
        let text = section.map_or(&mut self.free, |(_, text)| text);
        text.push_str(line);
        text.push('\n');
    }

    /// What a section says; nothing where it was not begun, or says nothing.
    pub(crate) fn of(&self, section: Section) -> Option<&str> {
        let (_, text) = self.sections.iter().find(|(begun, _)| *begun == section)?;
        says_something(text).then(|| text.trim())
    }
}

/// Whether a text has a line that is no placeholder.
fn says_something(text: &str) -> bool {
    text.lines().any(|line| {
        let plain = line.trim().trim_start_matches(['-', '*', '+', ' ']);
        let plain = plain.trim_start_matches("[ ]").trim().trim_matches(['`', '_', '*']);
        let lower = plain.trim_end_matches([':', '.', '?', '!']).to_lowercase();
        let marked = plain.starts_with('<') && plain.ends_with('>');
        !marked
            && !matches!(lower.as_str(), "" | "tbd" | "todo" | "fixme" | "xxx" | "…" | "fill in" | "to do")
    })
}

/// A Markdown heading: its level and text.
fn heading(line: &str) -> Option<(usize, &str)> {
    let level = line.bytes().take_while(|&b| b == b'#').count();
    let text = &line[level..];
    ((1..=6).contains(&level) && text.starts_with(' ')).then(|| (level, text.trim().trim_end_matches('#')))
}

/// The text without `<!-- … -->`; one that does not end hides the rest, as in every reader of Markdown.
fn without_comments(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("<!--") {
        out.push_str(before);
        rest = after.split_once("-->").map_or("", |(_, after)| after);
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn why(title: &str, spec: &str, tier: u8, require: Require) -> String {
        let gaps = gaps(title, spec, tier, require);
        gaps.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn one_line_is_enough_where_it_names_a_thing() {
        for title in [
            "Fix the flaky login test",
            "One",
            "x",
            "Add retry to net",
            "Lösche alte Logs",
            "更新依赖",
            "t1",
            "Do it",
        ] {
            assert_eq!(why(title, "", 1, Require::Brief), "", "{title}");
        }
        for title in ["Fix it", "improve the code", "Various bug fixes", "TODO", "Make everything better!"] {
            assert_eq!(
                why(title, "", 1, Require::Brief),
                "it names no thing: its words fit any task",
                "{title}"
            );
            assert_eq!(
                why(title, "`tally list` shows no dates.", 1, Require::Brief),
                "",
                "{title}, explained"
            );
        }
    }

    #[test]
    fn a_template_that_was_not_filled_in_is_named_section_by_section() {
        let spec = "# Dates\n## Objective\n<!-- what? -->\n## Sources\n- TBD\n## Boundaries\nNone.\n";
        insta::assert_snapshot!(why("Dates", spec, 1, Require::Brief).replace("; ", "\n"), @r"
        'Objective' says nothing: what is to be different afterwards, and why?
        'Sources' says nothing: where does one read first?
        'Acceptance criteria' is missing: how does one see that it is done?
        ");
        let filled = "## Objective\nISO dates.\n## Done when\n```\n## Sources\n```\n";
        assert_eq!(why("Dates", filled, 1, Require::Brief), "", "a heading in a code block is none");
    }

    #[test]
    fn large_tasks_and_strict_settings_ask_for_more() {
        let missing = |sections: &[&str]| {
            sections.iter().map(|name| format!("'{name}' is missing")).collect::<Vec<_>>()
        };
        let of = |spec: &str, tier, require| {
            let text = why("Dates", spec, tier, require);
            text.split("; ").filter_map(|gap| Some(gap.split_once(':')?.0.to_owned())).collect::<Vec<_>>()
        };
        assert_eq!(of("", 3, Require::Brief), missing(&["Acceptance criteria"]));
        assert_eq!(of("Done when: `x` prints y", 4, Require::Brief), missing(&[]));
        assert_eq!(of("", 1, Require::Checkable), missing(&["Objective", "Acceptance criteria"]));
        assert_eq!(of("Why.\nAcceptance: it passes", 1, Require::Checkable), missing(&[]));
        let rest = ["Output format", "Tools", "Sources", "Boundaries"];
        assert_eq!(of("## Goal\na\n## Done when\nb", 1, Require::Full), missing(&rest));
    }

    #[test]
    fn sections_end_where_the_next_of_their_level_begins() {
        let spec = Spec::read("## Objective\none\n### Detail\ntwo\n## Notes\nthree\n## OUTPUT:\nfour");
        assert_eq!(spec.of(Section::Objective), Some("one\n### Detail\ntwo"));
        assert_eq!(spec.of(Section::Output), Some("four"));
        assert_eq!(spec.free.trim(), "three");
    }

    #[test]
    fn the_examples_are_no_placeholders() {
        for section in Section::ALL {
            let spec = format!("## {}\n{}\n", section.heading(), section.example());
            assert_eq!(Spec::read(&spec).of(section), Some(section.example()));
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd_to_be_read(title in ".{0,40}", spec in "(#{0,7} ?[a-zA-Z:<!\\-`>]{0,12}\n?){0,12}") {
            let _ = gaps(&title, &spec, 3, Require::Full);
        }
    }
}
