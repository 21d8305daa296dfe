//! Times and sizes as people write them.

use std::time::Duration;

/// Units of sizes, the longer names first.
const UNITS: &[(&str, u64)] = &[
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("k", 1 << 10),
    ("m", 1 << 20),
    ("g", 1 << 30),
    ("b", 1),
];

/// Parses a time such as `10s`, `500ms` or `1h 30m`; a number without unit is seconds.
#[cfg_attr(not(feature = "live"), allow(dead_code, reason = "only recordings have times"))]
pub(crate) fn time(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string());
    }
    let time: jiff::SignedDuration = text.parse().map_err(|_| "write for example 10s, 500ms or 1h30m".to_owned())?;
    Duration::try_from(time).map_err(|_| "a time cannot be negative".to_owned())
}

/// Parses a size such as `64k`, `100MB` (a million bytes each) or `1GiB`; a number without unit is bytes.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let lower = text.trim().to_ascii_lowercase();
    let (number, unit) =
        UNITS.iter().find_map(|(name, unit)| Some((lower.strip_suffix(name)?, *unit))).unwrap_or((&lower, 1));
    let number: u64 = number.trim().parse().map_err(|_| "write for example 100MB or 1GiB".to_owned())?;
    number
        .checked_mul(unit)
        .filter(|size| *size > 0)
        .ok_or_else(|| "must be greater than 0 and fit in 64 bits".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        assert_eq!(time("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(time("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(time("0.5"), Ok(Duration::from_millis(500)));
        for wrong in ["", "ten", "-1s", "-1", "10 parsecs"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes() {
        assert_eq!(size("100MB"), Ok(100_000_000));
        assert_eq!(size("64k"), Ok(65_536));
        assert_eq!(size("1 GiB"), Ok(1 << 30));
        assert_eq!(size("4096"), Ok(4096));
        for wrong in ["", "0", "MB", "-1", "99999999999999999999", "9999999999999G"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
