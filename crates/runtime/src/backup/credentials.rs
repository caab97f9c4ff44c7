//! Whom requests to an object store come from: the credentials that AWS's own tools find, in their order.
//!
//! Here: where they are looked for, and what is said when there are none. How a request is signed is `reqsign`'s (AWS Signature
//! Version 4); what is asked of the store is `bucket`'s.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::http::request::Parts;
use hyper::{Request, Response};
use reqsign_aws_v4::{
    AssumeRoleWithWebIdentityCredentialProvider, Credential, ECSCredentialProvider, EnvCredentialProvider,
    IMDSv2CredentialProvider, ProfileCredentialProvider, RequestSigner, SSOCredentialProvider,
};
use reqsign_core::{Context, FileRead, HttpSend, OsEnv, ProvideCredential, ProvideCredentialDyn, Signer};
use rowtide_api::{Error, Result};
use rowtide_kafka::{TlsSettings, http};

/// Services that hand out credentials answer soon; where there are none, nobody answers at their addresses.
const LIMIT: Duration = Duration::from_secs(5);
/// A longer answer holds no credentials.
const MOST: usize = 1 << 20;

/// Signs requests, with credentials that are looked for when the first is signed, and again when they end.
#[derive(Clone, Debug)]
pub(super) struct Credentials(Signer<Credential>);

impl Credentials {
    /// For a store of this region. Services that are asked for credentials by https show certificates that `tls` trusts.
    pub(super) fn new(region: &str, tls: TlsSettings) -> Self {
        let context = Context::new().with_env(OsEnv).with_file_read(Files).with_http_send(Services(tls));
        Self(Signer::new(context, Chain, RequestSigner::new("s3", region)))
    }

    /// Adds the headers of a signature to the head of a request, whose URI has its host.
    pub(super) async fn sign(&self, head: &mut Parts) -> Result<()> {
        self.0.sign(head, None).await.map_err(|error| {
            Error::configuration(format!("no credentials for the object store: {}", with_causes(&error))).remedy(
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the worker's environment, or keep them in ~/.aws/credentials \
                 (AWS_SHARED_CREDENTIALS_FILE, AWS_PROFILE); on AWS give the pod, task or instance a role",
            )
        })
    }
}

fn with_causes(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(below) = cause {
        text = format!("{text}: {below}");
        cause = below.source();
    }
    text
}

/// The order of AWS's tools. `reqsign`'s own chain passes over what fails; here it is said if nothing else is found.
#[derive(Debug)]
struct Chain;

impl ProvideCredential for Chain {
    type Credential = Credential;

    async fn provide_credential(&self, context: &Context) -> reqsign_core::Result<Option<Credential>> {
        let sources: [(&str, Box<dyn ProvideCredentialDyn<Credential = Credential>>); 6] = [
            ("environment", Box::new(EnvCredentialProvider::new())),
            ("profile", Box::new(ProfileCredentialProvider::new())),
            ("SSO", Box::new(SSOCredentialProvider::default())),
            ("web identity", Box::new(AssumeRoleWithWebIdentityCredentialProvider::default())),
            ("container", Box::new(ECSCredentialProvider::default())),
            ("instance", Box::new(IMDSv2CredentialProvider::new())),
        ];
        let mut said = Vec::new();
        for (name, source) in sources {
            match source.provide_credential_dyn(context).await {
                Ok(Some(credential)) => return Ok(Some(credential)),
                Ok(None) => said.push(format!("{name}: none")),
                Err(error) => said.push(format!("{name}: {}", with_causes(&error))),
            }
        }
        Err(reqsign_core::Error::credential_invalid(said.join("; ")))
    }
}

/// Profiles and tokens.
#[derive(Debug)]
struct Files;

impl FileRead for Files {
    async fn file_read(&self, path: &str) -> reqsign_core::Result<Vec<u8>> {
        tokio::fs::read(path)
            .await
            .map_err(|error| reqsign_core::Error::config_invalid(format!("cannot read {path}")).with_source(error))
    }
}

/// Services that hand out credentials.
#[derive(Debug)]
struct Services(TlsSettings);

impl HttpSend for Services {
    async fn http_send(&self, request: Request<Bytes>) -> reqsign_core::Result<Response<Bytes>> {
        // not the whole URI: its query may hold a token
        let asked = request.uri().authority().map(ToString::to_string).unwrap_or_default();
        let answer = send(&self.0, request, MOST, LIMIT).await;
        answer.map_err(|error| reqsign_core::Error::unexpected(format!("no answer from {asked}")).with_source(error))
    }
}

/// Sends a request whose URI has scheme and host.
pub(super) async fn send(
    tls: &TlsSettings,
    request: Request<Bytes>,
    most: usize,
    limit: Duration,
) -> io::Result<Response<Bytes>> {
    let (mut head, body) = request.into_parts();
    let uri = std::mem::take(&mut head.uri);
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    head.headers.insert(hyper::header::HOST, authority.parse().map_err(io::Error::other)?);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    head.uri = path.parse().map_err(io::Error::other)?;
    let tls = match uri.scheme_str() {
        Some("https") => Some(std::sync::Arc::new(tls.client_config().map_err(io::Error::other)?)),
        _ => None,
    };
    let call = http::call(&uri, tls, Request::from_parts(head, Full::new(body)), most);
    tokio::time::timeout(limit, call).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
