//! Rules about single Rust files: lengths, module docs, skipped tests, sleeping tests.
//!
//! Rules about more than one file are in other modules.

use std::fs;
use std::path::{Path, PathBuf};

use super::Finding;
use crate::{ratchet::Ratchet, source::Code};

const FUNCTION: usize = 70;
const FILE: usize = 1000;

/// Looks at every Rust file of the crates and the fuzz targets.
pub fn check(root: &Path, ratchet: &mut Ratchet) -> Result<Vec<Finding>, String> {
    let mut findings = Vec::new();
    let mut paths = Vec::new();
    collect(&root.join("crates"), &mut paths);
    collect(&root.join("fuzz"), &mut paths);
    paths.sort();
    for path in paths {
        let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
        let text = fs::read_to_string(&path).map_err(|error| format!("{name}: {error}"))?;
        let code = Code::of(&text);
        lengths(&name, &text, &code, ratchet, &mut findings);
        module_docs(&name, &text, &mut findings);
        tests(&name, &text, &code, ratchet, &mut findings);
    }
    Ok(findings)
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && !path.ends_with("target") {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

fn lengths(name: &str, text: &str, code: &Code, ratchet: &mut Ratchet, findings: &mut Vec<Finding>) {
    let lines = text.lines().count();
    if ratchet.exceeds("file", name, lines, FILE) {
        findings.push(Finding {
            what: format!("{name}: {lines} lines, more than {FILE}"),
            why: "a file is read as a whole, by people and by reviewers of a change",
            remedy: "cut it where two parts talk least",
        });
    }
    for function in code.functions() {
        if ratchet.exceeds("function", &format!("{name}::{}", function.name), function.lines, FUNCTION) {
            findings.push(Finding {
                what: format!(
                    "{name}:{}: fn {} has {} lines, more than {FUNCTION}",
                    function.line, function.name, function.lines
                ),
                why: "what does not fit a screen is not read, and hides a second purpose",
                remedy: "give its parts names of their own",
            });
        }
    }
}

fn module_docs(name: &str, text: &str, findings: &mut Vec<Finding>) {
    let first = text.lines().find(|line| !line.trim().is_empty() && !line.starts_with("#!"));
    if !first.is_some_and(|line| line.starts_with("//!")) {
        findings.push(Finding {
            what: format!("{name}: does not begin with module docs"),
            why: "who looks for the place of a change reads first lines",
            remedy: "begin with `//!`: what belongs into this module, and what does not",
        });
    }
}

fn tests(name: &str, text: &str, code: &Code, ratchet: &mut Ratchet, findings: &mut Vec<Finding>) {
    for line in code.attributes("#[ignore") {
        findings.push(Finding {
            what: format!("{name}:{line}: an ignored test"),
            why: "a skipped test is a failure that nobody sees",
            remedy: "make it run, with its server under lab/, or take it out",
        });
    }
    if name.starts_with("crates/testkit/") {
        return; // waiting for an event is written once, there
    }
    let whole_file = name.contains("/tests/") || name.ends_with("tests.rs");
    let lines: Vec<&str> = text.lines().collect();
    let says_for_what = |line: usize| lines[line.saturating_sub(2)..line].iter().any(|line| line.contains("// waits: "));
    let mut sleeps = code.calls("sleep", whole_file);
    sleeps.retain(|line| !says_for_what(*line));
    if ratchet.exceeds("sleep", name, sleeps.len(), 0) {
        findings.push(Finding {
            what: format!("{name}: tests sleep on lines {sleeps:?}"),
            why: "a sleep is too short on a busy machine and too long on any other",
            remedy: "await the event: a channel, a reply, a bounded poll; `// waits: for what` on the line of the poll's sleep or above it",
        });
    }
}
