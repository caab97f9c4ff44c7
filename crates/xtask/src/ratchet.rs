//! The ratchet: numbers that are worse than a rule allows and may only get better.
//!
//! One line each in `ratchet.txt`: `rule what number`. What the rules are is in `tidy`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The allowances of `ratchet.txt`, and which of them were needed.
pub struct Ratchet {
    path: PathBuf,
    head: String,
    allowed: BTreeMap<(String, String), usize>,
    found: BTreeMap<(String, String), usize>,
}

impl Ratchet {
    /// Reads the file.
    pub fn read(root: &Path) -> Result<Self, String> {
        let path = root.join("crates/xtask/ratchet.txt");
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let (mut head, mut allowed) = (String::new(), BTreeMap::new());
        for line in text.lines() {
            if line.starts_with('#') || line.is_empty() {
                head.push_str(line);
                head.push('\n');
                continue;
            }
            match line.split_whitespace().collect::<Vec<_>>().as_slice() {
                [rule, what, number] => {
                    let number = number.parse().map_err(|_| format!("{}: `{line}` ends in no number", path.display()))?;
                    allowed.insert(((*rule).to_owned(), (*what).to_owned()), number);
                }
                _ => return Err(format!("{}: `{line}` is not `rule what number`", path.display())),
            }
        }
        Ok(Self { path, head, allowed, found: BTreeMap::new() })
    }

    /// Whether `number` of this rule is more than the limit and its allowance.
    pub fn exceeds(&mut self, rule: &str, what: &str, number: usize, limit: usize) -> bool {
        if number <= limit {
            return false;
        }
        let key = (rule.to_owned(), what.to_owned());
        let allowed = self.allowed.get(&key).copied().unwrap_or(0);
        self.found.insert(key, number);
        number > allowed
    }

    /// Allowances that are larger than what is true now, and what is true now.
    pub fn slack(&self) -> Vec<String> {
        let too_much = self.allowed.iter().filter(|(key, allowed)| self.found.get(*key).is_none_or(|found| found < *allowed));
        too_much
            .map(|((rule, what), allowed)| {
                let now = self.found.get(&(rule.clone(), what.clone()));
                let now = now.map_or_else(|| "within the limit now".to_owned(), |found| format!("{found} now"));
                format!("{rule} {what}: {allowed} allowed, {now}")
            })
            .collect()
    }

    /// Writes every allowance down to what is true now; none grows, none is added.
    pub fn lower(&self) -> Result<(), String> {
        let mut text = self.head.clone();
        for ((rule, what), allowed) in &self.allowed {
            if let Some(found) = self.found.get(&(rule.clone(), what.clone())) {
                text.push_str(&format!("{rule} {what} {}\n", found.min(allowed)));
            }
        }
        fs::write(&self.path, text).map_err(|error| format!("{}: {error}", self.path.display()))
    }
}
