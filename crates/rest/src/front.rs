//! What stands before the API: from which pages browsers may call, headers that every answer has, and who may call at all.
//!
//! In this order, from the outside, as Kafka Connect's `RestServer` puts it together. Admin listeners of their own have none of it,
//! there as here.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use rowtide_api::{Error, Props, Result};

use crate::basic_auth::{self, Users};
use crate::cors::{self, Cors};
use crate::response_headers::{self, Rule};

/// What of it a worker's configuration asks for.
#[derive(Clone)]
pub struct Front {
    users: Option<Arc<Users>>,
    cors: Option<Arc<Cors>>,
    headers: Arc<[Rule]>,
}

impl Front {
    /// Reads the configuration, and the users that the environment leads to.
    pub fn read(worker: &Props) -> Result<Self> {
        let users = if basic_auth::is_asked_for(worker)? { Some(Arc::new(Users::read()?)) } else { None };
        let cors = Cors::read(worker)?.map(Arc::new);
        Ok(Self { users, cors, headers: response_headers::read(worker)?.into() })
    }

    /// What of it could not be, as far as it shows in the configuration alone: the property, and why.
    pub fn refusals(worker: &Props) -> impl Iterator<Item = (&'static str, Error)> {
        let cors = Cors::read(worker).err().map(|error| {
            let about = if error.message().contains(cors::METHODS) { cors::METHODS } else { cors::ORIGINS };
            (about, error)
        });
        let headers = response_headers::read(worker).err().map(|error| (response_headers::OPTION, error));
        cors.into_iter().chain(headers)
    }

    /// Whether nobody gets in without a password.
    pub fn asks_for_passwords(&self) -> bool {
        self.users.as_ref().is_some_and(|users| !users.is_empty())
    }

    /// Puts it before an API. Which paths the API does not have is told to everybody, as in Java; verbs are not.
    pub fn before(&self, mut api: Router) -> Router {
        if let Some(users) = &self.users {
            api = api.route_layer(middleware::from_fn_with_state(users.clone(), authenticate));
        }
        if !self.headers.is_empty() {
            api = api.layer(middleware::from_fn_with_state(self.headers.clone(), add_headers));
        }
        match &self.cors {
            Some(cors) => api.layer(middleware::from_fn_with_state(cors.clone(), tell_browsers)),
            None => api,
        }
    }
}

async fn authenticate(State(users): State<Arc<Users>>, request: Request, next: Next) -> Response {
    if users.admit(&request) { next.run(request).await } else { basic_auth::refusal(request.method()) }
}

async fn add_headers(State(rules): State<Arc<[Rule]>>, request: Request, next: Next) -> Response {
    let mut answer = next.run(request).await;
    response_headers::add(&rules, answer.headers_mut());
    answer
}

async fn tell_browsers(State(cors): State<Arc<Cors>>, request: Request, next: Next) -> Response {
    let asked = cors::Asked::of(&request);
    let mut answer = next.run(request).await;
    cors.tell(&asked, answer.headers_mut());
    answer
}
