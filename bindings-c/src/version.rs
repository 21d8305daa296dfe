//! Which library this is.

use std::ffi::c_char;

/// The version of the library, such as `0.1.0`, as a constant string.
#[unsafe(no_mangle)]
pub extern "C" fn peregrine_version() -> *const c_char {
    const VERSION: &std::ffi::CStr =
        match std::ffi::CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
            Ok(version) => version,
            Err(_) => c"",
        };
    VERSION.as_ptr()
}

/// The version of the event schema that the library knows, such as `4.5.1`, as a constant string.
#[unsafe(no_mangle)]
pub extern "C" fn peregrine_schema_version() -> *const c_char {
    const _: () = assert!(scap::schema::SCHEMA_VERSION.len() == 5);
    c"4.5.1".as_ptr()
}
