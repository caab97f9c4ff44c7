//! Connect's logical types as messages: `confluent.type.Decimal`, `google.type.Date` and `TimeOfDay`, `google.protobuf.Timestamp`; and
//! back.

use num_bigint::BigInt;
use rowtide_converters::misfit::Misfit;

use super::wire;

const DAY: i64 = 86_400_000;

/// 1582-10-15, the first day of the Gregorian calendar, in days since the epoch.
const GREGORIAN: i64 = -141_427;

/// By how many places a decimal is moved at most: a scale comes from outside, and PostgreSQL has no larger one.
const MOST_PLACES: u32 = 16_383;

/// What a timestamp can say: from the year 1 to 9999.
const SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

/// A field of a whole number; zeros are left out.
fn field(number: u8, value: i64, out: &mut Vec<u8>) {
    if value != 0 {
        out.push(number << 3 | wire::VARINT);
        wire::varint(value as u64, out);
    }
}

/// Unscaled value in as few bytes as hold it, how many digits it has, scale.
pub(crate) fn decimal(unscaled: &[u8], scale: i32, out: &mut Vec<u8>) {
    let short = shortest(unscaled);
    out.push(1 << 3 | wire::LENGTH);
    wire::bytes(short, out);
    field(2, digits(short), out);
    field(3, scale.into(), out);
}

/// Two's complement without the bytes that only repeat the sign. Zero is one byte.
fn shortest(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes {
        let sign = rest.first().map(|next| if next & 0x80 == 0 { 0 } else { 0xFF });
        if sign != Some(*first) {
            return bytes;
        }
        bytes = rest;
    }
    &[0]
}

/// `BigDecimal.precision`: how many decimal digits a number has. Zero has one.
fn digits(bytes: &[u8]) -> i64 {
    if bytes.len() <= 16 {
        let negative = bytes.first().is_some_and(|first| first & 0x80 != 0);
        let mut wide = [if negative { 0xFF } else { 0 }; 16];
        wide[16 - bytes.len()..].copy_from_slice(bytes);
        let number = i128::from_be_bytes(wide).unsigned_abs();
        return number.checked_ilog10().map_or(1, |log| i64::from(log) + 1);
    }
    BigInt::from_signed_bytes_be(bytes).magnitude().to_string().len() as i64
}

/// The same number with another scale, if nothing is lost by it.
pub(crate) fn rescaled(unscaled: &[u8], from: i32, to: i32) -> Option<Vec<u8>> {
    let places = i64::from(to) - i64::from(from);
    let number = BigInt::from_signed_bytes_be(unscaled);
    if number == BigInt::ZERO {
        return Some(vec![0]);
    }
    let factor = BigInt::from(10).pow(u32::try_from(places.unsigned_abs()).ok().filter(|places| *places <= MOST_PLACES)?);
    let number = match places >= 0 {
        true => number * factor,
        false if &number % &factor == BigInt::ZERO => number / factor,
        false => return None,
    };
    Some(number.to_signed_bytes_be())
}

/// Days since the epoch. As `java.util.GregorianCalendar` counts: by the Julian calendar before October 1582, and years before Christ by
/// their number in that era.
pub(crate) fn date(days: i64, out: &mut Vec<u8>) {
    let (year, month, day) = civil(days);
    field(1, if year > 0 { year } else { 1 - year }, out);
    field(2, month, out);
    field(3, day, out);
}

fn civil(days: i64) -> (i64, i64, i64) {
    // counted from March 1st of the year 0, so that the leap day ends the year
    let (year, of_year) = if days >= GREGORIAN {
        let shifted = days + 719_468;
        let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        (year + era * 400, of_era - (365 * year + year / 4 - year / 100))
    } else {
        let shifted = days + 719_470;
        let (era, of_era) = (shifted.div_euclid(1461), shifted.rem_euclid(1461));
        let year = (of_era - of_era / 1460) / 365;
        (year + era * 4, of_era - 365 * year)
    };
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + i64::from(month <= 2), month, day)
}

/// The days of a date, in either calendar.
pub(crate) fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    let gregorian = {
        let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
        era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
    };
    if gregorian >= GREGORIAN {
        return gregorian;
    }
    let (era, of_era) = (year.div_euclid(4), year.rem_euclid(4));
    era * 1461 + of_era * 365 + of_year - 719_470
}

/// Milliseconds since midnight.
pub(crate) fn time(millis: i64, out: &mut Vec<u8>) -> Result<(), Misfit> {
    if !(0..=DAY).contains(&millis) {
        return Err(Misfit::new("Time values must use number of millis greater than 0 and less than 86400000"));
    }
    field(1, millis / 3_600_000 % 24, out);
    field(2, millis / 60_000 % 60, out);
    field(3, millis / 1000 % 60, out);
    field(4, millis % 1000 * 1_000_000, out);
    Ok(())
}

/// Milliseconds since the epoch.
pub(crate) fn timestamp(millis: i64, out: &mut Vec<u8>) -> Result<(), Misfit> {
    let seconds = millis.div_euclid(1000);
    if !SECONDS.contains(&seconds) {
        return Err(Misfit::new("a Timestamp of Protobuf lies between the years 1 and 9999"));
    }
    field(1, seconds, out);
    field(2, millis.rem_euclid(1000) * 1_000_000, out);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_is_as_short_as_java_writes_it() {
        let written = |unscaled: &[u8], scale| {
            let mut out = Vec::new();
            decimal(unscaled, scale, &mut out);
            out
        };
        assert_eq!(written(&[0], 0), [0x0A, 1, 0, 0x10, 1]);
        assert_eq!(written(&[0, 0, 4, 0xD2], 2), [0x0A, 2, 4, 0xD2, 0x10, 4, 0x18, 2]);
        assert_eq!(written(&[0xFF, 0xFF], 1), [0x0A, 1, 0xFF, 0x10, 1, 0x18, 1]);
        assert_eq!(written(&[0, 0x80], 0), [0x0A, 2, 0, 0x80, 0x10, 3]);
        assert_eq!(digits(&[0x7F; 17]), 41);
    }

    #[test]
    fn a_decimal_moves_to_another_scale_if_nothing_is_lost() {
        assert_eq!(rescaled(&[0x7D], 1, 2).unwrap(), [4, 0xE2]);
        assert_eq!(rescaled(&[4, 0xE2], 2, 1).unwrap(), [0x7D]);
        assert_eq!(rescaled(&[0xFF], -1, 0).unwrap(), [0xF6]);
        assert_eq!(rescaled(&[0x7D], 1, 0), None);
        assert_eq!(rescaled(&[0], i32::MAX, 0).unwrap(), [0]);
        assert_eq!(rescaled(&[1], i32::MIN, i32::MAX), None);
    }

    /// Both as a JDK's `GregorianCalendar` in UTC counts them.
    #[test]
    fn dates_before_october_1582_are_julian() {
        for (day, expected) in [
            (0, (1970, 1, 1)),
            (-141_427, (1582, 10, 15)),
            (-141_428, (1582, 10, 4)),
            (-719_164, (1, 1, 1)),
            (-719_165, (0, 12, 31)),
            (11_016, (2000, 2, 29)),
        ] {
            assert_eq!(civil(day), expected, "{day}");
            assert_eq!(days(expected.0, expected.1, expected.2), day);
        }
    }
}
