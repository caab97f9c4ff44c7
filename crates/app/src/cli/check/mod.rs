//! `rowtide check`: the command line of it. Where configurations come from is `input`'s and `remote`'s, how the report looks
//! `print`'s; what is found is `rowtide_runtime::survey`'s.

mod input;
mod print;
pub mod remote;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use rowtide_api::plugin::Plugins;
use rowtide_api::{Error, Props, Result};
use rowtide_runtime::survey::{self, Against, Outcome, Survey};
use rowtide_runtime::variables::placeholders;

use crate::cli::{UNUSABLE, pair};
use crate::{connector_file, plugins};
pub use input::{Input, Kind, Subject, read};
pub use print::{width, wrapped};

/// Says what an existing deployment would get here, connector by connector and property by property.
///
/// Reads files or asks a running Kafka Connect worker, writes nothing, and connects to no database and no broker. Ends with 0
/// when everything would start, with 1 when something would not, and with 2 when something could not be read.
#[derive(Args)]
pub struct CheckArgs {
    /// Connectors' files, workers' properties, directories of such files, or the REST address of a Kafka Connect worker: http://host:8083,
    /// https://user:password@host:8443
    #[arg(required = true, value_name = "DIR|FILE|URL")]
    what: Vec<String>,
    /// The properties of the worker that the connectors belong to, if they are not among the files
    #[arg(long, value_name = "FILE")]
    worker: Option<PathBuf>,
    /// How a worker is asked over https, as a line of a properties file would say it: ssl.truststore.type=PEM, ssl.truststore.location=ca.pem
    #[arg(short = 'D', value_name = "NAME=VALUE", value_parser = pair)]
    options: Vec<(String, String)>,
    /// List the properties that are as they should be, too
    #[arg(long)]
    all: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// A configuration and what is found of it.
struct Report {
    subject: Subject,
    survey: Survey,
}

/// All that is to be told.
struct Reports {
    reports: Vec<Report>,
    /// files of a directory that are neither a connector's nor a worker's
    skipped: Vec<String>,
    /// sentences that hold for all connectors
    notes: Vec<String>,
}

/// Looks, tells, and says by the exit code how it is.
pub fn check(args: &CheckArgs) -> ExitCode {
    let (reports, mut errors) = match look(args) {
        Ok(found) => found,
        Err(error) => (Reports { reports: Vec::new(), skipped: Vec::new(), notes: Vec::new() }, vec![error]),
    };
    if errors.is_empty() && reports.reports.is_empty() {
        errors.push(
            Error::configuration("there is neither a connector nor a worker in it")
                .remedy("name connectors' files, a worker's properties, or the REST address of a worker"),
        );
    }
    if !reports.reports.is_empty() {
        match args.json {
            true => println!("{:#}", print::json(&reports, &errors)),
            false => print!("{}", print::text(&reports, args.all, print::width())),
        }
    }
    for error in &errors {
        eprintln!("rowtide: {error}");
    }
    let refused = reports.reports.iter().any(|report| report.survey.outcome() == Outcome::Refused);
    match (errors.is_empty(), refused) {
        (false, _) => ExitCode::from(UNUSABLE),
        (true, true) => ExitCode::FAILURE,
        (true, false) => ExitCode::SUCCESS,
    }
}

/// Reads everything that is named. What cannot be read does not keep the rest from being looked at.
fn look(args: &CheckArgs) -> Result<(Reports, Vec<Error>)> {
    let (mut input, tls) = (Input::default(), remote::tls(&args.options)?);
    let asking = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let asking = asking.map_err(|error| Error::fatal("cannot ask anybody").caused_by(error))?;
    for what in &args.what {
        let read = match remote::Address::parse(what) {
            Some(address) => address.and_then(|address| asking.block_on(remote::read(&address, &tls, &mut input))),
            None => input::read(Path::new(what), &mut input),
        };
        if let Err(error) = read {
            input.errors.push(error);
        }
    }
    let worker = args.worker.as_deref().map(connector_file::read_properties).transpose()?;
    if let (Some(path), Some(config)) = (&args.worker, &worker) {
        input.add_worker(path, config);
    }
    let Input { subjects, skipped, errors } = input;
    let plugins = plugins::all();
    let reports = held(&plugins, subjects, worker)?;
    Ok((Reports { skipped, ..reports }, errors))
}

/// Holds connectors against the worker that is named, or the only one among the files.
fn held(plugins: &Plugins, subjects: Vec<Subject>, named: Option<Props>) -> Result<Reports> {
    let workers: Vec<&Subject> = subjects.iter().filter(|subject| subject.kind == Kind::Worker).collect();
    let mut notes = Vec::new();
    let has_connectors = workers.len() < subjects.len();
    let worker = match (named, workers.as_slice()) {
        (Some(named), _) => Some(named),
        (None, [only]) => Some(only.config.clone()),
        (None, several) => {
            let why = if several.is_empty() { "no worker's properties are named" } else { "there are several workers" };
            if has_connectors {
                notes.push(format!(
                    "{why}: nothing is said of what connectors take from theirs (converters, config.providers, policies); --worker FILE names them"
                ));
            }
            None
        }
    };
    let against = Against::new(plugins, worker.as_ref())?;
    let report = |subject: Subject| {
        let survey = match subject.kind {
            Kind::Connector => survey::connector(&against, &subject.config),
            Kind::Worker => worker_survey(plugins, &subject.config),
        };
        Report { subject, survey }
    };
    Ok(Reports { reports: subjects.into_iter().map(report).collect(), skipped: Vec::new(), notes })
}

fn worker_survey(plugins: &Plugins, props: &Props) -> Survey {
    let mut survey = survey::worker(plugins, props);
    for (property, error) in rowtide_rest::refusals(props) {
        if props.get(property).is_none_or(|value| placeholders(value).is_empty()) {
            survey.refuse(property, &error);
        }
    }
    survey
}
