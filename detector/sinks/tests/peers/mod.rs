//! The servers that outputs connect to, on loopback.
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]
#![allow(dead_code, reason = "each test file uses a part of it")]

pub(crate) mod http;
pub(crate) mod kafka;
pub(crate) mod tls;

#[allow(unused_imports, reason = "each test file uses a part of it")]
pub(crate) use testkit::port;

use std::time::{Duration, Instant};

/// Waits for something that comes soon.
#[track_caller]
pub(crate) fn until(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(30), "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
