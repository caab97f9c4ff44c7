//! The generated manual: written by `rowtide docs`, kept in `docs/manual`, held against a fresh copy in CI.
//!
//! What the pages say belongs to the declarations of the options, not here.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

const MANUAL: &str = "docs/manual";
/// Pages that are not the program's; ci/torture.sh writes a part of the first.
const OTHERS: &[&str] = &[
    "check.md",
    "cloudevents.md",
    "consumers.md",
    "guarantees.md",
    "offsets.md",
    "protobuf.md",
    "schema-changes.md",
    "schema-registries.md",
];

/// Writes the manual into its folder.
pub fn write(root: &Path) -> Result<(), String> {
    generate(root, &root.join(MANUAL))
}

/// Compares the manual with a fresh one.
pub fn check(root: &Path) -> Result<(), String> {
    let fresh = root.join("target/manual-check");
    let _ = fs::remove_dir_all(&fresh);
    generate(root, &fresh)?;
    let (kept, now) = (pages(&root.join(MANUAL)), pages(&fresh));
    let mut names: Vec<&String> = kept.keys().chain(now.keys()).filter(|name| kept.get(*name) != now.get(*name)).collect();
    names.sort();
    names.dedup();
    if names.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = names.into_iter().map(|name| format!("{MANUAL}/{name}")).collect();
    Err(format!(
        "{}: not what `rowtide docs` writes.\n  why: users read the manual of the version that they run\n  remedy: cargo xtask docs, and commit what it writes",
        names.join(", ")
    ))
}

fn generate(root: &Path, folder: &Path) -> Result<(), String> {
    // CI has just built it with the rest of the workspace; building the one package again would compile dependencies anew
    let mut rowtide = match std::env::var_os("ROWTIDE_BIN") {
        Some(binary) => Command::new(binary),
        None => {
            let mut run = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
            run.args(["run", "--quiet", "--package", "rowtide-app", "--"]);
            run
        }
    };
    let done = rowtide.arg("docs").arg(folder).current_dir(root).output().map_err(|error| format!("{rowtide:?}: {error}"))?;
    if done.status.success() {
        return Ok(());
    }
    Err(format!("rowtide docs {} failed, {}:\n{}", folder.display(), done.status, String::from_utf8_lossy(&done.stderr)))
}

fn pages(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let page = |entry: fs::DirEntry| Some((entry.file_name().into_string().ok()?, fs::read(entry.path()).ok()?));
    entries.filter_map(page).filter(|(name, _)| !OTHERS.contains(&name.as_str())).collect()
}
