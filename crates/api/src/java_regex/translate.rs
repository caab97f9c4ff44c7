//! From Java's pattern notation to that of our engines. Flags are resolved here, so that what comes out has none left
//! and means the same in both engines. Reasons of refusal are in the words of `PatternSyntaxException`.

use super::escape::Escaped;

/// What became of a pattern.
pub(super) struct Translated {
    pub(super) pattern: String,
    /// it uses what only a backtracking engine has
    pub(super) backtracks: bool,
}

/// Inline flags: `(?idmsuxU)`.
#[derive(Clone, Copy, Default)]
pub(super) struct Flags {
    pub(super) case_insensitive: bool,
    pub(super) unicode_case: bool,
    pub(super) unicode_class: bool,
    pub(super) comments: bool,
    dot_all: bool,
    multi_line: bool,
    unix_lines: bool,
}

/// An open group: the flags to go back to, and where it starts in the output.
struct Group {
    flags: Flags,
    start: usize,
}

/// Reads a pattern from left to right.
pub(super) struct Translator {
    chars: Vec<char>,
    pub(super) at: usize,
    pub(super) out: String,
    pub(super) flags: Flags,
    groups: Vec<Group>,
    /// where what a quantifier would apply to starts in the output
    atom: Option<usize>,
    /// capturing groups opened so far
    captures: usize,
    backtracks: bool,
}

pub(super) fn translate(pattern: &str, case_insensitive: bool) -> Result<Translated, String> {
    let mut translator = Translator {
        chars: pattern.chars().collect(),
        at: 0,
        out: String::with_capacity(pattern.len() * 2),
        flags: Flags { case_insensitive, ..Flags::default() },
        groups: Vec::new(),
        atom: None,
        captures: 0,
        backtracks: false,
    };
    while let Some(c) = translator.peek() {
        translator.element(c)?;
    }
    if !translator.groups.is_empty() {
        return Err(translator.reason("Unclosed group"));
    }
    Ok(Translated { pattern: translator.out, backtracks: translator.backtracks })
}

impl Translator {
    pub(super) fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    pub(super) fn peek_after(&self, offset: usize) -> Option<char> {
        self.chars.get(self.at + offset).copied()
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += 1;
        Some(c)
    }

    pub(super) fn eat(&mut self, text: &str) -> bool {
        let found = text.chars().enumerate().all(|(offset, c)| self.peek_after(offset) == Some(c));
        if found {
            self.at += text.chars().count();
        }
        found
    }

    /// Everything up to `end`, which is read too.
    pub(super) fn until(&mut self, end: char) -> Option<String> {
        let length = self.chars.get(self.at..)?.iter().position(|c| *c == end)?;
        let text = self.chars[self.at..self.at + length].iter().collect();
        self.at += length + 1;
        Some(text)
    }

    pub(super) fn reason(&self, what: &str) -> String {
        format!("{what} near index {}", self.at.min(self.chars.len().saturating_sub(1)))
    }

    fn element(&mut self, c: char) -> Result<(), String> {
        match c {
            '(' => self.open()?,
            ')' => self.close()?,
            '|' => {
                self.at += 1;
                self.out.push('|');
                self.atom = None;
            }
            '*' | '+' | '?' | '{' => self.quantifier(c)?,
            '[' => {
                let start = self.out.len();
                let class = self.class(0)?;
                let folded = self.flags.case_insensitive && self.flags.unicode_case;
                self.out.push_str(&if folded { format!("(?i:{class})") } else { class });
                self.atom = Some(start);
            }
            '\\' => self.escaped()?,
            '.' => self.piece(self.dot()),
            // the end before a last line break is not told apart: names hold none
            '^' => self.piece(if self.flags.multi_line { "(?m:^)" } else { "\\A" }),
            '$' => self.piece(if self.flags.multi_line { "(?m:$)" } else { "\\z" }),
            c if self.flags.comments && (c.is_ascii_whitespace() || c == '\x0B') => self.at += 1,
            '#' if self.flags.comments => {
                if self.until('\n').is_none() {
                    self.at = self.chars.len();
                }
            }
            c => {
                self.at += 1;
                self.literal(c);
            }
        }
        Ok(())
    }

    fn dot(&self) -> &'static str {
        if self.flags.dot_all {
            "(?s:.)"
        } else if self.flags.unix_lines {
            "[^\\n]"
        } else {
            "[^\\n\\r\\x{85}\\x{2028}\\x{2029}]"
        }
    }

    /// One character of the pattern that becomes a piece of its own.
    fn piece(&mut self, piece: &str) {
        self.at += 1;
        self.push(piece);
    }

    /// Appends something that a quantifier may follow.
    pub(super) fn push(&mut self, piece: &str) {
        self.atom = Some(self.out.len());
        self.out.push_str(piece);
    }

    pub(super) fn literal(&mut self, c: char) {
        let plain = plain(c);
        let piece = match self.flags {
            Flags { case_insensitive: true, unicode_case: true, .. } => format!("(?i:{plain})"),
            Flags { case_insensitive: true, .. } if c.is_ascii_alphabetic() => {
                format!("[{}{}]", c.to_ascii_lowercase(), c.to_ascii_uppercase())
            }
            _ => plain,
        };
        self.push(&piece);
    }

    fn escaped(&mut self) -> Result<(), String> {
        if self.eat("\\Q") {
            while self.at < self.chars.len() && !self.eat("\\E") {
                let c = self.chars[self.at];
                self.at += 1;
                self.literal(c);
            }
            return Ok(());
        }
        match self.escape()? {
            Escaped::Char(c) => self.literal(c),
            Escaped::Class(class) => self.push(&class),
            Escaped::Piece(piece) => self.push(piece),
            Escaped::LookAround(piece) => {
                self.backtracks = true;
                self.push(piece);
            }
            Escaped::Group(name) => {
                self.backtracks = true;
                let flag = if self.flags.case_insensitive { "i" } else { "" };
                self.push(&format!("(?{flag}:\\k<{name}>)"));
            }
            Escaped::GroupNumber(first) => self.group_number(first)?,
        }
        Ok(())
    }

    /// `\11` is group 11 if there are as many so far, else group 1 and the digit 1.
    fn group_number(&mut self, first: u32) -> Result<(), String> {
        let mut group = first as usize;
        if group > self.captures {
            return Err(self.reason(&format!("the reference to the group {group} before it is opened is not supported")));
        }
        while let Some(digit) = self.peek().and_then(|c| c.to_digit(10)) {
            let longer = group * 10 + digit as usize;
            if longer > self.captures {
                break;
            }
            group = longer;
            self.at += 1;
        }
        self.backtracks = true;
        let flag = if self.flags.case_insensitive { "i" } else { "" };
        self.push(&format!("(?{flag}:\\{group})"));
        Ok(())
    }

    fn open(&mut self) -> Result<(), String> {
        let start = self.out.len();
        let flags = self.flags;
        self.at += 1;
        if !self.eat("?") {
            self.captures += 1;
            self.out.push('(');
        } else if self.eat(":") {
            self.out.push_str("(?:");
        } else if let Some(kind) = ["=", "!", "<=", "<!", ">"].into_iter().find(|kind| self.eat(kind)) {
            self.backtracks = true;
            self.out.push_str("(?");
            self.out.push_str(kind);
        } else if self.eat("<") {
            let name = self.until('>').ok_or_else(|| self.reason("named capturing group is missing trailing '>'"))?;
            let good = name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(|c| c.is_ascii_alphanumeric());
            if !good {
                return Err(self
                    .reason("capturing group name does not start with a Latin letter, or holds other than letters and digits"));
            }
            self.captures += 1;
            self.out.push_str(&format!("(?<{name}>"));
        } else if self.inline_flags()? {
            // (?i) holds to the end of the group that it stands in
            self.atom = None;
            return Ok(());
        } else {
            self.out.push_str("(?:");
        }
        self.groups.push(Group { flags, start });
        self.atom = None;
        Ok(())
    }

    /// Reads `i-s)` or `i-s:`; true for the first form.
    fn inline_flags(&mut self) -> Result<bool, String> {
        let mut on = true;
        loop {
            let flag = match self.next() {
                Some(')') => return Ok(true),
                Some(':') => return Ok(false),
                Some('-') => {
                    on = false;
                    continue;
                }
                Some('i') => &mut self.flags.case_insensitive,
                Some('d') => &mut self.flags.unix_lines,
                Some('m') => &mut self.flags.multi_line,
                Some('s') => &mut self.flags.dot_all,
                Some('u') => &mut self.flags.unicode_case,
                Some('U') => &mut self.flags.unicode_class,
                Some('x') => &mut self.flags.comments,
                _ => return Err(self.reason("Unknown inline modifier")),
            };
            *flag = on;
        }
    }

    fn close(&mut self) -> Result<(), String> {
        let Some(group) = self.groups.pop() else {
            return Err(self.reason("Unmatched closing ')'"));
        };
        self.at += 1;
        self.out.push(')');
        self.flags = group.flags;
        self.atom = Some(group.start);
        Ok(())
    }

    fn quantifier(&mut self, c: char) -> Result<(), String> {
        let Some(atom) = self.atom.take() else {
            let what = if c == '{' { "Illegal repetition".to_owned() } else { format!("Dangling meta character '{c}'") };
            return Err(self.reason(&what));
        };
        self.at += 1;
        let quantifier = if c == '{' {
            let range = self.until('}').filter(|range| is_repetition(range));
            format!("{{{}}}", range.ok_or_else(|| self.reason("Illegal repetition"))?)
        } else {
            c.to_string()
        };
        self.out.push_str(&quantifier);
        if self.eat("?") {
            self.out.push('?');
        } else if self.eat("+") {
            // x*+ is (?>x*)
            self.backtracks = true;
            self.out.insert_str(atom, "(?>");
            self.out.push(')');
        }
        Ok(())
    }
}

/// `n`, `n,` or `n,m`.
fn is_repetition(range: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match range.split_once(',') {
        Some((low, high)) => number(low) && (high.is_empty() || number(high)),
        None => number(range),
    }
}

/// A character that stands for itself, inside and outside of a class.
pub(super) fn plain(c: char) -> String {
    if c.is_alphanumeric() { c.to_string() } else { format!("\\x{{{:x}}}", u32::from(c)) }
}
