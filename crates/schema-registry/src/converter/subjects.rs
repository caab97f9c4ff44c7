//! How Confluent's converters come to the id of a schema: under which subject, and whether it is registered, looked up or the latest.

use std::sync::Arc;

use rowtide_api::{Error, Opinion, Result, Told, Verdict};

use super::confluent_options::{Options, Strategy};
use crate::confluent::{Checked, Reference, Registered, Registry, Wanted};
use crate::refusal::{self, Registration};

/// The subjects of one converter.
#[derive(Clone)]
pub(super) struct Subjects {
    registry: Arc<Registry>,
    how: How,
    strategy: Strategy,
    is_key: bool,
}

/// Where an id comes from.
#[derive(Clone, Copy)]
enum How {
    Register { normalize: bool },
    Lookup { normalize: bool },
    Latest,
}

/// A schema that a registry is asked about.
pub(super) struct Question<'a> {
    pub subject: &'a str,
    pub text: &'a str,
    /// the schemas that it refers to
    pub references: &'a [Reference],
    /// what it changes of a registered one, as far as its format can tell
    pub since: &'a (dyn Fn(&Registered) -> Vec<Told> + Send + Sync),
}

/// What a registry answered.
pub(super) enum Found {
    /// the id of the very schema
    Own(u32),
    /// another schema to write by
    Latest(Registered),
}

impl Subjects {
    pub(super) fn new(options: Options, kind: &'static str, is_key: bool) -> Self {
        let normalize = options.normalize;
        let how = match (options.auto_register, options.use_latest) {
            (true, _) => How::Register { normalize },
            (false, true) => How::Latest,
            (false, false) => How::Lookup { normalize },
        };
        Self { registry: Arc::new(Registry { http: options.http, kind }), how, strategy: options.strategy, is_key }
    }

    /// The subject of a topic; `record` is the full name of the schema's record, if it is one.
    pub(super) fn name(&self, topic: &str, record: Option<String>) -> Result<String> {
        let side = if self.is_key { "key" } else { "value" };
        let record = || {
            record.ok_or_else(|| {
                Error::configuration(format!(
                    "{side}.subject.name.strategy goes by the name of a record, and the {side} of topic {topic} is none"
                ))
                .remedy("use TopicNameStrategy")
            })
        };
        Ok(match self.strategy {
            Strategy::Topic => format!("{topic}-{side}"),
            Strategy::Record => record()?,
            Strategy::TopicRecord => format!("{topic}-{}", record()?),
        })
    }

    /// Asks for the id of a schema. A refusal is the error that the task ends with.
    pub(super) async fn ask(&self, question: &Question<'_>) -> Result<Found> {
        let &Question { subject, text, references, .. } = question;
        Ok(match self.how {
            How::Register { normalize } => {
                match self.registry.register(subject, &Wanted { text, references, normalize }).await? {
                    Registration::Done(id) => Found::Own(id),
                    Registration::Refused(why) => return Err(self.refused(question, why).await),
                }
            }
            How::Lookup { normalize } => {
                Found::Own(self.registry.lookup(subject, &Wanted { text, references, normalize }).await?)
            }
            How::Latest => Found::Latest(self.registry.latest(subject).await?),
        })
    }

    /// What the registry would say of a schema, without registering anything; `fits`: whether values can be written by a registered one instead.
    pub(super) async fn opinion(
        &self,
        question: &Question<'_>,
        fits: &(dyn Fn(&Registered) -> Result<()> + Send + Sync),
    ) -> Result<Opinion> {
        let (registry, subject) = (&self.registry, question.subject);
        let latest = registry.try_latest(subject).await?;
        let found = self.found(question, latest.as_ref()).await;
        let wanted = |normalize| Wanted { text: question.text, references: question.references, normalize };
        Ok(match (self.how, latest) {
            (How::Latest, Some(latest)) => match fits(&latest) {
                Ok(()) => found.passes(Verdict::Fixed),
                Err(error) => found.fails(&error),
            },
            (How::Register { normalize } | How::Lookup { normalize }, Some(_))
                if registry.holds(subject, &wanted(normalize)).await? =>
            {
                found.passes(Verdict::Known)
            }
            (How::Register { .. }, None) => found.passes(Verdict::First),
            (How::Register { normalize }, Some(_)) => {
                match registry.check(subject, &wanted(normalize), found.level.as_deref()).await? {
                    Checked::Taken => found.passes(Verdict::Compatible),
                    Checked::Refused(reasons) => {
                        let ways_out = registry.ways_out(subject, &found.changes);
                        found.refused(reasons, ways_out)
                    }
                    // nothing is held against anything
                    Checked::Untold(_) if found.level.as_deref() == Some("NONE") => found.passes(Verdict::Compatible),
                    Checked::Untold(why) => Opinion { reasons: vec![why], ..found.passes(Verdict::Unknown) },
                }
            }
            (How::Lookup { .. } | How::Latest, _) => found.refused(
                vec!["it is not registered, and auto.register.schemas=false".to_owned()],
                vec!["register the new schema before the change".to_owned(), "set auto.register.schemas=true".to_owned()],
            ),
        })
    }

    /// What the registry knows of a subject, and what differs from its latest version.
    async fn found(&self, question: &Question<'_>, latest: Option<&Registered>) -> refusal::Found {
        refusal::Found {
            subject: format!("subject '{}'", question.subject),
            latest: latest.map(|latest| latest.version.map_or_else(|| "?".to_owned(), |version| version.to_string())),
            level: self.registry.level(question.subject).await,
            changes: latest.map_or_else(Vec::new, question.since),
        }
    }

    /// The error of a schema that the registry has refused. What it no longer answers is left out of it.
    async fn refused(&self, question: &Question<'_>, why: String) -> Error {
        let latest = self.registry.try_latest(question.subject).await.unwrap_or_default();
        let found = self.found(question, latest.as_ref()).await;
        let ways_out = self.registry.ways_out(question.subject, &found.changes);
        refusal::error(&found.refused(vec![why], ways_out))
    }

    /// A schema that others refer to by its name, which is its subject as well: registered where schemas are and unless it is only to
    /// be looked up.
    pub(super) async fn reference(&self, name: &str, text: &str, lookup_only: bool) -> Result<Reference> {
        let (registers, normalize) = match self.how {
            How::Register { normalize } => (!lookup_only, normalize),
            How::Lookup { normalize } => (false, normalize),
            How::Latest => (false, false),
        };
        let wanted = Wanted { text, references: &[], normalize };
        if registers && let Registration::Refused(why) = self.registry.register(name, &wanted).await? {
            let question = Question { subject: name, text, references: &[], since: &|_| Vec::new() };
            return Err(self.refused(&question, why).await);
        }
        Ok(Reference { name: name.to_owned(), subject: name.to_owned(), version: self.registry.version(name, &wanted).await? })
    }

    /// The same without registering anything; none: it is not registered.
    pub(super) async fn known_reference(&self, name: &str, text: &str) -> Result<Option<Reference>> {
        let normalize = matches!(self.how, How::Register { normalize: true } | How::Lookup { normalize: true });
        match self.registry.holds(name, &Wanted { text, references: &[], normalize }).await? {
            true => self.reference(name, text, true).await.map(Some),
            false => Ok(None),
        }
    }
}

/// Confluent's wire format: what stands before each value.
pub(super) fn prefix(id: u32) -> Box<[u8]> {
    [&[0], &id.to_be_bytes()[..]].concat().into()
}
