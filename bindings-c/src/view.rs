//! Bytes that the library lends: a pointer and a length.

/// Bytes that are lent. They are not ended by a NUL and need not be UTF-8: names and paths are what the kernel says.
/// How long they are valid stands at the call that gives them.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Bytes {
    /// The first byte; never NULL, even where `len` is 0.
    pub data: *const u8,
    /// How many bytes.
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
