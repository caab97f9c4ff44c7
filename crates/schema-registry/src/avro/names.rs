//! Which names Avro allows, and `scrub.invalid.names`, which makes others fit.

use rowtide_api::{Error, Result};

use super::schema::Name;

/// Checks a name as Avro's Java library does: letters (of any script), digits and `_`, no digit first.
pub(crate) fn check(name: &str, what: &str) -> Result<()> {
    let mut letters = name.chars();
    let good = letters.next().is_some_and(|first| first.is_alphabetic() || first == '_')
        && letters.all(|letter| letter.is_alphanumeric() || letter == '_');
    if good {
        return Ok(());
    }
    let option = if what == "field" { "field.name.adjustment.mode" } else { "schema.name.adjustment.mode" };
    Err(Error::configuration(format!(
        "Avro does not allow the name '{name}' of a {what}: only letters, digits and '_', no digit first"
    ))
    .remedy(format!(
        "set {option}=avro in the connector, which replaces other characters by '_' (or avro_unicode, which encodes them)"
    )))
}

/// Namespace and name of a full name.
pub(crate) fn split(full: &str, scrub: bool) -> Name {
    let mut name = Name::of(full);
    if scrub {
        name.name = scrubbed(&name.name).into();
        let parts = |space: &str| space.split('.').map(scrubbed).collect::<Vec<_>>().join(".");
        name.space = name.space.map(|space| parts(&space).into());
    }
    name
}

/// The name of a field.
pub(crate) fn field(name: &str, scrub: bool) -> String {
    if scrub { scrubbed(name) } else { name.to_owned() }
}

/// As `URLEncoder` writes it, with `_` for what is still not allowed and `x` before a digit.
fn scrubbed(name: &str) -> String {
    let mut out = String::new();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' => out.push(byte.into()),
            b'.' | b'-' | b'*' | b' ' => out.push('_'),
            _ => out.push_str(&format!("_{byte:02X}")),
        }
    }
    if out.starts_with(|first: char| first.is_ascii_digit()) {
        out.insert(0, 'x');
    } else if out.starts_with('_') && !name.starts_with('_') {
        // what was encoded begins with no letter: Java puts its `x` before the `%`
        out.insert(0, 'x');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_as_avro_does() {
        for good in ["a", "_a1", "Ünïcode", "京"] {
            assert!(check(good, "field").is_ok(), "{good}");
        }
        for bad in ["", "1a", "a-b", "a b", "a.b"] {
            assert!(check(bad, "field").is_err(), "{bad}");
        }
    }

    #[test]
    fn scrubbing_leaves_good_names_alone() {
        assert_eq!(field("plain_1", true), "plain_1");
        assert_eq!(field("1st", true), "x1st");
        assert_eq!(field("a-b", true), "a_b");
        assert_eq!(field("a b", true), "a_b");
        assert_eq!(field("a/b", true), "a_2Fb");
    }
}
