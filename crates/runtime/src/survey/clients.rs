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
    let mut look = ClientConfig::look(&properties);
    // what another property makes necessary is told where it is missing
    look.bad.retain(|(name, _)| owner(name) || !properties.contains_key(name) && properties.keys().any(|key| owner(key)));
    look.ignored.retain(|name| owner(name));
    look.unknown.retain(|name| owner(name));
    judge(book, prefix, look, "the Kafka client");
}

/// Says what is made of properties under `prefix`, and by whom.
pub(super) fn judge(book: &mut Book<'_>, prefix: &str, look: Look, whose: &str) {
    let Look { bad, ignored, unknown, known } = look;
    for (name, problem) in bad {
        let full = format!("{prefix}{name}");
        let verdict = if problem.contains("not supported yet") { Verdict::Unsupported } else { Verdict::Invalid };
        let finding = Finding::new(full.as_str(), verdict, Outcome::Refused, format!("{full} {problem}"));
        book.invalid(&full, None, finding.remedy(format!("correct '{full}', or remove it")));
    }
    for name in ignored {
        let why = "means something to Java's clients only";
        book.put(Finding::new(format!("{prefix}{name}"), Verdict::Ignored, Outcome::Differs, why));
    }
    for name in unknown {
        let meant = nearest(&name, known.iter().copied());
        let why = families::unknown(&format!("{whose} has no such property"), prefix, meant);
        book.put(Finding::new(format!("{prefix}{name}"), Verdict::Unknown, Outcome::Differs, why));
    }
}
