//! How the forecast looks, for people and for programs.

use std::fmt::Write as _;

use rowtide_api::{Opinion, Verdict};
use rowtide_runtime::trial::{Answer, Forecast, Side, TableForecast};
use serde_json::{Value, json};

use crate::cli::check::wrapped;

/// As text; `width`: the terminal's.
pub fn text(name: &str, forecast: &Forecast, width: Option<usize>) -> String {
    let mut out = String::new();
    for table in &forecast.tables {
        let renamed = table.renamed.as_ref().map(|new| format!(", then {new}")).unwrap_or_default();
        let _ = writeln!(out, "table {}{renamed}", table.table);
        for note in &table.notes {
            line(&mut out, "  ", note, width);
        }
        for side in &table.sides {
            side_text(&mut out, side, width);
        }
    }
    for note in &forecast.notes {
        line(&mut out, "", note, width);
    }
    let outcome = if forecast.stops() { "would stop" } else { "would go on" };
    let _ = writeln!(out, "connector {name} {outcome}");
    line(
        &mut out,
        "",
        "nothing was changed: the statements ran on empty copies of the tables and were rolled back; nothing was registered",
        width,
    );
    out
}

fn side_text(out: &mut String, side: &Side, width: Option<usize>) {
    let _ = writeln!(out, "  {} of topic {}", side.role, side.topic);
    let told = match &side.answer {
        Answer::Opinion(opinion) => &opinion.changes[..],
        _ => &[],
    };
    match &side.changes {
        Some(changes) if changes.is_empty() => line(out, "    ", "the schema stays the same", width),
        Some(changes) => changes.iter().for_each(|change| {
            let seen = told.iter().find(|told| told.change == *change);
            let seen = seen.map(|told| format!("; a consumer with the old schema {}", told.old_reader)).unwrap_or_default();
            line(out, "    ", &format!("{change}{seen}"), width);
        }),
        None => line(out, "    ", "new: nothing was captured of it before", width),
    }
    match &side.answer {
        Answer::Opinion(opinion) => opinion_text(out, opinion, side.changes.as_deref(), width),
        Answer::Stops(error) => line(out, "    ", &format!("cannot be converted, the task would stop: {error}"), width),
        Answer::Unknown(class) => {
            line(
                out,
                "    ",
                &format!("{class} asks no registry, or not beforehand: it is not known whether one would object"),
                width,
            );
        }
    }
}

fn opinion_text(out: &mut String, opinion: &Opinion, shown: Option<&[String]>, width: Option<usize>) {
    let level = opinion.level.as_ref().map(|level| format!(", level {level}")).unwrap_or_default();
    let version = opinion.latest.as_ref().map(|version| format!(", version {version}")).unwrap_or_default();
    let verdict = match opinion.verdict {
        Verdict::Known => "registered already",
        Verdict::First => "nothing is registered yet: it would be the first version",
        Verdict::Compatible => "would be registered as a new version",
        Verdict::Fixed => "the task writes by the version that is registered, whatever the table's form",
        Verdict::Refused => "REFUSED: the task would stop",
        Verdict::Unknown => "whether it would be registered cannot be known beforehand",
    };
    line(out, "    ", &format!("{}{version}{level}: {verdict}", opinion.subject), width);
    let elsewhere = opinion.changes.iter().filter(|told| !shown.is_some_and(|shown| shown.contains(&told.change)));
    for told in elsewhere {
        line(out, "    ", &format!("since that version, too: {}; a consumer with it {}", told.change, told.old_reader), width);
    }
    for reason in &opinion.reasons {
        line(out, "    ", &format!("the registry says: {reason}"), width);
    }
    for way in &opinion.ways_out {
        line(out, "    way out: ", way, width);
    }
}

/// A line that fits the terminal; what follows the first stands under its text.
fn line(out: &mut String, before: &str, text: &str, width: Option<usize>) {
    let indent = before.len();
    let text = text.replace('\n', " ");
    for (number, part) in wrapped(&text, width.map(|width| width.saturating_sub(indent))).iter().enumerate() {
        let _ = match number {
            0 => writeln!(out, "{before}{part}"),
            _ => writeln!(out, "{:indent$}{part}", ""),
        };
    }
}

/// The same for programs.
pub fn json(name: &str, forecast: &Forecast) -> Value {
    json!({
        "connector": name,
        "stops": forecast.stops(),
        "tables": forecast.tables.iter().map(table_json).collect::<Vec<_>>(),
        "notes": forecast.notes,
    })
}

fn table_json(table: &TableForecast) -> Value {
    let sides: Vec<Value> = table.sides.iter().map(side_json).collect();
    json!({ "table": table.table, "renamed": table.renamed, "notes": table.notes, "sides": sides })
}

fn side_json(side: &Side) -> Value {
    let mut object = json!({ "role": side.role, "topic": side.topic, "changes": side.changes, "stops": side.stops() });
    match &side.answer {
        Answer::Opinion(opinion) => {
            let told = opinion
                .changes
                .iter()
                .map(|told| json!({ "change": told.change, "old_reader": told.old_reader, "breaks": told.breaks }));
            object["subject"] = json!(opinion.subject);
            object["version"] = json!(opinion.latest);
            object["level"] = json!(opinion.level);
            object["verdict"] = json!(opinion.verdict.word());
            object["since_version"] = told.collect();
            object["reasons"] = json!(opinion.reasons);
            object["ways_out"] = json!(opinion.ways_out);
        }
        Answer::Stops(error) => {
            object["verdict"] = json!("refused");
            object["reasons"] = json!([error.message()]);
            object["ways_out"] = json!(error.remedy_text().into_iter().collect::<Vec<_>>());
        }
        Answer::Unknown(_) => object["verdict"] = json!("unknown"),
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;
    use rowtide_api::Told;

    fn forecast() -> Forecast {
        let change = "column 'more': added (int32, not null, no default)".to_owned();
        let told = Told { change: change.clone(), old_reader: "does not see it".to_owned(), breaks: false };
        let opinion = Opinion {
            subject: "subject 't-value'".to_owned(),
            latest: Some("2".to_owned()),
            level: Some("BACKWARD".to_owned()),
            verdict: Verdict::Refused,
            changes: vec![told],
            reasons: vec!["no default".to_owned()],
            ways_out: vec!["give it a default".to_owned()],
        };
        let value = Side { role: "value", topic: "t".to_owned(), changes: Some(vec![change]), answer: Answer::Opinion(opinion) };
        let key = Side { role: "key", topic: "t".to_owned(), changes: Some(vec![]), answer: Answer::Unknown("JsonConverter") };
        let table = TableForecast { table: "public.t".to_owned(), renamed: None, notes: vec![], sides: vec![key, value] };
        Forecast { tables: vec![table], notes: vec!["passed over, settings are the check's own: SET x = 1".to_owned()] }
    }

    #[test]
    fn the_text_says_what_changes_who_objects_and_what_to_do() {
        let expected = "\
table public.t
  key of topic t
    the schema stays the same
    JsonConverter asks no registry, or not beforehand: it is not known whether one would object
  value of topic t
    column 'more': added (int32, not null, no default); a consumer with the old schema does not see it
    subject 't-value', version 2, level BACKWARD: REFUSED: the task would stop
    the registry says: no default
    way out: give it a default
passed over, settings are the check's own: SET x = 1
connector shop would stop
nothing was changed: the statements ran on empty copies of the tables and were rolled back; nothing was registered
";
        assert_eq!(text("shop", &forecast(), None), expected);
    }

    #[test]
    fn json_has_all_of_it() {
        let json = json("shop", &forecast());
        let value = &json["tables"][0]["sides"][1];
        assert_eq!((&json["stops"], &value["verdict"], &value["level"]), (&json!(true), &json!("refused"), &json!("BACKWARD")));
        assert_eq!(value["since_version"][0]["old_reader"], "does not see it");
        assert_eq!(json["tables"][0]["sides"][0]["verdict"], "unknown");
    }
}
