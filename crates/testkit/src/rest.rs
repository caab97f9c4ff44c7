//! The Connect REST API as tests call it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::{SOON, wait_until};

/// A worker's REST.
pub struct Rest {
    base: String,
    agent: ureq::Agent,
    authorization: Option<String>,
}

/// Status and body of an answer.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status
    pub status: u16,
    /// the body; `null` when empty, a string when it is no JSON
    pub body: Value,
}

impl Rest {
    /// `http://host:port`
    pub fn new(base: &str) -> Self {
        // a connection that stays open is waited for when a worker stops: for a second, and Java may not end at all after it
        let agent = ureq::Agent::config_builder().http_status_as_error(false).max_idle_connections(0).build().new_agent();
        Self { base: base.trim_end_matches('/').to_owned(), agent, authorization: None }
    }

    /// Asks as this user from now on.
    pub fn login(&mut self, user: &str, password: &str) {
        self.authorization = Some(format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))));
    }

    /// `host:port` of the worker, which is its id.
    pub fn worker_id(&self) -> &str {
        self.base.rsplit('/').next().unwrap_or_default()
    }

    /// Sends a request. `None`: nobody listens.
    pub fn try_send(&self, method: &str, path: &str, body: Option<&Value>) -> Option<Answer> {
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.base));
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        let answer = match body {
            Some(body) => {
                self.agent.run(request.header("Content-Type", "application/json").body(body.to_string()).expect("a request"))
            }
            None => self.agent.run(request.body(()).expect("a request")),
        };
        let mut answer = answer.ok()?;
        let text = answer.body_mut().read_to_string().ok()?;
        let body = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap_or(Value::String(text)) };
        Some(Answer { status: answer.status().as_u16(), body })
    }

    /// Sends a request.
    pub fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.try_send(method, path, body).unwrap_or_else(|| panic!("{}{path} does not answer", self.base))
    }

    /// Sends a request that must be well received. A worker whose group forms anew says so and has done nothing; it is asked again.
    pub fn ok(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let answer = wait_until("the group of workers has formed", SOON, || {
            let answer = self.send(method, path, body);
            let amid_rebalance =
                matches!(answer.status, 409 | 500) && answer.body["message"].as_str().is_some_and(|it| it.contains("rebalance"));
            (!amid_rebalance).then_some(answer)
        });
        assert!(answer.status < 300, "{method} {}{path}: {} {:#}", self.base, answer.status, answer.body);
        answer.body
    }

    /// Creates a connector, running or in the state named.
    pub fn create(&self, name: &str, config: &Map<String, Value>, state: Option<&str>) {
        let mut body = json!({ "name": name, "config": config });
        if let Some(state) = state {
            body["initial_state"] = state.into();
        }
        self.ok("POST", "/connectors", Some(&body));
    }

    /// State and trace of the connector and of task 0.
    pub fn state(&self, name: &str) -> (String, String, String) {
        let body = self.try_send("GET", &format!("/connectors/{name}/status"), None).map_or(Value::Null, |answer| answer.body);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let trace = format!("{}{}", text(&body["connector"]["trace"]), text(&body["tasks"][0]["trace"]));
        (text(&body["connector"]["state"]), text(&body["tasks"][0]["state"]), trace)
    }

    /// Waits until connector and task run.
    pub fn wait_running(&self, name: &str) {
        self.wait_task(name, "RUNNING");
    }

    /// Waits until task 0 has failed; its trace.
    pub fn wait_failed(&self, name: &str) -> String {
        self.wait_task(name, "FAILED")
    }

    fn wait_task(&self, name: &str, wanted: &str) -> String {
        let mut last = (String::new(), String::new(), String::new());
        wait_until(&format!("{name} is {wanted}"), SOON, || {
            last = self.state(name);
            assert!(wanted == "FAILED" || last.1 != "FAILED", "{name} has failed: {}", last.2);
            (last.1 == wanted).then(|| last.2.clone())
        })
    }

    /// `PUT …/stop`, and waits until it is done.
    pub fn stop(&self, name: &str) {
        self.ok("PUT", &format!("/connectors/{name}/stop"), None);
        wait_until(&format!("{name} is stopped"), SOON, || {
            let (connector, task, _) = self.state(name);
            (connector == "STOPPED" && task.is_empty()).then_some(())
        });
    }

    /// The stored offsets, as `PATCH` takes them.
    pub fn offsets(&self, name: &str) -> Value {
        self.ok("GET", &format!("/connectors/{name}/offsets"), None)
    }

    /// Puts offsets under a stopped connector.
    pub fn set_offsets(&self, name: &str, offsets: &Value) {
        let path = format!("/connectors/{name}/offsets");
        // a worker that has just stopped the connector may still be busy with it
        wait_until("the worker takes the offsets", SOON, || {
            let answer = self.send("PATCH", &path, Some(offsets));
            assert!(answer.status < 300 || answer.status == 409, "{path}: {answer:?}");
            (answer.status < 300).then_some(())
        });
    }

    /// `PUT …/resume`, and waits until it runs.
    pub fn resume(&self, name: &str) {
        self.ok("PUT", &format!("/connectors/{name}/resume"), None);
        self.wait_running(name);
    }

    /// Deletes a connector; none is as good.
    pub fn delete(&self, name: &str) {
        let _ = self.try_send("DELETE", &format!("/connectors/{name}"), None);
    }
}
