//! Who may give which command, asked of the bot itself: every actor by every command.

use serde_json::json;

use crate::hub::Hub;

/// Who turns up on a pull request of `ana`; `fay` has one of her own, from a fork.
const ACTORS: [(&str, &str); 9] = [
    ("sam", "none"),
    ("carl", "read"),
    ("tina", "triage"),
    ("bob", "write"),
    ("mai", "maintain"),
    ("ada", "admin"),
    ("ana", "write"),
    ("fay", "read"),
    ("helper[bot]", "admin"),
];

const COMMANDS: [&str; 9] = [
    "/orch check",
    "/orch review",
    "/orch approve",
    "/orch queue",
    "/orch unqueue",
    "/orch why",
    "/orch dismiss f-a1b2c3 it is a test",
    "/orch retry",
    "/orch help",
];

/// What came of one command, in a word or two.
fn outcome(hub: &Hub, comment: u64) -> String {
    let mark = hub.mark(comment).unwrap_or_default();
    let said = hub.reply(comment).unwrap_or_default();
    let why = match said.as_str() {
        "" => "",
        text if text.starts_with("| command |") => " list",
        text if text.contains("it was not queued") => " says",
        text if text.contains("needs write access") => " write",
        text if text.contains("needs access") => " access",
        text if text.contains("own work") => " own",
        text if text.contains("not in the queue") => " none",
        text if text.contains("nobody else has approved") => " yes",
        text if text.contains("no such reviewer") => " nobody",
        text => &format!(" ({})", text.trim()),
    };
    format!("{mark}{why}")
}

#[test]
fn every_actor_by_every_command() {
    let mut table = String::new();
    for command in COMMANDS {
        let hub = Hub::new("[agents]\nreview = \"exec:true\"\n");
        for (login, may) in ACTORS {
            hub.world.lock().unwrap().permissions.insert(login.to_owned(), may);
        }
        hub.pull(7, "src/b.txt", "fine\n");
        hub.pull(8, "src/c.txt", "fine\n");
        hub.set(8, "/user/login", json!("fay"));
        let said: Vec<(&str, u64)> = ACTORS
            .iter()
            .map(|(login, _)| (*login, hub.say(if *login == "fay" { 8 } else { 7 }, login, command)))
            .collect();
        hub.queue();
        let cells: Vec<String> =
            said.iter().map(|(login, id)| format!("{login} {}", outcome(&hub, *id))).collect();
        table.push_str(&format!("{:<14} {}\n", &command[..14.min(command.len())], cells.join("; ")));
        // Only a yes of somebody else lands.
        let landed = if command == "/orch approve" { vec!["pr-7".to_owned()] } else { Vec::new() };
        assert_eq!(hub.landed(), landed, "{command}");
        let _ = [7, 8].map(|number| hub.said(number));
    }
    insta::assert_snapshot!(table, @"
    /orch check    sam -1 write; carl -1 write; tina -1 write; bob +1; mai +1; ada +1; ana +1; fay +1; helper[bot] -1
    /orch review   sam -1 write; carl -1 write; tina -1 write; bob +1; mai +1; ada +1; ana +1; fay -1 write; helper[bot] -1
    /orch approve  sam -1 write; carl -1 write; tina -1 write; bob +1; mai +1; ada +1; ana -1 own; fay -1 write; helper[bot] -1
    /orch queue    sam -1 write; carl -1 write; tina -1 write; bob -1 yes; mai -1 yes; ada -1 yes; ana -1 yes; fay -1 write; helper[bot] -1
    /orch unqueue  sam -1 write; carl -1 write; tina -1 write; bob -1 none; mai -1 none; ada -1 none; ana -1 none; fay -1 none; helper[bot] -1
    /orch why      sam -1 access; carl +1 says; tina +1 says; bob +1 says; mai +1 says; ada +1 says; ana +1 says; fay +1 says; helper[bot] -1
    /orch dismiss  sam -1 write; carl -1 write; tina -1 write; bob +1; mai +1; ada +1; ana -1 own; fay -1 write; helper[bot] -1
    /orch retry    sam -1 write; carl -1 write; tina -1 write; bob +1; mai +1; ada +1; ana +1; fay -1 write; helper[bot] -1
    /orch help     sam -1 access; carl +1 list; tina +1 list; bob +1 list; mai +1 list; ada +1 list; ana +1 list; fay +1 list; helper[bot] -1
    ");
}
