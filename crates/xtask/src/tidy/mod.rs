//! `cargo xtask tidy`: runs every rule and prints what breaks one, why the rule is there and what to do.
//!
//! One file for each kind of rule. A number that is worse than its rule stands in `ratchet.txt` and may only fall.

mod edges;
mod files;
mod unsupported;

use std::path::Path;

use crate::{docs, ratchet::Ratchet};

/// Something that breaks a rule.
pub struct Finding {
    /// where and what
    pub what: String,
    /// why the rule is there
    pub why: &'static str,
    /// what to do
    pub remedy: &'static str,
}

/// Runs all rules. With `lower`, allowances that are no longer needed are taken out of the ratchet's file.
pub fn run(root: &Path, lower: bool) -> Result<(), String> {
    let mut ratchet = Ratchet::read(root)?;
    let mut findings = edges::check(root)?;
    findings.extend(files::check(root, &mut ratchet)?);
    findings.extend(unsupported::check(root, &mut ratchet)?);
    if lower {
        ratchet.lower()?;
    } else {
        findings.extend(ratchet.slack().into_iter().map(|what| Finding {
            what: format!("crates/xtask/ratchet.txt: {what}"),
            why: "an allowance larger than the need lets it grow again",
            remedy: "cargo xtask tidy --lower",
        }));
    }
    for finding in &findings {
        eprintln!("{}\n  why: {}\n  remedy: {}", finding.what, finding.why, finding.remedy);
    }
    let manual = docs::check(root);
    match (findings.len(), manual) {
        (0, Ok(())) => Ok(()),
        (0, Err(message)) => Err(message),
        (count, manual) => Err(format!("{}tidy: {count} findings", manual.err().map_or_else(String::new, |text| text + "\n"))),
    }
}
