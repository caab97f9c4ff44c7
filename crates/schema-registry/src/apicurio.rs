//! Apicurio's registry over its own REST API, version 2 as its Java converters of 2.x call it, or version 3.
//!
//! Source: the OpenAPI descriptions at `/apis/registry/v2` and `/apis/registry/v3` of a registry.

use hyper::{Method, StatusCode};
use rowtide_api::{Error, Result, Told};
use serde_json::{Value, json};

use crate::http::{Answer, Base, Content, Http, segment};
use crate::refusal::{Place, Registration, ways_out};

/// The version of Apicurio's converters whose behaviour ours have.
pub(crate) const VERSION: &str = "2.6.13.Final";

/// Where version 2 answers, when the URL does not say.
const V2: &str = "/apis/registry/v2";

/// The registry's name of Avro.
pub(crate) const AVRO: &str = "AVRO";

/// Its name of Connect's own description of a schema, in JSON.
pub(crate) const KCONNECT: &str = "KCONNECT";

/// A client of the registry, for schemas of one type.
pub(crate) struct Registry {
    pub http: Http,
    /// by the URL's path
    pub version: ApiVersion,
    /// what the registry calls the type of the schemas
    pub kind: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum ApiVersion {
    V2,
    V3,
}

/// Names an artifact of the registry.
#[derive(Clone, Debug)]
pub(crate) struct Artifact {
    pub group: String,
    pub id: String,
    /// none: the latest
    pub version: Option<String>,
}

/// A version of an artifact.
pub(crate) struct Version {
    pub ids: Ids,
    pub number: String,
    pub text: String,
}

/// The ids of a schema.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ids {
    pub global: i64,
    pub content: i64,
}

/// Which of the ids is written: `apicurio.registry.use-id`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum IdOption {
    Global,
    Content,
}

/// What to do when the artifact is there: `apicurio.registry.auto-register.if-exists`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum IfExists {
    Fail,
    Update,
    Return,
    ReturnOrUpdate,
}

impl IfExists {
    pub(crate) fn read(text: &str) -> Self {
        match text {
            "FAIL" => Self::Fail,
            "UPDATE" | "CREATE_VERSION" => Self::Update,
            "RETURN" => Self::Return,
            _ => Self::ReturnOrUpdate,
        }
    }
}

/// The API that a URL names; the path of version 2 is added where none is named, as Java's client does.
pub(crate) fn base(url: &str) -> Result<(Base, ApiVersion)> {
    let base = Base::read(url)?;
    let path = base.path().to_owned();
    if path.contains("/apis/ccompat") {
        return Err(Error::configuration("apicurio.registry.url names the registry's Confluent-compatible API").remedy(
            "set it to …/apis/registry/v2 (or v3); the Confluent-compatible API is for io.confluent.connect.avro.AvroConverter",
        ));
    }
    if path.contains("/apis/registry/v3") {
        return Ok((base, ApiVersion::V3));
    }
    let full = if path.contains("/apis/registry") { path } else { format!("{path}{V2}") };
    Ok((base.with_path(full), ApiVersion::V2))
}

impl Registry {
    /// Registers a schema as an artifact's version; one that is there already is found.
    pub(crate) async fn register(&self, artifact: &Artifact, schema: &str, if_exists: IfExists) -> Result<Registration<Ids>> {
        let group = segment(&artifact.group);
        let answer = match self.version {
            ApiVersion::V2 => {
                let word = match if_exists {
                    IfExists::Fail => "FAIL",
                    IfExists::Update => "UPDATE",
                    IfExists::Return => "RETURN",
                    IfExists::ReturnOrUpdate => "RETURN_OR_UPDATE",
                };
                let mut headers = vec![
                    ("content-type", "application/json"),
                    ("x-registry-artifactid", artifact.id.as_str()),
                    ("x-registry-artifacttype", self.kind),
                ];
                headers.extend(artifact.version.as_deref().map(|version| ("x-registry-version", version)));
                let path = format!("/groups/{group}/artifacts?ifExists={word}&canonical=false");
                self.http.send(Method::POST, &path, Content { headers: &headers, body: Some(schema) }).await?
            }
            ApiVersion::V3 => {
                let word = match if_exists {
                    IfExists::Fail => "FAIL",
                    IfExists::Update => "CREATE_VERSION",
                    IfExists::Return | IfExists::ReturnOrUpdate => "FIND_OR_CREATE_VERSION",
                };
                let mut first = json!({ "content": { "content": schema, "contentType": "application/json" } });
                if let Some(version) = &artifact.version {
                    first["version"] = Value::String(version.clone());
                }
                let body = json!({ "artifactId": artifact.id, "artifactType": self.kind, "firstVersion": first });
                self.post(&format!("/groups/{group}/artifacts?ifExists={word}&canonical=false"), &body.to_string()).await?
            }
        };
        if is_violation(&answer) {
            return Ok(Registration::Refused(answer.message()));
        }
        let body = expect(answer, artifact)?;
        Ok(Registration::Done(ids(if self.version == ApiVersion::V3 { &body["version"] } else { &body })?))
    }

    /// The ids under which an artifact holds this very schema.
    pub(crate) async fn lookup(&self, artifact: &Artifact, schema: &str) -> Result<Ids> {
        let (group, id) = (segment(&artifact.group), segment(&artifact.id));
        match self.version {
            ApiVersion::V2 => {
                let path = format!("/groups/{group}/artifacts/{id}/meta?canonical=true");
                ids(&expect(self.post(&path, schema).await?, artifact)?)
            }
            ApiVersion::V3 => {
                let path = format!(
                    "/search/versions?canonical=true&artifactType={}&groupId={group}&artifactId={id}&orderby=globalId&order=desc",
                    self.kind
                );
                let found = expect(self.post(&path, schema).await?, artifact)?;
                found["versions"].get(0).map_or_else(|| Err(unknown(artifact)), ids)
            }
        }
    }

    /// Ids and text of an artifact's latest version, or of the one that is named.
    pub(crate) async fn find(&self, artifact: &Artifact) -> Result<(Ids, String)> {
        let Version { ids, text, .. } = self.version(artifact).await?.ok_or_else(|| unknown(artifact))?;
        Ok((ids, text))
    }

    /// The same with the version's number; none: there is none.
    pub(crate) async fn version(&self, artifact: &Artifact) -> Result<Option<Version>> {
        let place = format!("/groups/{}/artifacts/{}", segment(&artifact.group), segment(&artifact.id));
        let path = match (&artifact.version, self.version) {
            (None, ApiVersion::V2) => format!("{place}/meta"),
            (Some(version), ApiVersion::V2) => format!("{place}/versions/{}/meta", segment(version)),
            (None, ApiVersion::V3) => format!("{place}/versions/branch=latest"),
            (Some(version), ApiVersion::V3) => format!("{place}/versions/{}", segment(version)),
        };
        let answer = self.get(&path).await?;
        // a registry's own answer, not that of a server that has no such path
        if answer.status == StatusCode::NOT_FOUND && answer.json().is_ok_and(|body| body["name"].is_string()) {
            return Ok(None);
        }
        let body = expect(answer, artifact)?;
        let ids = ids(&body)?;
        let number = body["version"].as_str().unwrap_or("?").to_owned();
        Ok(Some(Version { ids, number, text: self.content(IdOption::Global, ids.global).await? }))
    }

    /// Whether an artifact holds this very schema.
    pub(crate) async fn holds(&self, artifact: &Artifact, schema: &str) -> Result<bool> {
        let (group, id) = (segment(&artifact.group), segment(&artifact.id));
        let path = match self.version {
            ApiVersion::V2 => format!("/groups/{group}/artifacts/{id}/meta?canonical=false"),
            ApiVersion::V3 => format!("/search/versions?canonical=false&artifactType=AVRO&groupId={group}&artifactId={id}"),
        };
        let answer = self.post(&path, schema).await?;
        if answer.status == StatusCode::NOT_FOUND && answer.json().is_ok_and(|body| body["name"].is_string()) {
            return Ok(false);
        }
        let body = expect(answer, artifact)?;
        Ok(self.version == ApiVersion::V2 || body["versions"].as_array().is_some_and(|versions| !versions.is_empty()))
    }

    /// Why a schema would be refused as a version of an artifact that is there; none: it would be taken.
    pub(crate) async fn objections(&self, artifact: &Artifact, schema: &str) -> Result<Option<Vec<String>>> {
        let place = format!("/groups/{}/artifacts/{}", segment(&artifact.group), segment(&artifact.id));
        let answer = match self.version {
            ApiVersion::V2 => {
                let headers = &[("content-type", "application/json")];
                self.http.send(Method::PUT, &format!("{place}/test"), Content { headers, body: Some(schema) }).await?
            }
            ApiVersion::V3 => {
                let body = json!({ "content": { "content": schema, "contentType": "application/json" } });
                self.post(&format!("{place}/versions?dryRun=true"), &body.to_string()).await?
            }
        };
        if is_violation(&answer) {
            return Ok(Some(vec![answer.message()]));
        }
        if answer.status.is_success() { Ok(None) } else { expect(answer, artifact).map(|_| None) }
    }

    /// The compatibility rule that an artifact is under: its own, its group's, or everybody's.
    pub(crate) async fn level(&self, artifact: &Artifact) -> Option<String> {
        let group = format!("/groups/{}", segment(&artifact.group));
        let own = format!("{group}/artifacts/{}", segment(&artifact.id));
        for place in [own.as_str(), group.as_str(), "/admin"] {
            let answer = self.get(&format!("{place}/rules/COMPATIBILITY")).await.ok()?;
            if let Some(level) = answer.json().ok().and_then(|body| body["config"].as_str().map(str::to_owned)) {
                return Some(level);
            }
        }
        Some("NONE".to_owned())
    }

    /// What can be done where a schema is refused as a version of an artifact.
    pub(crate) fn ways_out(&self, artifact: &Artifact, changes: &[Told]) -> Vec<String> {
        let (group, id) = (segment(&artifact.group), segment(&artifact.id));
        let setting =
            format!("PUT groups/{group}/artifacts/{id}/rules/COMPATIBILITY of the registry with {{\"config\": \"NONE\"}}");
        ways_out(&Place { setting: &setting, none: "NONE", defaults: self.kind == AVRO }, changes)
    }

    /// The text of a schema, with what it refers to in it.
    pub(crate) async fn content(&self, option: IdOption, id: i64) -> Result<String> {
        let whole = match self.version {
            ApiVersion::V2 => "dereference=true",
            ApiVersion::V3 => "references=DEREFERENCE",
        };
        let path = match option {
            IdOption::Global => format!("/ids/globalIds/{id}?{whole}"),
            // what refers to others is known by its global id only
            IdOption::Content => format!("/ids/contentIds/{id}"),
        };
        let answer = self.get(&path).await?;
        if !answer.status.is_success() {
            let nobody = Artifact { group: String::new(), id: format!("{option:?} id {id}"), version: None };
            expect(answer, &nobody)?;
            return Err(unknown(&nobody));
        }
        Ok(String::from_utf8_lossy(&answer.body).into_owned())
    }

    async fn get(&self, path: &str) -> Result<Answer> {
        self.http.send(Method::GET, path, Content::default()).await
    }

    async fn post(&self, path: &str, body: &str) -> Result<Answer> {
        let headers = &[("content-type", "application/json")];
        self.http.send(Method::POST, path, Content { headers, body: Some(body) }).await
    }
}

fn ids(body: &Value) -> Result<Ids> {
    match (body["globalId"].as_i64(), body["contentId"].as_i64()) {
        (Some(global), Some(content)) => Ok(Ids { global, content }),
        _ => Err(Error::configuration("the registry answers no globalId and contentId")
            .remedy("check apicurio.registry.url: it ends with /apis/registry/v2 or /apis/registry/v3")),
    }
}

/// The body of a good answer; else what the registry refused, and what can be done.
fn expect(answer: Answer, artifact: &Artifact) -> Result<Value> {
    if answer.status.is_success() {
        return answer.json();
    }
    let name = &artifact.id;
    let said =
        format!("the registry at {} answers {} for the artifact '{name}': {}", answer.url, answer.status, answer.message());
    let error = Error::configuration(said);
    Err(match answer.status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => error
            .remedy("set the credentials: apicurio.auth.username and apicurio.auth.password; and grant the account the artifact"),
        StatusCode::NOT_FOUND => error.remedy(
            "register the schema as that artifact, or set apicurio.registry.auto-register=true; \
             if every artifact is missing, check that apicurio.registry.url ends with /apis/registry/v2 or v3",
        ),
        _ => error,
    })
}

fn unknown(artifact: &Artifact) -> Error {
    Error::configuration(format!("the registry does not hold this schema as the artifact '{}'", artifact.id))
        .remedy("register it, or set apicurio.registry.auto-register=true")
}

/// Whether a rule stands against a schema: version 2 of the registry says so with 409, later ones with 400.
fn is_violation(answer: &Answer) -> bool {
    let named = || answer.json().is_ok_and(|body| body["name"] == "RuleViolationException");
    answer.status == StatusCode::CONFLICT || answer.status == StatusCode::BAD_REQUEST && named()
}
