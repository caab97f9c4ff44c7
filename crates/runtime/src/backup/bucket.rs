//! A bucket of Amazon S3, or of a store that speaks its protocol, as a place of backups: an object each.
//!
//! Four requests of S3's REST API: ListObjectsV2, GetObject, PutObject, DeleteObject. An object is there whole or not at all, and the store checks it
//! against the checksum that is signed with it. Here: requests, and what is said of answers that refuse. Not here: credentials and signatures (`credentials`).

use std::io;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hyper::http::response::Parts;
use hyper::{Method, Request, Response, StatusCode, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use rowtide_api::{Error, ErrorKind, Result};
use rowtide_kafka::{TlsSettings, http};
use serde::Deserialize;

use super::backups::Place;
use super::credentials::{Credentials, send};
use super::format::checksum;

/// A request with its answer; a store that is slower than this is away.
const LIMIT: Duration = Duration::from_secs(60);
/// A longer answer is no backup.
const MOST: usize = 256 << 20;
/// What S3 leaves as it is in a path or a query that it checks the signature of.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Where the store is; what is not set is looked up in the environment, as AWS's tools do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// `rowtide.backup.s3.region`
    pub region: Option<String>,
    /// `rowtide.backup.s3.endpoint`: a URL
    pub endpoint: Option<String>,
}

/// A bucket, and what names in it begin with.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    bucket: String,
    /// empty, or ending in a slash
    prefix: String,
    /// URL of the bucket, ending in a slash
    url: String,
    tls: TlsSettings,
    credentials: Credentials,
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

impl Bucket {
    /// Of `bucket/prefix`. Asks nobody anything.
    pub(super) fn new(place: &str, settings: &Settings) -> Result<Self> {
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        // what is safe in a URL and in a host's name: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
        if bucket.is_empty() || !bucket.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
            return Err(Error::configuration(format!("'s3://{place}' names no bucket"))
                .remedy("write rowtide.backup.directory=s3://bucket/prefix"));
        }
        let region = settings.region.clone().or_else(|| variable("AWS_REGION")).or_else(|| variable("AWS_DEFAULT_REGION"));
        let region = region.unwrap_or_else(|| "us-east-1".to_owned());
        let endpoint =
            settings.endpoint.clone().or_else(|| variable("AWS_ENDPOINT_URL_S3")).or_else(|| variable("AWS_ENDPOINT_URL"));
        let url = url(bucket, &region, endpoint.as_deref())?;
        let tls = match variable("AWS_CA_BUNDLE") {
            Some(bundle) => TlsSettings {
                truststore_type: Some("PEM".to_owned()),
                truststore_location: Some(bundle),
                verify_hostname: true,
                ..TlsSettings::default()
            },
            None => TlsSettings { verify_hostname: true, ..TlsSettings::default() },
        };
        let prefix = prefix.trim_matches('/');
        Ok(Self {
            bucket: bucket.to_owned(),
            prefix: if prefix.is_empty() { String::new() } else { format!("{prefix}/") },
            url,
            credentials: Credentials::new(&region, tls.clone()),
            tls,
        })
    }

    fn object(&self, name: &str) -> String {
        let key = format!("{}{name}", self.prefix);
        let segments: Vec<String> = key.split('/').map(encode).collect();
        format!("{}{}", self.url, segments.join("/"))
    }

    /// An answer that the store gave, of any status.
    async fn ask(&self, method: Method, url: &str, body: Vec<u8>) -> Result<Response<Bytes>> {
        let request = Request::builder()
            .method(method)
            .uri(url)
            // with it the signature covers the body, and the store checks that all of it has come
            .header("x-amz-content-sha256", checksum(&body))
            .header("user-agent", "rowtide")
            .body(Bytes::from(body))
            .map_err(|error| Error::configuration(format!("'{url}' is no URL")).caused_by(error))?;
        let (mut head, body) = request.into_parts();
        self.credentials.sign(&mut head).await?;
        send(&self.tls, Request::from_parts(head, body), MOST, LIMIT).await.map_err(|error| self.away(error))
    }

    fn away(&self, error: io::Error) -> Error {
        let store = self.url.trim_end_matches('/');
        if http::is_distrust(&error) {
            return Error::configuration(format!("the certificate of the object store at {store} is not trusted"))
                .remedy("name who signed it in AWS_CA_BUNDLE, a file in PEM, in the worker's environment; the endpoint must be a name that the certificate has")
                .caused_by(error);
        }
        Error::transient(format!("the object store at {store} cannot be reached"))
            .remedy("check that it runs and is reached from here; rowtide.backup.s3.endpoint is its URL, AWS's own without it")
            .caused_by(error)
    }

    fn refused(&self, doing: &str, answer: Response<Bytes>) -> Error {
        let (head, body) = answer.into_parts();
        refused(&format!("cannot {doing} s3://{}/{}", self.bucket, self.prefix), &self.bucket, &head, &body)
    }
}

/// AWS gives a bucket a host of its own, whose certificate has one label for it; every other store knows buckets as the first part of a path.
fn url(bucket: &str, region: &str, endpoint: Option<&str>) -> Result<String> {
    if let Some(endpoint) = endpoint {
        let usable = endpoint.parse::<Uri>().is_ok_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https")) && uri.authority().is_some_and(|a| !a.as_str().contains('@'))
        });
        if !usable {
            return Err(Error::configuration("the endpoint of the object store is no URL of http or https")
                .remedy("write rowtide.backup.s3.endpoint=https://host:port; credentials are no part of it"));
        }
        return Ok(format!("{}/{bucket}/", endpoint.trim_end_matches('/')));
    }
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    Ok(match bucket.contains(['.', '_']) {
        true => format!("https://s3.{region}.{domain}/{bucket}/"),
        false => format!("https://{bucket}.s3.{region}.{domain}/"),
    })
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, KEPT).to_string()
}

/// A page of ListObjectsV2.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Page {
    contents: Vec<Object>,
    is_truncated: bool,
    next_continuation_token: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Object {
    key: String,
}

/// The body of an answer that refuses.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Refusal {
    code: String,
    message: String,
    region: String,
}

/// What a refusal means, and what to do. A store that is busy or broken may take the same request later.
fn refused(doing: &str, bucket: &str, head: &Parts, body: &[u8]) -> Error {
    let said: Refusal = quick_xml::de::from_str(&String::from_utf8_lossy(body)).unwrap_or_default();
    let text = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let region = if said.region.is_empty() { text("x-amz-bucket-region") } else { said.region };
    // an answer may be a proxy's page, or quote what was sent
    let message: String = said.message.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(300).collect();
    let what = format!("{doing}: the object store answered {} {} {message}", head.status.as_u16(), said.code);
    let what = what.trim_end().to_owned();
    let configuration = |remedy: String| Error::new(ErrorKind::Configuration, what.clone()).remedy(remedy);
    match (said.code.as_str(), head.status) {
        ("NoSuchBucket", _) => configuration(format!("make the bucket '{bucket}', or name another in rowtide.backup.directory")),
        ("NoSuchKey", _) => configuration("`rowtide offsets show --backups` lists those that there are".to_owned()),
        ("InvalidAccessKeyId" | "SignatureDoesNotMatch" | "ExpiredToken" | "InvalidToken", _) => configuration(
            "the credentials are wrong or have expired: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (with AWS_SESSION_TOKEN for those of a session) \
             in the worker's environment, or its profile"
                .to_owned(),
        ),
        ("RequestTimeTooSkewed", _) => configuration("set this machine's clock".to_owned()),
        ("AuthorizationHeaderMalformed" | "PermanentRedirect" | "IllegalLocationConstraintException", _) => {
            let named = if region.is_empty() { "the bucket's".to_owned() } else { region };
            configuration(format!("the bucket is in another region: set rowtide.backup.s3.region or AWS_REGION to {named}"))
        }
        (_, StatusCode::FORBIDDEN) => configuration(format!(
            "whose credentials these are must be allowed s3:ListBucket on the bucket '{bucket}', and s3:GetObject, s3:PutObject and \
             s3:DeleteObject on what is in it"
        )),
        (_, StatusCode::NOT_FOUND) => {
            configuration(format!("check rowtide.backup.s3.endpoint and the bucket '{bucket}' in rowtide.backup.directory"))
        }
        (_, status) if status.is_server_error() || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT) => {
            Error::transient(what).remedy("the store is busy or broken; a worker tries again by itself")
        }
        _ => configuration("check rowtide.backup.s3.endpoint, rowtide.backup.s3.region and the bucket in rowtide.backup.directory".to_owned()),
    }
}

#[async_trait]
impl Place for Bucket {
    fn locate(&self, name: &str) -> String {
        format!("s3://{}/{}{name}", self.bucket, self.prefix)
    }

    async fn names(&self) -> Result<Vec<String>> {
        let (mut names, mut token) = (Vec::new(), None);
        loop {
            // only what lies in the prefix itself
            let mut query =
                vec![("delimiter", "/".to_owned()), ("encoding-type", "url".to_owned()), ("list-type", "2".to_owned())];
            query.push(("prefix", self.prefix.clone()));
            query.extend(token.take().map(|token| ("continuation-token", token)));
            let query: Vec<String> = query.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
            let answer = self.ask(Method::GET, &format!("{}?{}", self.url, query.join("&")), Vec::new()).await?;
            if answer.status() != StatusCode::OK {
                return Err(self.refused("list the backups in", answer));
            }
            let page: Page = quick_xml::de::from_str(&String::from_utf8_lossy(answer.body())).map_err(|error| {
                Error::configuration(format!("what answers at {} is no object store: it lists nothing in S3's way", self.url))
                    .remedy("check rowtide.backup.s3.endpoint")
                    .caused_by(error)
            })?;
            let keys = page.contents.iter().filter_map(|object| percent_decode_str(&object.key).decode_utf8().ok());
            names.extend(keys.filter_map(|key| key.strip_prefix(&self.prefix).map(str::to_owned)));
            match page.next_continuation_token.filter(|_| page.is_truncated) {
                Some(next) => token = Some(next),
                None => return Ok(names),
            }
        }
    }

    async fn get(&self, name: &str) -> Result<Vec<u8>> {
        let answer = self.ask(Method::GET, &self.object(name), Vec::new()).await?;
        match answer.status() {
            StatusCode::OK => Ok(answer.into_body().to_vec()),
            _ => Err(self.refused(&format!("read the backup {name} in"), answer)),
        }
    }

    async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<()> {
        let answer = self.ask(Method::PUT, &self.object(name), bytes).await?;
        match answer.status() {
            StatusCode::OK => Ok(()),
            _ => Err(self.refused("write a backup to", answer)),
        }
    }

    async fn remove(&self, name: &str) -> Result<()> {
        let answer = self.ask(Method::DELETE, &self.object(name), Vec::new()).await?;
        match answer.status() {
            StatusCode::NO_CONTENT | StatusCode::OK | StatusCode::NOT_FOUND => Ok(()),
            _ => Err(self.refused(&format!("remove the backup {name} from"), answer)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn said(status: u16, body: &str) -> Error {
        let answer = Response::builder().status(status).header("x-amz-bucket-region", "eu-west-3").body(()).unwrap();
        refused("cannot list s3://b/", "b", &answer.into_parts().0, body.as_bytes())
    }

    #[test]
    fn buckets_have_a_host_at_aws_and_a_path_elsewhere() {
        assert_eq!(url("shop", "eu-west-3", None).unwrap(), "https://shop.s3.eu-west-3.amazonaws.com/");
        assert_eq!(url("my.shop", "us-east-1", None).unwrap(), "https://s3.us-east-1.amazonaws.com/my.shop/");
        assert_eq!(url("shop", "cn-north-1", None).unwrap(), "https://shop.s3.cn-north-1.amazonaws.com.cn/");
        assert_eq!(url("shop", "x", Some("http://127.0.0.1:9000/")).unwrap(), "http://127.0.0.1:9000/shop/");
        for bad in ["minio:9000", "ftp://minio", "https://key:secret@minio", ""] {
            let error = url("shop", "x", Some(bad)).unwrap_err().to_string();
            assert!(error.contains("rowtide.backup.s3.endpoint=https://host:port") && !error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn names_are_encoded_once_and_prefixes_may_have_slashes_at_both_ends() {
        let settings = Settings { endpoint: Some("http://s".to_owned()), region: Some("r".to_owned()) };
        let bucket = Bucket::new("shop//a b/ü+/", &settings).unwrap();
        assert_eq!(bucket.object("x.backup"), "http://s/shop/a%20b/%C3%BC%2B/x.backup");
        assert_eq!(bucket.locate("x.backup"), "s3://shop/a b/ü+/x.backup");
        assert_eq!(Bucket::new("shop", &settings).unwrap().object("x"), "http://s/shop/x");
        for bad in ["", "/x", "a b/x", "a%2Fb"] {
            assert!(Bucket::new(bad, &settings).unwrap_err().to_string().contains("s3://bucket/prefix"), "{bad}");
        }
    }

    #[test]
    fn a_page_is_read_as_stores_write_it() {
        let text = r#"<?xml version="1.0" encoding="UTF-8"?>
            <ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><Prefix/><KeyCount>2</KeyCount>
            <IsTruncated>true</IsTruncated><NextContinuationToken>1/x==</NextContinuationToken>
            <Contents><Key>a%2Fb</Key><Size>3</Size></Contents><CommonPrefixes><Prefix>c/</Prefix></CommonPrefixes>
            <Contents><Key>d</Key></Contents></ListBucketResult>"#;
        let page: Page = quick_xml::de::from_str(text).unwrap();
        assert_eq!(page.contents.iter().map(|object| object.key.as_str()).collect::<Vec<_>>(), ["a%2Fb", "d"]);
        assert_eq!((page.is_truncated, page.next_continuation_token.as_deref()), (true, Some("1/x==")));
        let empty: Page =
            quick_xml::de::from_str("<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>").unwrap();
        assert!(empty.contents.is_empty() && !empty.is_truncated);
    }

    #[test]
    fn what_refuses_is_said_with_its_remedy() {
        let refusal = |code: &str| format!("<?xml version='1.0'?><Error><Code>{code}</Code><Message>Oh\n no</Message></Error>");
        for (status, code, remedy) in [
            (404, "NoSuchBucket", "make the bucket 'b'"),
            (404, "NoSuchKey", "show --backups"),
            (403, "InvalidAccessKeyId", "AWS_SECRET_ACCESS_KEY"),
            (403, "SignatureDoesNotMatch", "AWS_SECRET_ACCESS_KEY"),
            (400, "ExpiredToken", "expired"),
            (403, "AccessDenied", "s3:PutObject"),
            (403, "RequestTimeTooSkewed", "clock"),
            (301, "PermanentRedirect", "to eu-west-3"),
            (400, "InvalidRequest", "rowtide.backup.s3.endpoint"),
        ] {
            let error = said(status, &refusal(code));
            let text = error.to_string();
            assert!(text.contains(&format!("answered {status} {code} Oh no")) && text.contains(remedy), "{text}");
            assert_eq!(error.kind(), ErrorKind::Configuration, "{code}");
        }
        assert_eq!(said(503, &refusal("SlowDown")).kind(), ErrorKind::Transient);
        assert!(said(404, "<html>nothing here").to_string().contains("rowtide.backup.s3.endpoint"));
        let unsaid = said(403, "");
        assert!(unsaid.to_string().contains("answered 403\n") && unsaid.to_string().contains("s3:ListBucket"), "{unsaid}");
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic(status in 100u16..=599, body: Vec<u8>, tag in "[A-Za-z]{1,8}") {
            let mixed = format!("<ListBucketResult><{tag}>{}</{tag}>", String::from_utf8_lossy(&body));
            for body in [body.as_slice(), mixed.as_bytes()] {
                prop_assert!(said(status, &String::from_utf8_lossy(body)).to_string().contains("Remedy:"));
                let _ = quick_xml::de::from_str::<Page>(&String::from_utf8_lossy(body));
            }
        }
    }
}
