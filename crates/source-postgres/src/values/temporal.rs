//! Dates and times in the style ISO (manual, "Date/Time Output"), in each `time.precision.mode`.
//!
//! Calendar arithmetic is the proleptic Gregorian one by days (H. Hinnant, "chrono-Compatible Low-Level Date
//! Algorithms"), as PostgreSQL's is. Years before Christ are `0044-03-15 BC` = year -43.

use bytestring::ByteString;
use rowtide_api::{Kind, Schema, Value};

use super::{ValueError, as_str};
use crate::slab::Slab;

const MICROS_A_DAY: i64 = 86_400_000_000;
/// pgjdbc's infinities (`PGStatement.DATE_POSITIVE_INFINITY`), as the original's microseconds have them.
const POSITIVE_INFINITY: i64 = 9_223_372_036_825_200_000;
const NEGATIVE_INFINITY: i64 = -9_223_372_036_832_400_000;

/// How a date is represented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateForm {
    /// days since the epoch
    Days,
    /// `2024-02-29Z`
    Iso,
}

/// How a time of day is represented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum TimeForm {
    Millis,
    Micros,
    Nanos,
    Iso,
}

/// How a timestamp is represented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum TimestampForm {
    Millis,
    Micros,
    Nanos,
    Iso,
}

impl DateForm {
    /// The form that a schema demands.
    pub fn of(schema: &Schema) -> Self {
        if schema.kind == Kind::String { DateForm::Iso } else { DateForm::Days }
    }
}

impl TimeForm {
    /// The form that a schema demands.
    pub fn of(schema: &Schema) -> Self {
        match (&schema.kind, schema.name.as_deref()) {
            (Kind::String, _) => TimeForm::Iso,
            (Kind::Int32, _) => TimeForm::Millis,
            (_, Some("io.debezium.time.NanoTime")) => TimeForm::Nanos,
            _ => TimeForm::Micros,
        }
    }
}

impl TimestampForm {
    /// The form that a schema demands.
    pub fn of(schema: &Schema) -> Self {
        match (&schema.kind, schema.name.as_deref()) {
            (Kind::String, _) => TimestampForm::Iso,
            (_, Some("io.debezium.time.NanoTimestamp")) => TimestampForm::Nanos,
            (_, Some("io.debezium.time.MicroTimestamp")) => TimestampForm::Micros,
            _ => TimestampForm::Millis,
        }
    }
}

/// A `date`.
pub fn date(raw: &[u8], form: DateForm) -> Result<Value, ValueError> {
    let wrong = ValueError("a date");
    let days = match raw {
        b"infinity" => i64::from(i32::MAX),
        b"-infinity" => i64::from(i32::MIN),
        _ => {
            let mut text = Text::new(raw);
            let (year, month, day) = text.date().ok_or(wrong)?;
            days_of(text.era(year).ok_or(wrong)?, month, day).ok_or(wrong)?
        }
    };
    Ok(match form {
        DateForm::Days => Value::Int32(i32::try_from(days).map_err(|_| wrong)?),
        DateForm::Iso => {
            let mut iso = String::with_capacity(16);
            write_date(days, &mut iso);
            iso.push('Z');
            Value::string(iso)
        }
    })
}

/// A `time`; 24:00:00 is a time of day here, as in PostgreSQL.
pub fn time(raw: &[u8], form: TimeForm) -> Result<Value, ValueError> {
    let wrong = ValueError("a time of day");
    let mut text = Text::new(raw);
    let micros = text.time().filter(|_| text.is_done()).ok_or(wrong)?;
    Ok(match form {
        TimeForm::Millis => Value::Int32((micros / 1000) as i32),
        TimeForm::Micros => Value::Int64(micros),
        TimeForm::Nanos => Value::Int64(micros * 1000),
        TimeForm::Iso => {
            let mut iso = String::with_capacity(20);
            write_time(micros % MICROS_A_DAY, &mut iso, None);
            iso.push('Z');
            Value::string(iso)
        }
    })
}

/// A `timestamp`, taken as UTC.
pub fn timestamp(raw: &[u8], form: TimestampForm) -> Result<Value, ValueError> {
    match raw {
        b"infinity" => return Ok(infinite(POSITIVE_INFINITY, form)),
        b"-infinity" => return Ok(infinite(NEGATIVE_INFINITY, form)),
        _ => {}
    }
    let (days, time, _) = Text::new(raw).timestamp().filter(|(.., offset)| *offset == 0).ok_or(ValueError("a timestamp"))?;
    // the last 30 years that PostgreSQL knows do not fit an i64 of microseconds
    let micros = || {
        let micros = days.checked_mul(MICROS_A_DAY).and_then(|micros| micros.checked_add(time));
        micros.ok_or(ValueError("a timestamp that fits microseconds since 1970"))
    };
    Ok(match form {
        TimestampForm::Millis => Value::Int64(days * (MICROS_A_DAY / 1000) + time / 1000),
        TimestampForm::Micros => Value::Int64(micros()?),
        TimestampForm::Nanos => {
            Value::Int64(micros()?.checked_mul(1000).ok_or(ValueError("a timestamp that fits nanoseconds since 1970"))?)
        }
        TimestampForm::Iso => Value::string(iso_timestamp(days, time, None)),
    })
}

fn infinite(micros: i64, form: TimestampForm) -> Value {
    match form {
        TimestampForm::Millis => Value::Int64(micros.div_euclid(1000)),
        TimestampForm::Micros => Value::Int64(micros),
        TimestampForm::Nanos => Value::Int64(if micros > 0 { i64::MAX } else { i64::MIN }),
        TimestampForm::Iso => {
            Value::string(iso_timestamp(micros.div_euclid(MICROS_A_DAY), micros.rem_euclid(MICROS_A_DAY), None))
        }
    }
}

/// A `timestamptz` as UTC with exactly this many digits of fraction.
pub fn timestamptz(raw: &[u8], digits: usize, slab: &mut Slab) -> Result<Value, ValueError> {
    if let Some(utc) = utc_text(raw, digits, slab) {
        return Ok(Value::String(utc));
    }
    if matches!(raw, b"infinity" | b"-infinity") {
        return Ok(Value::string(as_str(raw)?.to_owned()));
    }
    let (days, time, offset) = Text::new(raw).timestamp().ok_or(ValueError("a timestamp with time zone"))?;
    let time = time - offset * 1_000_000;
    Ok(Value::string(iso_timestamp(days + time.div_euclid(MICROS_A_DAY), time.rem_euclid(MICROS_A_DAY), Some(digits))))
}

/// A timestamp of the years 1 to 9999 that is in UTC already, as sessions with `TimeZone` UTC send it: only its
/// punctuation and the length of its fraction change. None: it must be read.
fn utc_text(raw: &[u8], digits: usize, slab: &mut Slab) -> Option<ByteString> {
    const PATTERN: &[u8; 19] = b"0000-00-00 00:00:00";
    let (seconds, fraction) = raw.strip_suffix(b"+00")?.split_first_chunk::<19>()?;
    let fits = |(byte, pattern): (&u8, &u8)| if *pattern == b'0' { byte.is_ascii_digit() } else { byte == pattern };
    let fraction = match fraction {
        [] => fraction,
        [b'.', fraction @ ..] if (1..=6).contains(&fraction.len()) && fraction.iter().all(u8::is_ascii_digit) => fraction,
        _ => return None,
    };
    // hours of 24 and seconds of 60 mean the next day or minute
    let is_plain = matches!(seconds[11..13], [b'0' | b'1', _] | [b'2', b'0'..=b'3']) && seconds[14] < b'6' && seconds[17] < b'6';
    if !seconds.iter().zip(PATTERN).all(fits) || !is_plain || digits > 9 {
        return None;
    }
    let mut text = [b'0'; 30];
    text[..19].copy_from_slice(seconds);
    text[10] = b'T';
    let end = if digits == 0 { 19 } else { 20 + digits };
    if digits > 0 {
        text[19] = b'.';
        let kept = fraction.len().min(digits);
        text[20..20 + kept].copy_from_slice(&fraction[..kept]);
    }
    text[end] = b'Z';
    ByteString::try_from(slab.bytes(&text[..=end])).ok()
}

/// A `timetz` as UTC.
pub fn timetz(raw: &[u8]) -> Result<Value, ValueError> {
    let wrong = ValueError("a time with time zone");
    let mut text = Text::new(raw);
    let micros = text.time().ok_or(wrong)?;
    let offset = text.offset().filter(|_| text.is_done()).ok_or(wrong)?;
    let utc = (micros - offset * 1_000_000).rem_euclid(MICROS_A_DAY);
    let mut iso = String::with_capacity(20);
    write_time(utc, &mut iso, None);
    iso.push('Z');
    Ok(Value::string(iso))
}

fn iso_timestamp(days: i64, time: i64, digits: Option<usize>) -> String {
    // exact for most, so that no memory is given back
    let mut iso = String::with_capacity(20 + digits.map_or(7, |digits| digits + usize::from(digits > 0)));
    write_date(days, &mut iso);
    iso.push('T');
    write_time(time, &mut iso, digits);
    iso.push('Z');
    iso
}

/// Java's `ISO_LOCAL_DATE`: at least four digits of year, a sign before more or before Christ.
fn write_date(days: i64, out: &mut String) {
    let (year, month, day) = civil_of(days);
    match year {
        0..=9999 => {}
        10_000.. => out.push('+'),
        _ => out.push('-'),
    }
    let year = year.abs();
    if year > 9999 {
        out.push_str(&year.to_string());
    } else {
        two(out, year / 100);
        two(out, year % 100);
    }
    out.push('-');
    two(out, month);
    out.push('-');
    two(out, day);
}

fn two(out: &mut String, number: i64) {
    out.push(char::from(b'0' + (number / 10 % 10) as u8));
    out.push(char::from(b'0' + (number % 10) as u8));
}

/// With exactly `digits` of fraction, or with as many as are not zero (Java's `ISO_LOCAL_TIME`).
fn write_time(micros: i64, out: &mut String, digits: Option<usize>) {
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);

    two(out, seconds / 3600);
    out.push(':');
    two(out, seconds / 60 % 60);
    out.push(':');
    two(out, seconds % 60);
    let mut nine = [b'0'; 9];
    let mut rest = fraction;
    for place in (0..6).rev() {
        nine[place] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    let used = digits.unwrap_or_else(|| nine.iter().rposition(|digit| *digit != b'0').map_or(0, |last| last + 1)).min(9);
    if used > 0 {
        out.push('.');
        out.extend(nine[..used].iter().map(|digit| char::from(*digit)));
    }
}

/// Days since 1970-01-01 of a proleptic Gregorian date.
fn days_of(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

fn civil_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let part = (5 * of_year + 2) / 153;
    let day = of_year - (153 * part + 2) / 5 + 1;
    let month = if part < 10 { part + 3 } else { part - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Reads the server's text from the front.
struct Text<'a> {
    rest: &'a [u8],
}

impl<'a> Text<'a> {
    fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    fn is_done(&self) -> bool {
        self.rest.is_empty()
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        let (first, rest) = self.rest.split_first()?;
        (*first == byte).then(|| self.rest = rest)
    }

    /// A number of at least one and at most `most` digits, and how many they were.
    fn number(&mut self, most: usize) -> Option<(i64, usize)> {
        let length = self.rest.iter().take(most).take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.rest.split_at(length);
        self.rest = rest;
        (length > 0).then(|| (digits.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0')), length))
    }

    fn date(&mut self) -> Option<(i64, i64, i64)> {
        let (year, _) = self.number(7)?;
        self.eat(b'-')?;
        let (month, _) = self.number(2)?;
        self.eat(b'-')?;
        let (day, _) = self.number(2)?;
        Some((year, month, day))
    }

    /// Microseconds of `HH:MM:SS[.ffffff]`.
    fn time(&mut self) -> Option<i64> {
        let (hours, _) = self.number(2)?;
        self.eat(b':')?;
        let (minutes, _) = self.number(2)?;
        let seconds = if self.eat(b':').is_some() { self.number(2)?.0 } else { 0 };
        let fraction = if self.eat(b'.').is_some() {
            let (fraction, length) = self.number(6)?;
            fraction * 10_i64.pow(6 - length as u32)
        } else {
            0
        };
        (hours <= 24 && minutes < 60 && seconds <= 60).then(|| ((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + fraction)
    }

    /// Seconds of `+HH[:MM[:SS]]`.
    fn offset(&mut self) -> Option<i64> {
        let sign = if self.eat(b'-').is_some() {
            -1
        } else {
            self.eat(b'+')?;
            1
        };
        let mut seconds = self.number(2)?.0 * 3600;
        if self.eat(b':').is_some() {
            seconds += self.number(2)?.0 * 60;
            if self.eat(b':').is_some() {
                seconds += self.number(2)?.0;
            }
        }
        Some(sign * seconds)
    }

    /// The astronomical year, after a possible ` BC` at the end.
    fn era(&mut self, year: i64) -> Option<i64> {
        match self.rest {
            b"" => Some(year),
            b" BC" => Some(1 - year),
            _ => None,
        }
    }

    /// Days since the epoch, microseconds of the day, and the offset from UTC in seconds.
    fn timestamp(mut self) -> Option<(i64, i64, i64)> {
        let (year, month, day) = self.date()?;
        // ISO has a space; a literal in a default may have a T, or no time at all
        let time = if self.eat(b' ').is_some() || self.eat(b'T').is_some() { self.time()? } else { 0 };
        let offset = if matches!(self.rest.first(), Some(b'+' | b'-')) { self.offset()? } else { 0 };
        let days = days_of(self.era(year)?, month, day)?;
        Some((days, time, offset))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn dates() {
        let days = |text: &str| date(text.as_bytes(), DateForm::Days).unwrap();
        assert_eq!(days("2024-02-29"), Value::Int32(19782));
        assert_eq!(days("0044-03-15 BC"), Value::Int32(-735160));
        assert_eq!(days("infinity"), Value::Int32(i32::MAX));
        assert_eq!(date(b"2020-01-02", DateForm::Iso), Ok(Value::string("2020-01-02Z")));
        assert!(date(b"2024-13-01", DateForm::Days).is_err() && date(b"today", DateForm::Days).is_err());
    }

    #[test]
    fn times() {
        assert_eq!(time(b"13:14:15.123456", TimeForm::Micros), Ok(Value::Int64(47_655_123_456)));
        assert_eq!(time(b"24:00:00", TimeForm::Micros), Ok(Value::Int64(86_400_000_000)));
        assert_eq!(time(b"23:59:59.999", TimeForm::Millis), Ok(Value::Int32(86_399_999)));
        assert_eq!(timetz(b"13:14:15.123456+02"), Ok(Value::string("11:14:15.123456Z")));
        assert_eq!(timetz(b"24:00:00-15:59"), Ok(Value::string("15:59:00Z")));
    }

    #[test]
    fn utc_needs_no_calendar() {
        let both = |text: &str, digits| {
            let slow = text.replace("+00", "+00:00");
            let zoned = timestamptz(text.as_bytes(), digits, &mut Slab::default());
            assert_eq!(zoned, timestamptz(slow.as_bytes(), digits, &mut Slab::default()), "{text}");
            zoned.unwrap()
        };
        assert_eq!(both("2024-02-29 13:14:15.1+00", 6), Value::string("2024-02-29T13:14:15.100000Z"));
        assert_eq!(both("2024-02-29 13:14:15.123456+00", 3), Value::string("2024-02-29T13:14:15.123Z"));
        assert_eq!(both("2024-02-29 13:14:15+00", 0), Value::string("2024-02-29T13:14:15Z"));
        assert_eq!(both("2024-02-29 24:00:00+00", 0), Value::string("2024-03-01T00:00:00Z"));
        assert_eq!(both("12024-02-29 13:14:15+00", 0), Value::string("+12024-02-29T13:14:15Z"));
    }

    #[test]
    fn timestamps() {
        let micros = |text: &str| timestamp(text.as_bytes(), TimestampForm::Micros).unwrap();
        assert_eq!(micros("2024-02-29 13:14:15.123456"), Value::Int64(1_709_212_455_123_456));
        assert_eq!(micros("1900-01-01 00:00:00.000001"), Value::Int64(-2_208_988_799_999_999));
        assert_eq!(micros("infinity"), Value::Int64(9_223_372_036_825_200_000));
        assert_eq!(timestamp(b"-infinity", TimestampForm::Millis), Ok(Value::Int64(-9_223_372_036_832_400)));
        let last = b"294276-12-31 23:59:59.999999";
        assert_eq!(timestamp(last, TimestampForm::Millis), Ok(Value::Int64(9_224_318_015_999_999)));
        assert_eq!(timestamp(last, TimestampForm::Iso), Ok(Value::string("+294276-12-31T23:59:59.999999Z")));
        assert!(timestamp(last, TimestampForm::Micros).is_err());
        let zoned = |text: &str, digits| timestamptz(text.as_bytes(), digits, &mut Slab::default()).unwrap();
        assert_eq!(zoned("2024-02-29 13:14:15.1+00", 3), Value::string("2024-02-29T13:14:15.100Z"));
        assert_eq!(zoned("2024-02-29 12:34:56.789012+05:30", 6), Value::string("2024-02-29T07:04:56.789012Z"));
        assert_eq!(zoned("1969-12-31 23:59:59+00", 0), Value::string("1969-12-31T23:59:59Z"));
        assert_eq!(zoned("infinity", 6), Value::string("infinity"));
        assert_eq!(zoned("294276-12-31 23:59:59.999999-01", 6), Value::string("+294277-01-01T00:59:59.999999Z"));
        assert_eq!(zoned("0044-03-15 00:00:00+00 BC", 0), Value::string("-0043-03-15T00:00:00Z"));
    }

    proptest! {
        #[test]
        fn days_go_both_ways(days in -800_000_000_i64..800_000_000) {
            let (year, month, day) = civil_of(days);
            prop_assert_eq!(days_of(year, month, day), Some(days));
        }

        #[test]
        fn no_text_panics(text in "[-+0-9:. TBC]{0,40}") {
            let raw = text.as_bytes();
            let _ = (date(raw, DateForm::Iso), time(raw, TimeForm::Iso), timetz(raw));
            let _ = (timestamp(raw, TimestampForm::Nanos), timestamptz(raw, 6, &mut Slab::default()));
        }
    }
}
