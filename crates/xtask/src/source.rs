//! Rust source as the rules see it: code without its comments and texts, functions with their lengths, test code.
//!
//! No parser: braces and words are enough for what `tidy` asks. Rules themselves are in `tidy`.

/// A file's code: comments, strings and character literals are blanked, lines stay where they were.
pub struct Code {
    text: Vec<u8>,
}

/// A function that has a body.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    /// its name
    pub name: String,
    /// line of the word `fn`, counted from 1
    pub line: usize,
    /// lines from there to the closing brace
    pub lines: usize,
}

impl Code {
    /// Blanks what is not code.
    pub fn of(source: &str) -> Self {
        let bytes = source.as_bytes();
        let (mut text, mut at) = (bytes.to_vec(), 0);
        while at < bytes.len() {
            let end = skip(bytes, at);
            for byte in &mut text[at..end] {
                if *byte != b'\n' {
                    *byte = b' ';
                }
            }
            at = if end > at { end } else { at + word_or_one(bytes, at) };
        }
        Self { text }
    }

    fn line_of(&self, at: usize) -> usize {
        self.text[..at].iter().filter(|byte| **byte == b'\n').count() + 1
    }

    /// Offset of the brace that closes the one at `open`.
    fn close_of(&self, open: usize) -> usize {
        let mut depth = 0usize;
        for (at, byte) in self.text.iter().enumerate().skip(open) {
            match byte {
                b'{' => depth += 1,
                b'}' if depth == 1 => return at,
                b'}' => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        self.text.len()
    }

    /// Offsets where `word` stands as a whole word.
    fn words(&self, word: &str) -> Vec<usize> {
        let (text, word) = (&self.text, word.as_bytes());
        let free = |at: Option<&u8>| at.is_none_or(|byte| !is_word(*byte));
        let starts = 0..text.len().saturating_sub(word.len());
        starts
            .filter(|at| text[*at..].starts_with(word))
            .filter(|at| free(at.checked_sub(1).and_then(|before| text.get(before))) && free(text.get(at + word.len())))
            .collect()
    }

    /// Every function with a body.
    pub fn functions(&self) -> Vec<Function> {
        self.words("fn").into_iter().filter_map(|at| self.function(at)).collect()
    }

    fn function(&self, at: usize) -> Option<Function> {
        let name_at = at + 2 + self.text[at + 2..].iter().position(|byte| !byte.is_ascii_whitespace())?;
        let name: Vec<u8> = self.text[name_at..].iter().copied().take_while(|byte| is_word(*byte)).collect();
        if name.is_empty() {
            return None; // a function pointer's type
        }
        let mut depth = 0i32;
        for (open, byte) in self.text.iter().enumerate().skip(name_at) {
            match byte {
                b'(' | b'[' => depth += 1,
                b')' | b']' => depth -= 1,
                b';' if depth == 0 => return None,
                b'{' if depth == 0 => {
                    let (line, last) = (self.line_of(at), self.line_of(self.close_of(open)));
                    return Some(Function { name: String::from_utf8_lossy(&name).into_owned(), line, lines: last - line + 1 });
                }
                _ => {}
            }
        }
        None
    }

    /// Lines of calls to a function named `name`; only inside `#[cfg(test)]` modules unless the whole file is tests.
    pub fn calls(&self, name: &str, whole_file: bool) -> Vec<usize> {
        let tests = self.test_modules();
        let is_call = |at: &usize| self.text[at + name.len()..].first() == Some(&b'(') && !self.text[..*at].ends_with(b"fn ");
        let in_tests = |at: &usize| whole_file || tests.iter().any(|(from, to)| (from..to).contains(&at));
        self.words(name).into_iter().filter(is_call).filter(in_tests).map(|at| self.line_of(at)).collect()
    }

    fn test_modules(&self) -> Vec<(usize, usize)> {
        let marks = self.find("#[cfg(test)]");
        let module = |mark: usize| {
            let open = mark + self.text[mark..].iter().position(|byte| matches!(byte, b'{' | b';'))?;
            (self.text[open] == b'{').then(|| (mark, self.close_of(open)))
        };
        marks.into_iter().filter_map(module).collect()
    }

    fn find(&self, needle: &str) -> Vec<usize> {
        let last = self.text.len().saturating_sub(needle.len());
        (0..=last).filter(|at| self.text[*at..].starts_with(needle.as_bytes())).collect()
    }

    /// Lines on which an attribute begins with `start`, as in `#[ignore`.
    pub fn attributes(&self, start: &str) -> Vec<usize> {
        self.find(start).into_iter().map(|at| self.line_of(at)).collect()
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// Words are stepped over whole, so that the `r` of a name is not taken for a raw string's.
fn word_or_one(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().take_while(|byte| is_word(**byte)).count().max(1)
}

/// End of the comment or literal that begins at `at`; `at` itself when it is code.
fn skip(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    match rest {
        [b'/', b'/', ..] => at + rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()),
        [b'/', b'*', ..] => block_comment(bytes, at),
        [b'"', ..] => string(bytes, at + 1),
        [b'b' | b'c', b'"', ..] => string(bytes, at + 2),
        [b'r', b'"' | b'#', ..] => raw_string(bytes, at + 1).unwrap_or(at),
        [b'b' | b'c', b'r', b'"' | b'#', ..] => raw_string(bytes, at + 2).unwrap_or(at),
        [b'b', b'\'', ..] => character(bytes, at + 1),
        [b'\'', ..] => character(bytes, at),
        _ => at,
    }
}

fn block_comment(bytes: &[u8], mut at: usize) -> usize {
    let mut depth = 0usize;
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if bytes[at..].starts_with(b"*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    at
}

fn string(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn raw_string(bytes: &[u8], at: usize) -> Option<usize> {
    let hashes = bytes[at..].iter().take_while(|byte| **byte == b'#').count();
    if bytes.get(at + hashes) != Some(&b'"') {
        return None; // a raw identifier
    }
    let mut end = vec![b'"'];
    end.resize(hashes + 1, b'#');
    let from = at + hashes + 1;
    let length = bytes[from..].windows(end.len()).position(|window| window == end)?;
    Some(from + length + end.len())
}

/// A character literal; a lifetime is code.
fn character(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at + 1..];
    if rest.first() == Some(&b'\\') {
        return rest.iter().skip(2).position(|byte| *byte == b'\'').map_or(bytes.len(), |length| at + 1 + 2 + length + 1);
    }
    let width = rest.first().map_or(1, |byte| match byte {
        0xf0.. => 4,
        0xe0.. => 3,
        0xc0.. => 2,
        _ => 1,
    });
    if rest.get(width) == Some(&b'\'') { at + 1 + width + 1 } else { at }
}

#[cfg(test)]
mod tests {
    use super::{Code, Function};

    #[test]
    fn braces_in_texts_and_comments_do_not_count() {
        let source =
            "fn a() {\n let x = \"}\"; // }\n let y = '}'; let z = r#\"}\"}\"#;\n}\nfn b<'a>(x: &'a str) -> fn(u8) {\n}\n";
        let found = Code::of(source).functions();
        let a = Function { name: "a".into(), line: 1, lines: 4 };
        let b = Function { name: "b".into(), line: 5, lines: 2 };
        assert_eq!(found, [a, b]);
    }

    #[test]
    fn declarations_have_no_length() {
        assert_eq!(Code::of("trait T { fn a(&self, x: [u8; 3]); }").functions(), []);
    }

    #[test]
    fn a_call_is_found_in_test_modules_only() {
        let source = "fn a() { sleep(1) }\n#[cfg(test)]\nmod tests {\n fn b() { std::thread::sleep(1); pg_sleep(1); }\n}\n";
        assert_eq!(Code::of(source).calls("sleep", false), [4]);
        assert_eq!(Code::of(source).calls("sleep", true), [1, 4]);
    }
}
