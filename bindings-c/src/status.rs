//! Status codes.
//!
//! Numbers are never reused. A retired one stays here as a comment.

/// The result of a call. Zero and the numbers below 100 are not errors.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Success.
    Ok = 0,
    /// The capture or the list is at its end.
    End = 1,
    /// A live source has no event at the moment. Call again.
    Idle = 2,
    /// The requested value does not exist. The out-parameter is not written.
    Missing = 3,

    /// A required pointer is NULL.
    NullPointer = 100,
    /// An argument is invalid: the size of a struct, the number of an enumeration, an index out of range.
    InvalidArgument = 101,
    /// Text that must be UTF-8 is not.
    InvalidUtf8 = 102,
    /// A handle was freed or is of another type (detected in debug builds), or an event is stale.
    InvalidHandle = 103,
    /// The operating system reported an error; see peregrine_last_errno().
    Io = 104,
    /// A capture is damaged, or is not a capture.
    Format = 105,
    /// A condition, a field or a template does not compile.
    Compile = 106,
    /// Rules do not load; the report has every error.
    Rules = 107,
    /// Not built into this library, or not supported on this host.
    Unsupported = 108,
    /// A bug in the library. The effects of the call are undefined; free the handle.
    Panic = 109,
    /// An event passed in is malformed, such as invalid JSON.
    InvalidEvent = 110,
    /// A plugin cannot be loaded, rejects its configuration, or failed.
    Plugin = 111,
}

impl Status {
    /// Every status, for look-ups by number.
    const ALL: [(Self, &'static std::ffi::CStr); 16] = [
        (Self::Ok, c"PEREGRINE_STATUS_OK"),
        (Self::End, c"PEREGRINE_STATUS_END"),
        (Self::Idle, c"PEREGRINE_STATUS_IDLE"),
        (Self::Missing, c"PEREGRINE_STATUS_MISSING"),
        (Self::NullPointer, c"PEREGRINE_STATUS_NULL_POINTER"),
        (Self::InvalidArgument, c"PEREGRINE_STATUS_INVALID_ARGUMENT"),
        (Self::InvalidUtf8, c"PEREGRINE_STATUS_INVALID_UTF8"),
        (Self::InvalidHandle, c"PEREGRINE_STATUS_INVALID_HANDLE"),
        (Self::Io, c"PEREGRINE_STATUS_IO"),
        (Self::Format, c"PEREGRINE_STATUS_FORMAT"),
        (Self::Compile, c"PEREGRINE_STATUS_COMPILE"),
        (Self::Rules, c"PEREGRINE_STATUS_RULES"),
        (Self::Unsupported, c"PEREGRINE_STATUS_UNSUPPORTED"),
        (Self::Panic, c"PEREGRINE_STATUS_PANIC"),
        (Self::InvalidEvent, c"PEREGRINE_STATUS_INVALID_EVENT"),
        (Self::Plugin, c"PEREGRINE_STATUS_PLUGIN"),
    ];

    /// Returns the status of a number that a callback returned.
    pub(crate) fn from_number(number: i32) -> Option<Self> {
        Self::ALL.iter().map(|(status, _)| *status).find(|status| *status as i32 == number)
    }
}

/// Returns the name of a status, such as `PEREGRINE_STATUS_OK`, as a constant string. Never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn peregrine_status_name(status: i32) -> *const std::ffi::c_char {
    let known = Status::ALL.iter().find(|(known, _)| *known as i32 == status);
    known.map_or(c"unknown status", |(_, name)| *name).as_ptr()
}
