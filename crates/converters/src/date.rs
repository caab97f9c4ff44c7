//! Dates as Java writes them, in UTC: `Date.toString`, `SimpleDateFormat` and Connect's `Values.dateFormatFor`.

const DAY: i64 = 86_400_000;

/// A moment, taken apart.
struct Civil {
    year: i64,
    month: i64,
    day: i64,
    /// 0 is Thursday, the first day of the epoch
    weekday: usize,
    hour: i64,
    minute: i64,
    second: i64,
    millis: i64,
}

/// Time, date or both, as `Values.dateFormatFor` decides: what lies before 1970-01-02 is a time.
pub(crate) fn iso(millis: i64) -> String {
    let Civil { year, month, day, hour, minute, second, millis: fraction, .. } = civil(millis);
    // SimpleDateFormat's yyyy is the year of the era
    let year = if year > 0 { year } else { 1 - year };
    if millis < DAY {
        format!("{hour:02}:{minute:02}:{second:02}.{fraction:03}Z")
    } else if millis % DAY == 0 {
        format!("{year:04}-{month:02}-{day:02}")
    } else {
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:03}Z")
    }
}

/// `java.util.Date.toString`: `Thu Jan 01 00:00:00 UTC 1970`.
pub(crate) fn java(millis: i64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let Civil { year, month, day, weekday, hour, minute, second, .. } = civil(millis);
    let month = MONTHS[(month - 1) as usize];
    let year = if year > 0 { year } else { 1 - year };
    format!("{} {month} {day:02} {hour:02}:{minute:02}:{second:02} UTC {year}", DAYS[weekday])
}

/// `SimpleDateFormat` of `yyyy-MM-dd'T'HH:mm:ss.SSSXXX`: milliseconds since the epoch as RFC 3339 writes them.
pub fn instant(millis: i64) -> String {
    let Civil { year, month, day, hour, minute, second, millis: fraction, .. } = civil(millis);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:03}Z")
}

/// Days to a proleptic Gregorian date ('days from civil' the other way round).
fn civil(millis: i64) -> Civil {
    let (days, rest) = (millis.div_euclid(DAY), millis.rem_euclid(DAY));
    // counted from 0000-03-01, so that the leap day ends the year
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let (day, month) = (of_year - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
    Civil {
        year: year_of_era + era * 400 + i64::from(month <= 2),
        month,
        day,
        weekday: days.rem_euclid(7) as usize,
        hour: rest / 3_600_000,
        minute: rest / 60_000 % 60,
        second: rest / 1000 % 60,
        millis: rest % 1000,
    }
}
