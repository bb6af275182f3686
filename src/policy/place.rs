//! Where in an `orch.toml` a key stands: for what is wrong only beside others, and so found after the file was read.

use toml::de::{DeTable, DeValue};

/// Line and column of a key, both from 1; of its section where the file does not have the key itself.
pub(crate) fn place(text: &str, name: &str) -> Option<(usize, usize)> {
    let whole = DeTable::parse(text).ok()?;
    let mut table = whole.get_ref();
    let mut found = None;
    for part in name.split('.') {
        let Some((key, value)) = table.iter().find(|(key, _)| key.get_ref() == part) else { break };
        found = Some(key.span().start);
        match value.get_ref() {
            DeValue::Table(inner) => table = inner,
            _ => break,
        }
    }
    // A section alone of all agents is no place.
    let before = text.get(..found?)?;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Some((before.matches('\n').count() + 1, column))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_or_its_section_has_a_place() {
        let text =
            "base = 'main'\n\n[agent.mine]\ncommand = 'x'\n  exits = ['1=x']\n[agent.other]\nargv = ['y']\n";
        assert_eq!(place(text, "agent.mine.exits"), Some((5, 3)));
        assert_eq!(place(text, "agent.mine.prompt"), Some((3, 8)));
        assert_eq!(place(text, "agent.other.argv"), Some((7, 1)));
        assert_eq!(place(text, "base"), Some((1, 1)));
        assert_eq!((place(text, "cap.diff"), place("[", "cap")), (None, None));
    }
}
