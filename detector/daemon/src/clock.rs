//! The current time as numbers.

use std::time::{SystemTime, UNIX_EPOCH};

/// Returns the current time in nanoseconds since 1970.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// Returns the current time in seconds since 1970.
pub(crate) fn seconds() -> u64 {
    now() / 1_000_000_000
}
