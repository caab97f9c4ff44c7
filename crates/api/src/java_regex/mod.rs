//! Java's regular expressions (`java.util.regex.Pattern`), as configurations written for Java contain them.
//!
//! What belongs here: matching a whole name and `Matcher.replaceFirst`. A pattern is translated, so that Java's own
//! notation (`\Q…\E`, possessive quantifiers, ASCII `\d` and `\w`, inline flags) keeps its meaning, and then runs in
//! linear time; only look-around, back-references, atomic groups and possessive quantifiers need the backtracking engine.
//! What does not: lists of patterns and how a configuration separates them.

mod class;
mod escape;
mod replacement;
mod translate;

#[cfg(test)]
mod tests;

use crate::{Error, Result};

pub use replacement::Replacement;

/// What a pathological pattern may cost before it counts as not matching; Java would go on for hours.
const BACKTRACK_LIMIT: usize = 50_000_000;

/// A compiled pattern that is held against whole names, as `Matcher.matches()` does.
#[derive(Clone, Debug)]
pub struct JavaRegex {
    pattern: String,
    /// the pattern in our engines' notation, without anchors
    translated: String,
    full: Engine,
}

/// The two engines: linear where possible, backtracking where the pattern needs it.
#[derive(Clone, Debug)]
enum Engine {
    Linear(regex::Regex),
    Backtracking(fancy_regex::Regex),
}

impl JavaRegex {
    /// Compiles a pattern; `case_insensitive` is Java's `CASE_INSENSITIVE`, which folds ASCII letters only.
    pub fn new(pattern: &str, case_insensitive: bool) -> Result<Self> {
        let found = translate::translate(pattern, case_insensitive).map_err(|reason| refused(pattern, &reason))?;
        let full = format!("\\A(?:{})\\z", found.pattern);
        let full = Engine::new(&full, found.backtracks).map_err(|reason| refused(pattern, &reason))?;
        Ok(Self { pattern: pattern.to_owned(), translated: found.pattern, full })
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.pattern
    }

    /// Whether the pattern matches the whole text.
    pub fn is_full_match(&self, text: &str) -> bool {
        match &self.full {
            Engine::Linear(regex) => regex.is_match(text),
            Engine::Backtracking(regex) => regex.is_match(text).unwrap_or(false),
        }
    }

    /// Compiles a replacement, as `Matcher.replaceFirst` reads it, for use with this pattern.
    pub fn replacement(&self, text: &str) -> Result<Replacement> {
        let backtracks = matches!(self.full, Engine::Backtracking(_));
        let find = Engine::new(&self.translated, backtracks).map_err(|reason| refused(&self.pattern, &reason))?;
        Replacement::new(find, text).map_err(|reason| {
            Error::configuration(format!(
                "the replacement '{text}' does not fit the regular expression '{}': {reason}",
                self.pattern
            ))
            .remedy("refer to groups as $1 or ${name}, and write \\$ for a dollar sign")
        })
    }

    /// If the pattern matches the whole text, `Matcher.replaceFirst`. As in Java that is the first match *found*, which
    /// is not the whole text when the pattern has a shorter alternative in front.
    pub fn replace_first_full(&self, text: &str, replacement: &Replacement) -> Option<String> {
        self.is_full_match(text).then(|| replacement.replace_first(text))
    }
}

impl PartialEq for JavaRegex {
    fn eq(&self, other: &Self) -> bool {
        self.pattern == other.pattern && self.translated == other.translated
    }
}

impl Engine {
    fn new(translated: &str, backtracks: bool) -> Result<Self, String> {
        if backtracks {
            let built = fancy_regex::RegexBuilder::new(translated).backtrack_limit(BACKTRACK_LIMIT).build();
            built.map(Self::Backtracking).map_err(|error| error.to_string())
        } else {
            regex::Regex::new(translated).map(Self::Linear).map_err(|error| last_line(&error.to_string()))
        }
    }
}

/// `regex` draws a picture of the (translated) pattern; only its verdict means anything to the user.
fn last_line(text: &str) -> String {
    let line = text.lines().last().unwrap_or(text);
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

fn refused(pattern: &str, reason: &str) -> Error {
    Error::configuration(format!("the regular expression '{pattern}' cannot be used: {reason}"))
        .remedy("correct it; the notation is that of Java's java.util.regex.Pattern")
}
