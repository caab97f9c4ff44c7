//! The copies: made, changed, and read again.

use std::collections::{HashMap, HashSet};

use rowtide_api::{Error, Result};
use rowtide_cdc::TableId;

use super::ddl::{Action, Name, Statement};
use super::{Form, execute, failed};
use crate::catalog;
use crate::client::{Connection, Row, quote_ident, quote_literal};
use crate::types::PgTypes;

/// Tables whose names, or whose indexes' names, are among `{}`, with their partitions: schema, name, number, whether an unqualified name means it, its
/// partition key, its name if it is one of those, and of a partition its parent's number and its bound.
const NAMED: &str = "WITH RECURSIVE named AS (SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
     LEFT JOIN pg_catalog.pg_index i ON i.indrelid = c.oid LEFT JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid \
     WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' \
     AND (c.relname IN ({}) OR ic.relname IN ({}))), \
     family AS (SELECT oid, 0 AS depth FROM named UNION SELECT c.oid, family.depth + 1 FROM family JOIN pg_catalog.pg_inherits h ON h.inhparent = family.oid \
     JOIN pg_catalog.pg_class c ON c.oid = h.inhrelid WHERE c.relispartition AND c.relkind IN ('r', 'p')) \
     SELECT n.nspname, c.relname, c.oid, pg_catalog.pg_table_is_visible(c.oid), \
     CASE WHEN c.relkind = 'p' THEN pg_catalog.pg_get_partkeydef(c.oid) END, CASE WHEN EXISTS (SELECT FROM named WHERE named.oid = c.oid) THEN 1 END, h.inhparent, \
     CASE WHEN c.relispartition THEN pg_catalog.pg_get_expr(c.relpartbound, c.oid) END \
     FROM (SELECT oid, min(depth) AS depth FROM family GROUP BY oid) f JOIN pg_catalog.pg_class c ON c.oid = f.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
     LEFT JOIN pg_catalog.pg_inherits h ON h.inhrelid = c.oid AND c.relispartition ORDER BY f.depth, n.nspname, c.relname";

/// Partitions beyond so many are left out, and that is said: each is a table with a topic of its own, and all look alike.
const MOST_PARTITIONS: usize = 50;

/// Constraints of a table; foreign keys cannot leave temporary tables and are stood for by their names.
const CONSTRAINTS: &str = "SELECT conname, CASE WHEN contype = 'f' THEN 'CHECK (true)' ELSE pg_catalog.pg_get_constraintdef(oid) END \
     FROM pg_catalog.pg_constraint WHERE conrelid = {} AND contype IN ('p', 'u', 'x', 'f') AND (contype <> 'f' OR conparentid = 0) ORDER BY contype <> 'p', conname";

/// What stands for a foreign key.
const FOREIGN: &str = "CHECK (true)";

/// Indexes of a table, with those of constraints.
const INDEXES: &str = "SELECT ic.relname, pg_catalog.pg_get_indexdef(i.indexrelid), \
     EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')) \
     FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid \
     WHERE i.indrelid = {} AND i.indisvalid ORDER BY 1";

/// Locks on tables beyond reading, but for temporary ones and the system's.
const LOCKS: &str = "SELECT n.nspname, c.relname, l.mode FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_class c ON c.oid = l.relation \
     JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation' \
     AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()) \
     AND l.mode <> 'AccessShareLock' AND c.relkind IN ('r', 'p', 'm') AND c.relpersistence <> 't' AND n.nspname !~ '^pg_'";

const TEMPORARY: &str = "SELECT c.oid, n.nspname, c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
     WHERE c.relnamespace = pg_my_temp_schema() AND c.relkind IN ('r', 'p') ORDER BY 1";

/// A copy of a table.
pub struct Copy {
    /// the table
    pub id: TableId,
    oid: String,
}

/// The copies of a trial.
pub struct Copies {
    /// in the order of their names
    pub tables: Vec<Copy>,
    /// names that mean a copy, of tables and indexes: schema and name
    known: HashSet<(String, String)>,
    /// where names without a schema are
    schema_of: HashMap<String, String>,
    /// where new tables go
    default_schema: String,
    /// what of the tables is not looked at
    pub notes: Vec<String>,
}

impl Copies {
    /// Copies every table that the statements name.
    pub async fn make(sql: &mut Connection, statements: &[Statement<'_>]) -> Result<Self> {
        let names: HashSet<Name> = statements.iter().flat_map(Statement::names).collect();
        let (found, left_out) = find(sql, &names).await?;
        let schema = query(sql, "SELECT current_schema(), current_setting('search_path')").await?;
        let (default_schema, path) =
            schema.first().map(|row| (row.text(0).to_owned(), row.text(1).to_owned())).unwrap_or_default();
        let path = if path.trim().is_empty() { "pg_temp".to_owned() } else { format!("pg_temp, {path}") };
        let mut copies =
            Self { tables: Vec::new(), known: HashSet::new(), schema_of: HashMap::new(), default_schema, notes: Vec::new() };
        for row in &found {
            copies.known.insert((row.text(0).to_owned(), row.text(1).to_owned()));
            if row.text(3) == "t" {
                copies.schema_of.insert(row.text(1).to_owned(), row.text(0).to_owned());
            }
        }
        if left_out > 0 {
            copies.notes.push(format!("{left_out} more partitions are not looked at"));
        }
        let mut seen = HashSet::new();
        if let Some(twice) = found.iter().find(|row| !seen.insert(row.text(1).to_owned())) {
            return Err(Error::configuration(format!("the statements name tables '{}' of several schemas", twice.text(1)))
                .remedy("check them one after the other"));
        }
        execute(sql, "setting the search path", &format!("SET LOCAL search_path = {path}")).await?;
        for row in &found {
            copies.copy(sql, row).await?;
        }
        copies.attach(sql, &found).await?;
        Ok(copies)
    }

    /// Makes copies of partitions partitions again. One that cannot be is told of, and stands alone.
    async fn attach(&mut self, sql: &mut Connection, found: &[Row]) -> Result<()> {
        let copied = |oid: &str| found.iter().find(|row| row.text(2) == oid);
        for row in found {
            let (Some(parent), Some(bound)) = (row.get(6).and_then(copied), row.get(7)) else { continue };
            let (child, parent) = (quote_ident(row.text(1)), quote_ident(parent.text(1)));
            execute(sql, "attaching partitions", "SAVEPOINT attach").await?;
            let attach = format!("ALTER TABLE pg_temp.{parent} ATTACH PARTITION pg_temp.{child} {bound}");
            if let Err(error) = sql.execute(&attach).await {
                execute(sql, "attaching partitions", "ROLLBACK TO SAVEPOINT attach").await?;
                self.notes.push(format!("changes of {parent} are not seen in its partition {child}: {error}"));
            }
        }
        Ok(())
    }

    async fn copy(&mut self, sql: &mut Connection, row: &Row) -> Result<()> {
        let (schema, table, oid) = (row.text(0), row.text(1), row.text(2));
        let (real, copy) = (format!("{}.{}", quote_ident(schema), quote_ident(table)), format!("pg_temp.{}", quote_ident(table)));
        let doing = format!("copying the form of table {schema}.{table}");
        let by_partitions = row.get(4).is_some();
        let by = row.get(4).map(|key| format!(" PARTITION BY {key}")).unwrap_or_default();
        let create =
            format!("CREATE TEMPORARY TABLE {copy} (LIKE {real} INCLUDING ALL EXCLUDING INDEXES EXCLUDING STATISTICS){by}");
        execute(sql, &doing, &create).await?;
        for row in query(sql, &CONSTRAINTS.replace("{}", oid)).await? {
            // a check of the parent's has to be one of its partitions, too
            if row.text(1) == FOREIGN && by_partitions {
                continue;
            }
            let add = format!("ALTER TABLE {copy} ADD CONSTRAINT {} {}", quote_ident(row.text(0)), row.text(1));
            execute(sql, &doing, &add).await?;
        }
        for row in query(sql, &INDEXES.replace("{}", oid)).await? {
            if row.text(2) != "t" {
                for statement in super::ddl::statements(row.text(1))? {
                    let create = statement.redirected(&|in_schema, name| in_schema == schema && name == table, None);
                    execute(sql, &doing, &create).await?;
                }
            }
            self.known.insert((schema.to_owned(), row.text(0).to_owned()));
            self.schema_of.insert(row.text(0).to_owned(), schema.to_owned());
        }
        let made = query(sql, &format!("SELECT {}::regclass::oid", quote_literal(&copy))).await?;
        let oid = made.first().map(|row| row.text(0).to_owned()).unwrap_or_default();
        self.tables.push(Copy { id: TableId::in_schema(schema, table), oid });
        Ok(())
    }

    /// Does to the copies what a statement does. What is passed over is said.
    pub async fn apply(&mut self, sql: &mut Connection, statement: &Statement<'_>) -> Result<Option<String>> {
        let mut made = None;
        match statement.action()? {
            Action::Skip(why) => return Ok(Some(format!("passed over, {why}: {}", statement.shown()))),
            Action::Labels => {}
            Action::Create { name, table } => {
                let schema = name.schema.clone().unwrap_or_else(|| self.default_schema.clone());
                self.known.insert((schema.clone(), name.table.clone()));
                if table {
                    self.schema_of.insert(name.table.clone(), schema);
                }
                made = Some(name);
            }
            Action::Change { targets, lenient } => {
                if let Some(missing) = targets.iter().find(|target| self.resolve(target).is_none()) {
                    let name = missing.schema.iter().chain([&missing.table]).cloned().collect::<Vec<_>>().join(".");
                    if lenient {
                        return Ok(Some(format!("passed over, there is no {name}: {}", statement.shown())));
                    }
                    return Err(Error::configuration(format!("there is no table {name}: {}", statement.shown()))
                        .remedy("write it as schema.table; names without a schema are looked for in the search_path of the connector's user"));
                }
                if let (Some(new), [target]) = (statement.new_name(), targets.as_slice())
                    && let Some(schema) = self.resolve(target)
                {
                    self.known.insert((schema.clone(), new.clone()));
                    self.schema_of.insert(new, schema);
                }
            }
        }
        let known = &self.known;
        let led = statement.redirected(&|schema, name| known.contains(&(schema.to_owned(), name.to_owned())), made.as_ref());
        execute(sql, &format!("trying \"{}\"", statement.shown()), &led).await?;
        Ok(None)
    }

    /// The schema of a table or an index that has a copy.
    fn resolve(&self, name: &Name) -> Option<String> {
        match &name.schema {
            Some(schema) if schema == "pg_temp" => None,
            Some(schema) => self.known.contains(&(schema.clone(), name.table.clone())).then(|| schema.clone()),
            None => self.schema_of.get(&name.table).cloned(),
        }
    }

    /// Makes sure that no statement has reached a table itself.
    pub async fn check_locks(&self, sql: &mut Connection) -> Result<()> {
        match query(sql, LOCKS).await?.first() {
            None => Ok(()),
            Some(row) => Err(Error::configuration(format!(
                "the statements took {} on {}.{} itself; they were rolled back",
                row.text(2),
                row.text(0),
                row.text(1)
            ))
            .remedy("check these statements on a copy of the database")),
        }
    }

    /// Each table as it was named, and as it is now: copies first, in their order, then new ones.
    pub async fn forms(&self, sql: &mut Connection, types: &mut PgTypes) -> Result<Vec<(Option<TableId>, Form)>> {
        let rows = query(sql, TEMPORARY).await?;
        let ids: Vec<TableId> = rows.iter().map(|row| TableId::in_schema(row.text(1), row.text(2))).collect();
        let tables = catalog::read_tables(sql, types, &ids).await?;
        let form = |row: &Row, schema: &str| {
            let id = TableId::in_schema(row.text(1), row.text(2));
            let mut table = tables.iter().find(|table| table.id == id)?.clone();
            table.id = TableId::in_schema(schema, row.text(2));
            Some(table)
        };
        let mut forms = Vec::new();
        for copy in &self.tables {
            let row = rows.iter().find(|row| row.text(0) == copy.oid);
            let schema = copy.id.schema.as_deref().unwrap_or_default();
            forms.push((Some(copy.id.clone()), row.and_then(|row| form(row, schema))));
        }
        for row in rows.iter().filter(|row| self.tables.iter().all(|copy| copy.oid != row.text(0))) {
            let schema = self.schema_of.get(row.text(2)).unwrap_or(&self.default_schema);
            forms.push((None, form(row, schema)));
        }
        Ok(forms)
    }
}

/// The tables that names mean: those with a schema as they stand, the others where the search path finds them; with their partitions, and how many of
/// these are left out.
async fn find(sql: &mut Connection, names: &HashSet<Name>) -> Result<(Vec<Row>, usize)> {
    let mut tables: Vec<String> = names.iter().map(|name| quote_literal(&name.table)).collect();
    tables.sort_unstable();
    tables.dedup();
    let rows = query(sql, &NAMED.replace("{}", &tables.join(", "))).await?;
    let is_meant = |row: &Row| {
        let (schema, table, visible) = (row.text(0), row.text(1), row.text(3) == "t");
        let by = |name: &Name| match &name.schema {
            Some(named) => named == schema,
            None => visible,
        };
        let mut own = names.iter().filter(|name| name.table == table).peekable();
        match own.peek() {
            Some(_) => own.any(by),
            // it is one of its indexes that is named
            None => visible || names.iter().any(|name| name.schema.as_deref() == Some(schema)),
        }
    };
    let (mut meant, mut partitions) = (Vec::new(), 0);
    let mut oids: HashSet<String> = HashSet::new();
    for row in rows {
        let is_child = row.get(6).is_some_and(|parent| oids.contains(parent));
        if row.get(5).is_some() && is_meant(&row) || is_child {
            partitions += usize::from(is_child);
            if !is_child || partitions <= MOST_PARTITIONS {
                oids.insert(row.text(2).to_owned());
                meant.push(row);
            }
        }
    }
    Ok((meant, partitions.saturating_sub(MOST_PARTITIONS)))
}

async fn query(sql: &mut Connection, text: &str) -> Result<Vec<Row>> {
    sql.query(text).await.map_err(|error| failed("reading the catalogs", error))
}
