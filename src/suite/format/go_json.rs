//! The events of `go test -json`: one JSON object a line.

use crate::suite::result::{Answer, Results, TestName};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// An event as go writes it; see `go doc test2json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Event {
    action: String,
    package: Option<String>,
    test: Option<String>,
    output: Option<String>,
}

/// A package that is being tested.
#[derive(Default)]
struct Package {
    running: BTreeSet<String>,
    /// First lines of output, by test; that of the package itself is under the empty name.
    lines: BTreeMap<String, String>,
    failed: usize,
    finished: bool,
}

/// Reads a report. Tests are called `package::Test/subtest`; a package that fails by itself stands for its tests.
///
/// # Errors
/// A line that is cut off, or a package that does not end.
pub(super) fn read(text: &str) -> Result<Results, String> {
    let mut results = Results::default();
    let mut packages: BTreeMap<String, Package> = BTreeMap::new();
    for (at, line) in text.lines().enumerate() {
        // What the compiler writes is no JSON.
        if !line.starts_with('{') {
            continue;
        }
        let event: Event = serde_json::from_str(line).map_err(|error| format!("line {}: {error}", at + 1))?;
        let Some(name) = event.package else { continue };
        let package = packages.entry(name.clone()).or_default();
        match event.test {
            Some(test) => take_test(package, &name, test, &event.action, event.output, &mut results),
            None => take_package(package, &name, &event.action, event.output, &mut results),
        }
    }
    match packages.iter().find(|(_, package)| !package.finished) {
        Some((name, _)) => Err(format!("package {name} did not end")),
        None => Ok(results),
    }
}

fn take_test(
    package: &mut Package,
    name: &str,
    test: String,
    action: &str,
    output: Option<String>,
    results: &mut Results,
) {
    let answer = match action {
        "run" => {
            package.running.insert(test);
            return;
        }
        "output" => return keep_line(package, test, &output.unwrap_or_default()),
        "pass" => Answer::Passed,
        "skip" => Answer::Skipped,
        "fail" => {
            package.failed += 1;
            Answer::Failed { line: package.lines.get(&test).cloned().unwrap_or_default() }
        }
        _ => return, // pause, cont, bench
    };
    package.running.remove(&test);
    results.add(TestName::new(&format!("{name}::{test}")), answer);
}

fn take_package(
    package: &mut Package,
    name: &str,
    action: &str,
    output: Option<String>,
    results: &mut Results,
) {
    match action {
        "output" => keep_line(package, String::new(), &output.unwrap_or_default()),
        "pass" | "skip" => package.finished = true,
        "fail" => {
            package.finished = true;
            let line = package.lines.get("").cloned().unwrap_or_default();
            // A panic ends the binary: what ran then never answers.
            for test in std::mem::take(&mut package.running) {
                package.failed += 1;
                let line = package.lines.get(&test).unwrap_or(&line).clone();
                results.add(TestName::new(&format!("{name}::{test}")), Answer::Failed { line });
            }
            if package.failed == 0 {
                results.add(TestName::new(name), Answer::Failed { line });
            }
        }
        _ => {} // start
    }
}

/// Keeps the first line that is no frame around the tests.
fn keep_line(package: &mut Package, test: String, output: &str) {
    let line = output.trim();
    let frame =
        ["=== ", "--- ", "FAIL\t", "ok  \t", "exit status"].iter().any(|start| line.starts_with(start));
    let build_failed = line.ends_with("[build failed]") || line.ends_with("[setup failed]");
    if !line.is_empty() && (!frame || build_failed) && !matches!(line, "FAIL" | "PASS") {
        package.lines.entry(test).or_insert_with(|| line.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::super::lines;
    use super::*;
    use insta::assert_snapshot;

    #[test]
    fn tests_subtests_and_packages() {
        let text = r#"
{"Action":"start","Package":"m/a"}
{"Action":"run","Package":"m/a","Test":"TestX"}
{"Action":"output","Package":"m/a","Test":"TestX","Output":"=== RUN   TestX\n"}
{"Action":"run","Package":"m/a","Test":"TestX/one"}
{"Action":"output","Package":"m/a","Test":"TestX/one","Output":"    x_test.go:5: got 1, want 2\n"}
{"Action":"fail","Package":"m/a","Test":"TestX/one","Elapsed":0}
{"Action":"fail","Package":"m/a","Test":"TestX","Elapsed":0}
{"Action":"run","Package":"m/a","Test":"TestY"}
{"Action":"pass","Package":"m/a","Test":"TestY"}
{"Action":"run","Package":"m/a","Test":"TestZ"}
{"Action":"skip","Package":"m/a","Test":"TestZ"}
{"Action":"output","Package":"m/a","Output":"FAIL\n"}
{"Action":"fail","Package":"m/a","Elapsed":0.1}
{"Action":"start","Package":"m/none"}
{"Action":"skip","Package":"m/none"}
"#;
        assert_snapshot!(lines(read(text)), @"
        + m/a::TestY
        - m/a::TestX: 
        - m/a::TestX/one: x_test.go:5: got 1, want 2
        ~ m/a::TestZ
        ");
    }

    #[test]
    fn a_build_failure_and_a_panic_are_failures() {
        let text = r##"
# m/b [m/b.test]
{"ImportPath":"m/b [m/b.test]","Action":"build-output","Output":"b/b.go:3:1: syntax error\n"}
{"ImportPath":"m/b [m/b.test]","Action":"build-fail"}
{"Action":"start","Package":"m/b"}
{"Action":"output","Package":"m/b","Output":"FAIL\tm/b [build failed]\n"}
{"Action":"fail","Package":"m/b","Elapsed":0,"FailedBuild":"m/b [m/b.test]"}
{"Action":"start","Package":"m/c"}
{"Action":"run","Package":"m/c","Test":"TestP"}
{"Action":"output","Package":"m/c","Test":"TestP","Output":"panic: boom\n"}
{"Action":"fail","Package":"m/c"}
"##;
        assert_snapshot!(lines(read(text)), @"
        - m/b: FAIL m/b [build failed]
        - m/c::TestP: panic: boom
        ");
    }

    #[test]
    fn what_is_cut_off_is_an_error() {
        assert_eq!(read("{\"Action\":\"start\",\"Package\":\"m\"}\n").unwrap_err(), "package m did not end");
        let error = read("{\"Action\":\"st").unwrap_err();
        assert!(error.starts_with("line 1: "), "{error}");
    }
}
