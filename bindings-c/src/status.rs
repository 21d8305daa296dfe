//! What a call says of its success.
//!
//! Numbers are never reused. One that is given up stays here as a comment.

/// The result of a call. Zero and the numbers below 100 are no errors.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Done.
    Ok = 0,
    /// There is no more: the capture is at its end, the list is exhausted.
    End = 1,
    /// Nothing just now: a live source has no event yet. Call again.
    Idle = 2,
    /// The event has no such value. The out-parameter is not written.
    Missing = 3,

    /// A pointer that must not be NULL is NULL.
    NullPointer = 100,
    /// An argument makes no sense: a struct's size, an enumeration's value, an index out of range.
    InvalidArgument = 101,
    /// Text that must be UTF-8 is not.
    InvalidUtf8 = 102,
    /// A handle that was freed, or that is none (seen in debug builds), or an event after the next one was asked for.
    InvalidHandle = 103,
    /// The operating system refused: a file is missing, a permission lacks.
    Io = 104,
    /// A capture is damaged or no capture.
    Format = 105,
    /// A condition, a field or an output format does not compile.
    Compile = 106,
    /// Rules do not load; the report says why.
    Rules = 107,
    /// This library was built without it, or this machine cannot do it.
    Unsupported = 108,
    /// A bug in the library. The call had no effect that can be relied on; the handle should be freed.
    Panic = 109,
    /// An event that was given in is not what it must be (JSON that does not parse).
    InvalidEvent = 110,
}

/// The name of a status, such as `PEREGRINE_STATUS_OK`, as a constant string. Never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn peregrine_status_name(status: i32) -> *const std::ffi::c_char {
    let name = match status {
        0 => c"PEREGRINE_STATUS_OK",
        1 => c"PEREGRINE_STATUS_END",
        2 => c"PEREGRINE_STATUS_IDLE",
        3 => c"PEREGRINE_STATUS_MISSING",
        100 => c"PEREGRINE_STATUS_NULL_POINTER",
        101 => c"PEREGRINE_STATUS_INVALID_ARGUMENT",
        102 => c"PEREGRINE_STATUS_INVALID_UTF8",
        103 => c"PEREGRINE_STATUS_INVALID_HANDLE",
        104 => c"PEREGRINE_STATUS_IO",
        105 => c"PEREGRINE_STATUS_FORMAT",
        106 => c"PEREGRINE_STATUS_COMPILE",
        107 => c"PEREGRINE_STATUS_RULES",
        108 => c"PEREGRINE_STATUS_UNSUPPORTED",
        109 => c"PEREGRINE_STATUS_PANIC",
        110 => c"PEREGRINE_STATUS_INVALID_EVENT",
        _ => c"unknown status",
    };
    name.as_ptr()
}
