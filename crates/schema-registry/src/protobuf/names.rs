//! Names: what Protobuf allows, and `scrub.invalid.names`, which makes others fit.

use rowtide_api::{Error, Result};

use super::word;

/// Package and name of a full name.
pub(crate) fn split(full: &str, scrub: bool) -> (Option<String>, String) {
    let parts: Vec<String> = full.trim_end_matches('.').split('.').map(|part| field(part, scrub)).collect();
    match parts.split_last() {
        Some((name, [])) => (None, name.clone()),
        Some((name, package)) => (Some(package.join(".")), name.clone()),
        None => (None, String::new()),
    }
}

/// The last part of a full name.
pub(crate) fn unqualified(full: &str, scrub: bool) -> String {
    field(full.rsplit('.').next().unwrap_or_default(), scrub)
}

/// The name of a field.
pub(crate) fn field(name: &str, scrub: bool) -> String {
    if scrub { scrubbed(name) } else { name.to_owned() }
}

/// As `URLEncoder` writes it, with `_` for what is still not allowed, and `x` before a first digit or `_`.
fn scrubbed(name: &str) -> String {
    let is_good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let begins_well = name.bytes().next().is_none_or(|first| !first.is_ascii_digit() && first != b'_');
    if begins_well && name.bytes().all(is_good) {
        return name.to_owned();
    }
    let mut out = String::from(if begins_well { "" } else { "x" });
    for byte in name.bytes() {
        match byte {
            _ if is_good(byte) => out.push(byte.into()),
            b'.' | b'-' | b'*' | b' ' => out.push('_'),
            _ => out.push_str(&format!("_{byte:02X}")),
        }
    }
    out
}

/// Checks the name of a message, a field, an enum or one of its values. A package is not looked at, as in Java.
pub(crate) fn check(name: &str, what: &str) -> Result<()> {
    let mut letters = name.bytes();
    let good = letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == b'_');
    if good {
        return Ok(());
    }
    let option = if what == "field" { "field.name.adjustment.mode" } else { "schema.name.adjustment.mode" };
    Err(Error::configuration(format!(
        "Protobuf does not allow the name '{name}' of a {what}: only the letters A to Z and a to z, digits and '_', no digit first"
    ))
    .remedy(format!(
        "set {option}=avro in the connector, which replaces other characters by '_' (or avro_unicode, which encodes them), \
         or scrub.invalid.names=true in the converter"
    )))
}

/// The message of a map's entries: what protoc would call it for a field of that name.
pub(crate) fn map_entry(name: &str) -> String {
    if !name.contains('_') {
        return format!("{name}{}", word::ENTRY);
    }
    let mut out = String::new();
    for part in name.split('_') {
        let lower = part.to_ascii_lowercase();
        let mut letters = lower.chars();
        out.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        out.push_str(letters.as_str());
    }
    out + word::ENTRY
}

/// The field's name again, from that of its entries' message.
pub(crate) fn map_field(name: &str) -> String {
    let (scope, last) = name.rsplit_once('.').map_or(("", name), |(scope, last)| (scope, last));
    let Some(last) = last.strip_suffix(word::ENTRY) else { return name.to_owned() };
    let mut out = String::new();
    for (index, letter) in last.chars().enumerate() {
        if index > 0 && letter.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    super::schema::within(scope, &out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scrubbing_is_javas() {
        let cases = [
            ("", ""),
            ("abc_DEF_123", "abc_DEF_123"),
            ("abc-def", "abc_def"),
            ("abc+def", "abc_2Bdef"),
            ("abc  def", "abc__def"),
            ("abc.def", "abc_def"),
            ("0abc", "x0abc"),
            ("_abc", "x_abc"),
            ("ä", "_C3_A4"),
        ];
        for (name, expected) in cases {
            assert_eq!(field(name, true), expected, "{name}");
            assert_eq!(field(name, false), name);
        }
    }

    #[test]
    fn full_names_have_a_package() {
        assert_eq!(split("a.b.C", false), (Some("a.b".to_owned()), "C".to_owned()));
        assert_eq!(split("C", false), (None, "C".to_owned()));
        assert_eq!(split("my-server.t.Key", true), (Some("my_server.t".to_owned()), "Key".to_owned()));
    }

    #[test]
    fn entries_of_maps_are_named_as_protoc_does() {
        assert_eq!(map_entry("ConnectDefault2"), "ConnectDefault2Entry");
        assert_eq!(map_entry("my_map"), "MyMapEntry");
        assert_eq!(map_field("MyMapEntry"), "my_map");
        assert_eq!(map_field("a.MyMapEntry"), "a.my_map");
        assert_eq!(map_field("Other"), "Other");
    }

    #[test]
    fn only_ascii_names_are_allowed() {
        for good in ["a", "_a1", "A_b"] {
            assert!(check(good, "field").is_ok(), "{good}");
        }
        for bad in ["", "1a", "a-b", "ü", "a.b"] {
            assert!(check(bad, "field").is_err(), "{bad}");
        }
    }
}
