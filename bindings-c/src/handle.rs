//! Handles: the only place where pointers from C become references.
//!
//! A handle is a `Box` whose pointer C holds. In debug builds every live handle is kept in a table by address and kind,
//! so that a freed, a foreign or a wrongly typed pointer is an error and not an accident; release builds only check
//! for NULL, which costs nothing on the event path.

use std::ffi::c_char;

use crate::error::Fault;
use crate::status::Status;

/// A type that C holds by pointer.
pub(crate) trait Handle: Sized {
    /// Its name in messages.
    const NAME: &'static str;
}

#[cfg(debug_assertions)]
mod live {
    use std::collections::HashMap;
    use std::sync::{LazyLock, Mutex, PoisonError};

    /// By address with all bits turned: an address as it is would make a leaked handle look reachable to leak checkers.
    static LIVE: LazyLock<Mutex<HashMap<usize, &'static str>>> = LazyLock::new(Mutex::default);

    pub(super) fn add(address: usize, name: &'static str) {
        LIVE.lock().unwrap_or_else(PoisonError::into_inner).insert(!address, name);
    }

    pub(super) fn remove(address: usize, name: &'static str) -> bool {
        let mut live = LIVE.lock().unwrap_or_else(PoisonError::into_inner);
        if live.get(&!address) != Some(&name) {
            return false;
        }
        live.remove(&!address);
        true
    }

    pub(super) fn has(address: usize, name: &'static str) -> bool {
        LIVE.lock().unwrap_or_else(PoisonError::into_inner).get(&!address) == Some(&name)
    }
}

#[cfg(debug_assertions)]
fn check<T: Handle>(pointer: *const T) -> Result<(), Fault> {
    if live::has(pointer as usize, T::NAME) {
        return Ok(());
    }
    Err(Fault::new(Status::InvalidHandle, format!("this is no live {} (freed, or of another kind)", T::NAME)))
}

/// Gives a value to C: writes its pointer to `out`.
///
/// # Safety
/// `out` is NULL or valid for writing.
pub(crate) unsafe fn give<T: Handle>(value: T, out: *mut *mut T) -> Result<(), Fault> {
    if out.is_null() {
        return Err(Fault::null("the out-parameter"));
    }
    let pointer = Box::into_raw(Box::new(value));
    #[cfg(debug_assertions)]
    live::add(pointer as usize, T::NAME);
    // SAFETY: not NULL, and valid for writing by the caller's word.
    unsafe { out.write(pointer) };
    Ok(())
}

/// Takes a value back from C and drops it. NULL is fine; in debug builds a second free is seen and does nothing.
///
/// # Safety
/// `pointer` is NULL or came from [`give`] and was not taken since.
pub(crate) unsafe fn take<T: Handle>(pointer: *mut T) -> Option<Box<T>> {
    if pointer.is_null() {
        return None;
    }
    #[cfg(debug_assertions)]
    if !live::remove(pointer as usize, T::NAME) {
        crate::error::keep(&format!("this is no live {} (freed twice, or of another kind)", T::NAME));
        return None;
    }
    // SAFETY: it came from `give`, which made it with `Box::into_raw`, and is taken once.
    Some(unsafe { Box::from_raw(pointer) })
}

/// Looks at a handle.
///
/// # Safety
/// `pointer` is NULL or came from [`give`], was not taken since, and is not changed while the reference lives.
#[inline]
pub(crate) unsafe fn shared<'a, T: Handle>(pointer: *const T) -> Result<&'a T, Fault> {
    #[cfg(debug_assertions)]
    if !pointer.is_null() {
        check(pointer)?;
    }
    // SAFETY: not NULL after `as_ref`, alive and not changed by the caller's word.
    unsafe { pointer.as_ref() }.ok_or_else(|| Fault::null(T::NAME))
}

/// Looks at a handle in order to change it.
///
/// # Safety
/// As [`shared`], and nothing else looks at it while the reference lives.
#[inline]
pub(crate) unsafe fn unique<'a, T: Handle>(pointer: *mut T) -> Result<&'a mut T, Fault> {
    #[cfg(debug_assertions)]
    if !pointer.is_null() {
        check(pointer)?;
    }
    // SAFETY: not NULL after `as_mut`, alive and unshared by the caller's word.
    unsafe { pointer.as_mut() }.ok_or_else(|| Fault::null(T::NAME))
}

/// Writes a result. It is called last, so that results are written only on success.
///
/// # Safety
/// `out` is NULL or valid for writing.
#[inline]
pub(crate) unsafe fn write<T>(out: *mut T, value: T) -> Result<(), Fault> {
    if out.is_null() {
        return Err(Fault::null("the out-parameter"));
    }
    // SAFETY: not NULL, and valid for writing by the caller's word.
    unsafe { out.write(value) };
    Ok(())
}

/// Text from C.
///
/// # Safety
/// `text` is NULL or points to bytes ended by a NUL that stay as they are while the reference lives.
pub(crate) unsafe fn text<'a>(text: *const c_char, what: &str) -> Result<&'a str, Fault> {
    if text.is_null() {
        return Err(Fault::null(what));
    }
    // SAFETY: not NULL, ended by a NUL by the caller's word.
    let bytes = unsafe { std::ffi::CStr::from_ptr(text) };
    bytes.to_str().map_err(|fault| {
        Fault::new(Status::InvalidUtf8, format!("{what} is not UTF-8 after {} bytes", fault.valid_up_to()))
    })
}

/// Text from C that may be left out: NULL is "".
///
/// # Safety
/// As [`text`].
pub(crate) unsafe fn optional_text<'a>(pointer: *const c_char, what: &str) -> Result<&'a str, Fault> {
    if pointer.is_null() {
        return Ok("");
    }
    // SAFETY: by the caller's word.
    unsafe { text(pointer, what) }
}

/// Items from C; NULL is fine if `len` is 0.
///
/// # Safety
/// `items` is NULL or valid for reading `len` items while the reference lives.
pub(crate) unsafe fn slice<'a, T>(items: *const T, len: usize, what: &str) -> Result<&'a [T], Fault> {
    if len == 0 {
        return Ok(&[]);
    }
    if items.is_null() {
        return Err(Fault::null(what));
    }
    // SAFETY: not NULL, and valid for `len` items by the caller's word.
    Ok(unsafe { std::slice::from_raw_parts(items, len) })
}

/// Bytes from C; NULL is fine if `len` is 0.
///
/// # Safety
/// `data` is NULL or valid for reading `len` bytes while the reference lives.
pub(crate) unsafe fn bytes<'a>(data: *const u8, len: usize, what: &str) -> Result<&'a [u8], Fault> {
    // SAFETY: by the caller's word.
    unsafe { slice(data, len, what) }
}
