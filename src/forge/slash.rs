//! Slash commands in comments: `/orch queue` and its fellows.
//!
//! Only what somebody says in their own words counts: a line of plain text that begins so. Code, quotes, lists and
//! hidden HTML are what others said, or examples.

use pulldown_cmark::{Event, Parser, Tag, TagEnd};

use crate::task::id::shown;
use crate::task::role::ReviewerName;

use super::finding::FindingId;

/// What every command begins with.
const WORD: &str = "/orch";
/// Longest comment that is read, in bytes: the host's own limit is 65,536 characters.
const COMMENT_MAX: usize = 256 * 1024;
/// Commands of one comment that are followed; more are no conversation.
const ORDERS_MAX: usize = 10;
/// Longest reason of a dismissal, in characters.
const REASON_MAX: usize = 500;
/// Shortest beginning of a commit id that names a commit, in digits.
const SHA_MIN: usize = 7;

/// What somebody wants done about a pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Order {
    /// Run the gates again.
    Check,
    /// Ask the reviewers, or one of them.
    Review {
        reviewer: Option<ReviewerName>,
    },
    /// Say yes to the commit; `head` is its id or the beginning of it.
    Approve {
        head: Option<String>,
    },
    /// Into the queue.
    Queue {
        head: Option<String>,
        priority: Option<u8>,
    },
    /// Out of the queue.
    Unqueue,
    /// Say what it waits for.
    Why,
    /// A finding is wrong, and never to be said again.
    Dismiss {
        finding: FindingId,
        because: String,
    },
    /// Once more what failed for a reason outside the change.
    Retry,
    Help,
}

/// One command line of a comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reading {
    Order(Order),
    /// It cannot be followed, and what to write instead.
    Unclear {
        said: String,
        hint: String,
    },
}

impl Order {
    /// Every command as help lists it, with what it does.
    pub(crate) const HELP: &[(&str, &str)] = &[
        ("/orch check", "run the gates again"),
        ("/orch review [REVIEWER]", "ask the reviewers, or one of them"),
        ("/orch approve [COMMIT]", "say yes to this commit, and queue it; not for your own work"),
        ("/orch queue [COMMIT] [p0..p4]", "put what somebody else approved into the merge queue"),
        ("/orch unqueue", "take it out again"),
        ("/orch why", "what it waits for"),
        ("/orch dismiss FINDING REASON", "a finding is wrong: it is never said again"),
        ("/orch retry", "once more what failed for a reason outside the change"),
        ("/orch help", "this list"),
    ];

    /// The command's word.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Order::Check => "check",
            Order::Review { .. } => "review",
            Order::Approve { .. } => "approve",
            Order::Queue { .. } => "queue",
            Order::Unqueue => "unqueue",
            Order::Why => "why",
            Order::Dismiss { .. } => "dismiss",
            Order::Retry => "retry",
            Order::Help => "help",
        }
    }

    /// The commit that it names, if it names one.
    pub(crate) fn head(&self) -> Option<&str> {
        match self {
            Order::Approve { head } | Order::Queue { head, .. } => head.as_deref(),
            Order::Check
            | Order::Review { .. }
            | Order::Unqueue
            | Order::Why
            | Order::Dismiss { .. }
            | Order::Retry
            | Order::Help => None,
        }
    }
}

/// The commands of a comment, in the order in which they were written.
pub(crate) fn read(comment: &str) -> Vec<Reading> {
    if comment.len() > COMMENT_MAX || !comment.contains(WORD) {
        return Vec::new();
    }
    let lines = spoken_lines(comment);
    let commands = lines.iter().filter_map(|line| {
        let rest = line.trim_end().strip_prefix(WORD)?;
        (rest.is_empty() || rest.starts_with(char::is_whitespace)).then(|| read_line(rest))
    });
    commands.take(ORDERS_MAX).collect()
}

/// Lines of paragraphs that stand by themselves. What is no plain text becomes a character that no command has.
fn spoken_lines(comment: &str) -> Vec<String> {
    const OTHER: char = '\u{fffd}';
    let mut lines = Vec::new();
    let mut line = String::new();
    let (mut depth, mut paragraph) = (0_u32, false);
    for (event, range) in Parser::new(comment).into_offset_iter() {
        match event {
            Event::Start(Tag::Paragraph) if depth == 0 => paragraph = true,
            // Within a line emphasis is only emphasis; at its start it is no plain text.
            Event::Start(Tag::Emphasis | Tag::Strong) if paragraph && !line.is_empty() => {}
            Event::Start(Tag::Emphasis | Tag::Strong) if paragraph => line.push(OTHER),
            Event::End(TagEnd::Emphasis | TagEnd::Strong) if paragraph => {}
            Event::Start(_) => {
                depth += 1;
                line.push(OTHER);
            }
            Event::End(TagEnd::Paragraph) if depth == 0 => {
                paragraph = false;
                lines.push(std::mem::take(&mut line));
            }
            Event::End(_) => {
                depth = depth.saturating_sub(1);
                if !paragraph {
                    line.clear();
                }
            }
            Event::Text(text) if paragraph && depth == 0 => {
                // An escaped or encoded slash is no command: the source has to begin so too.
                if line.is_empty() && !comment[range.start..].starts_with(text.as_ref())
                    || line.is_empty() && comment[..range.start].ends_with('\\')
                {
                    line.push(OTHER);
                }
                line.push_str(&text);
            }
            Event::SoftBreak | Event::HardBreak if paragraph && depth == 0 => {
                lines.push(std::mem::take(&mut line));
            }
            _ if paragraph && depth == 0 => line.push(OTHER),
            _ => {}
        }
    }
    lines
}

fn read_line(rest: &str) -> Reading {
    let said = format!("{WORD}{}", rest.trim_end());
    let words: Vec<&str> = rest.split_whitespace().collect();
    let unclear = |hint: String| Reading::Unclear { said: shown(&cut(&said, 80)), hint };
    let (first, args) = match words.split_first() {
        Some((first, args)) => (*first, args),
        None => return Reading::Order(Order::Help),
    };
    let plain = |order: Order| match args {
        [] => Reading::Order(order),
        _ => unclear(format!("`{WORD} {first}` takes nothing behind it")),
    };
    match first {
        "check" => plain(Order::Check),
        "unqueue" => plain(Order::Unqueue),
        "why" | "explain" => plain(Order::Why),
        "retry" => plain(Order::Retry),
        "help" => plain(Order::Help),
        "review" => match args {
            [] => Reading::Order(Order::Review { reviewer: None }),
            [name] => match ReviewerName::parse(name) {
                Ok(reviewer) => Reading::Order(Order::Review { reviewer: Some(reviewer) }),
                Err(_) => unclear("a reviewer's name has only a-z 0-9 _".to_owned()),
            },
            _ => unclear("one reviewer at a time, or none for all of them".to_owned()),
        },
        "approve" => match args {
            [] => Reading::Order(Order::Approve { head: None }),
            [sha] if is_sha(sha) => Reading::Order(Order::Approve { head: Some((*sha).to_owned()) }),
            _ => unclear(format!("`{WORD} approve`, or with a commit of at least {SHA_MIN} digits")),
        },
        "queue" => read_queue(args).map_or_else(unclear, Reading::Order),
        "dismiss" => match args {
            [id, because @ ..] if !because.is_empty() => match FindingId::parse(id) {
                Some(finding) => {
                    let because = shown(&cut(&because.join(" "), REASON_MAX));
                    Reading::Order(Order::Dismiss { finding, because })
                }
                None => unclear("a finding's name is `f-` and six letters or digits".to_owned()),
            },
            _ => unclear(format!("`{WORD} dismiss FINDING REASON`: say why it is wrong")),
        },
        "r+" | "+r" | "lgtm" | "merge" | "land" => {
            unclear(format!("here it is `{WORD} approve` (yes to the change) and `{WORD} queue` (land it)"))
        }
        "r-" | "-r" | "cancel" | "drop" => unclear(format!("here it is `{WORD} unqueue`")),
        other => {
            let known = ["check", "review", "approve", "queue", "unqueue", "why", "dismiss", "retry", "help"];
            let near = known.iter().min_by_key(|known| strsim::damerau_levenshtein(known, other));
            match near.filter(|near| strsim::damerau_levenshtein(near, other) <= 2) {
                Some(near) => unclear(format!("did you mean `{WORD} {near}`?")),
                None => unclear(format!("`{WORD} help` lists what there is")),
            }
        }
    }
}

fn read_queue(args: &[&str]) -> Result<Order, String> {
    let (mut head, mut priority) = (None, None);
    for word in args {
        let number = word.strip_prefix('p').and_then(|digits| digits.parse::<u64>().ok());
        match number {
            Some(level @ 0..=4) if priority.is_none() => priority = u8::try_from(level).ok(),
            Some(_) => return Err("one priority, from `p0` (first) to `p4`".to_owned()),
            None if is_sha(word) && head.is_none() => head = Some((*word).to_owned()),
            None => return Err(format!("`{WORD} queue`, with a commit or `p0` to `p4` behind it")),
        }
    }
    Ok(Order::Queue { head, priority })
}

fn is_sha(word: &str) -> bool {
    (SHA_MIN..=64).contains(&word.len())
        && word.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

fn cut(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    text.chars().take(max - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn orders(comment: &str) -> Vec<String> {
        let text = |reading: Reading| match reading {
            Reading::Order(order) => format!("{order:?}"),
            Reading::Unclear { said, hint } => format!("? {said} ({hint})"),
        };
        read(comment).into_iter().map(text).collect()
    }

    #[test]
    fn each_command_is_read() {
        let comment = "/orch check\n/orch review\n/orch review safety\n/orch approve\n/orch approve abc1234\n\
                       /orch queue\n/orch queue abc1234 p0\n/orch unqueue\n/orch why\n/orch retry\n/orch help\n";
        insta::assert_snapshot!(orders(comment).join("\n"), @r#"
        Check
        Review { reviewer: None }
        Review { reviewer: Some(ReviewerName("safety")) }
        Approve { head: None }
        Approve { head: Some("abc1234") }
        Queue { head: None, priority: None }
        Queue { head: Some("abc1234"), priority: Some(0) }
        Unqueue
        Why
        Retry
        "#);
        assert_eq!(
            orders("/orch dismiss f-a1b2c3 it is *not* logged"),
            ["Dismiss { finding: FindingId(\"f-a1b2c3\"), because: \"it is not logged\" }"]
        );
        assert_eq!(orders("/orch"), ["Help"]);
    }

    #[test]
    fn only_own_words_at_the_start_of_a_line_count() {
        for comment in [
            "> /orch queue",
            "> somebody said\n/orch queue",
            "```\n/orch queue\n```",
            "~~~sh\n/orch queue",
            "    /orch queue",
            "`/orch queue`",
            "a `b\n/orch queue` c",
            "- /orch queue",
            "# /orch queue",
            "<!-- /orch queue -->",
            "<!--\n/orch queue\n-->",
            "<div>\n/orch queue\n</div>",
            "please /orch queue",
            "**/orch queue**",
            "\\/orch queue",
            "&#47;orch queue",
            "[/orch queue](x)",
            "/orchestra queue",
            "/Orch queue",
            "\u{200b}/orch queue",
        ] {
            assert_eq!(orders(comment), Vec::<String>::new(), "{comment:?}");
        }
        for comment in [
            "/orch queue",
            "Nice.\n/orch queue",
            "Nice.\n\n/orch queue  \nbye",
            "  /orch queue",
            "/orch queue\r\n",
        ] {
            assert_eq!(orders(comment), ["Queue { head: None, priority: None }"], "{comment:?}");
        }
    }

    #[test]
    fn what_cannot_be_followed_says_what_to_write() {
        insta::assert_snapshot!(
            orders(
                "/orch +r\n/orch r+\n/orch quue\n/orch frobnicate\n/orch queue p99999999999999999999\n/orch queue p7\n\
                 /orch dismiss f-a1b2c3\n/orch approve v1.2\n/orch check now"
            )
            .join("\n"),
            @"
        ? /orch +r (here it is `/orch approve` (yes to the change) and `/orch queue` (land it))
        ? /orch r+ (here it is `/orch approve` (yes to the change) and `/orch queue` (land it))
        ? /orch quue (did you mean `/orch queue`?)
        ? /orch frobnicate (`/orch help` lists what there is)
        ? /orch queue p99999999999999999999 (`/orch queue`, with a commit or `p0` to `p4` behind it)
        ? /orch queue p7 (one priority, from `p0` (first) to `p4`)
        ? /orch dismiss f-a1b2c3 (`/orch dismiss FINDING REASON`: say why it is wrong)
        ? /orch approve v1.2 (`/orch approve`, or with a commit of at least 7 digits)
        ? /orch check now (`/orch check` takes nothing behind it)
        "
        );
    }

    #[test]
    fn a_comment_of_a_thousand_commands_is_cut() {
        assert_eq!(read(&"/orch check\n".repeat(1000)).len(), ORDERS_MAX);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_comment_stops_the_reader(comment in "(?s).{0,200}", order in "[ -~]{0,30}") {
            let _ = read(&comment);
            let _ = read(&format!("{comment}\n/orch {order}"));
        }

        #[test]
        fn nothing_in_a_fence_is_ever_an_order(inside in "[^`~]{0,80}") {
            let fenced = format!("````\n{inside}\n/orch queue\n````\n");
            prop_assert!(read(&fenced).is_empty());
        }
    }
}
