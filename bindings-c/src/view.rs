//! Borrowed bytes: a pointer and a length.

/// Borrowed bytes. Not NUL-terminated and not always UTF-8: names and paths are those of the kernel. The call that returns
/// them says how long they are valid.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Bytes {
    /// The first byte; never NULL, even where `len` is 0.
    pub data: *const u8,
    /// The number of bytes.
    pub len: usize,
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        Self { data: bytes.as_ptr(), len: bytes.len() }
    }
}

impl From<&str> for Bytes {
    fn from(text: &str) -> Self {
        Self::from(text.as_bytes())
    }
}
