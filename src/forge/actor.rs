//! Who may give which command. Asked at the moment it is followed, from what the host says of the person then.

use super::slash::Order;

/// What the host lets somebody do in the repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Permission {
    None,
    /// Also everybody, where the repository is public.
    Read,
    /// May sort, not write.
    Triage,
    Write,
    Maintain,
    Admin,
}

impl Permission {
    /// The permission of the host's word (`role_name`, else `permission`); what is unknown counts as none.
    pub(crate) fn of_word(word: &str) -> Permission {
        match word {
            "admin" => Permission::Admin,
            "maintain" => Permission::Maintain,
            "write" | "push" => Permission::Write,
            "triage" => Permission::Triage,
            "read" | "pull" => Permission::Read,
            _ => Permission::None,
        }
    }
}

/// Somebody who writes a comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Actor {
    pub(crate) login: String,
    pub(crate) permission: Permission,
    /// An app, or an account that the host calls a bot.
    pub(crate) bot: bool,
    /// Whether the pull request is theirs.
    pub(crate) author: bool,
}

/// Why somebody may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Denied {
    /// Programs give no commands: a title that steers one would steer us.
    Bot,
    NeedsWrite,
    OwnWork,
    NoAccess,
}

impl Denied {
    /// One polite sentence.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Denied::Bot => "commands of bots are not followed",
            Denied::NeedsWrite => "this needs write access to the repository",
            Denied::OwnWork => {
                "nobody approves their own work or dismisses what was found in it; somebody else has to. Where there is \
                 nobody else: `review.own = true` in orch.toml on the base branch"
            }
            Denied::NoAccess => "this needs access to the repository",
        }
    }
}

/// Whether somebody may have an order followed. `own_work`: the settings let authors approve, where they may write.
///
/// # Errors
/// Why not.
pub(crate) fn may(actor: &Actor, order: &Order, own_work: bool) -> Result<(), Denied> {
    if actor.bot {
        return Err(Denied::Bot);
    }
    let writes = actor.permission >= Permission::Write;
    let needs_write = if writes { Ok(()) } else { Err(Denied::NeedsWrite) };
    match order {
        Order::Help | Order::Why if actor.permission >= Permission::Read || actor.author => Ok(()),
        Order::Help | Order::Why => Err(Denied::NoAccess),
        // Costs a test run at most, which a push would cost as well.
        Order::Check | Order::Unqueue if actor.author => Ok(()),
        Order::Check | Order::Unqueue => needs_write,
        // Cost money, or land code.
        Order::Review { .. } | Order::Queue { .. } | Order::Retry => needs_write,
        Order::Approve { .. } | Order::Dismiss { .. } => match (writes, actor.author && !own_work) {
            (false, _) => Err(Denied::NeedsWrite),
            (true, true) => Err(Denied::OwnWork),
            (true, false) => Ok(()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forge::finding::FindingId;

    /// Everybody who may turn up, by every command: the whole table.
    #[test]
    fn who_may_what() {
        let actor = |permission, bot, author| Actor { login: "x".to_owned(), permission, bot, author };
        let actors = [
            ("stranger", actor(Permission::None, false, false)),
            ("reader", actor(Permission::Read, false, false)),
            ("triager", actor(Permission::Triage, false, false)),
            ("writer", actor(Permission::Write, false, false)),
            ("admin", actor(Permission::Admin, false, false)),
            ("author, fork", actor(Permission::Read, false, true)),
            ("author, writer", actor(Permission::Write, false, true)),
            ("bot, admin", actor(Permission::Admin, true, false)),
        ];
        let finding = FindingId::parse("f-a1b2c3").unwrap();
        let orders = [
            Order::Check,
            Order::Review { reviewer: None },
            Order::Approve { head: None },
            Order::Queue { head: None, priority: None },
            Order::Unqueue,
            Order::Why,
            Order::Dismiss { finding, because: "x".to_owned() },
            Order::Retry,
            Order::Help,
        ];
        let mut table = String::new();
        for (name, actor) in &actors {
            let cells: Vec<String> = orders
                .iter()
                .map(|order| match may(actor, order, false) {
                    Ok(()) => order.word().to_owned(),
                    Err(denied) => format!("{}:{denied:?}", order.word()),
                })
                .collect();
            table.push_str(&format!("{name:<15}{}\n", cells.join(" ")));
        }
        insta::assert_snapshot!(table, @"
        stranger       check:NeedsWrite review:NeedsWrite approve:NeedsWrite queue:NeedsWrite unqueue:NeedsWrite why:NoAccess dismiss:NeedsWrite retry:NeedsWrite help:NoAccess
        reader         check:NeedsWrite review:NeedsWrite approve:NeedsWrite queue:NeedsWrite unqueue:NeedsWrite why dismiss:NeedsWrite retry:NeedsWrite help
        triager        check:NeedsWrite review:NeedsWrite approve:NeedsWrite queue:NeedsWrite unqueue:NeedsWrite why dismiss:NeedsWrite retry:NeedsWrite help
        writer         check review approve queue unqueue why dismiss retry help
        admin          check review approve queue unqueue why dismiss retry help
        author, fork   check review:NeedsWrite approve:NeedsWrite queue:NeedsWrite unqueue why dismiss:NeedsWrite retry:NeedsWrite help
        author, writer check review approve:OwnWork queue unqueue why dismiss:OwnWork retry help
        bot, admin     check:Bot review:Bot approve:Bot queue:Bot unqueue:Bot why:Bot dismiss:Bot retry:Bot help:Bot
        ");
    }

    #[test]
    fn a_maintainer_alone_is_let_to_say_yes_and_nobody_else_is() {
        let order = Order::Approve { head: None };
        let actor = |permission, bot, author| Actor { login: "x".to_owned(), permission, bot, author };
        assert_eq!(may(&actor(Permission::Write, false, true), &order, true), Ok(()));
        assert_eq!(may(&actor(Permission::Write, false, true), &order, false), Err(Denied::OwnWork));
        assert_eq!(may(&actor(Permission::Triage, false, true), &order, true), Err(Denied::NeedsWrite));
        assert_eq!(may(&actor(Permission::Admin, true, true), &order, true), Err(Denied::Bot));
    }

    #[test]
    fn an_unknown_permission_is_none() {
        for word in ["", "owner", "ADMIN", "write "] {
            assert_eq!(Permission::of_word(word), Permission::None);
        }
    }
}
