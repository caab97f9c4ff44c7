//! What is told where a registry does not take a schema: the changes, the registry's reason, and the ways out. The same for every format and
//! every registry, before the change (`rowtide schema check`) and when it has come.

use rowtide_api::{Error, Opinion, Told, Verdict};

/// What a registry did with a schema.
pub(crate) enum Registration<T> {
    /// it has these ids now
    Done(T),
    /// it is refused as incompatible; the registry's words
    Refused(String),
}

/// Where a level is set, for the ways out.
pub(crate) struct Place<'a> {
    /// the request that sets another level
    pub setting: &'a str,
    /// what the level for this once is called
    pub none: &'a str,
    /// whether an added column is compatible if it has a default or may be null, as it is in Avro
    pub defaults: bool,
}

/// What can be done after a refusal. Who reads rows from the log later sees columns and types as they were when the rows were written, but
/// nullability and defaults as they are then: so some changes can be mended afterwards, others only before.
pub(crate) fn ways_out(place: &Place<'_>, changes: &[Told]) -> Vec<String> {
    let mut ways = Vec::new();
    let needs_default = |told: &&Told| told.change.contains("added (") && told.change.contains("not null, no default");
    if let Some(told) = changes.iter().find(|told| place.defaults && needs_default(told)) {
        let column = told.change.split(':').next().unwrap_or_default();
        ways.push(format!("give {column} a default, or let it be null: this holds for rows that are written already, too"));
    }
    let tightened =
        |told: &&Told| ["may not be null any more", "may be null now", "default"].iter().any(|word| told.change.contains(word));
    let of_kept = |told: &Told| !["added (", "dropped ("].iter().any(|word| told.change.contains(word));
    if changes.iter().any(|told| tightened(&told) && of_kept(told)) {
        ways.push(
            "take back the change of what may be null, or of the default: this holds for rows that are written already, too"
                .to_owned(),
        );
    }
    ways.push(format!(
        "if consumers are ready for the change, set the level to {} for this once ({}), restart the task, and set it back when the first record has come",
        place.none, place.setting
    ));
    ways.push("write on into another topic, whose schemas begin anew (a transform such as RegexRouter)".to_owned());
    ways.push("undo the change of the table, if no row has been written since: rows in the log keep the columns and types that they were written with".to_owned());
    ways
}

/// Whether a level, in any registry's spelling, holds a schema against every version.
pub(crate) fn is_transitive(level: &str) -> bool {
    level.to_ascii_uppercase().ends_with("_TRANSITIVE")
}

/// The error of a task whose schema is refused.
pub(crate) fn error(opinion: &Opinion) -> Error {
    let level = opinion.level.as_deref().unwrap_or("that is set");
    let mut message = format!("the registry refuses the new schema of {} under its compatibility level {level}", opinion.subject);
    let changes: Vec<String> = opinion.changes.iter().map(|told| told.change.clone()).collect();
    if let (Some(latest), false) = (&opinion.latest, changes.is_empty()) {
        message.push_str(&format!(". Changed since version {latest}: {}", changes.join("; ")));
    }
    if is_transitive(level) {
        message.push_str(". The level holds it against every version, not only the latest");
    }
    if !opinion.reasons.is_empty() {
        message.push_str(&format!(". The registry says: {}", opinion.reasons.join("; ")));
    }
    let ways = opinion.ways_out.iter().enumerate().map(|(index, way)| format!("({}) {way}", index + 1));
    let ways = ways.collect::<Vec<_>>().join("; ");
    Error::configuration(message).remedy(format!(
        "nothing of the new schema was written, and the task goes on where it stopped once it is restarted. Either {ways}"
    ))
}

/// What is found out about a schema that a registry was asked about.
pub(crate) struct Found {
    pub subject: String,
    pub latest: Option<String>,
    pub level: Option<String>,
    pub changes: Vec<Told>,
}

impl Found {
    /// Nothing stands against it.
    pub(crate) fn passes(self, verdict: Verdict) -> Opinion {
        let Self { subject, latest, level, changes } = self;
        Opinion { subject, latest, level, verdict, changes, reasons: Vec::new(), ways_out: Vec::new() }
    }

    /// The task would stop.
    pub(crate) fn refused(self, reasons: Vec<String>, ways_out: Vec<String>) -> Opinion {
        Opinion { verdict: Verdict::Refused, reasons, ways_out, ..self.passes(Verdict::Refused) }
    }

    /// The task would stop, or has stopped, because of this error.
    pub(crate) fn fails(self, error: &Error) -> Opinion {
        let ways_out = error.remedy_text().map(str::to_owned).into_iter().collect();
        self.refused(vec![error.message().to_owned()], ways_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(change: &str) -> Told {
        Told { change: change.to_owned(), old_reader: String::new(), breaks: false }
    }

    #[test]
    fn the_error_names_the_change_the_level_and_each_way_out() {
        let place = Place { setting: "PUT /config/t-value", none: "NONE", defaults: true };
        let changes = vec![told("column 'more': added (int32, not null, no default)")];
        let ways_out = ways_out(&place, &changes);
        let found = Found {
            subject: "subject 't-value'".to_owned(),
            latest: Some("2".to_owned()),
            level: Some("BACKWARD".to_owned()),
            changes,
        };
        let text = error(&found.refused(vec!["reader type".to_owned()], ways_out)).to_string();
        for part in [
            "refuses the new schema of subject 't-value' under its compatibility level BACKWARD",
            "Changed since version 2: column 'more': added (int32, not null, no default)",
            "The registry says: reader type",
            "nothing of the new schema was written",
            "(1) give column 'more' a default",
            "(2) if consumers are ready for the change, set the level to NONE for this once (PUT /config/t-value)",
            "(3) write on into another topic",
            "(4) undo",
        ] {
            assert!(text.contains(part), "'{part}' is not in {text}");
        }
    }

    #[test]
    fn what_cannot_be_mended_by_a_default_is_not_told_so() {
        let place = Place { setting: "x", none: "NONE", defaults: true };
        let ways = |change| ways_out(&place, &[told(change)]);
        assert_eq!(ways("column 'a': was int32, is string").len(), 3);
        assert!(ways("column 'a': may not be null any more")[0].contains("take back"));
        assert_eq!(ways("column 'a': dropped (was int32, not null, default 5)").len(), 3);
        // nor where the format has no use for one
        let place = Place { defaults: false, ..place };
        assert_eq!(super::ways_out(&place, &[told("column 'a': added (int32, not null, no default)")]).len(), 3);
    }
}
