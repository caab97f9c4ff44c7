//! `numeric` and `money`: decimals of any length.
//!
//! A number that fits 128 bits, as nearly all do, takes no big arithmetic.

use bytes::Bytes;
use num_bigint::BigInt;
use rowtide_api::{SchemaRef, Struct, Value};
use rowtide_cdc::Column;

use super::{ValueError, as_str};
use crate::slab::Slab;
use crate::types::DecimalMode;

/// Digits that surely fit an `i64`.
const SMALL_DIGITS: usize = 18;
/// Digits that surely fit an `i128`.
const SAFE_DIGITS: usize = 38;

/// How numbers of one column are represented.
#[derive(Clone, Debug)]
pub enum Shape {
    /// `Decimal`: the unscaled value at the column's scale
    Fixed(usize),
    /// `VariableScaleDecimal`
    Variable(SchemaRef),
    /// floating-point
    Double,
    /// plain text; at the column's scale if it has one
    Text(Option<usize>),
}

impl Shape {
    /// For a column and its schema.
    pub fn new(mode: DecimalMode, column: &Column, schema: &SchemaRef) -> Self {
        let scale = column.scale.unwrap_or(0).max(0) as usize;
        match (mode, crate::schema::is_variable(column)) {
            (DecimalMode::Double, _) => Shape::Double,
            (DecimalMode::String, variable) => Shape::Text((!variable).then_some(scale)),
            (DecimalMode::Precise, true) => Shape::Variable(schema.clone()),
            (DecimalMode::Precise, false) => Shape::Fixed(scale),
        }
    }
}

/// A number as text: sign, digits without point, and how many of them follow the point.
struct Digits<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
}

impl<'a> Digits<'a> {
    fn parse(text: &'a str) -> Result<Self, ValueError> {
        let (negative, text) = match text.strip_prefix('-') {
            Some(text) => (true, text),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let numeric = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.len() + fraction.len() == 0 || !numeric(whole) || !numeric(fraction) {
            return Err(ValueError("a decimal number"));
        }
        Ok(Self { negative, whole, fraction })
    }

    /// Two's complement of the unscaled value at this scale, of the fewest bytes (Java's `BigInteger.toByteArray`).
    /// Digits past the scale must be zeros: they would be lost.
    fn unscaled(&self, scale: usize) -> Result<Bytes, ValueError> {
        let kept = self.fraction.len().min(scale);
        let (fraction, lost) = self.fraction.split_at(kept);
        if lost.bytes().any(|digit| digit != b'0') {
            return Err(ValueError("a number of the column's scale"));
        }
        let zeros = scale - kept;
        if self.whole.len() + scale <= SMALL_DIGITS {
            let digits = self.whole.bytes().chain(fraction.bytes());
            let number = digits.fold(0_i64, |number, digit| number * 10 + i64::from(digit - b'0'));
            let number = number * 10_i64.pow(zeros as u32);
            return Ok(minimal(i128::from(if self.negative { -number } else { number })));
        }
        if self.whole.len() + scale <= SAFE_DIGITS {
            let digits = self.whole.bytes().chain(fraction.bytes());
            let number = digits.fold(0_i128, |number, digit| number * 10 + i128::from(digit - b'0'));
            let number = number * 10_i128.pow(zeros as u32);
            return Ok(minimal(if self.negative { -number } else { number }));
        }
        let text = format!("{}{fraction}{}", self.whole, "0".repeat(zeros));
        let number: BigInt = text.parse().map_err(|_| ValueError("a decimal number"))?;
        Ok(if self.negative { -number } else { number }.to_signed_bytes_be().into())
    }

    /// Plain notation with exactly `scale` digits after the point, or with those that are there. Digits past the scale
    /// must be zeros: they would be lost.
    fn plain(&self, scale: Option<usize>) -> Result<String, ValueError> {
        let scale = scale.unwrap_or(self.fraction.len());
        if self.fraction.bytes().skip(scale).any(|digit| digit != b'0') {
            return Err(ValueError("a number of the column's scale"));
        }
        let whole = self.whole.trim_start_matches('0');
        let mut text = String::with_capacity(whole.len() + scale + 3);
        let is_zero = whole.is_empty() && self.fraction.bytes().all(|digit| digit == b'0');
        if self.negative && !is_zero {
            text.push('-');
        }
        text.push_str(if whole.is_empty() { "0" } else { whole });
        if scale > 0 {
            text.push('.');
            text.extend(self.fraction.chars().chain(std::iter::repeat('0')).take(scale));
        }
        Ok(text)
    }
}

/// How many bytes hold the number in two's complement, at least.
fn width(number: i128) -> usize {
    // bits that differ from the sign, and the sign itself
    let bits = 128 - (number ^ (number >> 127)).leading_zeros() + 1;
    bits.div_ceil(8) as usize
}

/// The fewest big-endian bytes that hold the number in two's complement.
fn minimal(number: i128) -> Bytes {
    Bytes::copy_from_slice(&number.to_be_bytes()[16 - width(number)..])
}

/// A `numeric`.
pub fn numeric(raw: &[u8], shape: &Shape, slab: &mut Slab) -> Result<Value, ValueError> {
    if let Shape::Fixed(scale) = shape
        && let Some(number) = small(raw, *scale)
    {
        return Ok(Value::Bytes(slab.bytes(&number.to_be_bytes()[8 - width(number.into())..])));
    }
    let text = as_str(raw)?;
    if matches!(text, "NaN" | "Infinity" | "-Infinity") {
        return special(text, shape);
    }
    let digits = Digits::parse(text)?;
    Ok(match shape {
        Shape::Fixed(scale) => Value::Bytes(digits.unscaled(*scale)?),
        Shape::Variable(schema) => {
            let scale = digits.fraction.trim_end_matches('0').len();
            let value = Value::Bytes(digits.unscaled(scale)?);
            Value::Struct(Struct::new(schema.clone(), vec![Value::Int32(scale as i32), value]))
        }
        Shape::Double => Value::Float64(text.parse().map_err(|_| ValueError("a number"))?),
        Shape::Text(scale) => Value::string(digits.plain(*scale)?),
    })
}

/// The unscaled value of a number as the server nearly always writes it: with just the digits of its scale, and few
/// enough for an `i64`. None: another way of reading must decide.
fn small(raw: &[u8], scale: usize) -> Option<i64> {
    let (digits, negative) = match raw {
        [b'-', digits @ ..] => (digits, true),
        digits => (digits, false),
    };
    let whole = if scale == 0 { digits.len() } else { digits.len().checked_sub(scale + 1)? };
    if whole == 0 || digits.len() > SMALL_DIGITS {
        return None;
    }
    let mut number = 0_i64;
    for (place, byte) in digits.iter().enumerate() {
        if place == whole {
            if *byte != b'.' {
                return None;
            }
        } else {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                return None;
            }
            number = number * 10 + i64::from(digit);
        }
    }
    Some(if negative { -number } else { number })
}

/// What is no number has no `Decimal`.
fn special(text: &str, shape: &Shape) -> Result<Value, ValueError> {
    match shape {
        Shape::Double => Ok(Value::Float64(text.parse().map_err(|_| ValueError("a number"))?)),
        Shape::Text(_) => Ok(Value::string(match text {
            "NaN" => "NAN",
            "Infinity" => "POSITIVE_INFINITY",
            _ => "NEGATIVE_INFINITY",
        })),
        Shape::Fixed(_) | Shape::Variable(_) => {
            Err(ValueError("a number that a Decimal can hold (decimal.handling.mode=string or double can)"))
        }
    }
}

/// How `money` is represented.
#[derive(Clone, Copy, Debug)]
pub struct Money {
    /// `decimal.handling.mode`
    pub mode: DecimalMode,
    /// `money.fraction.digits`
    pub digits: u32,
}

/// An amount as the server's `lc_monetary` writes it: `$1,234.56`, `-1.234,56 €`, `(¥1,234)`.
pub fn money(raw: &[u8], money: &Money) -> Result<Value, ValueError> {
    let text = as_str(raw)?;
    let amount = amount(text, money.digits).ok_or(ValueError("an amount of money"))?;
    let digits = Digits { negative: text.contains(['(', '-']), ..Digits::parse(&amount)? };
    Ok(match money.mode {
        DecimalMode::String => Value::string(digits.plain(None)?),
        DecimalMode::Double => Value::Float64(digits.plain(None)?.parse().map_err(|_| ValueError("an amount"))?),
        DecimalMode::Precise => Value::Bytes(rounded(&digits, money.digits as usize)?),
    })
}

/// The digits of an amount, with a point where the locale has its decimal mark. A mark that stands there twice, or
/// once before just three digits, separates thousands, unless amounts have three digits of fraction.
fn amount(text: &str, fraction: u32) -> Option<String> {
    let is_digit = |letter: char| letter.is_ascii_digit();
    let text = &text[text.find(is_digit)?..=text.rfind(is_digit)?];
    let mark = text.rfind(['.', ',']);
    let decimal = mark.filter(|at| {
        let (marks, others) = if text[*at..].starts_with('.') { ('.', ',') } else { (',', '.') };
        let once = text.matches(marks).count() == 1;
        once && (text.contains(others) || text.len() - at - 1 != 3 || fraction == 3)
    });
    let keep = |part: &str| part.chars().filter(char::is_ascii_digit).collect::<String>();
    Some(match decimal {
        Some(at) => format!("{}.{}", keep(&text[..at]), keep(&text[at..])),
        None => keep(text),
    })
}

/// Half up, away from zero.
fn rounded(digits: &Digits<'_>, scale: usize) -> Result<Bytes, ValueError> {
    if digits.fraction.len() <= scale {
        return digits.unscaled(scale);
    }
    let (kept, lost) = digits.fraction.split_at(scale);
    let text = format!("{}{kept}", digits.whole);
    let number: i128 = text.parse().map_err(|_| ValueError("an amount"))?;
    let number = number + i128::from(lost.as_bytes()[0] >= b'5');
    Ok(minimal(if digits.negative { -number } else { number }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fixed(text: &str, scale: usize) -> Vec<u8> {
        match numeric(text.as_bytes(), &Shape::Fixed(scale), &mut Slab::default()).unwrap() {
            Value::Bytes(bytes) => bytes.to_vec(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn decimals_are_the_fewest_bytes_of_the_unscaled_value() {
        assert_eq!(fixed("1234.56", 2), [0x01, 0xE2, 0x40]);
        assert_eq!(fixed("-99999", 0), [0xFE, 0x79, 0x61]);
        assert_eq!(fixed("0", 2), [0]);
        assert_eq!(fixed("1.28", 2), [0, 0x80]);
        assert_eq!(fixed("-1.28", 2), [0x80]);
        assert!(numeric(b"1.234", &Shape::Fixed(2), &mut Slab::default()).is_err());
    }

    #[test]
    fn plain_text_has_the_columns_scale() {
        let text = |raw: &str, scale| numeric(raw.as_bytes(), &Shape::Text(scale), &mut Slab::default()).unwrap();
        assert_eq!(text("1.5", Some(3)), Value::string("1.500"));
        assert_eq!(text("-0.10", None), Value::string("-0.10"));
        assert!(numeric(b"1.234", &Shape::Text(Some(2)), &mut Slab::default()).is_err());
        assert_eq!(text("NaN", None), Value::string("NAN"));
        assert_eq!(text("-Infinity", None), Value::string("NEGATIVE_INFINITY"));
    }

    #[test]
    fn amounts_lose_their_currency() {
        let precise = Money { mode: DecimalMode::Precise, digits: 2 };
        assert_eq!(money(b"$1,234.56", &precise), Ok(Value::Bytes(vec![0x01, 0xE2, 0x40].into())));
        assert_eq!(money(b"-$92,233,720,368,547,758.08", &precise), Ok(Value::Bytes(vec![0x80, 0, 0, 0, 0, 0, 0, 0].into())));
        let amounts = [
            ("1.234,56 \u{20ac}", "1234.56"),
            ("\u{a5}1,234", "1234"),
            ("1 234 567,8 kr.", "1234567.8"),
            ("Fr.-1'234.50", "-1234.50"),
        ];
        for (text, plain) in amounts {
            let money = money(text.as_bytes(), &Money { mode: DecimalMode::String, digits: 2 });
            assert_eq!(money, Ok(Value::string(plain)), "{text}");
        }
        assert!(money(b"", &precise).is_err() && money(b"$", &precise).is_err());
        assert_eq!(money(b"($1.00)", &Money { mode: DecimalMode::String, digits: 2 }), Ok(Value::string("-1.00")));
    }

    proptest! {
        #[test]
        fn the_fast_path_equals_big_arithmetic(whole in "[0-9]{1,60}", fraction in "[0-9]{0,20}", negative: bool, more in 0_usize..20) {
            let text = format!("{}{whole}.{fraction}", if negative { "-" } else { "" });
            let digits = Digits::parse(&text).unwrap();
            let scale = fraction.len() + more;
            let expected: BigInt = format!("{}{whole}{fraction}{}", if negative { "-" } else { "" }, "0".repeat(more)).parse().unwrap();
            prop_assert_eq!(digits.unscaled(scale).unwrap().to_vec(), expected.to_signed_bytes_be());
            prop_assert_eq!(fixed(&text, scale), expected.to_signed_bytes_be());
        }

        #[test]
        fn no_text_panics(raw: Vec<u8>) {
            let _ = numeric(&raw, &Shape::Fixed(3), &mut Slab::default());
            let _ = numeric(&raw, &Shape::Text(None), &mut Slab::default());
            let _ = money(&raw, &Money { mode: DecimalMode::Precise, digits: 2 });
        }
    }
}
