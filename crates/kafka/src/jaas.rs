//! `sasl.jaas.config` as Java spells it: `LoginModuleClass controlFlag (key=value)* ;`.
//!
//! Pure. The tokens follow `java.io.StreamTokenizer` as `org.apache.kafka.common.security.JaasConfig` sets it up: values are
//! bare words or quoted by `"` or `'` with backslash escapes. Not here: which mechanism uses which option.

use std::collections::BTreeMap;

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

/// Reads one entry. The error names what is missing, never a value.
pub fn parse(text: &str) -> Result<JaasEntry, String> {
    let mut tokens = tokens(text)?.into_iter();
    let form = "expected: <LoginModule class> required username=\"…\" password=\"…\";";
    let Some(Token::Word(module)) = tokens.next() else {
        return Err(format!("it does not begin with a login module's class name; {form}"));
    };
    match tokens.next() {
        Some(Token::Word(flag))
            if ["required", "requisite", "sufficient", "optional"].iter().any(|f| flag.eq_ignore_ascii_case(f)) => {}
        _ => return Err(format!("no control flag (required) after '{module}'; {form}")),
    }
    let mut options = BTreeMap::new();
    loop {
        let name = match tokens.next() {
            Some(Token::End) => break,
            Some(Token::Word(name)) => name,
            Some(Token::Equals) => return Err(format!("'=' without an option's name before it; {form}")),
            None => return Err(format!("no ';' at the end; {form}")),
        };
        match (tokens.next(), tokens.next()) {
            (Some(Token::Equals), Some(Token::Word(value))) => options.insert(name, value),
            _ => return Err(format!("option '{name}' has no value; {form}")),
        };
    }
    match tokens.next() {
        None => Ok(JaasEntry { module, options }),
        Some(_) => Err("it has more than one login module; Kafka's clients take exactly one".into()),
    }
}

enum Token {
    Word(String),
    Equals,
    End,
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut found = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            c if c.is_whitespace() => {}
            '=' => found.push(Token::Equals),
            ';' => found.push(Token::End),
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
                while let Some(next) = chars.next_if(|n| !n.is_whitespace() && !"=;\"'".contains(*n)) {
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
