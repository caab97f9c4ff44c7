//! The replacement text of `Matcher.replaceFirst`: `$1`, `${name}` and `\` before a character that stands for itself.

use super::Engine;

/// A compiled replacement: see [`super::JavaRegex::replacement`].
#[derive(Clone, Debug)]
pub struct Replacement {
    find: Engine,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(String),
    Group(usize),
}

impl Replacement {
    pub(super) fn new(find: Engine, text: &str) -> Result<Self, String> {
        let parts = parse(text, &find)?;
        Ok(Self { find, parts })
    }

    /// Replaces the first match; the text itself if there is none.
    pub(super) fn replace_first(&self, text: &str) -> String {
        match &self.find {
            Engine::Linear(regex) => match regex.captures(text) {
                Some(groups) => self.expand(text, |index| groups.get(index).map(|group| (group.start(), group.end()))),
                None => text.to_owned(),
            },
            Engine::Backtracking(regex) => match regex.captures(text) {
                Ok(Some(groups)) => self.expand(text, |index| groups.get(index).map(|group| (group.start(), group.end()))),
                _ => text.to_owned(),
            },
        }
    }

    fn expand(&self, text: &str, group: impl Fn(usize) -> Option<(usize, usize)>) -> String {
        let (start, end) = group(0).unwrap_or((0, 0));
        let mut out = String::with_capacity(text.len() + 16);
        out.push_str(&text[..start]);
        for part in &self.parts {
            match part {
                Part::Text(literal) => out.push_str(literal),
                // a group that took no part is empty, as in Java
                Part::Group(index) => out.push_str(group(*index).map_or("", |(start, end)| &text[start..end])),
            }
        }
        out.push_str(&text[end..]);
        out
    }
}

impl Engine {
    /// Number of groups, the whole match not counted: Java's `groupCount`.
    fn group_count(&self) -> usize {
        match self {
            Engine::Linear(regex) => regex.captures_len() - 1,
            Engine::Backtracking(regex) => regex.captures_len() - 1,
        }
    }

    fn group_named(&self, name: &str) -> Option<usize> {
        match self {
            Engine::Linear(regex) => regex.capture_names().position(|have| have == Some(name)),
            Engine::Backtracking(regex) => regex.capture_names().position(|have| have == Some(name)),
        }
    }
}

/// `Matcher.appendExpandedReplacement`, with its reasons in its words.
fn parse(text: &str, find: &Engine) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => literal.push(chars.next().ok_or("character to be escaped is missing")?),
            '$' => {
                let group = match chars.next() {
                    None => return Err("Illegal group reference: group index is missing".to_owned()),
                    Some('{') => named(&mut chars, find)?,
                    Some(digit) => numbered(digit, &mut chars, find.group_count())?,
                };
                if !literal.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut literal)));
                }
                parts.push(Part::Group(group));
            }
            _ => literal.push(c),
        }
    }
    if !literal.is_empty() {
        parts.push(Part::Text(literal));
    }
    Ok(parts)
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn named(chars: &mut Chars<'_>, find: &Engine) -> Result<usize, String> {
    let mut name = String::new();
    while let Some(c) = chars.next_if(char::is_ascii_alphanumeric) {
        name.push(c);
    }
    if name.is_empty() {
        return Err("named capturing group is missing trailing '}'".to_owned());
    }
    if chars.next() != Some('}') {
        return Err("named capturing group is missing trailing '}'".to_owned());
    }
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(format!("capturing group name {{{name}}} starts with digit character"));
    }
    find.group_named(&name).ok_or_else(|| format!("No group with name {{{name}}}"))
}

/// The first digit always counts, further ones as long as there is such a group: `$12` may be group 1 and a 2.
fn numbered(first: char, chars: &mut Chars<'_>, count: usize) -> Result<usize, String> {
    let mut group = first.to_digit(10).ok_or("Illegal group reference")? as usize;
    if group > count {
        return Err(format!("No group {group}"));
    }
    while let Some(digit) = chars.peek().and_then(|c| c.to_digit(10)) {
        let longer = group * 10 + digit as usize;
        if longer > count {
            break;
        }
        group = longer;
        chars.next();
    }
    Ok(group)
}
