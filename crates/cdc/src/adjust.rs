//! `schema.name.adjustment.mode` and `field.name.adjustment.mode`: names that Avro accepts.
//!
//! Letters are Java's UTF-16 units, so that one beyond the basic plane is replaced twice, as there.

use std::fmt::Write;

use rowtide_api::Props;
use rowtide_api::config::Config;

/// Converters before which field names are adjusted even when nobody asks for it.
const AVRO_CONVERTERS: [&str; 2] =
    ["io.confluent.connect.avro.AvroConverter", "io.apicurio.registry.utils.converter.AvroConverter"];

/// How names are adjusted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// not at all
    #[default]
    None,
    /// a bad letter becomes `_`
    Avro,
    /// a bad letter, and `_`, becomes `_uXXXX`
    AvroUnicode,
}

/// Adjusts names of schemas, or of fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NameAdjuster {
    mode: Mode,
    /// a dot is a bad letter too
    fields: bool,
}

impl NameAdjuster {
    /// `schema.name.adjustment.mode`
    pub fn of_schemas(config: &Config<'_>) -> Self {
        Self { mode: Mode::parse(config.opt("schema.name.adjustment.mode")), fields: false }
    }

    /// `field.name.adjustment.mode`; with a known Avro converter `none` means `avro`, as in the original.
    pub fn of_fields(config: &Config<'_>) -> Self {
        let mode = match Mode::parse(config.opt("field.name.adjustment.mode")) {
            Mode::None if uses_avro(config.props()) => Mode::Avro,
            mode => mode,
        };
        Self { mode, fields: true }
    }

    /// The name as it is written.
    pub fn adjust(&self, name: &str) -> String {
        let unicode = match self.mode {
            Mode::None => return name.to_owned(),
            Mode::Avro => false,
            Mode::AvroUnicode => true,
        };
        let mut fit = String::with_capacity(name.len());
        for (index, letter) in name.chars().enumerate() {
            let good = match letter {
                'a'..='z' | 'A'..='Z' => true,
                '_' => !unicode,
                '0'..='9' => index > 0,
                '.' => index > 0 && !self.fields,
                _ => false,
            };
            if good {
                fit.push(letter);
            } else if unicode {
                letter.encode_utf16(&mut [0; 2]).iter().for_each(|unit| unicode_escape(*unit, &mut fit));
            } else {
                (0..letter.len_utf16()).for_each(|_| fit.push('_'));
                // keeps `1st` and `2st` apart
                if index == 0 && letter.is_ascii_digit() {
                    fit.push(letter);
                }
            }
        }
        if fit != name {
            tracing::debug!("The Kafka Connect schema name '{name}' is not a valid Avro schema name, so replacing with '{fit}'");
        }
        fit
    }
}

impl Mode {
    fn parse(word: Option<&str>) -> Self {
        match word.unwrap_or_default().to_ascii_lowercase().as_str() {
            "avro" => Mode::Avro,
            "avro_unicode" => Mode::AvroUnicode,
            _ => Mode::None,
        }
    }
}

fn uses_avro(props: &Props) -> bool {
    ["key.converter", "value.converter"].iter().any(|name| props.get(name).is_some_and(|class| AVRO_CONVERTERS.contains(&class)))
}

/// Appends `_u` and the unit in hexadecimal; one of two digits is padded by two zeros, as `UnicodeReplacementFunction` does.
pub(crate) fn unicode_escape(unit: u16, out: &mut String) {
    let padding = if unit <= 0xff { "00" } else { "" };
    // writing into a string cannot fail
    let _ = write!(out, "_u{padding}{unit:x}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adjusted(mode: Mode, fields: bool, name: &str) -> String {
        NameAdjuster { mode, fields }.adjust(name)
    }

    #[test]
    fn names_become_what_debezium_makes_of_them() {
        assert_eq!(adjusted(Mode::None, false, "a-b.c"), "a-b.c");
        assert_eq!(adjusted(Mode::Avro, false, "server-1.db.ta ble"), "server_1.db.ta_ble");
        assert_eq!(adjusted(Mode::Avro, true, "a.b-c"), "a_b_c");
        assert_eq!(adjusted(Mode::Avro, true, "1st"), "_1st");
        assert_eq!(adjusted(Mode::AvroUnicode, false, "my_s.tä"), "my_u005fs.t_u00e4");
        // recorded from Debezium 3.6.1.Final: an escape is escaped again
        assert_eq!(adjusted(Mode::AvroUnicode, false, "p.s_u0020t.T.Key"), "p.s_u005fu0020t.T.Key");
        assert_eq!(adjusted(Mode::AvroUnicode, true, "1a-b"), "_u0031a_u002db");
        assert_eq!(adjusted(Mode::Avro, true, "1a-b"), "_1a_b");
        assert_eq!(adjusted(Mode::AvroUnicode, true, "1.a"), "_u0031_u002ea");
        assert_eq!(adjusted(Mode::AvroUnicode, true, "😀"), "_ud83d_ude00");
    }
}
