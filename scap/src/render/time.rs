//! Points in time as text.

use super::number;

/// A point in time by calendar and clock (proleptic Gregorian calendar).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Civil {
    pub year: i64,
    pub month: u32,
    pub day: u32,
    pub hour: u32,
    pub minute: u32,
    pub second: u32,
    pub nanosecond: u32,
}

impl Civil {
    /// Returns the given nanoseconds since 1970, at `utc_offset` seconds ahead of UTC.
    pub fn new(ns: u64, utc_offset: i32) -> Self {
        const DAY: i64 = 86_400;
        let seconds = (ns / 1_000_000_000) as i64 + i64::from(utc_offset);
        let (days, second) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY) as u32);
        // Years begin in March, so that the leap day is the last of its year; all eras are 400 years long.
        let days = days + 719_468;
        let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
        let month = (5 * day_of_year + 2) / 153;
        Self {
            year: year + era * 400 + i64::from(month >= 10),
            month: (if month < 10 { month + 3 } else { month - 9 }) as u32,
            day: (day_of_year - (153 * month + 2) / 5 + 1) as u32,
            hour: second / 3_600,
            minute: second / 60 % 60,
            second: second % 60,
            nanosecond: (ns % 1_000_000_000) as u32,
        }
    }
}

/// Appends `2026-11-22 01:41:49.000000001`.
pub fn date_time(ns: u64, utc_offset: i32, out: &mut Vec<u8>) {
    let Civil { year, month, day, hour, minute, second, nanosecond } = Civil::new(ns, utc_offset);
    number::write(format_args!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{nanosecond:09}"), out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calendar_days() {
        for (seconds, offset, text) in [
            (0, 0, "1970-01-01 00:00:00.000000000"),
            (951_782_400, 0, "2000-02-29 00:00:00.000000000"),
            (951_868_799, 0, "2000-02-29 23:59:59.000000000"),
            (4_107_542_400, 0, "2100-03-01 00:00:00.000000000"),
            (0, -3_600, "1969-12-31 23:00:00.000000000"),
            (18_446_744_073, 3_600, "2554-07-22 00:34:33.000000000"),
        ] {
            let mut out = Vec::new();
            date_time(seconds * 1_000_000_000, offset, &mut out);
            assert_eq!(String::from_utf8_lossy(&out), text);
        }
    }
}
