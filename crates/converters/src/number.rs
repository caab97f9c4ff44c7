//! Numbers as Java writes them: `Double.toString`, `Float.toString`, `BigDecimal.toString`.
//!
//! The floating-point format is that of JDK 19 and later (the shortest digits that read back as the same number).
//! Older JDKs write a digit too many for some numbers from 1E7 on (JDK-4511638); the number that a reader gets is the same.

use std::fmt::Write;

use num_bigint::BigInt;

/// Longest text of a double: `-2.2250738585072014E-308`.
const LONGEST: usize = 32;

/// Text on the stack.
#[derive(Default)]
pub(crate) struct Short {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Short {
    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }

    fn push(&mut self, text: &str) {
        let end = (self.length + text.len()).min(LONGEST);
        self.bytes[self.length..end].copy_from_slice(&text.as_bytes()[..end - self.length]);
        self.length = end;
    }
}

impl Write for Short {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.push(text);
        Ok(())
    }
}

/// `Double.toString`.
pub(crate) fn double(number: f64) -> Short {
    if !number.is_finite() {
        return special(number);
    }
    let mut digits = Short::default();
    let _ = write!(digits, "{number:e}");
    if one_digit(&digits) {
        digits = Short::default();
        let _ = write!(digits, "{number:.1e}");
    }
    layout(digits.as_str())
}

/// `Float.toString`.
pub(crate) fn float(number: f32) -> Short {
    if !number.is_finite() {
        return special(number.into());
    }
    let mut digits = Short::default();
    let _ = write!(digits, "{number:e}");
    if one_digit(&digits) {
        digits = Short::default();
        let _ = write!(digits, "{number:.1e}");
    }
    layout(digits.as_str())
}

/// Java writes two digits at least, and of those that read back as the number the nearest: 4.9E-324, not 5E-324.
fn one_digit(digits: &Short) -> bool {
    let mantissa = digits.as_str().trim_start_matches('-');
    mantissa.as_bytes().get(1) == Some(&b'e')
}

fn special(number: f64) -> Short {
    let mut text = Short::default();
    text.push(match number {
        _ if number.is_nan() => "NaN",
        _ if number < 0.0 => "-Infinity",
        _ => "Infinity",
    });
    text
}

/// From `d.ddde-5` to Java's layout: plain from 1E-3 up to 1E7, else with an exponent; always a digit after the point.
fn layout(scientific: &str) -> Short {
    let mut out = Short::default();
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let mantissa = match mantissa.strip_prefix('-') {
        Some(rest) => {
            out.push("-");
            rest
        }
        None => mantissa,
    };
    let (first, rest) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let rest = if rest == "0" { "" } else { rest };
    let whole = exponent.unsigned_abs() as usize;
    match exponent {
        -3..0 => {
            // 0.0012: as many zeros, the one before the point included, as the exponent says
            out.push("0.");
            out.push(&"00"[..whole - 1]);
            out.push(first);
            out.push(rest);
        }
        0..7 => {
            out.push(first);
            out.push(&rest[..whole.min(rest.len())]);
            out.push(&"000000"[..whole.saturating_sub(rest.len())]);
            out.push(".");
            out.push(rest.get(whole..).filter(|fraction| !fraction.is_empty()).unwrap_or("0"));
        }
        _ => {
            out.push(first);
            out.push(".");
            out.push(if rest.is_empty() { "0" } else { rest });
            let _ = write!(out, "E{exponent}");
        }
    }
    out
}

/// `BigDecimal.toString`: plain unless the scale is negative or the number is below 1E-6.
pub(crate) fn big_decimal(unscaled: &[u8], scale: i32) -> String {
    layout_decimal(&BigInt::from_signed_bytes_be(unscaled).to_string(), scale)
}

/// The same of the unscaled value's digits.
pub(crate) fn layout_decimal(number: &str, scale: i32) -> String {
    if scale == 0 {
        return number.to_owned();
    }
    let (sign, digits) = match number.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", number),
    };
    let adjusted = digits.len() as i64 - 1 - i64::from(scale);
    if scale > 0 && adjusted >= -6 {
        let scale = scale as usize;
        return match digits.len().checked_sub(scale).filter(|whole| *whole > 0) {
            Some(whole) => format!("{sign}{}.{}", &digits[..whole], &digits[whole..]),
            None => format!("{sign}0.{}{digits}", "0".repeat(scale - digits.len())),
        };
    }
    let (first, rest) = digits.split_at(1);
    let point = if rest.is_empty() { "" } else { "." };
    match adjusted {
        0 => format!("{sign}{first}{point}{rest}"),
        _ => format!("{sign}{first}{point}{rest}E{adjusted:+}"),
    }
}

/// How many digits a decimal that is read may have, its zeros counted.
const MOST_DIGITS: i64 = 100_000;

/// Digits of the unscaled value, and the scale, of a decimal's text (`new BigDecimal(text)`).
pub(crate) fn parse_decimal(text: &str) -> Option<(String, i32)> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    if mantissa.len() as i64 > MOST_DIGITS {
        return None;
    }
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let number: BigInt = format!("{whole}{fraction}").parse().ok()?;
    let scale = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
    Some((number.to_string(), scale))
}

/// See `java::unscaled`.
pub(crate) fn unscaled(text: &str, scale: i32) -> Option<Vec<u8>> {
    let (mut digits, have) = parse_decimal(text)?;
    let missing = i64::from(scale) - i64::from(have);
    if digits != "0" && missing >= 0 {
        if missing + digits.len() as i64 > MOST_DIGITS {
            return None;
        }
        digits.push_str(&"0".repeat(missing as usize));
    } else if digits != "0" {
        let at = digits.len().checked_sub(missing.unsigned_abs() as usize)?;
        if at == 0 || &digits[..at] == "-" || digits[at..].bytes().any(|digit| digit != b'0') {
            return None;
        }
        digits.truncate(at);
    }
    Some(digits.parse::<BigInt>().ok()?.to_signed_bytes_be())
}
