//! Administrative requests: topics, their configuration, groups, and the cluster itself.
//!
//! Every call waits for its answer within `default.api.timeout.ms`-like bounds (`request.timeout.ms` a try, 60 s in all).
//! Not here: reading or writing records.

use crate::client::{Client, ClusterMetadata, TopicMetadata, backoff};
use crate::config::ClientConfig;
use crate::coordinator::{Coordinator, Kind, find_coordinator};
use crate::error::{KafkaError, codes};
use crate::group::Member;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_groups_response::DescribedGroupMember;
use kafka_protocol::messages::{
    CreateTopicsRequest, DeleteTopicsRequest, DescribeConfigsRequest, DescribeGroupsRequest, GroupId, TopicName,
};
use kafka_protocol::protocol::{Request, StrBytes};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Java's `default.api.timeout.ms`.
const API_TIMEOUT: Duration = Duration::from_secs(60);
/// The protocol's id of a topic among configuration resources.
const TOPIC_RESOURCE: i8 = 2;

/// What became of a topic that was to be created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CreateOutcome {
    /// It is new.
    Created,
    /// It was there already, as it is.
    Exists,
}

/// A topic to create.
#[derive(Debug, Clone, Default)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// Number of partitions; -1 for the broker's `num.partitions`.
    pub partitions: i32,
    /// Number of replicas; -1 for the broker's `default.replication.factor`.
    pub replication_factor: i16,
    /// Topic configuration.
    pub configs: BTreeMap<String, String>,
}

/// Who answers a request.
enum At<'a> {
    /// a ZooKeeper-era cluster insists on it
    Controller,
    /// of this group
    Coordinator(&'a str),
}

/// An administrative client.
pub struct Admin {
    client: Arc<Client>,
}

fn text(s: &str) -> StrBytes {
    StrBytes::from_string(s.to_owned())
}

impl Admin {
    /// A client; it connects with its first request.
    pub fn new(config: ClientConfig) -> Result<Self, KafkaError> {
        Ok(Self { client: Client::new(config)? })
    }

    /// The cluster's id, brokers and controller.
    pub async fn describe_cluster(&self) -> Result<ClusterMetadata, KafkaError> {
        self.client.metadata_within(Some(&[]), false, API_TIMEOUT, "default.api.timeout.ms").await
    }

    /// The names of all topics, Kafka's own left out.
    pub async fn list_topics(&self) -> Result<Vec<String>, KafkaError> {
        let all = self.client.metadata_within(None, false, API_TIMEOUT, "default.api.timeout.ms").await?;
        Ok(all.topics.into_iter().filter(|t| !t.internal).map(|t| t.name).collect())
    }

    /// These topics; one that does not exist is left out.
    pub async fn describe_topics(&self, names: &[String]) -> Result<Vec<TopicMetadata>, KafkaError> {
        let found = self.client.metadata_within(Some(names), false, API_TIMEOUT, "default.api.timeout.ms").await?;
        let mut topics = Vec::with_capacity(found.topics.len());
        for topic in found.topics {
            match topic.error_code {
                0 | codes::LEADER_NOT_AVAILABLE => topics.push(topic),
                codes::UNKNOWN_TOPIC_OR_PARTITION => {}
                code => return Err(KafkaError::broker(code, format!("metadata of topic '{}'", topic.name), None)),
            }
        }
        Ok(topics)
    }

    /// How many partitions a topic has; `None` when there is no such topic.
    pub async fn partition_count(&self, topic: &str) -> Result<Option<i32>, KafkaError> {
        let found = self.describe_topics(&[topic.to_owned()]).await?;
        Ok(found.first().map(|t| t.leaders.len() as i32))
    }

    /// Creates a topic, or finds that it is there. Brokers may need another moment until they describe it.
    pub async fn create_topic(&self, topic: &NewTopic) -> Result<CreateOutcome, KafkaError> {
        let configs =
            topic.configs.iter().map(|(k, v)| CreatableTopicConfig::default().with_name(text(k)).with_value(Some(text(v))));
        let wanted = CreatableTopic::default()
            .with_name(TopicName(text(&topic.name)))
            .with_num_partitions(topic.partitions)
            .with_replication_factor(topic.replication_factor)
            .with_configs(configs.collect());
        let request = CreateTopicsRequest::default()
            .with_topics(vec![wanted])
            .with_timeout_ms(self.client.config.request_timeout.as_millis().min(i32::MAX as u128) as i32);
        let what = format!("the creation of topic '{}'", topic.name);
        self.at(At::Controller, &request, 7, |response| {
            let Some(result) = response.topics.into_iter().next() else { return Ok(CreateOutcome::Created) };
            match result.error_code {
                0 => Ok(CreateOutcome::Created),
                codes::TOPIC_ALREADY_EXISTS => Ok(CreateOutcome::Exists),
                code => Err(KafkaError::broker(code, what.clone(), result.error_message.map(|m| m.to_string()))),
            }
        })
        .await
    }

    /// Deletes topics; one that is not there is no error.
    pub async fn delete_topics(&self, names: &[String]) -> Result<(), KafkaError> {
        let states = names.iter().map(|n| DeleteTopicState::default().with_name(Some(TopicName(text(n)))));
        let request = DeleteTopicsRequest::default()
            .with_topics(states.collect())
            .with_topic_names(names.iter().map(|n| TopicName(text(n))).collect())
            .with_timeout_ms(self.client.config.request_timeout.as_millis().min(i32::MAX as u128) as i32);
        self.at(At::Controller, &request, 6, |response| {
            for result in response.responses {
                if !matches!(result.error_code, 0 | codes::UNKNOWN_TOPIC_OR_PARTITION) {
                    let name = result.name.map(|n| n.0.to_string()).unwrap_or_default();
                    let detail = result.error_message.map(|m| m.to_string());
                    return Err(KafkaError::broker(result.error_code, format!("the deletion of topic '{name}'"), detail));
                }
            }
            Ok(())
        })
        .await
    }

    /// The configuration of a topic, defaults included.
    pub async fn topic_config(&self, topic: &str) -> Result<BTreeMap<String, Option<String>>, KafkaError> {
        let resource = DescribeConfigsResource::default()
            .with_resource_type(TOPIC_RESOURCE)
            .with_resource_name(text(topic))
            .with_configuration_keys(None);
        let request = DescribeConfigsRequest::default().with_resources(vec![resource]);
        self.at(At::Controller, &request, 4, |response| {
            let Some(result) = response.results.into_iter().next() else { return Ok(BTreeMap::new()) };
            if result.error_code != 0 {
                let detail = result.error_message.map(|m| m.to_string());
                return Err(KafkaError::broker(result.error_code, format!("the configuration of topic '{topic}'"), detail));
            }
            Ok(result.configs.into_iter().map(|c| (c.name.to_string(), c.value.map(|v| v.to_string()))).collect())
        })
        .await
    }

    /// The members of a group; none where nobody is in it. What a member joined with is empty while the group forms anew.
    pub async fn group_members(&self, group: &str) -> Result<Vec<Member>, KafkaError> {
        let request = DescribeGroupsRequest::default().with_groups(vec![GroupId(text(group))]);
        self.at(At::Coordinator(group), &request, i16::MAX, |response| {
            let Some(found) = response.groups.into_iter().next() else { return Ok(Vec::new()) };
            match found.error_code {
                0 => {}
                codes::GROUP_ID_NOT_FOUND => return Ok(Vec::new()),
                code => return Err(KafkaError::broker(code, format!("the members of group '{group}'"), None)),
            }
            let member =
                |member: DescribedGroupMember| Member { id: member.member_id.to_string(), metadata: member.member_metadata };
            Ok(found.members.into_iter().map(member).collect())
        })
        .await
    }

    /// Fences the producers of these transactional ids: they can write no more, and what they left open is aborted (Java's
    /// `FenceProducersHandler`). When this is done none of their transactions can be committed any more.
    pub async fn fence_producers(&self, ids: &[String]) -> Result<(), KafkaError> {
        // As long as the request may take: brokers refuse a longer transaction timeout than their own limit (KAFKA-16570).
        let timeout = self.client.config.request_timeout.max(Duration::from_millis(1));
        for id in ids {
            let coordinator = Coordinator::new(self.client.clone(), id);
            coordinator.init(None, timeout, API_TIMEOUT, "default.api.timeout.ms").await?;
        }
        Ok(())
    }

    /// Asks who answers such a request, again over retriable errors.
    async fn at<R: Request, T>(
        &self,
        at: At<'_>,
        request: &R,
        newest: i16,
        mut read: impl FnMut(R::Response) -> Result<T, KafkaError>,
    ) -> Result<T, KafkaError> {
        let deadline = Instant::now() + API_TIMEOUT;
        let mut failures = 0;
        loop {
            let error = match self.once(&at, request, newest).await.and_then(&mut read) {
                Ok(done) => return Ok(done),
                Err(error) if error.is_retriable() || error.code() == Some(codes::NOT_CONTROLLER) => error,
                Err(error) => return Err(error),
            };
            failures += 1;
            let wait = backoff(self.client.config.retry_backoff, self.client.config.retry_backoff_max, failures);
            if Instant::now() + wait > deadline {
                return Err(error);
            }
            tokio::time::sleep(wait).await;
        }
    }

    async fn once<R: Request>(&self, at: &At<'_>, request: &R, newest: i16) -> Result<R::Response, KafkaError> {
        let connection = match at {
            At::Controller => match self.client.metadata(Some(&[]), false).await?.controller {
                -1 => self.client.any().await?,
                id => self.client.broker(id).await?,
            },
            At::Coordinator(group) => {
                let id = find_coordinator(&self.client, Kind::Group, group).await?;
                self.client.broker(id).await?
            }
        };
        connection.call_newest(request, newest).await
    }
}
