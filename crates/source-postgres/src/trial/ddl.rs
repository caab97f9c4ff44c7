//! Statements of a planned change: cut apart, told apart, and led to copies of the tables that they name. Pure.
//!
//! This knows PostgreSQL's tokens, and of its grammar what a statement begins with and where it names its table. Whatever is not known not to
//! reach a real table is refused: see [`Statement::action`].

use std::ops::Range;

use rowtide_api::{Error, Result};

/// Where copies are.
const COPIES: &str = "pg_temp";

/// What a piece of text is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    /// a name or a keyword; folded to lower case unless it was quoted
    Word { name: String, quoted: bool },
    /// blanks and comments
    Space,
    /// a literal, a number, a sign
    Other,
}

/// A piece of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Token {
    kind: Kind,
    range: Range<usize>,
}

/// A statement without its semicolon.
#[derive(Clone, Debug)]
pub struct Statement<'a> {
    sql: &'a str,
    tokens: Vec<Token>,
}

/// A table's name as a statement has it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name {
    /// the schema, where it is named
    pub schema: Option<String>,
    /// the table
    pub table: String,
}

/// What is done about a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// it runs, and changes these tables or indexes, each of which must be a copy; `lenient`: one that is not there is passed over
    Change { targets: Vec<Name>, lenient: bool },
    /// it runs, and makes what has this name: a table, or a type or sequence
    Create { name: Name, table: bool },
    /// it runs: labels of enumerations
    Labels,
    /// it is passed over
    Skip(&'static str),
}

/// Cuts a script into statements; empty ones are left out.
///
/// # Errors
/// When a literal, a quoted name or a comment does not end.
pub fn statements(script: &str) -> Result<Vec<Statement<'_>>> {
    let mut found = Vec::new();
    let mut open: Vec<Token> = Vec::new();
    for token in tokens(script)? {
        if script[token.range.clone()] == *";" {
            found.push(std::mem::take(&mut open));
        } else {
            open.push(token);
        }
    }
    found.push(open);
    found.retain(|tokens| tokens.iter().any(|token| token.kind != Kind::Space));
    Ok(found.into_iter().map(|tokens| Statement { sql: script, tokens }).collect())
}

fn tokens(sql: &str) -> Result<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < sql.len() {
        let rest = &sql[at..];
        let (kind, length) = token(rest).ok_or_else(|| {
            let begin: String = rest.chars().take(30).collect();
            Error::configuration(format!("a literal, a quoted name or a comment does not end: {begin}…"))
                .remedy("correct the SQL")
        })?;
        tokens.push(Token { kind, range: at..at + length });
        at += length;
    }
    Ok(tokens)
}

/// The token at the beginning of a text that is not empty, and its length; none: it does not end.
fn token(rest: &str) -> Option<(Kind, usize)> {
    let first = rest.chars().next()?;
    let second = rest[first.len_utf8()..].chars().next();
    let plain = |wanted: fn(char) -> bool| rest.find(|letter: char| !wanted(letter)).unwrap_or(rest.len());
    Some(match (first, second) {
        ('-', Some('-')) => (Kind::Space, rest.find('\n').unwrap_or(rest.len())),
        ('/', Some('*')) => (Kind::Space, comment(rest)?),
        ('\'', _) => (Kind::Other, closing(rest, '\'', false)?),
        ('e' | 'E', Some('\'')) => (Kind::Other, 1 + closing(&rest[1..], '\'', true)?),
        ('"', _) => {
            let length = closing(rest, '"', false)?;
            (Kind::Word { name: rest[1..length - 1].replace("\"\"", "\""), quoted: true }, length)
        }
        ('$', _) => (Kind::Other, dollars(rest)?),
        _ if first.is_whitespace() => (Kind::Space, plain(char::is_whitespace)),
        _ if is_begin(first) => {
            let length = plain(|letter| is_begin(letter) || letter.is_ascii_digit() || letter == '$');
            (Kind::Word { name: rest[..length].to_lowercase(), quoted: false }, length)
        }
        _ if first.is_ascii_digit() => {
            (Kind::Other, plain(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_')))
        }
        _ => (Kind::Other, first.len_utf8()),
    })
}

fn is_begin(letter: char) -> bool {
    letter.is_ascii_alphabetic() || letter == '_' || !letter.is_ascii()
}

/// The length of a comment, which may hold others.
fn comment(rest: &str) -> Option<usize> {
    let (mut depth, mut at) = (0_usize, 0);
    loop {
        let (open, close) = (rest[at..].find("/*"), rest[at..].find("*/"));
        match (open, close) {
            (Some(open), Some(close)) if open < close => (depth, at) = (depth + 1, at + open + 2),
            (_, Some(close)) => (depth, at) = (depth.checked_sub(1)?, at + close + 2),
            _ => return None,
        }
        if depth == 0 {
            return Some(at);
        }
    }
}

/// The length of what is quoted; a doubled quote stands for one.
fn closing(rest: &str, quote: char, backslash: bool) -> Option<usize> {
    let mut letters = rest.char_indices().skip(1).peekable();
    while let Some((at, letter)) = letters.next() {
        if letter == '\\' && backslash {
            letters.next();
        } else if letter == quote && letters.next_if(|(_, next)| *next == quote).is_none() {
            return Some(at + 1);
        }
    }
    None
}

/// The length of a literal between dollars; a dollar that begins none stands alone.
fn dollars(rest: &str) -> Option<usize> {
    let tag = rest[1..].find(|letter: char| !is_begin(letter) && !letter.is_ascii_digit()).map(|end| &rest[..end + 1]);
    match tag {
        Some(tag) if rest[tag.len()..].starts_with('$') && !tag[1..].starts_with(|letter: char| letter.is_ascii_digit()) => {
            let tag = &rest[..tag.len() + 1];
            rest[tag.len()..].find(tag).map(|end| end + 2 * tag.len())
        }
        _ => Some(1),
    }
}

impl<'a> Statement<'a> {
    /// As it was written, on one line, cut where it is long: for messages.
    pub fn shown(&self) -> String {
        let text = self.text().split_whitespace().collect::<Vec<_>>().join(" ");
        match text.char_indices().nth(120) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text,
        }
    }

    fn text(&self) -> &'a str {
        let end = self.tokens.last().map_or(0, |token| token.range.end);
        self.tokens.first().map_or("", |first| &self.sql[first.range.start..end])
    }

    /// The tokens that are no blanks.
    fn solid(&self) -> impl Iterator<Item = &Token> {
        self.tokens.iter().filter(|token| token.kind != Kind::Space)
    }

    fn is(&self, token: Option<&Token>, sign: &str) -> bool {
        token.is_some_and(|token| token.kind == Kind::Other && self.sql[token.range.clone()] == *sign)
    }

    /// Every name in the statement: with the schema before it, where there is one.
    pub fn names(&self) -> Vec<Name> {
        let solid: Vec<&Token> = self.solid().collect();
        let word = |index: usize| solid.get(index).and_then(|token| word_of(token));
        let name = |index: usize| {
            let table = word(index)?.to_owned();
            let dotted = index >= 2 && self.is(solid.get(index - 1).copied(), ".");
            let schema = dotted.then(|| word(index - 2)).flatten().map(str::to_owned);
            Some(Name { schema, table })
        };
        (0..solid.len()).filter_map(name).collect()
    }

    /// What is to be done.
    ///
    /// # Errors
    /// When it might reach a real table, or cannot be tried in a transaction that is rolled back.
    pub fn action(&self) -> Result<Action> {
        let mut reader = Reader { statement: self, tokens: self.solid().collect(), at: 0 };
        let (first, second) = (reader.next_word(), reader.peek_word());
        match (first.as_deref().unwrap_or_default(), second.as_deref().unwrap_or_default()) {
            ("alter", "table") => self.alter_table(reader),
            ("drop", "table" | "index") => self.drop(reader),
            ("create", _) => self.create(reader),
            ("alter", "type") if self.has(&["add", "value"]) || self.has(&["rename", "value"]) => Ok(Action::Labels),
            ("begin" | "start" | "commit" | "end" | "rollback" | "abort" | "savepoint" | "release", _) => {
                Ok(Action::Skip("the check has a transaction of its own"))
            }
            ("set" | "reset", _) if ["search_path", "role", "session"].iter().any(|word| self.has(&[word])) => {
                Err(self.refused("it changes which tables are meant", "write the tables with their schemas, and leave it out"))
            }
            ("set" | "reset", _) => Ok(Action::Skip("settings are the check's own")),
            ("alter" | "drop", "schema" | "domain" | "type" | "owned" | "extension" | "database" | "foreign") => {
                Err(self.refused("it may reach tables beyond those that it names", "check it on a copy of the database"))
            }
            ("alter" | "drop", _) => Ok(Action::Skip("it changes no table")),
            (word, _) if NO_SHAPES.contains(&word) => Ok(Action::Skip("it changes no table's columns")),
            _ => Err(self.refused(
                "what it does to tables cannot be seen from it",
                "write down the statements (ALTER TABLE, CREATE TABLE, DROP TABLE, ALTER TYPE … ADD VALUE) that it runs",
            )),
        }
    }

    fn alter_table(&self, mut reader: Reader<'_, 'a>) -> Result<Action> {
        reader.next_word();
        let lenient = reader.skip(&["if", "exists"]);
        reader.skip(&["only"]);
        let target = reader.name().ok_or_else(|| self.unreadable())?;
        reader.skip_sign("*");
        let (action, object) = (reader.next_word().unwrap_or_default(), reader.peek_word().unwrap_or_default());
        match (action.as_str(), object.as_str()) {
            ("set", "schema") => Err(self.refused(
                "copies cannot move to another schema",
                "check the table under its new name when it is there: its topic and subject begin anew",
            )),
            ("set", "logged" | "unlogged" | "tablespace" | "without" | "access")
            | (
                "owner" | "replica" | "enable" | "disable" | "cluster" | "force" | "no" | "inherit" | "attach" | "detach"
                | "validate",
                _,
            ) => Ok(Action::Skip("it changes no column")),
            _ => Ok(Action::Change { targets: vec![target], lenient }),
        }
    }

    /// What an `ALTER TABLE … RENAME TO …` calls the table.
    pub fn new_name(&self) -> Option<String> {
        let words: Vec<Option<&str>> = self.solid().map(word_of).collect();
        match words.as_slice() {
            [.., Some("rename"), Some("to"), Some(name)] => Some((*name).to_owned()),
            _ => None,
        }
    }

    fn drop(&self, mut reader: Reader<'_, 'a>) -> Result<Action> {
        reader.next_word();
        reader.skip(&["concurrently"]);
        let lenient = reader.skip(&["if", "exists"]);
        let mut targets = Vec::new();
        loop {
            targets.push(reader.name().ok_or_else(|| self.unreadable())?);
            if !reader.skip_sign(",") {
                return Ok(Action::Change { targets, lenient });
            }
        }
    }

    fn create(&self, mut reader: Reader<'_, 'a>) -> Result<Action> {
        if reader.skip(&["or", "replace"]) {
            return Ok(Action::Skip("it makes no table"));
        }
        for temporary in ["temp", "temporary", "global", "local"] {
            if reader.skip(&[temporary]) {
                return Ok(Action::Skip("temporary tables are not captured"));
            }
        }
        reader.skip(&["unlogged"]);
        reader.skip(&["unique"]);
        let object = reader.next_word().unwrap_or_default();
        match object.as_str() {
            "index" => self.create_index(reader),
            "table" | "type" | "domain" | "sequence" => {
                reader.skip(&["if", "not", "exists"]);
                let name = reader.name().ok_or_else(|| self.unreadable())?;
                let from_query = ["select", "with", "table", "values", "execute"].iter().any(|word| self.has(&["as", word]));
                if object == "table" && from_query {
                    return Err(self.refused("it runs a query", "write its columns down: CREATE TABLE name (…)"));
                }
                Ok(Action::Create { name, table: object == "table" })
            }
            _ => Ok(Action::Skip("it makes no table")),
        }
    }

    fn create_index(&self, mut reader: Reader<'_, 'a>) -> Result<Action> {
        reader.skip(&["concurrently"]);
        reader.skip(&["if", "not", "exists"]);
        if !reader.skip(&["on"]) {
            reader.name();
            reader.skip(&["on"]);
        }
        reader.skip(&["only"]);
        let target = reader.name().ok_or_else(|| self.unreadable())?;
        Ok(Action::Change { targets: vec![target], lenient: false })
    }

    /// Whether these words follow each other somewhere.
    fn has(&self, words: &[&str]) -> bool {
        let all: Vec<Option<&str>> = self.solid().map(keyword_of).collect();
        all.windows(words.len()).any(|window| window.iter().zip(words).all(|(have, wanted)| *have == Some(*wanted)))
    }

    /// The statement with these names led to the copies, the name that it makes too, and without what copies cannot have.
    pub fn redirected(&self, copied: &dyn Fn(&str, &str) -> bool, made: Option<&Name>) -> String {
        let solid: Vec<&Token> = self.solid().collect();
        let mut edits: Vec<(Range<usize>, &str)> = Vec::new();
        let mut is_made = made.is_some();
        for (index, token) in solid.iter().enumerate() {
            let Some(word) = word_of(token) else { continue };
            if matches!(keyword_of(token), Some("concurrently" | "unlogged")) && index < 4 {
                edits.push((token.range.clone(), ""));
                continue;
            }
            let dot = self.is(solid.get(index + 1).copied(), ".");
            let before = index > 0 && self.is(solid.get(index - 1).copied(), ".");
            let next = solid.get(index + 2).and_then(|token| word_of(token));
            let names_made = |name: &Name| match (&name.schema, next) {
                (Some(schema), Some(next)) => dot && schema == word && name.table == next,
                (None, _) => !dot && name.table == word && !before,
                _ => false,
            };
            if is_made && index > 1 && made.is_some_and(names_made) {
                is_made = false;
                match dot {
                    true => edits.push((token.range.clone(), COPIES)),
                    false => edits.push((token.range.start..token.range.start, "pg_temp.")),
                }
            } else if dot && !before && next.is_some_and(|next| copied(word, next)) {
                edits.push((token.range.clone(), COPIES));
            }
        }
        let start = self.tokens.first().map_or(0, |token| token.range.start);
        let (mut out, mut at) = (String::new(), start);
        for (range, text) in edits {
            out.push_str(&self.sql[at..range.start]);
            out.push_str(text);
            at = range.end;
        }
        out.push_str(&self.sql[at..start + self.text().len()]);
        out
    }

    fn refused(&self, why: &str, remedy: &str) -> Error {
        Error::configuration(format!("\"{}\" cannot be tried: {why}", self.shown())).remedy(remedy)
    }

    fn unreadable(&self) -> Error {
        self.refused("it names no table", "correct the SQL")
    }
}

/// Statements that leave columns as they are.
const NO_SHAPES: &[&str] = &[
    "insert",
    "update",
    "delete",
    "merge",
    "select",
    "with",
    "values",
    "truncate",
    "copy",
    "grant",
    "revoke",
    "comment",
    "analyze",
    "vacuum",
    "reindex",
    "refresh",
    "cluster",
    "lock",
    "explain",
    "show",
    "notify",
    "checkpoint",
    "security",
];

fn word_of(token: &Token) -> Option<&str> {
    match &token.kind {
        Kind::Word { name, .. } => Some(name),
        _ => None,
    }
}

fn keyword_of(token: &Token) -> Option<&str> {
    match &token.kind {
        Kind::Word { name, quoted: false } => Some(name),
        _ => None,
    }
}

/// Reads a statement from left to right.
struct Reader<'s, 'a> {
    statement: &'s Statement<'a>,
    tokens: Vec<&'s Token>,
    at: usize,
}

impl Reader<'_, '_> {
    fn peek_word(&self) -> Option<String> {
        self.tokens.get(self.at).and_then(|token| keyword_of(token)).map(str::to_owned)
    }

    fn next_word(&mut self) -> Option<String> {
        let word = self.peek_word();
        self.at += 1;
        word
    }

    fn skip(&mut self, words: &[&str]) -> bool {
        let there = words
            .iter()
            .enumerate()
            .all(|(index, word)| self.tokens.get(self.at + index).and_then(|token| keyword_of(token)) == Some(*word));
        if there {
            self.at += words.len();
        }
        there
    }

    fn skip_sign(&mut self, sign: &str) -> bool {
        let there = self.statement.is(self.tokens.get(self.at).copied(), sign);
        self.at += usize::from(there);
        there
    }

    fn name(&mut self) -> Option<Name> {
        let first = self.tokens.get(self.at).and_then(|token| word_of(token))?.to_owned();
        self.at += 1;
        if !self.skip_sign(".") {
            return Some(Name { schema: None, table: first });
        }
        let table = self.tokens.get(self.at).and_then(|token| word_of(token))?.to_owned();
        self.at += 1;
        Some(Name { schema: Some(first), table })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn only(sql: &str) -> Statement<'_> {
        let mut found = statements(sql).unwrap();
        assert_eq!(found.len(), 1, "{sql}");
        found.remove(0)
    }

    fn name(schema: Option<&str>, table: &str) -> Name {
        Name { schema: schema.map(str::to_owned), table: table.to_owned() }
    }

    #[test]
    fn scripts_are_cut_at_semicolons_outside_of_literals_and_comments() {
        let script = "-- a; b\nALTER TABLE a ADD b text DEFAULT ';''x' /* ; /* ; */ ; */; ;\nSELECT $f$ ; $f$, $1; COMMENT ON TABLE \"a;b\" IS E'\\';'";
        let shown: Vec<String> = statements(script).unwrap().iter().map(Statement::shown).collect();
        assert_eq!(shown.len(), 3, "{shown:?}");
        assert!(shown[0].ends_with("; */") && shown[1] == "SELECT $f$ ; $f$, $1" && shown[2].starts_with("COMMENT ON TABLE"));
        for torn in ["SELECT 'a", "SELECT \"a", "/* a", "DO $x$ a $y$"] {
            assert!(statements(torn).unwrap_err().to_string().contains("does not end"), "{torn}");
        }
    }

    #[test]
    fn what_changes_tables_runs() {
        let change = |targets: Vec<Name>, lenient| Action::Change { targets, lenient };
        let cases = [
            ("ALTER TABLE orders ADD COLUMN a int", change(vec![name(None, "orders")], false)),
            ("alter table if exists only Public.\"Orders\" * drop a", change(vec![name(Some("public"), "Orders")], true)),
            ("DROP TABLE a, b.c CASCADE", change(vec![name(None, "a"), name(Some("b"), "c")], false)),
            ("CREATE TABLE IF NOT EXISTS s.t (id int)", Action::Create { name: name(Some("s"), "t"), table: true }),
            ("CREATE TYPE mood AS ENUM ('a')", Action::Create { name: name(None, "mood"), table: false }),
            ("ALTER TYPE mood ADD VALUE 'b'", Action::Labels),
            ("CREATE UNIQUE INDEX CONCURRENTLY i ON a (b)", change(vec![name(None, "a")], false)),
            ("CREATE INDEX ON ONLY a.b (c)", change(vec![name(Some("a"), "b")], false)),
            ("DROP INDEX CONCURRENTLY IF EXISTS i", change(vec![name(None, "i")], true)),
        ];
        for (sql, action) in cases {
            assert_eq!(only(sql).action().unwrap(), action, "{sql}");
        }
        assert_eq!(only("ALTER TABLE a.b RENAME TO \"C\"").new_name().as_deref(), Some("C"));
        assert_eq!(only("ALTER TABLE a RENAME COLUMN b TO c").new_name(), None);
    }

    #[test]
    fn the_rest_is_passed_over_or_refused() {
        for sql in [
            "BEGIN",
            "COMMIT",
            "SET lock_timeout = '1s'",
            "UPDATE a SET b = 1",
            "GRANT SELECT ON a TO b",
            "CREATE VIEW v AS SELECT 1",
            "ALTER TABLE a OWNER TO b",
            "ALTER TABLE a REPLICA IDENTITY FULL",
            "CREATE TEMP TABLE x (a int)",
            "DROP VIEW v",
            "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1; $$",
            "ALTER SEQUENCE s RESTART",
        ] {
            assert!(matches!(only(sql).action().unwrap(), Action::Skip(_)), "{sql}");
        }
        for sql in [
            "DO $$ BEGIN ALTER TABLE a ADD b int; END $$",
            "CALL migrate()",
            "SET search_path = x",
            "SET LOCAL ROLE x",
            "ALTER TABLE a SET SCHEMA b",
            "CREATE TABLE a AS SELECT 1",
            "DROP SCHEMA s CASCADE",
            "ALTER DOMAIN d SET NOT NULL",
            "ALTER TYPE t ADD ATTRIBUTE a int",
            "FROBNICATE",
            "ALTER TABLE",
        ] {
            let error = only(sql).action().unwrap_err().to_string();
            assert!(error.contains("cannot be tried") && error.contains("Remedy:"), "{sql}: {error}");
        }
    }

    #[test]
    fn names_are_led_to_the_copies_and_nothing_else_is() {
        let copied = |schema: &str, table: &str| schema == "public" && matches!(table, "orders" | "Customers" | "i");
        let redirected = |sql, made: Option<Name>| only(sql).redirected(&copied, made.as_ref());
        let cases = [
            (
                "ALTER TABLE public.orders ADD c public.money REFERENCES public . \"Customers\" (id)",
                "ALTER TABLE pg_temp.orders ADD c public.money REFERENCES pg_temp . \"Customers\" (id)",
            ),
            (
                "ALTER TABLE \"public\".orders ADD d text DEFAULT 'public.orders' -- public.orders",
                "ALTER TABLE pg_temp.orders ADD d text DEFAULT 'public.orders' -- public.orders",
            ),
            ("ALTER TABLE orders ADD CHECK (orders.a > 1)", "ALTER TABLE orders ADD CHECK (orders.a > 1)"),
            ("DROP INDEX CONCURRENTLY public.i", "DROP INDEX  pg_temp.i"),
        ];
        for (sql, expected) in cases {
            assert_eq!(redirected(sql, None), expected);
        }
        let made =
            redirected("CREATE UNLOGGED TABLE s.t (t int, FOREIGN KEY (t) REFERENCES public.orders)", Some(name(Some("s"), "t")));
        assert_eq!(made, "CREATE  TABLE pg_temp.t (t int, FOREIGN KEY (t) REFERENCES pg_temp.orders)");
        assert_eq!(redirected("CREATE TABLE t (t int)", Some(name(None, "t"))), "CREATE TABLE pg_temp.t (t int)");
    }

    #[test]
    fn every_name_is_found_with_its_schema() {
        let names = only("ALTER TABLE a.b ADD c int REFERENCES \"D\"").names();
        for wanted in [name(None, "a"), name(Some("a"), "b"), name(None, "D")] {
            assert!(names.contains(&wanted), "{names:?}");
        }
    }

    proptest! {
        #[test]
        fn tokens_are_the_text_and_nothing_panics(sql in "[a-zA-Z0-9_$'\"/*;. \\-\nEeé,()\\\\]{0,60}") {
            if let Ok(tokens) = tokens(&sql) {
                let text: String = tokens.iter().map(|token| &sql[token.range.clone()]).collect();
                prop_assert_eq!(text, sql.as_str());
            }
            for statement in statements(&sql).unwrap_or_default() {
                let _ = statement.action();
                prop_assert_eq!(statement.redirected(&|_, _| false, None).to_lowercase().contains("pg_temp"), false);
            }
        }
    }
}
