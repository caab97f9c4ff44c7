//! Which crate depends on which: Cargo's own answer, held against the table in ARCHITECTURE.md.
//!
//! The table's rows are `| layer | crate | role | depends on |`; `–` is none, `all` any. Crates outside the workspace
//! are deny.toml's.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::Finding;

const DOCUMENT: &str = "ARCHITECTURE.md";
const WHY: &str = "the picture of the layers is what keeps a source from seeing the runtime; it must be true to be of use";

/// A row of the table: crates that may be depended on; `None` is all.
type Allowed = BTreeMap<String, Option<BTreeSet<String>>>;

struct Crate {
    normal: BTreeSet<String>,
    tests: BTreeSet<String>,
}

/// Compares both.
pub fn check(root: &Path) -> Result<Vec<Finding>, String> {
    let text = fs::read_to_string(root.join(DOCUMENT)).map_err(|error| format!("{DOCUMENT}: {error}"))?;
    let (table, crates) = (table(&text), crates(root)?);
    let mut findings = Vec::new();
    let mut add = |what: String, remedy| findings.push(Finding { what, why: WHY, remedy });
    for (name, uses) in &crates {
        let Some(row) = table.get(name) else {
            add(format!("{DOCUMENT}: no row for the crate {name}"), "add `| layer | `name` | role | depends on |`");
            continue;
        };
        let Some(row) = row else { continue };
        for extra in uses.normal.difference(row) {
            add(format!("{name} depends on {extra}"), "take the dependency out; or change the table, and say why in the commit");
        }
        for gone in row.difference(&uses.normal) {
            add(format!("{DOCUMENT}: {name} does not depend on {gone}"), "take it out of the row");
        }
        let known: BTreeSet<String> = row.iter().cloned().chain(["testkit".to_owned()]).collect();
        for extra in uses.tests.difference(&known) {
            if reaches(&table, extra, name) {
                add(format!("the tests of {name} depend on {extra}, which is above it"), "move the test to system-tests");
            }
        }
    }
    for name in table.keys().filter(|name| !crates.contains_key(*name)) {
        add(format!("{DOCUMENT}: the crate {name} is not there"), "take the row out");
    }
    Ok(findings)
}

/// Whether `from` depends on `to`, over any number of rows.
fn reaches(table: &Allowed, from: &str, to: &str) -> bool {
    match table.get(from) {
        Some(Some(row)) => row.contains(to) || row.iter().any(|next| reaches(table, next, to)),
        Some(None) => true,
        None => false,
    }
}

fn table(text: &str) -> Allowed {
    let mut rows = Allowed::new();
    for line in text.lines() {
        let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
        let [_, names, _, uses] = cells.as_slice() else { continue };
        let uses = match *uses {
            "all" => None,
            "–" | "-" => Some(BTreeSet::new()),
            list => Some(list.split(',').map(|name| name.trim().trim_matches('`').to_owned()).collect()),
        };
        for name in names.split(',').map(str::trim).filter(|name| name.starts_with('`')) {
            rows.insert(name.trim_matches('`').to_owned(), uses.clone());
        }
    }
    rows
}

fn crates(root: &Path) -> Result<BTreeMap<String, Crate>, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let done = Command::new(cargo)
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(root)
        .output()
        .map_err(|error| format!("cargo metadata: {error}"))?;
    let answer: Value = serde_json::from_slice(&done.stdout)
        .map_err(|error| format!("cargo metadata: {error}: {}", String::from_utf8_lossy(&done.stderr)))?;
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let short = |value: &Value| value.as_str().unwrap_or_default().trim_start_matches("rowtide-").to_owned();
    let mut found = BTreeMap::new();
    for package in list(&answer["packages"]) {
        let mut one = Crate { normal: BTreeSet::new(), tests: BTreeSet::new() };
        for dependency in list(&package["dependencies"]) {
            if dependency["path"].is_string() {
                let into = if dependency["kind"] == "dev" { &mut one.tests } else { &mut one.normal };
                into.insert(short(&dependency["name"]));
            }
        }
        found.insert(short(&package["name"]), one);
    }
    Ok(found)
}
