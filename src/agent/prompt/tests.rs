use super::*;

fn vars() -> PromptVars {
    PromptVars {
        task: TaskVars {
            id: "add-tax".to_owned(),
            title: "Add tax".to_owned(),
            spec: "SPEC-TEXT {{ not.a.template }}".to_owned(),
            paths: vec!["src/**".to_owned()],
        },
        contract: vec![ContractVars { heading: "Tools".to_owned(), text: "TOOLS-TEXT".to_owned() }],
        limits: LimitVars { diff: 400, minutes: 20 },
        base: "0123abc".to_owned(),
        diff: "+DIFF-TEXT\n========\n".to_owned(),
        findings: vec![FindingVars {
            severity: "HIGH".to_owned(),
            file: "src/a.rs".to_owned(),
            line: Some(12),
            title: "Wrong rate".to_owned(),
            detail: "It is 19.".to_owned(),
        }],
        evidence: "EVIDENCE-TEXT".to_owned(),
        changelog: "Prices have tax".to_owned(),
        notes: vec![NoteVars { about: "t-1, which this builds on".to_owned(), text: "NOTE-TEXT".to_owned() }],
        clarification: "CLARIFIED-TEXT".to_owned(),
        files: vec![
            FileVars { path: "src/a.rs".to_owned(), text: "FILE-TEXT".to_owned(), left_out: false },
            FileVars { path: "src/b.bin".to_owned(), text: String::new(), left_out: true },
        ],
        part: "PART-TEXT".to_owned(),
        tests: TestVars { command: "make t".to_owned(), names: vec!["TEST-NAME".to_owned()] },
        attempt: AttemptVars { said: "SAID-TEXT".to_owned(), diff: "ATTEMPT-DIFF".to_owned() },
        most: 7,
    }
}

fn text_of(name: &str) -> String {
    render(name, None, &vars()).unwrap().text
}

#[test]
fn every_embedded_prompt_renders() {
    for (name, _) in BUILT_IN {
        let text = text_of(name);
        assert!(text.contains("Add tax") && text.contains("SPEC-TEXT {{ not.a.template }}"), "{name}");
        render(name, None, &PromptVars::default()).unwrap();
    }
}

#[test]
fn each_role_learns_its_own_job_only() {
    for (name, _) in BUILT_IN {
        let text = text_of(name).to_lowercase();
        for word in ["queue", "pipeline", "orchestrat", "another agent", "other reviewer", "land "] {
            assert!(!text.contains(word), "{name} knows of: {word}");
        }
    }
}

#[test]
fn reviewers_get_the_diff_as_data_and_the_form_of_the_answer() {
    let reviewers = BUILT_IN.iter().filter(|(name, _)| name.starts_with("review_"));
    for (role, _) in reviewers {
        let text = text_of(role);
        assert!(text.contains("\n=========\n+DIFF-TEXT"), "{text}"); // one longer than what the diff holds
        assert!(text.contains("never instructions") && !text.contains("EVIDENCE-TEXT"), "{role}");
        let example = text.trim_end().lines().last().unwrap();
        let example = example.replace(r#""approve"|"revise""#, r#""approve""#);
        let value: serde_json::Value = serde_json::from_str(&example).unwrap();
        assert_eq!(value["findings"][0]["severity"], "CRITICAL|HIGH|MEDIUM|LOW");
    }
}

#[test]
fn each_role_gets_what_its_job_needs_and_no_more() {
    for (name, has, has_not) in [
        ("implement", vec!["TOOLS-TEXT", "NOTE-TEXT"], vec!["EVIDENCE-TEXT", "DIFF-TEXT", "PART-TEXT"]),
        (
            "fix",
            vec!["[HIGH] src/a.rs:12: Wrong rate", "EVIDENCE-TEXT", "CLARIFIED-TEXT", "NOTE-TEXT"],
            vec!["DIFF-TEXT"],
        ),
        (
            "code",
            vec!["FILE: src/greet.sh", "FILE-TEXT", "src/b.bin (not shown", "PART-TEXT", "EVIDENCE-TEXT"],
            vec![],
        ),
        ("test", vec!["TEST-NAME", "make t", "EVIDENCE-TEXT", "+DIFF-TEXT"], vec!["NOTE-TEXT"]),
        ("clarify", vec!["SAID-TEXT", "ATTEMPT-DIFF", "EVIDENCE-TEXT"], vec!["NOTE-TEXT", "DIFF-TEXT\n=="]),
        ("manager", vec!["At most 7 tasks", "400 changed lines"], vec!["EVIDENCE-TEXT"]),
    ] {
        let text = text_of(name);
        for word in has {
            assert!(text.contains(word), "{name} lacks {word}: {text}");
        }
        for word in has_not {
            assert!(!text.contains(word), "{name} has {word}");
        }
    }
}

#[test]
fn the_front_matter_of_the_embedded_prompts_says_what_they_may() {
    let lines: Vec<String> = BUILT_IN
        .iter()
        .map(|(name, _)| {
            let front = front(name, None).unwrap();
            let tier = front.tier.map_or("any".to_owned(), |tier| tier.to_string());
            format!("{name}: {:?}, {tier}", front.tools)
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
        implement: Edit, any
        fix: Edit, any
        code: Read, any
        review_safety: Read, any
        review_architecture: Read, any
        review_quality: Read, any
        review_facts: Read, any
        review_language: Read, any
        review_data: Read, any
        test: Edit, any
        clarify: Read, cheap
        manager: Read, mid
        ");
}

#[test]
fn a_given_prompt_wins_and_is_held_to_what_it_reads() {
    let given =
        |front: &str, body: &str| render("review_docs", Some(&format!("---\n{front}\n---\n{body}")), &vars());
    let rendered = given("role = \"review\"\nreads = [\"base\"]", "Look at {{ base }}\n").unwrap();
    assert_eq!(rendered.text, "Look at 0123abc\n");
    assert!(matches!(render("review_docs", None, &vars()), Err(PromptError::Missing { .. })));
}

/// What is wrong is said with the file and the line, so that it can be opened there.
#[test]
fn a_mistake_names_its_file_and_line() {
    let why = |name: &str, file: &str| render(name, Some(file), &vars()).unwrap_err().to_string();
    let docs = |text: &str| why("review_docs", text);
    insta::assert_snapshot!([
        docs("Look"),
        docs("---\nrole = \"review\"\nreads = []\n"),
        docs("---\nrole = \"review\"\nreads = []\n\nmodle = 1\n---\n"),
        docs("---\nrole = \"review\"\nreads = [\"dif\"]\n---\n"),
        docs("---\nrole = \"fix\"\nreads = []\n---\n"),
        docs("---\nreads = []\nrole = \"review\"\ntools = \"edit\"\n---\n"),
        docs("---\nreads = []\nrole = \"review\"\noutput = \"report\"\n---\n"),
        docs("---\nreads = []\nrole = \"review\"\ntier = \"best\"\n---\n"),
        docs("---\nrole = \"review\"\n---\n"),
        docs("---\nrole = review\nreads = []\n---\n"),
        docs("---\nrole = \"review\"\nreads = []\n---\none\n{{ diff }}\n"),
        docs("---\nrole = \"review\"\nreads = []\n---\n\n\n{% if %}\n"),
        why("implement", "---\nrole = \"implement\"\nreads = []\ntools = \"shell\"\n---\n"),
    ].join("\n"), @r"
        prompts/review_docs.md:1: it must begin with front matter between two lines '---'
        prompts/review_docs.md:1: it must begin with front matter between two lines '---'
        prompts/review_docs.md:5: unknown field `modle`, expected one of `role`, `reads`, `tier`, `tools`, `output`
        prompts/review_docs.md:3: reads 'dif', but there is only task, contract, limits, base, diff, findings, evidence, changelog, notes, clarification, files, part, tests, attempt, most
        prompts/review_docs.md:2: role = 'fix', but this file is for review_docs
        prompts/review_docs.md:4: tools = 'edit', but review_docs only reads: no prompt can change that
        prompts/review_docs.md:4: output = 'report', but what review_docs answers is read as 'verdict'
        prompts/review_docs.md:4: tier 'best' must be one of: cheap, mid, expensive
        prompts/review_docs.md:2: missing field `reads`
        prompts/review_docs.md:2: string values must be quoted, expected literal string
        prompts/review_docs.md:6: undefined value
        prompts/review_docs.md:7: syntax error: unexpected end of block
        prompts/implement.md:4: tools 'shell' must be one of: edit, read
        ");
}
