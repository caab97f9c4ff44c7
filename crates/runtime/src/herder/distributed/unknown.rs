//! The check before a worker joins a group: does it have every class that the group's connectors name?
//!
//! A group may hold connectors that only its Java workers can run. Whoever joins is given some of them, which then fail;
//! so a worker that lacks a class stays out, unless `rowtide.join.unknown=fail` says that they may.

use rowtide_api::plugin::Plugins;
use rowtide_api::{Error, Props, Result};

use crate::connector_config::missing;

/// Names every class that some connector's configuration names and `plugins` lacks. Secrets cannot be among classes.
pub fn check<'a>(plugins: &Plugins, connectors: impl Iterator<Item = (&'a str, &'a Props)>) -> Result<()> {
    let mut lines = Vec::new();
    for (name, config) in connectors {
        lines.extend(missing(plugins, config).iter().map(|it| format!("\n{} ({} of connector {name})", it.class, it.property)));
    }
    if lines.is_empty() {
        return Ok(());
    }
    let message = format!("the group has connectors that this worker cannot run; what it lacks:{}", lines.concat());
    Err(Error::configuration(message).remedy(
        "give this worker a 'group.id' of its own, or set 'rowtide.join.unknown' to 'fail': it then joins, and what it cannot run and is given fails",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_each_class_that_is_not_there() {
        let plugins = Plugins {
            transforms: rowtide_transforms::ALL.iter().collect(),
            converters: rowtide_converters::ALL.iter().collect(),
            header_converters: rowtide_converters::HEADERS.iter().collect(),
            ..Plugins::default()
        };
        let a: Props = [
            ("connector.class", "org.example.FileSink"),
            ("transforms", "route, other"),
            ("transforms.route.type", "org.apache.kafka.connect.transforms.RegexRouter"),
            ("transforms.other.type", "org.example.Other"),
            ("predicates", "p"),
            ("predicates.p.type", "org.example.P"),
            ("key.converter", "org.apache.kafka.connect.json.JsonConverter"),
            ("value.converter", "org.example.Avro"),
            ("database.password", "secret"),
        ]
        .into_iter()
        .collect();
        let error = check(&plugins, [("a", &a), ("b", &Props::default())].into_iter()).unwrap_err().to_string();
        let lines: Vec<&str> = error.lines().skip(1).filter(|line| !line.starts_with("Remedy")).collect();
        let expected = [
            "org.example.FileSink (connector.class of connector a)",
            "org.example.Other (transforms.other.type of connector a)",
            "org.example.P (predicates.p.type of connector a)",
            "org.example.Avro (value.converter of connector a)",
        ];
        assert_eq!(lines, expected);
        assert!(error.contains("rowtide.join.unknown") && !error.contains("secret"), "{error}");
        check(&plugins, [("b", &Props::default())].into_iter()).unwrap();
    }
}
