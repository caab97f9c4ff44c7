//! Properties of Kafka's clients, as `rowtide-kafka` judges them.
//!
//! Not here: which client gets which properties; the sink and the worker's clients say that.

use std::collections::BTreeMap;

use rowtide_api::suggest::nearest;
use rowtide_kafka::{ClientConfig, Look};

use super::book::Book;
use super::{Finding, Outcome, Verdict, families};

/// Says what a client would make of `properties`, of which those that `owner` names under `prefix` are the configuration's own.
pub(super) fn look(book: &mut Book<'_>, prefix: &str, mut properties: BTreeMap<String, String>, owner: &dyn Fn(&str) -> bool) {
    // where there is no broker to be asked, none needs to be named
    if properties.get("bootstrap.servers").is_none_or(|servers| servers.trim().is_empty() || servers.contains("${")) {
        properties.insert("bootstrap.servers".to_owned(), "127.0.0.1:9092".to_owned());
    }
    let Look { bad, ignored, unknown, known } = ClientConfig::look(&properties);
    for (name, problem) in bad {
        let (full, there) = (format!("{prefix}{name}"), properties.contains_key(&name));
        // what another property makes necessary is told where it is missing
        if owner(&name) || !there && properties.keys().any(|key| owner(key)) {
            let not_yet = problem.contains("not supported yet");
            let verdict = if not_yet { Verdict::Unsupported } else { Verdict::Invalid };
            let finding = Finding::new(full.as_str(), verdict, Outcome::Refused, format!("{full} {problem}"));
            book.invalid(&full, None, finding.remedy(format!("correct '{full}', or remove it")));
        }
    }
    for name in ignored.iter().filter(|name| owner(name)) {
        let why = "means something to Java's clients only";
        book.put(Finding::new(format!("{prefix}{name}"), Verdict::Ignored, Outcome::Differs, why));
    }
    for name in unknown.iter().filter(|name| owner(name)) {
        let meant = nearest(name, known.iter().copied());
        let why = families::unknown("the Kafka client has no such property", prefix, meant);
        book.put(Finding::new(format!("{prefix}{name}"), Verdict::Unknown, Outcome::Differs, why));
    }
}
