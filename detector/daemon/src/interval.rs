//! Durations in the format of Prometheus: `1h30m`, `15s`, `500ms`.

use std::time::Duration;

const UNITS: &[(&str, u64)] = &[
    ("y", 365 * 24 * 3_600_000),
    ("w", 7 * 24 * 3_600_000),
    ("d", 24 * 3_600_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

/// Parses a duration. Units come in descending order, each at most once; spaces are ignored.
///
/// # Errors
///
/// If it is not a duration, has no unit, or is shorter than 100 milliseconds.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    if compact.chars().all(|c| c.is_ascii_digit()) {
        return Err(format!("'{text}' has no unit; write for example 15m or 1h30m"));
    }
    let fault = || format!("'{text}' is not a valid duration; write for example 15m or 1h30m");
    let (mut rest, mut units, mut total) = (compact.as_str(), UNITS, 0u64);
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let letters = rest[digits..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |end| digits + end);
        let number: u64 = rest[..digits].parse().map_err(|_| fault())?;
        let index = units.iter().position(|(unit, _)| *unit == &rest[digits..letters]).ok_or_else(fault)?;
        let part = number.checked_mul(units[index].1).ok_or_else(fault)?;
        total = total.checked_add(part).ok_or_else(fault)?;
        units = &units[index + 1..];
        rest = &rest[letters..];
    }
    if total < 100 {
        return Err(format!("'{text}' is shorter than 100ms"));
    }
    Ok(Duration::from_millis(total))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn durations() {
        for (text, milliseconds) in [
            ("1h", 3_600_000),
            ("1h30m", 5_400_000),
            ("15s", 15_000),
            ("100ms", 100),
            ("1m 500ms", 60_500),
            ("1y1w1d", (365 + 7 + 1) * 86_400_000),
        ] {
            assert_eq!(parse(text).unwrap().as_millis(), milliseconds, "{text}");
        }
        for text in
            ["", "5000", "99ms", "h", "1x", "30m1h", "1h1h", "-1h", "99999999999999999999y", "9999999999999999y", "1é"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
