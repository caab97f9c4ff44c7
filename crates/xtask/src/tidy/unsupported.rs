//! The list of Debezium's properties that the PostgreSQL source does not offer yet.
//!
//! What a property does is in the connector; here only that the list stays short.

use std::fs;
use std::path::Path;

use super::Finding;
use crate::ratchet::Ratchet;

const LIST: &str = "crates/source-postgres/unsupported.txt";
const MAY_HOLD: &[&str] = &["signal.", "notification.", "incremental.", "read.only", "snapshot.max.threads"];

/// Looks at the list.
pub fn check(root: &Path, ratchet: &mut Ratchet) -> Result<Vec<Finding>, String> {
    let text = fs::read_to_string(root.join(LIST)).map_err(|error| format!("{LIST}: {error}"))?;
    let names: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let mut findings: Vec<Finding> = names
        .iter()
        .filter(|name| !MAY_HOLD.iter().any(|start| name.starts_with(start)))
        .map(|name| Finding {
            what: format!("{LIST}: {name}"),
            why: "everything else that Debezium documents for PostgreSQL works here",
            remedy: "support the property",
        })
        .collect();
    if ratchet.exceeds("unsupported", LIST, names.len(), 0) {
        findings.push(Finding {
            what: format!("{LIST}: {} entries, more than before", names.len()),
            why: "the list may only shrink",
            remedy: "support the property",
        });
    }
    Ok(findings)
}
