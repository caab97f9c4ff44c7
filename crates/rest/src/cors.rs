//! `access.control.allow.origin` and `access.control.allow.methods`: what browsers are told, as Jetty 12's `CrossOriginHandler`
//! does it. It keeps nobody out: that is the browser's part.

use axum::extract::Request;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use axum::http::{HeaderMap, HeaderValue, Method};
use rowtide_api::java_regex::JavaRegex;
use rowtide_api::{Error, Props, Result};

/// Origins that may call.
pub const ORIGINS: &str = "access.control.allow.origin";
/// By which methods.
pub const METHODS: &str = "access.control.allow.methods";

/// What is allowed.
pub struct Cors {
    /// none: any
    origins: Option<Vec<JavaRegex>>,
    methods: HeaderValue,
}

/// What a request asks for.
pub struct Asked {
    origin: Option<HeaderValue>,
    /// asks first, before the request itself
    preflight: bool,
}

impl Asked {
    /// Looks at a request.
    pub fn of(request: &Request) -> Self {
        let headers = request.headers();
        let preflight = request.method() == Method::OPTIONS && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        Self { origin: headers.get(ORIGIN).cloned(), preflight }
    }
}

impl Cors {
    /// Reads the properties; none: browsers are told nothing.
    pub fn read(worker: &Props) -> Result<Option<Self>> {
        let given = |name: &str| worker.get(name).map(str::trim).filter(|text| !text.is_empty());
        let Some(origins) = given(ORIGINS) else { return Ok(None) };
        let listed = |list: &str| -> Vec<String> {
            list.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
        };
        let origins = listed(origins);
        let patterns = origins.iter().filter(|origin| *origin != "*").map(|origin| {
            JavaRegex::new(origin, true).map_err(|error| {
                Error::configuration(format!("'{ORIGINS}' has a pattern that cannot be used: {}", error.message()))
                    .remedy("write origins such as https://shop\\.example\\.com by comma, or *")
            })
        });
        let patterns = patterns.collect::<Result<Vec<_>>>()?;
        let methods = listed(given(METHODS).unwrap_or("GET,POST,HEAD"));
        if let Some(wrong) = methods.iter().find(|method| Method::from_bytes(method.as_bytes()).is_err()) {
            return Err(Error::configuration(format!("'{METHODS}' has '{wrong}', which HTTP does not allow"))
                .remedy("write methods such as GET,POST,PUT,DELETE"));
        }
        let methods = HeaderValue::from_str(&methods.join(",")).map_err(|error| Error::fatal(error.to_string()))?;
        Ok(Some(Self { origins: Some(patterns).filter(|patterns| patterns.len() == origins.len()), methods }))
    }

    /// Adds to an answer what its request asked for.
    pub fn tell(&self, asked: &Asked, headers: &mut HeaderMap) {
        headers.append(VARY, HeaderValue::from_static("Origin"));
        let Some(origin) = asked.origin.clone().filter(|origin| self.allows(origin)) else { return };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        if asked.preflight {
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, self.methods.clone());
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("Content-Type"));
            headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("60"));
        }
    }

    /// One of several, as a redirected request has them, is enough.
    fn allows(&self, origin: &HeaderValue) -> bool {
        let Some(patterns) = &self.origins else { return true };
        let sent = origin.to_str().unwrap_or_default();
        sent.split(' ').filter(|one| !one.is_empty()).any(|one| patterns.iter().any(|pattern| pattern.is_full_match(one)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_java_patterns_of_the_whole_origin() {
        let allows = |origins: &str, origin: &'static str| {
            let cors = Cors::read(&[(ORIGINS, origins)].into_iter().collect()).unwrap().unwrap();
            cors.allows(&HeaderValue::from_static(origin))
        };
        assert!(allows("*", "null") && allows("http://a, *", "https://b"));
        assert!(allows("https://.*\\.shop\\.com , http://b", "HTTPS://www.shop.com"));
        assert!(allows("http://b", "http://x http://b"));
        assert!(!allows("http://b", "http://b.evil.com") && !allows("http://b", ""));
        assert!(Cors::read(&[(ORIGINS, " ")].into_iter().collect()).unwrap().is_none());
        assert!(Cors::read(&[(ORIGINS, "http://(")].into_iter().collect()).is_err());
    }
}
