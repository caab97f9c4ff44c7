//! `topic.creation.*`: with which partitions, replication and configuration a missing topic is created (KIP-158).
//!
//! Pure; the creating itself belongs to `kafka_sink`.

use std::collections::BTreeMap;

use rowtide_api::{Error, JavaRegex, Props, Result};
use rowtide_kafka::NewTopic;

/// The groups of a connector, in the order in which they are tried; `default` is last.
#[derive(Debug)]
pub struct TopicGroups(Vec<Group>);

#[derive(Debug)]
struct Group {
    include: Vec<JavaRegex>,
    exclude: Vec<JavaRegex>,
    partitions: i32,
    replication_factor: i16,
    configs: BTreeMap<String, String>,
}

const OWN: [&str; 4] = ["include", "exclude", "partitions", "replication.factor"];

impl TopicGroups {
    /// The groups of a configuration; none when it has no `topic.creation.default.` properties: then the broker
    /// creates topics.
    pub fn read(config: &Props) -> Result<Option<Self>> {
        let default = config.with_prefix("topic.creation.default.");
        if default.get("partitions").is_none() && default.get("replication.factor").is_none() {
            return Ok(None);
        }
        let mut groups = Vec::new();
        for name in names(config) {
            let own = config.with_prefix(&format!("topic.creation.{name}."));
            let include =
                own.get("include").filter(|include| !include.trim().is_empty()).ok_or_else(|| missing(&name, "include"))?;
            groups.push(Group::read(&name, &own, include, &default)?);
        }
        groups.push(Group::read("default", &default, ".*", &default)?);
        Ok(Some(Self(groups)))
    }

    /// The topic as the first group that matches its name wants it.
    pub fn topic(&self, name: &str) -> Option<NewTopic> {
        let matches = |patterns: &[JavaRegex]| patterns.iter().any(|pattern| pattern.is_full_match(name));
        let group = self.0.iter().find(|group| matches(&group.include) && !matches(&group.exclude))?;
        Some(NewTopic {
            name: name.to_owned(),
            partitions: group.partitions,
            replication_factor: group.replication_factor,
            configs: group.configs.clone(),
        })
    }
}

/// The aliases of `topic.creation.groups`.
pub fn names(config: &Props) -> Vec<String> {
    let list = config.get("topic.creation.groups").unwrap_or_default();
    list.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn missing(group: &str, name: &str) -> Error {
    Error::configuration(format!("Missing required configuration \"topic.creation.{group}.{name}\" which has no default value."))
        .remedy(format!("set 'topic.creation.{group}.{name}'"))
}

impl Group {
    fn read(name: &str, own: &Props, include: &str, default: &Props) -> Result<Self> {
        let list = |text: &str| -> Result<Vec<JavaRegex>> {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            items.map(|item| JavaRegex::new(item, false)).collect()
        };
        let number = |key: &str| -> Result<i64> {
            let text = own.get(key).or_else(|| default.get(key)).ok_or_else(|| missing(name, key))?.trim();
            let number: Option<i64> = text.parse().ok().filter(|number| *number == -1 || *number >= 1);
            number.ok_or_else(|| {
                Error::configuration(format!(
                    "Invalid value {text} for configuration topic.creation.{name}.{key}: must be -1 or at least 1"
                ))
                .remedy("-1 leaves it to the broker")
            })
        };
        let others = own.iter().filter(|(key, _)| !OWN.contains(key));
        Ok(Self {
            include: list(include)?,
            exclude: list(own.get("exclude").unwrap_or_default())?,
            partitions: number("partitions")?.try_into().unwrap_or(i32::MAX),
            replication_factor: number("replication.factor")?.try_into().unwrap_or(i16::MAX),
            configs: others.map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_group_that_matches_wins_and_default_is_last() {
        let config: Props = [
            ("topic.creation.groups", "compacted, wide"),
            ("topic.creation.default.partitions", "1"),
            ("topic.creation.default.replication.factor", "-1"),
            ("topic.creation.compacted.include", "a\\..*,b"),
            ("topic.creation.compacted.exclude", "a\\.not"),
            ("topic.creation.compacted.cleanup.policy", "compact"),
            ("topic.creation.wide.include", "a.*"),
            ("topic.creation.wide.partitions", "6"),
        ]
        .into_iter()
        .collect();
        let groups = TopicGroups::read(&config).unwrap().unwrap();
        let topic = groups.topic("a.x").unwrap();
        assert_eq!(
            (topic.partitions, topic.replication_factor, topic.configs.get("cleanup.policy").map(String::as_str)),
            (1, -1, Some("compact"))
        );
        assert_eq!(groups.topic("a.not").unwrap().partitions, 6);
        assert_eq!(groups.topic("other").unwrap().partitions, 1);
        assert!(groups.topic("other").unwrap().configs.is_empty());
    }

    #[test]
    fn without_a_default_the_broker_creates() {
        assert!(TopicGroups::read(&Props::default()).unwrap().is_none());
        let half: Props = [("topic.creation.default.partitions", "1")].into_iter().collect();
        let error = TopicGroups::read(&half).unwrap_err();
        assert!(error.message().contains("\"topic.creation.default.replication.factor\""), "{error}");
    }
}
