//! Version and features of the library.

use std::ffi::{CStr, c_char};

/// The major version of this header: breaking changes.
pub const PEREGRINE_VERSION_MAJOR: u32 = 0;
/// The minor version of this header: additions.
pub const PEREGRINE_VERSION_MINOR: u32 = 2;
/// The patch version of this header: fixes.
pub const PEREGRINE_VERSION_PATCH: u32 = 0;

/// A bit of peregrine_features(): peregrine_inspector_open_live() is built in.
pub const PEREGRINE_FEATURE_LIVE: u64 = 1;
/// A bit of peregrine_features(): a debug build, which detects handles that were freed or are of another type.
pub const PEREGRINE_FEATURE_CHECKED_HANDLES: u64 = 2;
/// A bit of peregrine_features(): plugins can be loaded, see peregrine_plugins_add().
pub const PEREGRINE_FEATURE_PLUGINS: u64 = 4;

/// Appends a NUL to a text.
const fn ended<const N: usize>(text: &str) -> [u8; N] {
    let (mut out, bytes, mut at) = ([0; N], text.as_bytes(), 0);
    assert!(bytes.len() + 1 == N);
    while at < bytes.len() {
        out[at] = bytes[at];
        at += 1;
    }
    out
}

/// Converts NUL-terminated text without any other NUL.
const fn constant(text: &[u8]) -> &CStr {
    match CStr::from_bytes_with_nul(text) {
        Ok(text) => text,
        Err(_) => panic!("a NUL inside"),
    }
}

/// Returns the version of the library, such as `0.2.0`, as a constant string.
#[unsafe(no_mangle)]
pub extern "C" fn peregrine_version() -> *const c_char {
    const VERSION: &CStr = constant(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes());
    VERSION.as_ptr()
}

/// Returns the version of the event schema, such as `4.5.1`, as a constant string.
#[unsafe(no_mangle)]
pub extern "C" fn peregrine_schema_version() -> *const c_char {
    const TEXT: [u8; scap::schema::SCHEMA_VERSION.len() + 1] = ended(scap::schema::SCHEMA_VERSION);
    const VERSION: &CStr = constant(&TEXT);
    VERSION.as_ptr()
}

/// Returns the features that the library was built with: PEREGRINE_FEATURE_* bits.
#[unsafe(no_mangle)]
pub extern "C" fn peregrine_features() -> u64 {
    let mut features = 0;
    if cfg!(feature = "live") {
        features |= PEREGRINE_FEATURE_LIVE;
    }
    if cfg!(feature = "plugins") {
        features |= PEREGRINE_FEATURE_PLUGINS;
    }
    if cfg!(debug_assertions) {
        features |= PEREGRINE_FEATURE_CHECKED_HANDLES;
    }
    features
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_has_the_version_of_the_package() {
        let header = format!("{PEREGRINE_VERSION_MAJOR}.{PEREGRINE_VERSION_MINOR}.{PEREGRINE_VERSION_PATCH}");
        assert_eq!(header, env!("CARGO_PKG_VERSION"));
    }
}
