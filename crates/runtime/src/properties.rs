//! Java's `.properties` format (`java.util.Properties.load`). Only the syntax; what the keys mean belongs elsewhere.

use rowtide_api::Props;

/// Parses a file. Every text is a properties file to Java but for one mistake: a broken `\uXXXX`, which is named
/// with its line.
pub fn parse(text: &str) -> Result<Props, String> {
    let mut props = Props::default();
    for (number, line) in logical_lines(text) {
        let (key, value) = split(&line);
        let broken = |_| format!("line {number}: Malformed \\uxxxx encoding.");
        props.set(unescape(key).map_err(broken)?, unescape(value).map_err(broken)?);
    }
    Ok(props)
}

/// Natural lines joined at an odd number of trailing backslashes; comments and blank lines left out. The number is
/// that of the first natural line.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut open: Option<(usize, String)> = None;
    // \r\n and a lone \r both end a line; an empty line between the two characters of \r\n is blank and harmless,
    // except after a continuation.
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    for (index, natural) in text.split('\n').enumerate() {
        let part = natural.trim_start_matches([' ', '\t', '\u{c}']);
        if open.is_none() && (part.is_empty() || part.starts_with(['#', '!'])) {
            continue;
        }
        let (number, mut line) = open.take().unwrap_or((index + 1, String::new()));
        let slashes = part.len() - part.trim_end_matches('\\').len();
        if slashes % 2 == 1 {
            line.push_str(&part[..part.len() - 1]);
            open = Some((number, line));
        } else {
            line.push_str(part);
            lines.push((number, line));
        }
    }
    lines.extend(open);
    lines
}

/// Key and value: the key ends at the first unescaped `=`, `:` or white space; white space around one separator
/// belongs to neither.
fn split(line: &str) -> (&str, &str) {
    let mut escaped = false;
    let end = line.char_indices().find(|&(_, c)| {
        let ends = !escaped && matches!(c, '=' | ':' | ' ' | '\t' | '\u{c}');
        escaped = c == '\\' && !escaped;
        ends
    });
    let end = end.map_or(line.len(), |(index, _)| index);
    let blank = [' ', '\t', '\u{c}'];
    let rest = line[end..].trim_start_matches(blank);
    let rest = rest.strip_prefix(['=', ':']).map_or(rest, |rest| rest.trim_start_matches(blank));
    (&line[..end], rest)
}

struct Malformed;

/// `\t \n \r \f \uXXXX`; any other escaped character is itself.
fn unescape(text: &str) -> Result<String, Malformed> {
    if !text.contains('\\') {
        return Ok(text.to_owned());
    }
    // \u escapes are UTF-16 units: two of them make a character outside the basic plane.
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut chars = text.chars();
    let mut buffer = [0; 2];
    while let Some(c) = chars.next() {
        if c != '\\' {
            units.extend_from_slice(c.encode_utf16(&mut buffer));
            continue;
        }
        match chars.next() {
            Some('t') => units.push(0x09),
            Some('n') => units.push(0x0a),
            Some('r') => units.push(0x0d),
            Some('f') => units.push(0x0c),
            Some('u') => {
                let digits: Option<Vec<u32>> = (0..4).map(|_| chars.next().and_then(|c| c.to_digit(16))).collect();
                let unit = digits.ok_or(Malformed)?.into_iter().fold(0, |sum, digit| sum * 16 + digit);
                units.push(unit as u16);
            }
            Some(other) => units.extend_from_slice(other.encode_utf16(&mut buffer)),
            None => {}
        }
    }
    Ok(String::from_utf16_lossy(&units))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Expectations printed by `java.util.Properties` on the same text.
    #[test]
    fn reads_as_java_reads() {
        let text = "# comment\n! comment\n\na=1\n b : 2\nc 3\nd\ne=\nf==x\ng\\=h=y\npath=C\\:\\\\dir\nlong=one,\\\n    two,\\\n\tthree\n\
                    uni=\\u00e4\\ud83d\\ude00\ntab=\\tx\\q\ntrail=x  \nslash=x\\\\\nsame=1\nsame=2\nend=z\\";
        let props = parse(text).unwrap();
        let got: Vec<(&str, &str)> = props.iter().collect();
        let expected = [
            ("a", "1"),
            ("b", "2"),
            ("c", "3"),
            ("d", ""),
            ("e", ""),
            ("f", "=x"),
            ("g=h", "y"),
            ("path", "C:\\dir"),
            ("long", "one,two,three"),
            ("uni", "ä😀"),
            ("tab", "\txq"),
            ("trail", "x  "),
            ("slash", "x\\"),
            ("same", "2"),
            ("end", "z"),
        ];
        assert_eq!(got, expected);
    }

    #[test]
    fn line_ends_and_a_comment_inside_a_continuation() {
        let props = parse("a=1\\\r\n  # 2\r\nb=3\rc=4").unwrap();
        assert_eq!(props.iter().collect::<Vec<_>>(), [("a", "1# 2"), ("b", "3"), ("c", "4")]);
    }

    #[test]
    fn a_broken_escape_is_named_with_its_line() {
        assert_eq!(parse("a=1\nb=\\u12g4").unwrap_err(), "line 2: Malformed \\uxxxx encoding.");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC*|[\\\\=: #!\n\r\tu0-9a]*") {
            let _ = parse(&text);
        }
    }
}
