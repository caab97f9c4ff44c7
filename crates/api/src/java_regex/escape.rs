//! What follows a backslash. The classes `\d`, `\w`, `\s` and the POSIX names are ASCII in Java.

use super::translate::Translator;

/// The meaning of an escape.
pub(super) enum Escaped {
    /// one character
    Char(char),
    /// a class, in brackets: good inside of a class too
    Class(String),
    /// an assertion or a sequence that has no place in a class
    Piece(&'static str),
    /// likewise, for the backtracking engine
    LookAround(&'static str),
    /// a reference to a named group
    Group(String),
    /// a reference to a group, whose further digits are not read yet
    GroupNumber(u32),
}

const HORIZONTAL: &str = " \\t\\x{a0}\\x{1680}\\x{180e}\\x{2000}-\\x{200a}\\x{202f}\\x{205f}\\x{3000}";
const VERTICAL: &str = "\\n\\x0B\\f\\r\\x{85}\\x{2028}\\x{2029}";
const LINE_BREAK: &str = "(?:\\r\\n|[\\n\\x0B\\f\\r\\x{85}\\x{2028}\\x{2029}])";
/// the end, or the line break that ends the text
const LAST_LINE_END: &str = "(?=(?:\\r\\n|[\\n\\r\\x{85}\\x{2028}\\x{2029}])?\\z)";

impl Translator {
    /// Reads an escape from its backslash on.
    pub(super) fn escape(&mut self) -> Result<Escaped, String> {
        self.at += 1;
        let Some(c) = self.next() else {
            return Err(self.reason("Unexpected internal error: the pattern ends with a backslash"));
        };
        Ok(match c {
            'd' | 'D' | 'w' | 'W' | 's' | 'S' | 'h' | 'H' | 'v' | 'V' => Escaped::Class(self.shorthand(c)),
            'p' | 'P' => Escaped::Class(self.property(c == 'P')?),
            'b' if self.peek() == Some('{') => return Err(self.reason("the boundary \\b{g} is not supported")),
            'b' => Escaped::Piece("\\b"),
            'B' => Escaped::Piece("\\B"),
            // every search here starts at the beginning
            'A' | 'G' => Escaped::Piece("\\A"),
            'z' => Escaped::Piece("\\z"),
            'Z' => Escaped::LookAround(LAST_LINE_END),
            'R' => Escaped::Piece(LINE_BREAK),
            'k' => Escaped::Group(self.group_name()?),
            '1'..='9' => Escaped::GroupNumber(c.to_digit(10).unwrap_or_default()),
            _ => Escaped::Char(self.character(c)?),
        })
    }

    fn group_name(&mut self) -> Result<String, String> {
        let name = if self.eat("<") { self.until('>') } else { None };
        name.ok_or_else(|| self.reason("\\k is not followed by '<' for named capturing group"))
    }

    /// `CASE_INSENSITIVE` needs nothing here: no shorthand holds only one case of a letter.
    fn shorthand(&self, c: char) -> String {
        let negated = if c.is_ascii_uppercase() { "^" } else { "" };
        let members = match (c.to_ascii_lowercase(), self.flags.unicode_class) {
            ('d', true) => "\\d",
            ('w', true) => "\\w",
            ('s', true) => "\\s",
            ('d', false) => "0-9",
            ('w', false) => "a-zA-Z_0-9",
            ('s', false) => " \\t\\n\\x0B\\f\\r",
            ('h', _) => HORIZONTAL,
            _ => VERTICAL,
        };
        format!("[{negated}{members}]")
    }

    /// `\p{Alpha}`, `\pL`, `\p{IsLatin}`, `\p{sc=Greek}`.
    fn property(&mut self, negated: bool) -> Result<String, String> {
        let name = if self.eat("{") { self.until('}') } else { self.next().map(String::from) };
        let Some(name) = name else {
            return Err(self.reason("Unclosed character family"));
        };
        let not = if negated { "^" } else { "" };
        if let Some(members) = posix(&name).filter(|_| !self.flags.unicode_class) {
            return Ok(format!("[{not}{members}]"));
        }
        let unicode = match name.as_str() {
            "javaLowerCase" => "Lowercase",
            "javaUpperCase" => "Uppercase",
            "javaAlphabetic" => "Alphabetic",
            "javaDigit" => "Nd",
            "javaLetter" => "L",
            "javaWhitespace" | "IsWhite_Space" => "White_Space",
            "IsPunctuation" | "IsPUNCTUATION" => "P",
            _ if posix(&name).is_some() => &name,
            other if other.starts_with("In") || other.starts_with("blk=") || other.starts_with("block=") => {
                return Err(self.reason(&format!("the Unicode block \\p{{{name}}} is not supported; name its script instead")));
            }
            other => other.strip_prefix("Is").unwrap_or(other),
        };
        if regex::Regex::new(&format!("\\p{{{unicode}}}")).is_err() {
            return Err(self.reason(&format!("Unknown character property name {{{name}}}")));
        }
        Ok(format!("[{not}\\p{{{unicode}}}]"))
    }

    /// An escape that is a single character.
    fn character(&mut self, c: char) -> Result<char, String> {
        Ok(match c {
            't' => '\t',
            'n' => '\n',
            'r' => '\r',
            'f' => '\x0C',
            'a' => '\x07',
            'e' => '\x1B',
            'c' => {
                let control = self.next().filter(char::is_ascii).map(|c| char::from(c as u8 ^ 64));
                control.ok_or_else(|| self.reason("Illegal control escape sequence"))?
            }
            '0' => self.octal()?,
            'x' => {
                let code = if self.eat("{") {
                    self.until('}').and_then(|digits| u32::from_str_radix(&digits, 16).ok())
                } else {
                    self.hex(2)
                };
                code.and_then(char::from_u32).ok_or_else(|| self.reason("Illegal hexadecimal escape sequence"))?
            }
            'u' => self.utf16()?,
            c if c.is_ascii_alphabetic() => {
                return Err(self.reason(&format!("Illegal/unsupported escape sequence \\{c}")));
            }
            c => c,
        })
    }

    /// `\0n`, `\0nn` or `\0mnn`, m at most 3.
    fn octal(&mut self) -> Result<char, String> {
        let mut digit = || {
            let digit = self.peek()?.to_digit(8)?;
            self.at += 1;
            Some(digit)
        };
        let mut code = digit();
        let longest = if code.is_some_and(|first| first <= 3) { 2 } else { 1 };
        for _ in 0..longest {
            let Some(next) = digit() else { break };
            code = code.map(|code| code * 8 + next);
        }
        code.and_then(char::from_u32).ok_or_else(|| self.reason("Illegal octal escape sequence"))
    }

    fn hex(&mut self, digits: usize) -> Option<u32> {
        let mut code = 0;
        for _ in 0..digits {
            code = code * 16 + self.peek()?.to_digit(16)?;
            self.at += 1;
        }
        Some(code)
    }

    /// `\u0041`, or a pair of surrogates.
    fn utf16(&mut self) -> Result<char, String> {
        let illegal = "Illegal Unicode escape sequence";
        let first = self.hex(4).ok_or_else(|| self.reason(illegal))?;
        if let Some(c) = char::from_u32(first) {
            return Ok(c);
        }
        let second = if self.eat("\\u") { self.hex(4) } else { None };
        let second = second.ok_or_else(|| self.reason(illegal))?;
        let units = [first as u16, second as u16];
        let pair = char::decode_utf16(units).next().and_then(Result::ok);
        pair.ok_or_else(|| self.reason(illegal))
    }
}

/// Members of a POSIX class (US-ASCII only).
fn posix(name: &str) -> Option<&'static str> {
    Some(match name {
        "Lower" => "a-z",
        "Upper" => "A-Z",
        "ASCII" => "\\x00-\\x7F",
        "Alpha" => "a-zA-Z",
        "Digit" => "0-9",
        "Alnum" => "a-zA-Z0-9",
        "Punct" => "!-/:-@\\[-`{-~",
        "Graph" => "!-~",
        "Print" => " -~",
        "Blank" => " \\t",
        "Cntrl" => "\\x00-\\x1F\\x7F",
        "XDigit" => "0-9a-fA-F",
        "Space" => " \\t\\n\\x0B\\f\\r",
        _ => return None,
    })
}
