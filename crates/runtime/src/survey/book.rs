//! Findings while they are gathered: one for each property, the gravest, and among equals the first.
//!
//! Not here: what is found.

use rowtide_api::{ConfigKey, ConfigType, Props};

use super::{Finding, Outcome, Survey, Verdict};
use crate::variables::{Placeholder, Variables, placeholders};

/// The findings of one configuration.
pub(super) struct Book<'a> {
    config: &'a Props,
    findings: Vec<Finding>,
}

impl<'a> Book<'a> {
    pub(super) fn new(config: &'a Props) -> Self {
        Self { config, findings: Vec::new() }
    }

    /// Takes a finding down. Of a value that only the worker knows, nothing is said but that.
    pub(super) fn put(&mut self, finding: Finding) {
        let veiled =
            finding.verdict != Verdict::Variable && finding.outcome == Outcome::Refused && self.is_veiled(&finding.property);
        if veiled {
            return;
        }
        match self.findings.iter_mut().find(|known| known.property == finding.property) {
            Some(known) if known.outcome >= finding.outcome => {}
            Some(known) => *known = finding,
            None => self.findings.push(finding),
        }
    }

    /// Takes down what is wrong with a value. The value itself is not shown where it may be secret.
    pub(super) fn invalid(&mut self, property: &str, key: Option<&ConfigKey>, finding: Finding) {
        let value = self.config.get(property).unwrap_or_default().trim();
        let secret = key.is_some_and(|key| key.kind == ConfigType::Password) || names_secret(property);
        let hide = |text: String| if secret { hidden(text, value) } else { text };
        let (why, remedy) = (hide(finding.why), finding.remedy.map(hide));
        self.put(Finding { why, remedy, ..finding });
    }

    /// Whether a property's value has a variable in it.
    pub(super) fn is_veiled(&self, property: &str) -> bool {
        self.config.get(property).is_some_and(|value| !placeholders(value).is_empty())
    }

    /// Whether a sentence is about a property whose value has a variable in it.
    pub(super) fn mentions_veiled(&self, sentence: &str) -> bool {
        self.config.iter().any(|(name, _)| self.is_veiled(name) && names(sentence, name))
    }

    /// Whether a sentence is about a plug-in (`transforms.route: …`) of whose options one has a variable in it.
    pub(super) fn blames_veiled_plugin(&self, sentence: &str) -> bool {
        let whose = sentence.split(':').next().unwrap_or_default();
        self.config.iter().any(|(name, _)| self.is_veiled(name) && name.starts_with(whose))
    }

    /// The property of the configuration that a sentence is about: the longest that it names, or the type of the plug-in.
    pub(super) fn blamed(&self, sentence: &str) -> Option<&'a str> {
        let all = || self.config.iter().map(|(name, _)| name);
        let named = all().filter(|name| names(sentence, name)).max_by_key(|name| name.len());
        let plugin = sentence.split(':').next().unwrap_or_default();
        named.or_else(|| all().find(|name| name.strip_suffix(".type") == Some(plugin)))
    }

    pub(super) fn is_refused(&self) -> bool {
        self.findings.iter().any(|finding| finding.outcome == Outcome::Refused)
    }

    /// Says of each variable who fills it in. `worker`: none when it is not known.
    pub(super) fn variables(&mut self, worker: Option<&Variables>) {
        for (name, value) in self.config.iter() {
            for placeholder in placeholders(value) {
                self.put(variable(name, placeholder, worker));
            }
        }
    }

    /// Everything that nothing was said of is as it should be.
    pub(super) fn close(mut self) -> Survey {
        for (name, _) in self.config.iter() {
            self.put(Finding::new(name, Verdict::Ok, Outcome::AsItIs, ""));
        }
        let place = |finding: &Finding| {
            let mut names = self.config.iter().map(|(name, _)| name);
            names.position(|name| name == finding.property).unwrap_or(usize::MAX)
        };
        self.findings.sort_by_cached_key(place);
        Survey { findings: self.findings }
    }
}

fn variable(name: &str, placeholder: Placeholder<'_>, worker: Option<&Variables>) -> Finding {
    let says = |outcome, why: String| Finding::new(name, Verdict::Variable, outcome, why);
    match (placeholder, worker) {
        (Placeholder::Provider(alias), None) => {
            says(Outcome::AsItIs, format!("filled in where the worker declares a provider '{alias}' in config.providers"))
        }
        (Placeholder::Provider(alias), Some(worker)) if worker.declares(alias) => {
            says(Outcome::AsItIs, format!("filled in by the worker's provider '{alias}'"))
        }
        (Placeholder::Provider(alias), Some(_)) => {
            says(Outcome::Differs, format!("stays as it stands: the worker declares no provider '{alias}'"))
                .remedy(format!("add '{alias}' to config.providers, and its class as config.providers.{alias}.class"))
        }
        (Placeholder::Environment(_), None) => says(
            Outcome::AsItIs,
            "filled in from the environment by rowtide run, and by other workers where rowtide.config.env is true".to_owned(),
        ),
        (Placeholder::Environment(_), Some(worker)) if worker.takes_environment() => {
            says(Outcome::AsItIs, "filled in from the worker's environment".to_owned())
        }
        (Placeholder::Environment(_), Some(_)) => says(
            Outcome::Differs,
            "stays as it stands, as in Kafka Connect: rowtide.config.env is not true in the worker".to_owned(),
        )
        .remedy("set rowtide.config.env=true in the worker, or use a provider of config.providers"),
    }
}

/// A sentence without a value, and without the words of it that the sentence quotes.
fn hidden(sentence: String, value: &str) -> String {
    let whole = if value.is_empty() { sentence } else { sentence.replace(value, "[hidden]") };
    value.split_whitespace().fold(whole, |sentence, word| sentence.replace(&format!("'{word}'"), "'[hidden]'"))
}

/// Whether a sentence names a property: as a word, and in quotes where it could be any word.
fn names(sentence: &str, property: &str) -> bool {
    let mut words = sentence.split(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '_' | '-'));
    let is_word = words.any(|word| word.trim_end_matches('.') == property);
    is_word && (property.contains('.') || sentence.contains(&format!("'{property}'")))
}

/// Properties of clients and plug-ins have no declaration that says so.
fn names_secret(property: &str) -> bool {
    let name = property.to_ascii_lowercase();
    ["password", "secret", "jaas", "token", "credential", "keystore.key", "sslkey", "user.info"]
        .iter()
        .any(|word| name.contains(word))
}
