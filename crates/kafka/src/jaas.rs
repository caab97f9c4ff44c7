//! JAAS as Java spells it: one entry, `LoginModuleClass controlFlag (key=value)* ;` (`sasl.jaas.config`), and files of them,
//! `Name { entries };` (`java.security.auth.login.config`).
//!
//! Pure. The tokens follow `java.io.StreamTokenizer` as `org.apache.kafka.common.security.JaasConfig` and Java's own `ConfigFile`
//! set it up: values are bare words or quoted by `"` or `'` with backslash escapes. Not here: which mechanism uses which option.

use std::collections::BTreeMap;
use std::vec::IntoIter;

/// One login module entry. Its `Debug` shows option names only.
#[derive(Clone, PartialEq, Eq)]
pub struct JaasEntry {
    /// The login module's class name.
    pub module: String,
    /// Its options, passwords among them.
    pub options: BTreeMap<String, String>,
}

impl std::fmt::Debug for JaasEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JaasEntry").field("module", &self.module).field("options", &self.options.keys()).finish()
    }
}

const FORM: &str = "expected: <LoginModule class> required username=\"…\" password=\"…\";";
const FILE_FORM: &str = "expected: Name { <LoginModule class> required option=\"value\"; };";

/// Reads one entry. The error names what is missing, never a value.
pub fn parse(text: &str) -> Result<JaasEntry, String> {
    let mut tokens = tokens(text)?.into_iter();
    let Some(Token::Word(module)) = tokens.next() else {
        return Err(format!("it does not begin with a login module's class name; {FORM}"));
    };
    let entry = entry(module, &mut tokens)?;
    match tokens.next() {
        None => Ok(entry),
        Some(_) => Err("it has more than one login module; Kafka's clients take exactly one".into()),
    }
}

/// Reads a file: the entries of each name. The error names what is missing, never a value.
pub fn parse_file(text: &str) -> Result<BTreeMap<String, Vec<JaasEntry>>, String> {
    let mut tokens = tokens(text)?.into_iter();
    let mut file = BTreeMap::new();
    while let Some(token) = tokens.next() {
        let (Token::Word(name), Some(Token::Open)) = (token, tokens.next()) else {
            return Err(format!("it does not begin with a name and '{{'; {FILE_FORM}"));
        };
        let mut entries = Vec::new();
        loop {
            match tokens.next() {
                Some(Token::Word(module)) => entries.push(entry(module, &mut tokens)?),
                Some(Token::Close) => break,
                _ => return Err(format!("'{name}' has no '}}' at its end; {FILE_FORM}")),
            }
        }
        if !matches!(tokens.next(), Some(Token::End)) {
            return Err(format!("no ';' after the '}}' of '{name}'; {FILE_FORM}"));
        }
        file.insert(name, entries);
    }
    Ok(file)
}

/// The rest of an entry, to its semicolon.
fn entry(module: String, tokens: &mut IntoIter<Token>) -> Result<JaasEntry, String> {
    match tokens.next() {
        Some(Token::Word(flag))
            if ["required", "requisite", "sufficient", "optional"].iter().any(|f| flag.eq_ignore_ascii_case(f)) => {}
        _ => return Err(format!("no control flag (required) after '{module}'; {FORM}")),
    }
    let mut options = BTreeMap::new();
    loop {
        let name = match tokens.next() {
            Some(Token::End) => return Ok(JaasEntry { module, options }),
            Some(Token::Word(name)) => name,
            Some(Token::Equals) => return Err(format!("'=' without an option's name before it; {FORM}")),
            Some(Token::Open | Token::Close) | None => return Err(format!("no ';' at the end; {FORM}")),
        };
        match (tokens.next(), tokens.next()) {
            (Some(Token::Equals), Some(Token::Word(value))) => options.insert(name, value),
            _ => return Err(format!("option '{name}' has no value; {FORM}")),
        };
    }
}

enum Token {
    Word(String),
    Equals,
    Open,
    Close,
    End,
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut found = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            c if c.is_whitespace() => {}
            '=' => found.push(Token::Equals),
            '{' => found.push(Token::Open),
            '}' => found.push(Token::Close),
            ';' => found.push(Token::End),
            '/' if chars.next_if_eq(&'/').is_some() => while chars.next_if(|c| *c != '\n').is_some() {},
            '/' if chars.next_if_eq(&'*').is_some() => {
                while !(chars.next().ok_or("a /* is not closed")? == '*' && chars.peek() == Some(&'/')) {}
                chars.next();
            }
            '"' | '\'' => {
                let mut word = String::new();
                loop {
                    match chars.next() {
                        Some(end) if end == c => break,
                        Some('\\') => word.extend(escaped(chars.next())),
                        Some(other) => word.push(other),
                        None => return Err(format!("a {c} is not closed")),
                    }
                }
                found.push(Token::Word(word));
            }
            first => {
                let mut word = String::from(first);
                while let Some(next) = chars.next_if(|n| !n.is_whitespace() && !"=;{}\"'".contains(*n)) {
                    word.push(next);
                }
                found.push(Token::Word(word));
            }
        }
    }
    Ok(found)
}

fn escaped(c: Option<char>) -> Option<char> {
    Some(match c? {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn javas_spellings_are_read() {
        let entry = parse(
            "org.apache.kafka.common.security.scram.ScramLoginModule required\n  username=\"alice\"\n password='a\"b=;c' tokenauth=true x=\"q\\\"q\\\\\";",
        )
        .unwrap();
        assert_eq!(entry.module, "org.apache.kafka.common.security.scram.ScramLoginModule");
        assert_eq!(entry.options["username"], "alice");
        assert_eq!(entry.options["password"], "a\"b=;c");
        assert_eq!(entry.options["tokenauth"], "true");
        assert_eq!(entry.options["x"], "q\"q\\");
    }

    #[test]
    fn a_file_has_entries_by_name() {
        let file = parse_file(
            "// of the clients\nKafkaClient { a.B required; };\n/* of REST * / */\nKafkaConnect {\n  c.D required\n  file=\"/etc/p\";\n  e.F optional;\n};\n",
        )
        .unwrap();
        assert_eq!(file["KafkaClient"].len(), 1);
        let connect = &file["KafkaConnect"];
        assert_eq!((connect[0].module.as_str(), connect[0].options["file"].as_str()), ("c.D", "/etc/p"));
        assert_eq!((connect[1].module.as_str(), connect.len()), ("e.F", 2));
        assert!(parse_file("").unwrap().is_empty());
        for text in ["A", "A {", "A { b.C required; }", "A { b.C required }", "A { b.C required x=hunter2 };", "{ }", "/* x"] {
            let error = parse_file(text).unwrap_err();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_mistake_is_named_without_the_secret() {
        for text in [
            "",
            "Module",
            "Module required password=\"hunter2\"",
            "Module required password hunter2;",
            "Module required password=\"hunter2",
        ] {
            let error = parse(text).unwrap_err();
            assert!(!error.contains("hunter2"), "{error}");
        }
        let entry = parse("M required password=\"hunter2\";").unwrap();
        assert!(!format!("{entry:?}").contains("hunter2"));
    }
}
