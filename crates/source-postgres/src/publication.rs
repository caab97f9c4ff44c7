//! The publication and the replica identities of the captured tables: made ready before the slot is.
//!
//! Behaviour per `publication.autocreate.mode`: Debezium's `PostgresReplicationConnection.initPublication`.

use std::collections::BTreeSet;

use rowtide_api::java_regex::JavaRegex;
use rowtide_api::{Error, Result};
use rowtide_cdc::TableId;
use tracing::{error, info, warn};

use crate::client::{ClientError, Connection, Row, quote_ident, quote_literal};
use crate::config::{AutoCreate, PostgresConfig};
use crate::errors::explain;

/// Makes the publication fit the configuration. `tables`: what is captured, sorted.
pub async fn prepare(connection: &mut Connection, config: &PostgresConfig, tables: &BTreeSet<TableId>) -> Result<()> {
    let name = &config.publication;
    let mut found = look(connection, name).await?;
    if found.is_none() {
        if create(connection, config, tables).await? == Created::ByUs {
            return Ok(());
        }
        // Debezium's task fails here
        info!("Another connector has made the publication '{name}' at the same time");
        found = look(connection, name).await?;
    }
    let gone = || Error::transient(format!("the publication '{name}' was dropped as soon as somebody had made it"));
    let row = found.ok_or_else(gone)?;
    if config.autocreate != AutoCreate::Filtered {
        info!("A logical publication named '{name}' is already active on the server and will be used");
        return Ok(());
    }
    if row.text(0) == "t" {
        return Err(Error::configuration(format!(
            "A logical publication for all tables named '{name}' is already active on the server and can not be altered."
        ))
        .remedy(format!(
            "If you need to exclude some tables or include only specific subset, drop it (DROP PUBLICATION {}) and let the connector \
             recreate it, or name another with 'publication.name'. Otherwise change 'publication.autocreate.mode' to 'all_tables'.",
            quote_ident(name)
        )));
    }
    update(connection, config, tables, row.text(1) == "t").await
}

async fn look(connection: &mut Connection, name: &str) -> Result<Option<Row>> {
    let sql = format!(
        "SELECT puballtables, pg_is_in_recovery() FROM pg_catalog.pg_publication WHERE pubname = {}",
        quote_literal(name)
    );
    let found = connection.query(&sql).await.map_err(|error| explain("looking for the publication", error))?;
    Ok(found.into_iter().next())
}

/// Whose a publication is that was not there.
#[derive(PartialEq)]
enum Created {
    ByUs,
    /// of another session, which was faster
    ByAnother,
}

/// What is said of a name that is taken: by one who committed before, or while this statement waited for it.
const TAKEN: [&str; 2] = ["42710", "23505"];

async fn create(connection: &mut Connection, config: &PostgresConfig, tables: &BTreeSet<TableId>) -> Result<Created> {
    let name = quote_ident(&config.publication);
    let what = match config.autocreate {
        AutoCreate::Disabled => {
            return Err(Error::configuration(format!(
                "Publication autocreation is disabled, please create one and restart the connector. There is no publication '{}'.",
                config.publication
            ))
            .remedy(format!("CREATE PUBLICATION {name} FOR TABLE …, or set 'publication.autocreate.mode' to 'filtered' or 'all_tables'")));
        }
        AutoCreate::AllTables => " FOR ALL TABLES".to_owned(),
        AutoCreate::Filtered => format!(" FOR TABLE {}", table_list(config, tables)?),
        AutoCreate::NoTables => String::new(),
    };
    if in_recovery(connection).await? {
        return Err(Error::configuration(format!(
            "The publication '{}' does not exist, and the server is a standby",
            config.publication
        ))
        .remedy("create the publication on the primary"));
    }
    let sql = format!("CREATE PUBLICATION {name}{what}{}", with_clause(config));
    match run(connection, config, &sql).await? {
        Ok(()) => Ok(Created::ByUs),
        Err(failed) if failed.sqlstate().is_some_and(|state| TAKEN.contains(&state)) => Ok(Created::ByAnother),
        Err(failed) => Err(explain(&format!("executing {sql}"), failed)),
    }
}

/// Brings a publication of tables up to date, if it differs from what is captured.
async fn update(connection: &mut Connection, config: &PostgresConfig, tables: &BTreeSet<TableId>, standby: bool) -> Result<()> {
    let name = &config.publication;
    let sql =
        format!("SELECT schemaname, tablename FROM pg_catalog.pg_publication_tables WHERE pubname = {}", quote_literal(name));
    let rows = connection.query(&sql).await.map_err(|error| explain("reading the publication's tables", error))?;
    let published: BTreeSet<TableId> = rows.iter().map(|row| TableId::in_schema(row.text(0), row.text(1))).collect();
    if published == *tables {
        info!("Publication '{name}' is already up to date with desired tables");
        return Ok(());
    }
    if tables.is_empty() {
        warn!("No table filters found for filtered publication {name}: the publication stays as it is");
        return Ok(());
    }
    if standby {
        return Err(Error::configuration(format!(
            "The publication '{name}' does not hold the captured tables, and the server is a standby"
        ))
        .remedy(format!(
            "on the primary: ALTER PUBLICATION {} SET TABLE {}",
            quote_ident(name),
            table_list(config, tables)?
        )));
    }
    let publish = config.publish.as_ref().map(|list| format!(" WITH (publish = '{list}')")).unwrap_or_default();
    if published_roots_cover(connection, name, tables).await? && publish.is_empty() {
        info!("Publication '{name}' already holds the desired tables through their partitioned roots");
        return Ok(());
    }
    let sql = format!("ALTER PUBLICATION {} SET TABLE {}", quote_ident(name), table_list(config, tables)?);
    execute(connection, config, &sql).await?;
    if publish.is_empty() {
        Ok(())
    } else {
        execute(connection, config, &format!("ALTER PUBLICATION {} SET{}", quote_ident(name), publish.replace(" WITH", ""))).await
    }
}

/// Whether the tables that were named when the publication was made are just those that are captured: with partitions,
/// `pg_publication_tables` shows leaves or roots instead of what was named.
async fn published_roots_cover(connection: &mut Connection, name: &str, tables: &BTreeSet<TableId>) -> Result<bool> {
    let sql = format!(
        "SELECT n.nspname, c.relname FROM pg_catalog.pg_publication p JOIN pg_catalog.pg_publication_rel r ON r.prpubid = p.oid \
         JOIN pg_catalog.pg_class c ON c.oid = r.prrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE p.pubname = {}",
        quote_literal(name)
    );
    let rows = connection.query(&sql).await.map_err(|error| explain("reading the publication's tables", error))?;
    let named: BTreeSet<TableId> = rows.iter().map(|row| TableId::in_schema(row.text(0), row.text(1))).collect();
    Ok(named == *tables)
}

fn table_list(config: &PostgresConfig, tables: &BTreeSet<TableId>) -> Result<String> {
    if tables.is_empty() {
        return Err(Error::configuration(format!("No table filters found for filtered publication {}", config.publication))
            .remedy("no table of the database passes 'schema.include.list', 'table.include.list' and their exclude lists: correct them"));
    }
    Ok(tables.iter().map(quote_table).collect::<Vec<_>>().join(", "))
}

/// `"schema"."table"`
pub fn quote_table(id: &TableId) -> String {
    id.parts().map(quote_ident).collect::<Vec<_>>().join(".")
}

fn with_clause(config: &PostgresConfig) -> String {
    let root = config.via_partition_root.then(|| "publish_via_partition_root = true".to_owned());
    let publish = config.publish.as_ref().map(|list| format!("publish = '{list}'"));
    let options: Vec<_> = [root, publish].into_iter().flatten().collect();
    if options.is_empty() { String::new() } else { format!(" WITH ({})", options.join(", ")) }
}

/// DDL under `internal.create.slot.command.timeout`.
async fn execute(connection: &mut Connection, config: &PostgresConfig, sql: &str) -> Result<()> {
    run(connection, config, sql).await?.map_err(|error| explain(&format!("executing {sql}"), error))
}

/// The same; what the server says of the statement is inside.
async fn run(connection: &mut Connection, config: &PostgresConfig, sql: &str) -> Result<std::result::Result<(), ClientError>> {
    info!("{sql}");
    let timeout = config.create_slot_timeout.as_millis();
    let doing = format!("executing {sql}");
    connection.execute(&format!("SET statement_timeout = {timeout}")).await.map_err(|error| explain(&doing, error))?;
    let done = connection.execute(sql).await;
    connection.execute("RESET statement_timeout").await.map_err(|error| explain(&doing, error))?;
    Ok(done)
}

/// Whether the server is a standby.
pub async fn in_recovery(connection: &mut Connection) -> Result<bool> {
    let rows = connection
        .query("SELECT pg_is_in_recovery()")
        .await
        .map_err(|error| explain("asking whether the server is a standby", error))?;
    Ok(rows.first().is_some_and(|row| row.text(0) == "t"))
}

/// `replica.identity.autoset.values`: sets what differs. What cannot be set is said and does not stop the connector,
/// as in Debezium.
pub async fn set_replica_identities(connection: &mut Connection, wanted: &str, tables: &BTreeSet<TableId>) -> Result<()> {
    let rules = wanted.split(',').map(parse_rule).collect::<Result<Vec<_>>>()?;
    for id in tables {
        let name = id.to_string();
        let mut matching = rules.iter().filter(|(pattern, _)| pattern.is_full_match(&name));
        let Some((_, identity)) = matching.next() else { continue };
        if matching.next().is_some() {
            return Err(Error::configuration(format!(
                "More than one regular expression of 'replica.identity.autoset.values' matches table {id}"
            ))
            .remedy("make the expressions exclude each other"));
        }
        set_replica_identity(connection, id, identity).await?;
    }
    Ok(())
}

async fn set_replica_identity(connection: &mut Connection, id: &TableId, identity: &str) -> Result<()> {
    let sql = format!(
        "SELECT CASE c.relreplident WHEN 'd' THEN 'DEFAULT' WHEN 'f' THEN 'FULL' WHEN 'n' THEN 'NOTHING' ELSE 'USING INDEX ' || (SELECT '\"' || \
         replace(ic.relname, '\"', '\"\"') || '\"' FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid \
         WHERE i.indrelid = c.oid AND i.indisreplident) END FROM pg_catalog.pg_class c WHERE c.oid = {}::regclass",
        quote_literal(&quote_table(id))
    );
    let rows = connection.query(&sql).await.map_err(|error| explain("reading the replica identity", error))?;
    if rows.first().is_some_and(|row| row.text(0) == identity) {
        info!("Replica identity for table '{id}' is already {identity}");
        return Ok(());
    }
    match connection.execute(&format!("ALTER TABLE {} REPLICA IDENTITY {identity}", quote_table(id))).await {
        Ok(()) => info!("Replica identity set to {identity} for table '{id}'"),
        Err(failed) => error!("Unable to update Replica Identity for table {id}: {failed}"),
    }
    Ok(())
}

/// `<table regex>:<DEFAULT|FULL|NOTHING|INDEX name>` → pattern and the words that SQL takes.
fn parse_rule(rule: &str) -> Result<(JavaRegex, String)> {
    let wrong = || {
        Error::configuration(format!("The 'replica.identity.autoset.values' value is invalid: '{}'", rule.trim()))
            .remedy("write <table regex>:<DEFAULT, FULL, NOTHING or INDEX name>, separated by commas")
    };
    let (pattern, identity) = rule.trim().rsplit_once(':').ok_or_else(wrong)?;
    let mut words = identity.split_whitespace();
    let identity = match (words.next().map(str::to_ascii_uppercase).as_deref(), words.next()) {
        (Some(word @ ("DEFAULT" | "FULL" | "NOTHING")), None) => word.to_owned(),
        (Some("INDEX"), Some(index)) => format!("USING INDEX {}", quote_ident(index)),
        _ => return Err(wrong()),
    };
    Ok((JavaRegex::new(pattern, true)?, identity))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_name_tables_and_identities() {
        let (pattern, identity) = parse_rule(" public\\.a.*:index a_idx ").unwrap();
        assert!(pattern.is_full_match("public.abc") && !pattern.is_full_match("public.bc"));
        assert_eq!(identity, "USING INDEX \"a_idx\"");
        assert_eq!(parse_rule("x:full").unwrap().1, "FULL");
        assert!(parse_rule("x:SOMETHING").is_err());
        assert!(parse_rule("x").is_err());
    }
}
