//! Character classes: `[a-z&&[^b]\d]`.

use super::escape::Escaped;
use super::translate::{Translator, plain};

/// Classes nest; nobody writes more than a few, and the depth is the user's.
const DEPTH: usize = 30;

impl Translator {
    /// Reads a class from its `[` on and answers it in our engines' notation.
    pub(super) fn class(&mut self, depth: usize) -> Result<String, String> {
        if depth > DEPTH {
            return Err(self.reason("a character class nested this deep is not supported"));
        }
        let mut class = String::from("[");
        self.at += 1;
        if self.eat("^") {
            class.push('^');
        }
        let mut empty = true;
        loop {
            match self.peek() {
                None => return Err(self.reason("Unclosed character class")),
                Some(']') if !empty => {
                    self.at += 1;
                    class.push(']');
                    return Ok(class);
                }
                Some('[') => class.push_str(&self.class(depth + 1)?),
                Some('&') if self.eat("&&") => class.push_str("&&"),
                Some(c) if self.flags.comments && c.is_ascii_whitespace() => {
                    self.at += 1;
                    continue;
                }
                Some('\\') if self.eat("\\Q") => {
                    while self.peek().is_some() && !self.eat("\\E") {
                        let c = self.next().unwrap_or_default();
                        self.range(&mut class, c, c);
                    }
                }
                Some(_) => self.member(&mut class)?,
            }
            empty = false;
        }
    }

    /// One character, a range of them, or an escape that is a class of its own.
    fn member(&mut self, class: &mut String) -> Result<(), String> {
        let low = match self.class_char()? {
            Ok(low) => low,
            Err(nested) => {
                class.push_str(&nested);
                return Ok(());
            }
        };
        let is_range = self.peek() == Some('-') && !matches!(self.peek_after(1), None | Some(']' | '['));
        if !is_range {
            self.range(class, low, low);
            return Ok(());
        }
        self.at += 1;
        match self.class_char()? {
            Ok(high) if high >= low => self.range(class, low, high),
            _ => return Err(self.reason("Illegal character range")),
        }
        Ok(())
    }

    /// A character, or else a class.
    fn class_char(&mut self) -> Result<Result<char, String>, String> {
        if self.peek() != Some('\\') {
            return self.next().map(Ok).ok_or_else(|| self.reason("Unclosed character class"));
        }
        match self.escape()? {
            Escaped::Char(c) => Ok(Ok(c)),
            Escaped::Class(class) => Ok(Err(class)),
            _ => Err(self.reason("Illegal/unsupported escape sequence")),
        }
    }

    /// A range, with what Java's `CASE_INSENSITIVE` adds to it: the other case of its ASCII letters.
    fn range(&self, class: &mut String, low: char, high: char) {
        push_range(class, low, high);
        if !self.flags.case_insensitive || self.flags.unicode_case {
            return;
        }
        for (first, last) in [('a', 'z'), ('A', 'Z')] {
            let (from, to) = (low.max(first), high.min(last));
            if from <= to {
                push_range(class, other_case(from), other_case(to));
            }
        }
    }
}

fn other_case(c: char) -> char {
    if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() }
}

fn push_range(class: &mut String, low: char, high: char) {
    class.push_str(&plain(low));
    if low != high {
        class.push('-');
        class.push_str(&plain(high));
    }
}
