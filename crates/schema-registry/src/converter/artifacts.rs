//! How Apicurio's converters come to the ids of a schema: as which artifact, and whether it is registered, looked up or the latest.

use std::sync::Arc;

use rowtide_api::{Error, Opinion, Result, Told, Verdict};

use super::apicurio_options::{Registration, Strategy};
use crate::apicurio::{Artifact, Ids, IfExists, Registry, Version};
use crate::refusal;

/// The group of artifacts that name none.
const DEFAULT_GROUP: &str = "default";

/// The artifacts of one converter.
#[derive(Clone)]
pub(super) struct Artifacts {
    registry: Arc<Registry>,
    how: How,
    naming: Arc<Registration>,
    side: &'static str,
}

/// Where an id comes from.
#[derive(Clone, Copy)]
enum How {
    Register(IfExists),
    Find,
    Lookup,
}

/// A schema that a registry is asked about.
pub(super) struct Question<'a> {
    pub artifact: &'a Artifact,
    pub text: &'a str,
    /// what it changes of a registered one, as far as its format can tell
    pub since: &'a (dyn Fn(&Version) -> Vec<Told> + Send + Sync),
}

/// The name of a schema's record.
pub(super) struct RecordName {
    pub space: Option<String>,
    pub name: String,
}

impl Artifacts {
    pub(super) fn new(registry: Registry, options: Registration, side: &'static str) -> Self {
        let how = if options.auto_register {
            How::Register(options.if_exists)
        } else if options.find_latest || options.version.is_some() {
            How::Find
        } else {
            How::Lookup
        };
        Self { registry: Arc::new(registry), how, naming: Arc::new(options), side }
    }

    /// The artifact of a topic; `record` is the name of the schema's record, if it is one.
    pub(super) fn name(&self, topic: &str, record: Option<RecordName>) -> Result<Artifact> {
        let (naming, side) = (&self.naming, self.side);
        let record = || {
            record.ok_or_else(|| {
                Error::configuration(format!("the {side} of topic {topic} is no record, and the artifact is named by one"))
                    .remedy("use TopicIdStrategy as apicurio.registry.artifact-resolver-strategy")
            })
        };
        let (group, id) = match naming.strategy {
            Strategy::Topic => (None, format!("{topic}-{side}")),
            Strategy::SimpleTopic => (None, topic.to_owned()),
            Strategy::QualifiedRecord => {
                let RecordName { space, name } = record()?;
                (None, space.map_or_else(|| name.clone(), |space| format!("{space}.{name}")))
            }
            Strategy::Record => record().map(|record| (record.space, record.name))?,
            Strategy::TopicRecord => record().map(|record| (record.space, format!("{topic}-{}", record.name)))?,
        };
        Ok(Artifact {
            group: naming.group.clone().or(group).unwrap_or_else(|| DEFAULT_GROUP.to_owned()),
            id: naming.artifact.clone().unwrap_or(id),
            version: naming.version.clone(),
        })
    }

    /// Asks for the ids of a schema; with a text where values are written by that one instead. A refusal is the error that the task ends with.
    pub(super) async fn ask(&self, question: &Question<'_>) -> Result<(Ids, Option<String>)> {
        let &Question { artifact, text, .. } = question;
        Ok(match self.how {
            How::Register(if_exists) => match self.registry.register(artifact, text, if_exists).await? {
                refusal::Registration::Done(ids) => (ids, None),
                refusal::Registration::Refused(why) => return Err(self.refused(question, why).await),
            },
            How::Lookup => (self.registry.lookup(artifact, text).await?, None),
            How::Find => self.registry.find(artifact).await.map(|(ids, text)| (ids, Some(text)))?,
        })
    }

    /// What the registry would say of a schema, without registering anything; `fits`: whether values can be written by a registered one instead.
    pub(super) async fn opinion(
        &self,
        question: &Question<'_>,
        fits: &(dyn Fn(&Version) -> Result<()> + Send + Sync),
    ) -> Result<Opinion> {
        let (registry, &Question { artifact, text, .. }) = (&self.registry, question);
        let latest = registry.version(artifact).await?;
        let found = self.found(question, latest.as_ref()).await;
        Ok(match (self.how, latest) {
            (How::Find, Some(latest)) => match fits(&latest) {
                Ok(()) => found.passes(Verdict::Fixed),
                Err(error) => found.fails(&error),
            },
            (How::Register(IfExists::Fail), Some(_)) => found.refused(
                vec!["the artifact is there, and apicurio.registry.auto-register.if-exists=FAIL".to_owned()],
                vec!["set apicurio.registry.auto-register.if-exists=RETURN_OR_UPDATE".to_owned()],
            ),
            (How::Register(IfExists::Return), Some(_)) => found.passes(Verdict::Fixed),
            (How::Register(_) | How::Lookup, Some(_)) if registry.holds(artifact, text).await? => found.passes(Verdict::Known),
            (How::Register(_), None) => found.passes(Verdict::First),
            (How::Register(_), Some(_)) => match registry.objections(artifact, text).await? {
                None => found.passes(Verdict::Compatible),
                Some(reasons) => {
                    let ways_out = registry.ways_out(artifact, &found.changes);
                    found.refused(reasons, ways_out)
                }
            },
            (How::Lookup | How::Find, _) => found.refused(
                vec!["it is not registered, and apicurio.registry.auto-register=false".to_owned()],
                vec![
                    "register the new schema before the change".to_owned(),
                    "set apicurio.registry.auto-register=true".to_owned(),
                ],
            ),
        })
    }

    /// What the registry knows of an artifact, and what differs from its latest version.
    async fn found(&self, question: &Question<'_>, latest: Option<&Version>) -> refusal::Found {
        let artifact = question.artifact;
        refusal::Found {
            subject: format!("artifact '{}' in group '{}'", artifact.id, artifact.group),
            latest: latest.map(|latest| latest.number.clone()),
            level: self.registry.level(artifact).await,
            changes: latest.map_or_else(Vec::new, question.since),
        }
    }

    /// The error of a schema that the registry has refused. What it no longer answers is left out of it.
    async fn refused(&self, question: &Question<'_>, why: String) -> Error {
        let latest = self.registry.version(question.artifact).await.unwrap_or_default();
        let found = self.found(question, latest.as_ref()).await;
        let ways_out = self.registry.ways_out(question.artifact, &found.changes);
        refusal::error(&found.refused(vec![why], ways_out))
    }
}
