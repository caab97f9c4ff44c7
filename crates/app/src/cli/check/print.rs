//! How the report of `rowtide check` looks, for people and for programs. No value of a property is in it but those that a
//! finding's sentence has.

use std::fmt::Write;
use std::io::IsTerminal;

use rowtide_api::Error;
use rowtide_runtime::survey::{Finding, Outcome, Survey, Verdict};
use rowtide_runtime::worker_config::is_group;
use serde_json::{Map, Value, json};

use super::input::Kind;
use super::{Report, Reports};

/// The widest name of a property that others are aligned with.
const WIDEST: usize = 44;

/// How wide lines may be; none where nobody reads them on a terminal.
pub fn width() -> Option<usize> {
    let stdout = std::io::stdout();
    let size = if stdout.is_terminal() { terminal_size::terminal_size_of(stdout) } else { None };
    size.map(|(width, _)| usize::from(width.0))
}

/// The report for people.
pub fn text(reports: &Reports, all: bool, width: Option<usize>) -> String {
    let mut out = String::new();
    for report in &reports.reports {
        one(report, all, width, &mut out);
        out.push('\n');
    }
    if !reports.skipped.is_empty() {
        writeln!(out, "neither a connector's nor a worker's: {}", reports.skipped.join(", ")).ok();
    }
    for note in &reports.notes {
        writeln!(out, "{note}").ok();
    }
    writeln!(out, "{}", summary(&reports.reports)).ok();
    out
}

fn one(report: &Report, all: bool, width: Option<usize>, out: &mut String) {
    let subject = &report.subject;
    let heading = match subject.kind {
        Kind::Connector => format!("connector {}", subject.name),
        Kind::Worker if is_group(&subject.config) => "worker of a group".to_owned(),
        Kind::Worker => "standalone worker".to_owned(),
    };
    let state = subject.state.as_ref().map(|state| format!(" ({state} there)")).unwrap_or_default();
    writeln!(out, "{}: {heading}{state}: {}", subject.origin, sentence(report.survey.outcome())).ok();
    if let Some(class) = subject.config.get("connector.class") {
        writeln!(out, "  {class}").ok();
    }
    let shown = |finding: &&Finding| all || (finding.verdict != Verdict::Ok && !finding.aside);
    let mut findings: Vec<&Finding> = report.survey.findings.iter().filter(shown).collect();
    let rank = |finding: &Finding| Verdict::ALL.iter().position(|verdict| *verdict == finding.verdict);
    findings.sort_by_key(|finding| rank(finding));
    let column = findings.iter().map(|finding| finding.property.len()).max().unwrap_or(0).min(WIDEST);
    for finding in findings {
        line(finding, column, width, out);
    }
    let mut counts = Vec::new();
    let asides = report.survey.findings.iter().filter(|finding| finding.aside).count();
    if !all && asides > 0 {
        counts.push(format!("{asides} that go with what is not there"));
    }
    if !all && report.survey.count(Verdict::Ok) > 0 {
        counts.push(format!("{} ok", report.survey.count(Verdict::Ok)));
    }
    if !counts.is_empty() {
        writeln!(out, "  {}", counts.join(", ")).ok();
    }
}

/// One finding: verdict, property, and beside it or below what is said of it.
fn line(finding: &Finding, column: usize, width: Option<usize>, out: &mut String) {
    let head = format!("  {:<11}  {:<column$}", finding.verdict.word(), finding.property);
    let indent = 2 + 11 + 2 + column + 2;
    let remedy = finding.remedy.as_ref().map(|remedy| format!("Remedy: {remedy}"));
    let sentences = [Some(finding.why.clone()).filter(|why| !why.is_empty()), remedy];
    let lines: Vec<String> = sentences
        .into_iter()
        .flatten()
        .flat_map(|sentence| wrapped(&sentence, width.map(|width| width.saturating_sub(indent))))
        .collect();
    let beside = head.len() <= indent;
    match lines.first().filter(|_| beside) {
        Some(first) => writeln!(out, "{head}  {first}").ok(),
        None => writeln!(out, "{}", head.trim_end()).ok(),
    };
    for line in lines.iter().skip(usize::from(beside)) {
        writeln!(out, "{:indent$}{line}", "").ok();
    }
}

/// Breaks a text between words. A column that is too narrow to be read is not kept to.
pub fn wrapped(text: &str, width: Option<usize>) -> Vec<String> {
    let width = width.map_or(usize::MAX, |width| width.max(30));
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > width {
            lines.push(String::new());
            used = 0;
        }
        if let Some(line) = lines.last_mut() {
            if used > 0 {
                line.push(' ');
                used += 1;
            }
            line.push_str(word);
            used += length;
        }
    }
    lines
}

fn sentence(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::AsItIs => "would run as it is",
        Outcome::Differs => "would run, with differences",
        Outcome::Refused => "would not start",
    }
}

/// How many of a kind have this outcome.
fn count(reports: &[Report], kind: Kind, outcome: Outcome) -> usize {
    reports.iter().filter(|report| report.subject.kind == kind && report.survey.outcome() == outcome).count()
}

const OUTCOMES: [Outcome; 3] = [Outcome::AsItIs, Outcome::Differs, Outcome::Refused];

fn summary(reports: &[Report]) -> String {
    let of = |kind, noun: &str| {
        let [same, differs, refused] = OUTCOMES.map(|outcome| count(reports, kind, outcome));
        let total = same + differs + refused;
        let plural = if total == 1 { "" } else { "s" };
        (total > 0).then(|| {
            format!("{total} {noun}{plural}: {same} would run as they are, {differs} with differences, {refused} would not start")
        })
    };
    let parts = [of(Kind::Worker, "worker"), of(Kind::Connector, "connector")];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// The report for programs.
pub fn json(reports: &Reports, errors: &[Error]) -> Value {
    let of = |kind| {
        let reports = reports.reports.iter().filter(move |report| report.subject.kind == kind);
        reports.map(one_json).collect::<Vec<_>>()
    };
    let counts = |kind| {
        let counts = OUTCOMES.map(|outcome| (word(outcome).to_owned(), json!(count(&reports.reports, kind, outcome))));
        Value::Object(counts.into_iter().collect())
    };
    json!({
        "workers": of(Kind::Worker),
        "connectors": of(Kind::Connector),
        "skipped": reports.skipped,
        "unreadable": errors.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "notes": reports.notes,
        "summary": { "workers": counts(Kind::Worker), "connectors": counts(Kind::Connector) },
    })
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::AsItIs => "as_it_is",
        Outcome::Differs => "differs",
        Outcome::Refused => "refused",
    }
}

fn one_json(report: &Report) -> Value {
    let subject = &report.subject;
    let mut object = json!({ "name": subject.name, "origin": subject.origin });
    match subject.kind {
        Kind::Connector => {
            object["state"] = json!(subject.state);
            object["class"] = json!(subject.config.get("connector.class"));
        }
        Kind::Worker => object["mode"] = json!(if is_group(&subject.config) { "distributed" } else { "standalone" }),
    }
    object["outcome"] = json!(word(report.survey.outcome()));
    object["counts"] = counts(&report.survey);
    let findings = report.survey.findings.iter().map(|finding| {
        json!({
            "property": finding.property,
            "verdict": finding.verdict.word(),
            "outcome": word(finding.outcome),
            "why": Some(&finding.why).filter(|why| !why.is_empty()),
            "remedy": finding.remedy,
        })
    });
    object["properties"] = findings.collect();
    object
}

fn counts(survey: &Survey) -> Value {
    let counts: Map<String, Value> =
        Verdict::ALL.into_iter().map(|verdict| (verdict.word().to_owned(), json!(survey.count(verdict)))).collect();
    Value::Object(counts)
}

#[cfg(test)]
mod tests {
    use super::super::input::Subject;
    use super::*;

    fn finding(property: &str, verdict: Verdict, outcome: Outcome, why: &str, remedy: Option<&str>) -> Finding {
        let remedy = remedy.map(str::to_owned);
        Finding { property: property.to_owned(), verdict, outcome, why: why.to_owned(), remedy, aside: false }
    }

    fn reports() -> Reports {
        let config = [("name", "shop"), ("connector.class", "X")].into_iter().collect();
        let subject = Subject {
            kind: Kind::Connector,
            name: "shop".to_owned(),
            origin: "shop.json".to_owned(),
            state: Some("RUNNING".to_owned()),
            config,
        };
        let findings = vec![
            finding("name", Verdict::Ok, Outcome::AsItIs, "", None),
            finding("a.port", Verdict::Unknown, Outcome::Differs, "no property of X", None),
            finding("b", Verdict::Invalid, Outcome::Refused, "it is wrong", Some("write it anew")),
            Finding { aside: true, ..finding("c", Verdict::Unsupported, Outcome::AsItIs, "goes with 'b'", None) },
        ];
        let report = Report { subject, survey: Survey { findings } };
        Reports { reports: vec![report], skipped: vec!["x.json".to_owned()], notes: vec!["a note".to_owned()] }
    }

    #[test]
    fn the_gravest_comes_first_and_what_is_fine_is_counted() {
        let expected = "\
shop.json: connector shop (RUNNING there): would not start
  X
  invalid      b       it is wrong
                       Remedy: write it anew
  unknown      a.port  no property of X
  1 that go with what is not there, 1 ok

neither a connector's nor a worker's: x.json
a note
1 connector: 0 would run as they are, 0 with differences, 1 would not start
";
        assert_eq!(text(&reports(), false, None), expected);
        let all = text(&reports(), true, None);
        assert!(all.contains("  ok           name\n") && all.contains("  unsupported  c       goes with 'b'\n"), "{all}");
    }

    #[test]
    fn json_has_all_of_it() {
        let json = json(&reports(), &[Error::configuration("x is torn")]);
        let connector = &json["connectors"][0];
        assert_eq!((&connector["outcome"], &connector["counts"]["ok"]), (&json!("refused"), &json!(1)));
        assert_eq!(connector["properties"].as_array().unwrap().len(), 4);
        assert_eq!(connector["properties"][2]["remedy"], "write it anew");
        assert_eq!(json["summary"]["connectors"]["refused"], 1);
        assert_eq!(json["unreadable"][0], "x is torn");
    }

    #[test]
    fn lines_fit_the_terminal() {
        assert_eq!(wrapped("one two three", Some(5)), ["one two three"], "too narrow to be kept to");
        let long = "a word after a word after a word after a word";
        assert_eq!(wrapped(long, Some(30)), ["a word after a word after a", "word after a word"]);
        assert_eq!(wrapped(long, None), [long]);
    }
}
