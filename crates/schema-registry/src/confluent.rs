//! Confluent's registry over REST: register, look up, the latest version, by id. Apicurio's `ccompat` and Karapace speak it too.
//!
//! Source: <https://docs.confluent.io/platform/current/schema-registry/develop/api.html>.

use hyper::{Method, StatusCode};
use rowtide_api::{Error, Result, Told};
use serde_json::{Value, json};

use crate::http::{Answer, Content, Http, segment};
use crate::refusal::{Place, Registration, is_transitive, ways_out};

const MEDIA: &str = "application/vnd.schemaregistry.v1+json";

/// The error code of a registry that does not know the subject; 40402 and 40403 are a version and a schema.
const NO_SUBJECT: i64 = 40401;

/// The version of Confluent's Schema Registry whose public source the converters follow.
pub(crate) const VERSION: &str = "8.0.0";

/// A registry's name of Avro, which it takes a schema for that says no type.
pub(crate) const AVRO: &str = "AVRO";

/// Its name of JSON Schema.
pub(crate) const JSON: &str = "JSON";

/// What Apicurio says of a JSON Schema that it does not know for one.
const UNDISCOVERED: &str = "discover artifact type";

/// A registry's name of Protobuf.
pub(crate) const PROTOBUF: &str = "PROTOBUF";

/// A client of the registry, for schemas of one type.
pub(crate) struct Registry {
    pub http: Http,
    /// what the registry calls the type
    pub kind: &'static str,
}

/// A schema that the registry holds.
pub(crate) struct Registered {
    pub id: u32,
    /// of its subject, where it was asked for by one
    pub version: Option<i64>,
    pub text: String,
    /// the schemas that it refers to, which it does not hold itself
    pub references: Vec<String>,
}

/// A schema to be asked for.
pub(crate) struct Wanted<'a> {
    pub text: &'a str,
    /// the schemas that it refers to
    pub references: &'a [Reference],
    /// whether the registry normalizes schemas before it compares them
    pub normalize: bool,
}

/// What a registry says of a schema without registering it.
pub(crate) enum Checked {
    Taken,
    /// why, where it says that
    Refused(Vec<String>),
    /// It does not understand the schema, though it may register it: Apicurio's check (3.3) parses Protobuf and knows neither Confluent's
    /// `Decimal` nor `field_meta`, which it takes unseen when a schema is registered.
    Untold(String),
}

/// A schema that another one refers to.
pub(crate) struct Reference {
    /// as the other one calls it
    pub name: String,
    pub subject: String,
    pub version: u32,
}

impl Registry {
    /// The id of a schema under a subject, registered if it is new.
    pub(crate) async fn register(&self, subject: &str, schema: &Wanted<'_>) -> Result<Registration<u32>> {
        let path = format!("/subjects/{}/versions{}", segment(subject), query(schema.normalize));
        let answer = self.post(&path, &self.body(schema)).await?;
        if answer.status == StatusCode::CONFLICT {
            return Ok(Registration::Refused(answer.message()));
        }
        Ok(Registration::Done(id(&expect(answer, subject)?)?))
    }

    /// The id of a schema that is registered under a subject.
    pub(crate) async fn lookup(&self, subject: &str, schema: &Wanted<'_>) -> Result<u32> {
        id(&self.found(subject, schema).await?)
    }

    /// The version that a schema has under a subject.
    pub(crate) async fn version(&self, subject: &str, schema: &Wanted<'_>) -> Result<u32> {
        number(&self.found(subject, schema).await?, "version")
    }

    async fn found(&self, subject: &str, schema: &Wanted<'_>) -> Result<Value> {
        let path = format!("/subjects/{}{}", segment(subject), query(schema.normalize));
        expect(self.post(&path, &self.body(schema)).await?, subject)
    }

    /// The latest version under a subject.
    pub(crate) async fn latest(&self, subject: &str) -> Result<Registered> {
        let path = format!("/subjects/{}/versions/latest", segment(subject));
        let body = expect(self.get(&path).await?, subject)?;
        self.registered(id(&body)?, &body).await
    }

    /// The schema of an id.
    pub(crate) async fn by_id(&self, number: u32) -> Result<Registered> {
        let body = expect(self.get(&format!("/schemas/ids/{number}")).await?, &format!("id {number}"))?;
        self.registered(number, &body).await
    }

    fn body(&self, schema: &Wanted<'_>) -> Value {
        let mut body = json!({ "schema": schema.text });
        if self.kind != AVRO {
            body["schemaType"] = self.kind.into();
        }
        if !schema.references.is_empty() {
            let named = |have: &Reference| json!({ "name": have.name, "subject": have.subject, "version": have.version });
            body["references"] = schema.references.iter().map(named).collect();
        }
        body
    }

    async fn registered(&self, id: u32, body: &Value) -> Result<Registered> {
        let kind = body["schemaType"].as_str().unwrap_or(AVRO);
        if kind != self.kind {
            return Err(Error::configuration(format!("the registry's schema {id} is of the type {kind}, not {}", self.kind))
                .remedy("choose the converter of that type, or another subject"));
        }
        let text = body["schema"].as_str().ok_or_else(|| strange("a schema without its text"))?.to_owned();
        let mut references = Vec::new();
        let mut open: Vec<Value> = body["references"].as_array().cloned().unwrap_or_default();
        while let Some(reference) = open.pop() {
            let (subject, version) = (reference["subject"].as_str().unwrap_or_default(), &reference["version"]);
            let path = format!("/subjects/{}/versions/{version}", segment(subject));
            let found = expect(self.get(&path).await?, subject)?;
            open.extend(found["references"].as_array().cloned().unwrap_or_default());
            references.push(found["schema"].as_str().unwrap_or_default().to_owned());
            if references.len() > 1_000 {
                return Err(strange("references without end"));
            }
        }
        Ok(Registered { id, version: body["version"].as_i64(), text, references })
    }

    /// The level that a subject's schemas are held to.
    pub(crate) async fn level(&self, subject: &str) -> Option<String> {
        let answer = self.get(&format!("/config/{}?defaultToGlobal=true", segment(subject))).await.ok()?;
        answer.json().ok()?["compatibilityLevel"].as_str().map(str::to_owned)
    }

    /// The latest version under a subject; none: there is none.
    pub(crate) async fn try_latest(&self, subject: &str) -> Result<Option<Registered>> {
        let answer = self.get(&format!("/subjects/{}/versions/latest", segment(subject))).await?;
        if answer.status == StatusCode::NOT_FOUND && code(&answer).is_some() {
            return Ok(None);
        }
        let body = expect(answer, subject)?;
        self.registered(id(&body)?, &body).await.map(Some)
    }

    /// Whether a schema is registered under a subject.
    pub(crate) async fn holds(&self, subject: &str, schema: &Wanted<'_>) -> Result<bool> {
        let path = format!("/subjects/{}{}", segment(subject), query(schema.normalize));
        let answer = self.post(&path, &self.body(schema)).await?;
        if answer.status == StatusCode::NOT_FOUND && code(&answer).is_some() {
            return Ok(false);
        }
        expect(answer, subject).map(|_| true)
    }

    /// What would become of a schema under a subject that has versions and this level.
    pub(crate) async fn check(&self, subject: &str, schema: &Wanted<'_>, level: Option<&str>) -> Result<Checked> {
        // Apicurio's holds it against every version here whatever the level is; Confluent's goes by the level
        let versions = if level.is_some_and(is_transitive) { "versions" } else { "versions/latest" };
        let path = format!("/compatibility/subjects/{}/{versions}?verbose=true", segment(subject));
        let answer = self.post(&path, &self.body(schema)).await?;
        if self.kind == PROTOBUF && answer.status == StatusCode::UNPROCESSABLE_ENTITY {
            return Ok(Checked::Untold(answer.message()));
        }
        let body = expect(answer, subject)?;
        let words = body["messages"].as_array().into_iter().flatten().filter_map(|message| message.as_str().map(str::to_owned));
        match body["is_compatible"].as_bool() {
            Some(true) => Ok(Checked::Taken),
            Some(false) => Ok(Checked::Refused(words.collect())),
            None => Err(strange("nothing about compatibility")),
        }
    }

    /// What can be done where a schema is refused under a subject.
    pub(crate) fn ways_out(&self, subject: &str, changes: &[Told]) -> Vec<String> {
        let setting = format!("PUT /config/{} of the registry with {{\"compatibility\": \"NONE\"}}", segment(subject));
        let mut ways = ways_out(&Place { setting: &setting, none: "NONE", defaults: self.kind == AVRO }, changes);
        if self.kind == JSON {
            // a schema that allows more members may have allowed others of that name
            ways.insert(0, "so that new columns are compatible, allow no members that the schema does not describe from its first version on: object.additional.properties=false".to_owned());
        }
        ways
    }

    async fn get(&self, path: &str) -> Result<Answer> {
        self.http.send(Method::GET, path, Content { headers: &[("accept", MEDIA)], body: None }).await
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        let headers = &[("accept", MEDIA), ("content-type", MEDIA)];
        self.http.send(Method::POST, path, Content { headers, body: Some(&body.to_string()) }).await
    }
}

fn query(normalize: bool) -> &'static str {
    if normalize { "?normalize=true" } else { "" }
}

/// The body of a good answer; else what the registry refused, and what can be done.
fn expect(answer: Answer, what: &str) -> Result<Value> {
    if answer.status.is_success() {
        return answer.json();
    }
    let code = code(&answer);
    let said = format!("the schema registry at {} answers {} for {what}: {}", answer.url, answer.status, answer.message());
    let error = Error::configuration(said);
    Err(match answer.status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => error.remedy(
            "set the credentials: basic.auth.credentials.source=USER_INFO with basic.auth.user.info, \
             or bearer.auth.credentials.source=STATIC_TOKEN with bearer.auth.token; and grant the account the subject",
        ),
        StatusCode::NOT_FOUND if code.is_none() => error.remedy("check schema.registry.url and its path: no registry answers there"),
        StatusCode::NOT_FOUND if code == Some(NO_SUBJECT) => {
            error.remedy("register a schema under that subject, or set auto.register.schemas=true and use.latest.version=false")
        }
        StatusCode::NOT_FOUND => error.remedy("register the schema, or set auto.register.schemas=true"),
        StatusCode::UNPROCESSABLE_ENTITY if answer.message().contains(UNDISCOVERED) => error.remedy(
            "Apicurio's Confluent API takes no JSON Schema whose root is no object, as that of an optional row or of a single value: \
             leave out the transform that makes them (ExtractNewRecordState, ExtractField), or use another registry, or io.apicurio.registry.utils.converter.ExtJsonConverter",
        ),
        StatusCode::UNPROCESSABLE_ENTITY => {
            error.remedy("the registry does not take this schema; where a name is the reason, set schema.name.adjustment.mode=avro and field.name.adjustment.mode=avro")
        }
        _ => error,
    })
}

/// The registry's own error code.
fn code(answer: &Answer) -> Option<i64> {
    answer.json().ok().and_then(|body| body["error_code"].as_i64())
}

fn id(body: &Value) -> Result<u32> {
    number(body, "id")
}

fn number(body: &Value, what: &str) -> Result<u32> {
    body[what].as_u64().and_then(|number| u32::try_from(number).ok()).ok_or_else(|| strange(&format!("no {what}")))
}

fn strange(what: &str) -> Error {
    Error::configuration(format!("the schema registry answers {what}"))
        .remedy("check schema.registry.url: is it a schema registry's?")
}
