//! Answers of Java itself, recorded, against ours.

use super::JavaRegex;

fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        out.push(match c {
            '\\' => match chars.next() {
                Some('t') => '\t',
                Some('n') => '\n',
                Some('r') => '\r',
                other => other.unwrap_or_default(),
            },
            c => c,
        });
    }
    out
}

/// `tests/golden/JavaRegexGolden.java` recorded what Java answers.
#[test]
fn the_answers_are_those_of_java() {
    let golden = include_str!("../../tests/golden/java-regex.tsv");
    let mut wrong = Vec::new();
    for line in golden.split('\n').filter(|line| !line.is_empty()) {
        let columns: Vec<String> = line.split('\t').map(unescape).collect();
        let [pattern, flag, text, replacement, matches, replaced] = columns.as_slice() else {
            panic!("{line}");
        };
        let (got, got_replaced) = match JavaRegex::new(pattern, flag == "i") {
            Err(_) => ("error".to_owned(), String::new()),
            Ok(regex) if regex.is_full_match(text) => {
                let replaced = match regex.replacement(replacement) {
                    Ok(compiled) => regex.replace_first_full(text, &compiled).unwrap_or_default(),
                    Err(_) => "error".to_owned(),
                };
                ("true".to_owned(), replaced)
            }
            Ok(_) => ("false".to_owned(), String::new()),
        };
        if (&got, &got_replaced) != (matches, replaced) {
            wrong.push(format!("{line}\n  but here {got} and {got_replaced:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_pattern_that_is_refused_says_what_is_wrong_with_it_and_where() {
    let reason = |pattern: &str| JavaRegex::new(pattern, false).unwrap_err().message().to_owned();
    assert_eq!(reason("*.orders"), "the regular expression '*.orders' cannot be used: Dangling meta character '*' near index 0");
    assert!(reason("a(b").contains("Unclosed group"), "{}", reason("a(b"));
    assert!(reason("\\p{InGreek}").contains("the Unicode block \\p{InGreek} is not supported"));
    let replacement = JavaRegex::new("(a)", false).unwrap().replacement("$2").unwrap_err();
    assert_eq!(replacement.message(), "the replacement '$2' does not fit the regular expression '(a)': No group 2");
}

#[test]
fn patterns_of_any_shape_neither_panic_nor_hang() {
    for pattern in
        ["[[[[[[", "((((((((((", "\\", "[\\", "\\x{", "\\u12", "(?", "(?<", "(?<a", "a{", "\\k<", "\\p{", "[a-\\d]", "\\0"]
    {
        assert!(JavaRegex::new(pattern, true).is_err(), "{pattern}");
    }
    assert!(JavaRegex::new(&"[".repeat(100_000), false).is_err());
    assert!(JavaRegex::new(&"(".repeat(100_000), false).is_err());
    assert!(JavaRegex::new(&format!("{}a{}", "(".repeat(5000), ")".repeat(5000)), false).is_err());
    assert!(JavaRegex::new(&format!("(?=a){}a{}", "(".repeat(5000), ")".repeat(5000)), false).is_err());
}
