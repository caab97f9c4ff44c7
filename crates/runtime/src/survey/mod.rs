//! What a configuration that was written for another worker would get here, property by property, without asking a database or
//! a broker.
//!
//! Here stand the words that the verdicts are given in; what is looked at is `connector`'s, `families`', `clients`' and
//! `worker`'s. What a value means, and which are valid, belongs to `connector_config` and `worker_config`, which workers
//! themselves go by. A finding shows no value of a password or of a property that nothing knows.

mod book;
mod classes;
mod clients;
mod connector;
mod families;
#[cfg(test)]
mod tests;
mod worker;

pub use connector::{Against, connector};
pub use worker::worker;

use rowtide_api::Error;

/// What becomes of a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// it is known and has its effect
    Ok,
    /// it is accepted and has no effect here
    Ignored,
    /// nothing here knows it
    Unknown,
    /// its value is refused
    Invalid,
    /// Debezium or Kafka Connect know it, and it is not there yet here
    Unsupported,
    /// its value is known to the worker only
    Variable,
}

impl Verdict {
    /// All of them, the gravest first.
    pub const ALL: [Verdict; 6] =
        [Verdict::Invalid, Verdict::Unsupported, Verdict::Unknown, Verdict::Ignored, Verdict::Variable, Verdict::Ok];

    /// Its word in a report.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Ignored => "ignored",
            Verdict::Unknown => "unknown",
            Verdict::Invalid => "invalid",
            Verdict::Unsupported => "unsupported",
            Verdict::Variable => "variable",
        }
    }
}

/// What follows from a finding, and from all of a survey.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// it runs as it stands
    AsItIs,
    /// it runs, and something is otherwise than the property asks
    Differs,
    /// it does not start
    Refused,
}

/// What is to be said of one property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// the property
    pub property: String,
    /// what becomes of it
    pub verdict: Verdict,
    /// what follows
    pub outcome: Outcome,
    /// why; empty: nothing to say
    pub why: String,
    /// what can be done
    pub remedy: Option<String>,
    /// it follows from what is said of another property
    pub aside: bool,
}

impl Finding {
    /// A finding without a remedy.
    fn new(property: impl Into<String>, verdict: Verdict, outcome: Outcome, why: impl Into<String>) -> Self {
        Self { property: property.into(), verdict, outcome, why: why.into(), remedy: None, aside: false }
    }

    /// What stops a start.
    fn refused(property: impl Into<String>, verdict: Verdict, error: &Error) -> Self {
        let remedy = error.remedy_text().map(str::to_owned);
        Self { remedy, ..Self::new(property, verdict, Outcome::Refused, error.message()) }
    }

    fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }
}

/// Everything that was found, in the order of the configuration; what is missing comes last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// one for each property
    pub findings: Vec<Finding>,
}

impl Survey {
    /// The gravest of what follows.
    pub fn outcome(&self) -> Outcome {
        self.findings.iter().map(|finding| finding.outcome).max().unwrap_or(Outcome::AsItIs)
    }

    /// How many properties have this verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.findings.iter().filter(|finding| finding.verdict == verdict).count()
    }

    /// Adds what another part of the worker refuses.
    pub fn refuse(&mut self, property: &str, error: &Error) {
        let refused = Finding::refused(property, Verdict::Invalid, error);
        match self.findings.iter_mut().find(|finding| finding.property == property) {
            Some(finding) if finding.outcome == Outcome::Refused => {}
            Some(finding) => *finding = refused,
            None => self.findings.push(refused),
        }
    }
}
