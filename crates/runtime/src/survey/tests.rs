//! What is found of connectors and workers, with a source whose server must not be asked.

use std::sync::OnceLock;

use async_trait::async_trait;
use rowtide_api::plugin::Plugins;
use rowtide_api::{
    ConfigDef, ConfigKey, ConfigType, ConfigValue, ExactlyOnce, Importance, OffsetMap, PluginInfo, PluginKind, Props, Remark,
    Result, SourceConnector, SourceTask, Validator,
};

use super::*;

/// A source whose server must not be asked.
struct Shop;

static INFO: PluginInfo = PluginInfo { class: "test.ShopConnector", kind: PluginKind::Source, version: "1" };

#[async_trait]
impl SourceConnector for Shop {
    fn info(&self) -> &'static PluginInfo {
        &INFO
    }

    fn config_def(&self) -> &'static ConfigDef {
        static DEF: OnceLock<ConfigDef> = OnceLock::new();
        let key = |name, kind| ConfigKey::new(name, kind, Importance::High, name);
        DEF.get_or_init(|| ConfigDef {
            keys: vec![
                ConfigKey { validator: Validator::Required, ..key("shop.name", ConfigType::String) },
                key("shop.port", ConfigType::Int).doc("Its port."),
                ConfigKey {
                    validator: Validator::Check(|value, _| value.map(|value| format!("'{value}' is too short"))),
                    ..key("shop.password", ConfigType::Password)
                },
                key("shop.fetch.size", ConfigType::Int).default_value("10").doc("Without effect: nothing is fetched.").idle(),
            ],
            prefixes: vec![],
        })
    }

    async fn validate(&self, _config: &Props) -> Vec<ConfigValue> {
        unreachable!("a survey asks no server")
    }

    fn remarks(&self, config: &Props) -> Vec<Remark> {
        let stops = config.get("shop.port") == Some("99");
        let remark = |property: Option<&str>, sentence: &str| Remark {
            property: property.map(str::to_owned),
            sentence: sentence.to_owned(),
            remedy: Some("take another one".to_owned()),
            stops,
        };
        if stops { vec![remark(None, "The 'shop.port' value is invalid: 99 is taken")] } else { Vec::new() }
    }

    fn task_configs(&self, _config: &Props, _max: usize) -> Result<Vec<Props>> {
        Ok(Vec::new())
    }

    fn exactly_once(&self, _config: &Props) -> ExactlyOnce {
        ExactlyOnce::Supported
    }

    fn alter_offsets(&self, _config: &Props, _offsets: &[(OffsetMap, Option<OffsetMap>)]) -> Result<bool> {
        Ok(false)
    }

    fn new_task(&self) -> Box<dyn SourceTask> {
        unreachable!("a survey starts no task")
    }
}

fn plugins() -> Plugins {
    Plugins {
        sources: vec![Box::new(Shop)],
        transforms: rowtide_transforms::ALL.iter().collect(),
        predicates: rowtide_transforms::PREDICATES.iter().collect(),
        converters: rowtide_converters::ALL.iter().collect(),
        header_converters: rowtide_converters::HEADERS.iter().collect(),
        sinks: Vec::new(),
    }
}

const BASE: &[(&str, &str)] = &[("name", "a"), ("connector.class", "test.ShopConnector"), ("shop.name", "s")];
const JSON: &str = "org.apache.kafka.connect.json.JsonConverter";
const ROUTER: &str = "org.apache.kafka.connect.transforms.RegexRouter";

fn of(more: &[(&str, &str)], worker: Option<&[(&str, &str)]>) -> Survey {
    let plugins = plugins();
    let worker: Option<Props> = worker.map(|worker| worker.iter().copied().collect());
    let against = Against::new(&plugins, worker.as_ref()).unwrap();
    connector(&against, &BASE.iter().chain(more).copied().collect())
}

fn found<'a>(survey: &'a Survey, property: &str) -> &'a Finding {
    let finding = survey.findings.iter().find(|finding| finding.property == property);
    finding.unwrap_or_else(|| panic!("nothing is said of {property}: {survey:?}"))
}

/// Verdict, outcome and a part of the reason of each of these properties.
fn check(survey: &Survey, expected: &[(&str, Verdict, Outcome, &str)]) {
    for (property, verdict, outcome, why) in expected {
        let finding = found(survey, property);
        assert_eq!((finding.verdict, finding.outcome), (*verdict, *outcome), "{finding:?}");
        assert!(finding.why.contains(why), "{finding:?}");
    }
}

#[test]
fn what_is_known_and_valid_is_ok() {
    let survey = of(
        &[
            ("shop.port", "1"),
            ("shop.fetch.size", "10"),
            ("key.converter", JSON),
            ("key.converter.schemas.enable", "false"),
            ("transforms", "route"),
            ("transforms.route.type", ROUTER),
            ("transforms.route.regex", "(.*)"),
            ("transforms.route.replacement", "x.$1"),
            ("transforms.route.predicate", "tomb"),
            ("predicates", "tomb"),
            ("predicates.tomb.type", "RecordIsTombstone"),
            ("producer.override.linger.ms", "5"),
            ("topic.creation.default.partitions", "1"),
            ("topic.creation.default.replication.factor", "1"),
            ("topic.creation.default.cleanup.policy", "compact"),
        ],
        None,
    );
    let other: Vec<&Finding> = survey.findings.iter().filter(|finding| finding.verdict != Verdict::Ok).collect();
    assert_eq!(other, Vec::<&Finding>::new(), "an idle option at its default is none");
    assert_eq!((survey.outcome(), survey.findings.len()), (Outcome::AsItIs, 18));
}

#[test]
fn each_property_gets_its_verdict() {
    let survey = of(
        &[
            ("shop.port", "many"),
            ("shop.fetch.size", "20"),
            ("shop.nmae", "s3cret"),
            ("driver.loginTimeout", "1"),
            ("errors.log.include.messages", "true"),
            ("exactly.once.support", "required"),
            ("offsets.storage.topic", "own"),
            ("errors.deadletterqueue.topic.name", "dead"),
            ("transforms", "route"),
            ("transforms.route.type", ROUTER),
            ("transforms.route.regex", "(.*)"),
            ("transforms.route.replacement", "x"),
            ("transforms.route.replacment", "x"),
            ("transforms.rout.regex", "x"),
            ("value.converter.schemas.enable", "false"),
            ("producer.override.lingr.ms", "5"),
            ("producer.override.client.rack", "r"),
            ("producer.override.acks", "7"),
            ("producer.override.sasl.mechanism", "GSSAPI"),
            ("producer.override.security.protocol", "SASL_PLAINTEXT"),
            ("admin.override.security.protocol", "SASL_PLAINTEXT"),
            ("admin.override.sasl.mechanism", "PLAIN"),
            ("admin.override.sasl.jaas.config", "user s3cret"),
            ("consumer.override.fetch.max.bytes", "1"),
            ("topic.creation.wide.partitions", "9"),
        ],
        None,
    );
    use Outcome::{AsItIs, Differs, Refused};
    use Verdict::{Ignored, Invalid, Unknown, Unsupported};
    check(
        &survey,
        &[
            ("shop.port", Invalid, Refused, "Not a number of type INT"),
            ("shop.fetch.size", Ignored, Differs, "nothing is fetched"),
            ("shop.nmae", Unknown, Differs, "did you mean 'shop.name'?"),
            ("driver.loginTimeout", Unsupported, Differs, "JDBC"),
            ("errors.log.include.messages", Ignored, Differs, "never written to the log"),
            ("exactly.once.support", Unsupported, Differs, "exactly.once.source.support=enabled"),
            ("errors.deadletterqueue.topic.name", Ignored, AsItIs, "nothing is skipped"),
            ("transforms.route.replacment", Unknown, Differs, "did you mean 'transforms.route.replacement'?"),
            ("transforms.rout.regex", Unknown, Differs, "did you mean 'route'?"),
            ("value.converter.schemas.enable", Ignored, AsItIs, "without 'value.converter'"),
            ("producer.override.lingr.ms", Unknown, Differs, "did you mean 'producer.override.linger.ms'?"),
            ("producer.override.client.rack", Ignored, Differs, "Java's clients"),
            ("producer.override.acks", Invalid, Refused, "none of all, -1, 0, 1"),
            ("producer.override.sasl.mechanism", Unsupported, Refused, "GSSAPI is not supported yet"),
            ("admin.override.sasl.jaas.config", Invalid, Refused, "after '[hidden]'"),
            ("consumer.override.fetch.max.bytes", Ignored, AsItIs, "no sink connectors"),
            ("topic.creation.wide.partitions", Unknown, Differs, "lists no 'wide'"),
        ],
    );
    assert_eq!(survey.outcome(), Refused);
    let port = found(&survey, "shop.port").remedy.as_deref();
    assert_eq!(port, Some("correct 'shop.port': Its port."));
    assert!(!format!("{survey:?}").contains("s3cret"), "an unknown property may be a misspelt password");
}

#[test]
fn classes_are_slips_or_of_java_or_strangers() {
    let survey = of(
        &[
            ("transforms", "unwrap, cut, mine"),
            ("transforms.unwrap.type", "io.debezium.transforms.ExtractNewRecordState"),
            ("transforms.unwrap.drop.tombstones", "false"),
            ("transforms.cut.type", "org.apache.kafka.connect.transforms.RegexRoute"),
            ("transforms.mine.type", "org.example.Mine"),
            ("value.converter", "io.confluent.connect.protobuf.ProtobufConverter"),
            ("value.converter.schema.registry.url", "http://r"),
        ],
        None,
    );
    use Verdict::{Unknown, Unsupported};
    check(
        &survey,
        &[
            ("transforms.unwrap.type", Unsupported, Outcome::Refused, "a class of Debezium, is not built in"),
            ("transforms.unwrap.drop.tombstones", Unsupported, Outcome::AsItIs, "goes with 'transforms.unwrap.type'"),
            ("transforms.cut.type", Unknown, Outcome::Refused, "did you mean 'org.apache.kafka.connect.transforms.RegexRouter'?"),
            ("transforms.mine.type", Unknown, Outcome::Refused, "Java classes cannot be loaded"),
            ("value.converter", Unsupported, Outcome::Refused, "a class of Confluent"),
        ],
    );
    assert!(found(&survey, "value.converter.schema.registry.url").aside);
    assert!(found(&survey, "value.converter").remedy.as_deref().unwrap().contains("come with a later version"));
    let other = of(&[("connector.class", "io.debezium.connector.mysql.MySqlConnector"), ("shop.port", "x")], None);
    check(&other, &[("connector.class", Unsupported, Outcome::Refused, "Debezium")]);
    assert!(found(&other, "shop.port").aside && found(&other, "name").verdict == Verdict::Ok);
}

#[test]
fn variables_are_the_workers_and_their_values_are_not_judged() {
    let config: &[(&str, &str)] = &[("shop.port", "${file:/x:port}"), ("shop.name", "${SHOP}"), ("topic", "${topic}")];
    let survey = of(config, None);
    assert_eq!(found(&survey, "shop.port").outcome, Outcome::AsItIs);
    assert!(found(&survey, "shop.port").why.contains("declares a provider 'file'"));
    assert!(found(&survey, "shop.name").why.contains("rowtide.config.env"));
    assert_eq!(found(&survey, "topic").verdict, Verdict::Unknown);
    let file = "org.apache.kafka.common.config.provider.FileConfigProvider";
    let survey = of(config, Some(&[("config.providers", "file"), ("config.providers.file.class", file)]));
    check(
        &survey,
        &[
            ("shop.port", Verdict::Variable, Outcome::AsItIs, "the worker's provider 'file'"),
            ("shop.name", Verdict::Variable, Outcome::Differs, "as in Kafka Connect"),
        ],
    );
    let survey = of(config, Some(&[("rowtide.config.env", "true")]));
    check(
        &survey,
        &[
            ("shop.port", Verdict::Variable, Outcome::Differs, "no provider 'file'"),
            ("shop.name", Verdict::Variable, Outcome::AsItIs, "environment"),
        ],
    );
}

#[test]
fn what_is_missing_and_what_a_task_refuses_are_told_and_passwords_are_not() {
    let plugins = plugins();
    let against = Against::new(&plugins, None).unwrap();
    let bare: Props = [("connector.class", "Shop"), ("shop.password", "hunter2")].into_iter().collect();
    let survey = connector(&against, &bare);
    check(
        &survey,
        &[
            ("name", Verdict::Invalid, Outcome::Refused, "Missing required configuration"),
            ("shop.name", Verdict::Invalid, Outcome::Refused, "A value is required"),
            ("shop.password", Verdict::Invalid, Outcome::Refused, "'[hidden]' is too short"),
        ],
    );
    assert!(!format!("{survey:?}").contains("hunter2"));
    let none = connector(&against, &[("name", "x")].into_iter().collect());
    check(&none, &[("connector.class", Verdict::Invalid, Outcome::Refused, "Missing required")]);
    let taken = of(&[("shop.port", "99")], None);
    check(&taken, &[("shop.port", Verdict::Invalid, Outcome::Refused, "99 is taken")]);
    let route = of(
        &[("transforms", "r"), ("transforms.r.type", ROUTER), ("transforms.r.regex", "("), ("transforms.r.replacement", "x")],
        None,
    );
    assert_eq!(route.outcome(), Outcome::Refused, "{route:?}");
    let bound = of(
        &[
            ("transforms", "r"),
            ("transforms.r.type", ROUTER),
            ("transforms.r.regex", "x"),
            ("transforms.r.replacement", "x"),
            ("transforms.r.predicate", "gone"),
        ],
        None,
    );
    check(&bound, &[("transforms.r.predicate", Verdict::Invalid, Outcome::Refused, "'predicates' does not list")]);
}

#[test]
fn the_workers_policy_and_topics_count_where_the_worker_is_known() {
    let policy = ("connector.client.config.override.policy", "None");
    let survey = of(&[("producer.override.linger.ms", "1")], Some(&[policy]));
    check(&survey, &[("producer.override.linger.ms", Verdict::Invalid, Outcome::Refused, "'None' policy")]);
    let topics = [("topic.creation.default.partitions", "1"), ("topic.creation.default.replication.factor", "1")];
    let survey = of(&topics, Some(&[("topic.creation.enable", "false")]));
    check(&survey, &[(topics[0].0, Verdict::Ignored, Outcome::AsItIs, "topic.creation.enable is false")]);
    let own = [("offsets.storage.topic", "own")];
    check(&of(&own, Some(&[("group.id", "g")])), &[(own[0].0, Verdict::Ok, Outcome::AsItIs, "")]);
    check(&of(&own, Some(&[])), &[(own[0].0, Verdict::Ignored, Outcome::AsItIs, "distributed mode only")]);
}

const WORKER: &[(&str, &str)] = &[("bootstrap.servers", "b:1"), ("key.converter", JSON), ("value.converter", JSON)];

fn of_worker(more: &[(&str, &str)]) -> Survey {
    worker(&plugins(), &WORKER.iter().chain(more).copied().collect())
}

#[test]
fn a_standalone_worker_is_looked_at_as_one() {
    let file = ("offset.storage.file.filename", "/o");
    assert_eq!(of_worker(&[file]).outcome(), Outcome::AsItIs);
    let survey = of_worker(&[
        file,
        ("plugin.path", "/p"),
        ("offset.flush.intervall.ms", "1"),
        ("session.timeout.ms", "9"),
        ("listeners.https.ssl.keystore.location", "/k"),
        ("producer.lingr.ms", "1"),
        ("producer.acks", "7"),
        ("config.providers", "vault, file"),
        ("config.providers.vault.class", "com.example.Vault"),
        ("config.providers.file.class", "org.apache.kafka.common.config.provider.FileConfigProvider"),
        ("ssl.truststore.password", "${file:/x:p}"),
        ("offset.flush.interval.ms", "soon"),
        ("topic.creation.enable", "maybe"),
        ("header.converter", "io.apicurio.registry.utils.converter.AvroConverter"),
        ("key.converter.schema.enable", "x"),
    ]);
    use Outcome::{AsItIs, Differs, Refused};
    use Verdict::{Ignored, Invalid, Unknown, Unsupported, Variable};
    check(
        &survey,
        &[
            ("plugin.path", Ignored, Differs, "built in"),
            ("offset.flush.intervall.ms", Unknown, Differs, "'offset.flush.interval.ms'"),
            ("session.timeout.ms", Ignored, AsItIs, "without group.id"),
            ("listeners.https.ssl.keystore.location", Ignored, AsItIs, "'listeners' has no https"),
            ("producer.lingr.ms", Unknown, Differs, "'producer.linger.ms'"),
            ("producer.acks", Invalid, Refused, "none of all"),
            ("config.providers.vault.class", Unsupported, Refused, "the class 'com.example.Vault' is not there"),
            ("config.providers.file.class", Verdict::Ok, AsItIs, ""),
            ("ssl.truststore.password", Variable, Differs, "no provider 'file'"),
            ("offset.flush.interval.ms", Invalid, Refused, "Not a number"),
            ("topic.creation.enable", Invalid, Refused, "true or false"),
            ("header.converter", Unsupported, Refused, "a class of Apicurio"),
            ("key.converter.schema.enable", Unknown, Differs, "'key.converter.schemas.enable'"),
        ],
    );
}

#[test]
fn what_https_is_set_up_by_is_looked_at_where_there_is_any() {
    let base =
        [("offset.storage.file.filename", "/o"), ("listeners", "http://a:1, HTTPS://:2"), ("admin.listeners", "https://:3")];
    use Outcome::{AsItIs, Differs, Refused};
    use Verdict::{Ignored, Invalid, Ok, Unknown};
    let survey = of_worker(
        &[
            &base[..],
            &[
                ("listeners.https.ssl.keystore.location", "/k"),
                ("listeners.https.ssl.keystore.type", "BCFKS"),
                ("listeners.https.ssl.client.auth", "perhaps"),
                ("listeners.https.ssl.enabled.protocols", "TLSv1.1"),
                ("listeners.https.ssl.keymanager.algorithm", "SunX509"),
                ("listeners.https.ssl.truststor.location", "/t"),
                ("listeners.https.ssl.key.password", "${file:/x:y}"),
                ("admin.listeners.https.ssl.key.password", "x"),
            ],
        ]
        .concat(),
    );
    check(
        &survey,
        &[
            ("listeners.https.ssl.keystore.location", Ok, AsItIs, ""),
            ("listeners.https.ssl.client.auth", Invalid, Refused, "required, requested, none"),
            ("listeners.https.ssl.enabled.protocols", Invalid, Refused, "TLSv1.3"),
            ("listeners.https.ssl.keymanager.algorithm", Ignored, Differs, "Java's clients only"),
            ("listeners.https.ssl.truststor.location", Unknown, Differs, "'listeners.https.ssl.truststore.location'"),
            ("admin.listeners.https.ssl.keystore.location", Invalid, Refused, "is not set"),
        ],
    );
    let general = [("ssl.keystore.type", "BCFKS"), ("ssl.client.auth", "requested"), ("ssl.cipher.suites", "TLS_NULL")];
    let survey = of_worker(&[&base[..], &general[..]].concat());
    check(&survey, &[("ssl.client.auth", Ok, AsItIs, ""), ("ssl.cipher.suites", Invalid, Refused, "TLS_AES_128_GCM_SHA256")]);
    let survey = of_worker(&[&base[..], &general[..2]].concat());
    check(&survey, &[("ssl.keystore.type", Invalid, Refused, "use PEM, PKCS12 or JKS")]);
}

#[test]
fn a_worker_of_a_group_needs_its_topics() {
    let survey = of_worker(&[
        ("group.id", "g"),
        ("config.storage.topic", "c"),
        ("offset.storage.topic", "o"),
        ("offset.storage.file.filename", "/o"),
        ("consumer.max.poll.records", "1"),
    ]);
    check(
        &survey,
        &[
            ("status.storage.topic", Verdict::Invalid, Outcome::Refused, "Missing required"),
            ("offset.storage.file.filename", Verdict::Ignored, Outcome::AsItIs, "standalone"),
            ("consumer.max.poll.records", Verdict::Ignored, Outcome::AsItIs, "no sink connectors"),
        ],
    );
    let last = survey.findings.last().unwrap();
    assert_eq!(last.property, "status.storage.topic", "what is missing comes last");
}

#[test]
fn another_part_of_the_worker_may_refuse_a_property() {
    let mut survey = of_worker(&[("offset.storage.file.filename", "/o"), ("listeners", "ftp://:1")]);
    survey.refuse("listeners", &rowtide_api::Error::configuration("ftp is not there").remedy("use http"));
    check(&survey, &[("listeners", Verdict::Invalid, Outcome::Refused, "ftp is not there")]);
    assert_eq!((survey.count(Verdict::Invalid), survey.count(Verdict::Ok)), (1, 4));
}
