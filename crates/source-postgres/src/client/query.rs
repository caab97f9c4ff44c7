//! Statements by the simple query protocol: SQL in, text out; and quoting.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use fallible_iterator::FallibleIterator;
use postgres_protocol::message::backend::{DataRowBody, Message, RowDescriptionBody};

use super::connection::Connection;
use super::error::{ClientError, ServerError};

/// A column of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// its name or alias
    pub name: String,
    /// the type, as in `pg_type.oid`
    pub type_oid: u32,
    /// `pg_attribute.atttypmod`; -1: none
    pub type_modifier: i32,
    /// the table that it comes from; 0: none
    pub table_oid: u32,
    /// its number in that table; 0: none
    pub attribute: i16,
}

/// The result of one statement.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// empty for a statement that returns no rows
    pub columns: Arc<[Column]>,
    /// in the server's order
    pub rows: Vec<Row>,
    /// `SELECT 3`, `INSERT 0 1`, …; empty for an empty statement
    pub command_tag: String,
}

impl Rows {
    /// The number of a column by its name.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }
}

/// A row of text values. It is a slice of the read buffer: see the module's documentation on memory.
#[derive(Clone, Debug)]
pub struct Row {
    data: Bytes,
    /// of UTF-8 text
    values: Vec<Option<Range<usize>>>,
}

impl Row {
    /// How many columns.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is no column.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The value of a column; None: NULL, or no such column.
    pub fn get(&self, index: usize) -> Option<&str> {
        let range = self.values.get(index)?.clone()?;
        // checked when the row came in
        std::str::from_utf8(self.data.get(range)?).ok()
    }

    /// The value of a column; NULL reads as the empty text.
    pub fn text(&self, index: usize) -> &str {
        self.get(index).unwrap_or("")
    }

    /// The value of a column, sharing the read buffer.
    pub fn bytes(&self, index: usize) -> Option<Bytes> {
        Some(self.data.slice(self.values.get(index)?.clone()?))
    }
}

impl Connection {
    /// Runs one statement and hands out its rows (of several: the last one's).
    pub async fn query(&mut self, sql: &str) -> Result<Vec<Row>, ClientError> {
        Ok(self.simple_query(sql).await?.pop().unwrap_or_default().rows)
    }

    /// Runs statements for their effect.
    pub async fn execute(&mut self, sql: &str) -> Result<(), ClientError> {
        self.simple_query(sql).await.map(|_| ())
    }

    /// Runs statements, separated by semicolons, and hands out the result of each. All of it is held in memory:
    /// what may be large goes by [`Connection::copy_out`].
    ///
    /// Several statements are one transaction, unless they say otherwise (manual, "Multiple Statements in a Simple Query").
    pub async fn simple_query(&mut self, sql: &str) -> Result<Vec<Rows>, ClientError> {
        self.send_query(sql).await?;
        self.collect().await
    }

    /// Runs a statement (one without rows costs least: `… LIMIT 0`) and says which columns it has.
    pub async fn describe(&mut self, sql: &str) -> Result<Vec<String>, ClientError> {
        let result = self.simple_query(sql).await?.pop().unwrap_or_default();
        Ok(result.columns.iter().map(|column| column.name.clone()).collect())
    }

    /// Results up to ReadyForQuery.
    pub(super) async fn collect(&mut self) -> Result<Vec<Rows>, ClientError> {
        let mut results = Vec::new();
        let mut current = Rows::default();
        let mut failed = None;
        loop {
            match self.next().await? {
                Message::RowDescription(body) => current.columns = columns(&body)?,
                Message::DataRow(body) => current.rows.push(row(&body)?),
                Message::CommandComplete(body) => {
                    current.command_tag = body.tag().map_err(ClientError::protocol)?.to_owned();
                    results.push(std::mem::take(&mut current));
                }
                Message::EmptyQueryResponse => results.push(std::mem::take(&mut current)),
                Message::ErrorResponse(body) => failed = Some(self.failure(ServerError::read(body.fields())?)?),
                Message::ReadyForQuery(_) => break,
                // COPY has its own call; read it away
                Message::CopyOutResponse(_) => {
                    failed = Some(ClientError::protocol("COPY TO STDOUT is for copy_out"));
                }
                // the server's answer to the refusal is an error
                Message::CopyInResponse(_) => self.refuse_copy_in().await?,
                Message::CopyData(_) | Message::CopyDone => {}
                _ => return Err(ClientError::protocol("an unexpected message in the answer to a query")),
            }
        }
        failed.map_or(Ok(results), Err)
    }

    /// An error after which the session goes on is kept for ReadyForQuery (`Ok`); after a fatal one nothing follows.
    pub(super) fn failure(&self, error: ServerError) -> Result<ClientError, ClientError> {
        let error = ClientError::Server(Box::new(error));
        if error.is_closed() { Err(error) } else { Ok(error) }
    }
}

fn columns(body: &RowDescriptionBody) -> Result<Arc<[Column]>, ClientError> {
    let columns: Vec<Column> = body
        .fields()
        .map(|field| {
            Ok(Column {
                name: field.name().to_owned(),
                type_oid: field.type_oid(),
                type_modifier: field.type_modifier(),
                table_oid: field.table_oid(),
                attribute: field.column_id(),
            })
        })
        .collect()
        .map_err(ClientError::protocol)?;
    Ok(columns.into())
}

fn row(body: &DataRowBody) -> Result<Row, ClientError> {
    let data = body.buffer_bytes().clone();
    let values: Vec<_> = body.ranges().collect().map_err(ClientError::protocol)?;
    for range in values.iter().flatten() {
        if std::str::from_utf8(&data[range.clone()]).is_err() {
            return Err(ClientError::protocol(
                "the server sent text that is not UTF-8; a database of encoding SQL_ASCII keeps whatever bytes it was given: \
                 correct the value, or convert the database to UTF8",
            ));
        }
    }
    Ok(Row { data, values })
}

/// A literal: `it's` → `'it''s'`; with a backslash as ` E'…'`, which reads the same under either
/// `standard_conforming_strings`.
pub fn quote_literal(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push_str(if text.contains('\\') { " E'" } else { "'" });
    for c in text.chars() {
        if matches!(c, '\'' | '\\') {
            quoted.push(c);
        }
        quoted.push(c);
    }
    quoted.push('\'');
    quoted
}

/// An identifier, always quoted: `my "t"` → `"my ""t"""`.
pub fn quote_ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoting_doubles_what_would_end_the_text() {
        assert_eq!(quote_literal("it's"), "'it''s'");
        assert_eq!(quote_literal("a\\'b"), " E'a\\\\''b'");
        assert_eq!(quote_ident("my \"t\""), "\"my \"\"t\"\"\"");
    }
}
