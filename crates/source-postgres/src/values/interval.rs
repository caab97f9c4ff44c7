//! `interval` in the style `postgres` (manual, "Interval Output"): `1 year 2 mons -3 days -04:05:06.789`.

use rowtide_api::Value;

use super::{ValueError, as_str};

const WRONG: ValueError = ValueError("an interval");

/// The average month of the original's `MicroDuration`.
const DAYS_PER_MONTH: f64 = 365.25 / 12.0;

#[derive(Default)]
struct Interval {
    years: i64,
    months: i64,
    days: i64,
    hours: i64,
    minutes: i64,
    /// with its sign
    micros: i64,
}

/// As microseconds, or as the ISO 8601 text that the original writes.
pub fn interval(raw: &[u8], as_text: bool) -> Result<Value, ValueError> {
    let parsed = parse(as_str(raw)?)?;
    Ok(if as_text { Value::string(parsed.iso()) } else { Value::Int64(parsed.micros()) })
}

impl Interval {
    /// Floating-point arithmetic in the original's order, so that the rounding is the same.
    fn micros(&self) -> i64 {
        let seconds = self.micros as f64 / 1e6;
        let days = ((self.years * 12 + self.months) as f64) * DAYS_PER_MONTH + self.days as f64;
        let total = ((days * 24.0 + self.hours as f64) * 60.0 + self.minutes as f64) * 60.0 + seconds;
        (total * 1e6) as i64
    }

    fn iso(&self) -> String {
        let Self { years, months, days, hours, minutes, .. } = self;
        let sign = if self.micros < 0 { "-" } else { "" };
        let (whole, fraction) = (self.micros.unsigned_abs() / 1_000_000, self.micros.unsigned_abs() % 1_000_000);
        let mut seconds = format!("{whole}.{fraction:06}");
        let used = seconds.trim_end_matches('0').trim_end_matches('.').len();
        seconds.truncate(used);
        format!("P{years}Y{months}M{days}DT{hours}H{minutes}M{sign}{seconds}S")
    }
}

fn parse(text: &str) -> Result<Interval, ValueError> {
    let mut parsed = Interval::default();
    let mut words = text.split_ascii_whitespace();
    while let Some(word) = words.next() {
        if word.contains(':') {
            clock(word, &mut parsed)?;
            continue;
        }
        let number: i64 = word.parse().map_err(|_| WRONG)?;
        if number.abs() > i64::from(i32::MAX) + 1 {
            return Err(WRONG);
        }
        match words.next().ok_or(WRONG)? {
            "year" | "years" => parsed.years = number,
            "mon" | "mons" => parsed.months = number,
            "day" | "days" => parsed.days = number,
            _ => return Err(WRONG),
        }
    }
    Ok(parsed)
}

/// `[-]HH:MM:SS[.ffffff]`
fn clock(word: &str, parsed: &mut Interval) -> Result<(), ValueError> {
    let (sign, word) = match word.strip_prefix('-') {
        Some(word) => (-1, word),
        None => (1, word.strip_prefix('+').unwrap_or(word)),
    };
    let mut parts = word.split(':');
    let mut part = || parts.next().ok_or(WRONG);
    let (hours, minutes, seconds) = (part()?, part()?, part()?);
    let (seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
    let number = |text: &str| text.parse::<u32>().map(i64::from).map_err(|_| WRONG);
    if fraction.len() > 6 {
        return Err(WRONG);
    }
    let fraction = if fraction.is_empty() { 0 } else { number(fraction)? * 10_i64.pow(6 - fraction.len() as u32) };
    parsed.hours = sign * number(hours)?;
    parsed.minutes = sign * number(minutes)?;
    parsed.micros = sign * (number(seconds)? * 1_000_000 + fraction);
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn intervals_as_the_samples_have_them() {
        let micros = |text: &str| interval(text.as_bytes(), false).unwrap();
        assert_eq!(micros("1 year 2 mons 3 days 04:05:06.789"), Value::Int64(37091106789000));
        assert_eq!(micros("-1 years -2 mons +3 days -04:05:06.000001"), Value::Int64(-36572706000001));
        let iso = |text: &str| interval(text.as_bytes(), true).unwrap();
        assert_eq!(iso("1 year 2 mons 3 days 04:05:06.789"), Value::string("P1Y2M3DT4H5M6.789S"));
        assert_eq!(iso("00:00:00"), Value::string("P0Y0M0DT0H0M0S"));
        assert!(interval(b"1 fortnight", true).is_err() && interval(b"1", true).is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[-+0-9:. yearmondys]{0,30}") {
            let _ = interval(text.as_bytes(), true);
            let _ = interval(text.as_bytes(), false);
        }
    }
}
