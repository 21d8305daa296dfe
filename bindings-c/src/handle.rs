//! Handles: the only place where pointers from C become references.
//!
//! A handle is a `Box` whose pointer C holds. Debug builds keep every live handle in a table by address and type, so that a
//! freed, foreign or mistyped pointer is an error and not undefined behaviour. Release builds only check for NULL, which
//! costs nothing on the event path.

use std::ffi::c_char;

use crate::error::Error;
use crate::status::Status;

/// A type that C holds by pointer.
pub(crate) trait Handle: Sized {
    /// The name of the type in messages.
    const NAME: &'static str;
}

#[cfg(debug_assertions)]
mod live {
    use std::collections::HashMap;
    use std::sync::{LazyLock, Mutex, PoisonError};

    /// By inverted address: a plain address would make a leaked handle look reachable to leak checkers.
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
fn check<T: Handle>(pointer: *const T) -> Result<(), Error> {
    if live::has(pointer as usize, T::NAME) {
        return Ok(());
    }
    Err(Error::new(Status::InvalidHandle, format!("not a live {} (freed, or of another type)", T::NAME)))
}

/// Passes ownership of a value to C: writes its pointer to `out`.
///
/// # Safety
/// `out` is NULL or valid for writing.
pub(crate) unsafe fn give<T: Handle>(value: T, out: *mut *mut T) -> Result<(), Error> {
    if out.is_null() {
        return Err(Error::null("the out-parameter"));
    }
    let pointer = Box::into_raw(Box::new(value));
    #[cfg(debug_assertions)]
    live::add(pointer as usize, T::NAME);
    // SAFETY: not NULL, and valid for writing, guaranteed by the caller.
    unsafe { out.write(pointer) };
    Ok(())
}

/// Takes ownership back from C. Passing NULL is a no-op; debug builds detect a second free and ignore it.
///
/// # Safety
/// `pointer` is NULL or came from [`give`] and has not been taken since.
pub(crate) unsafe fn take<T: Handle>(pointer: *mut T) -> Option<Box<T>> {
    if pointer.is_null() {
        return None;
    }
    #[cfg(debug_assertions)]
    if !live::remove(pointer as usize, T::NAME) {
        crate::error::keep(&format!("not a live {} (freed twice, or of another type)", T::NAME), 0);
        return None;
    }
    // SAFETY: `give` made it with `Box::into_raw`, and it is taken once.
    Some(unsafe { Box::from_raw(pointer) })
}

/// Borrows the object behind a handle.
///
/// # Safety
/// `pointer` is NULL or came from [`give`], has not been taken since, and is not mutated while the reference lives.
#[inline]
pub(crate) unsafe fn borrow<'a, T: Handle>(pointer: *const T) -> Result<&'a T, Error> {
    #[cfg(debug_assertions)]
    if !pointer.is_null() {
        check(pointer)?;
    }
    // SAFETY: not NULL after `as_ref`, alive and not mutated, guaranteed by the caller.
    unsafe { pointer.as_ref() }.ok_or_else(|| Error::null(T::NAME))
}

/// Borrows the object behind a handle mutably.
///
/// # Safety
/// As [`borrow`], and nothing else borrows it while the reference lives.
#[inline]
pub(crate) unsafe fn borrow_mut<'a, T: Handle>(pointer: *mut T) -> Result<&'a mut T, Error> {
    #[cfg(debug_assertions)]
    if !pointer.is_null() {
        check(pointer)?;
    }
    // SAFETY: not NULL after `as_mut`, alive and not shared, guaranteed by the caller.
    unsafe { pointer.as_mut() }.ok_or_else(|| Error::null(T::NAME))
}

/// Writes a result. Called last, so that results are written only on success.
///
/// # Safety
/// `out` is NULL or valid for writing.
#[inline]
pub(crate) unsafe fn write<T>(out: *mut T, value: T) -> Result<(), Error> {
    if out.is_null() {
        return Err(Error::null("the out-parameter"));
    }
    // SAFETY: not NULL, and valid for writing, guaranteed by the caller.
    unsafe { out.write(value) };
    Ok(())
}

/// Reads text from C.
///
/// # Safety
/// `text` is NULL or NUL-terminated and not modified while the reference lives.
pub(crate) unsafe fn text<'a>(text: *const c_char, what: &str) -> Result<&'a str, Error> {
    if text.is_null() {
        return Err(Error::null(what));
    }
    // SAFETY: not NULL; NUL-terminated, guaranteed by the caller.
    let bytes = unsafe { std::ffi::CStr::from_ptr(text) };
    bytes.to_str().map_err(|error| {
        Error::new(Status::InvalidUtf8, format!("{what} is not UTF-8 after {} bytes", error.valid_up_to()))
    })
}

/// Reads optional text from C: NULL is "".
///
/// # Safety
/// As [`text`].
pub(crate) unsafe fn optional_text<'a>(pointer: *const c_char, what: &str) -> Result<&'a str, Error> {
    if pointer.is_null() {
        return Ok("");
    }
    // SAFETY: guaranteed by the caller.
    unsafe { text(pointer, what) }
}

/// Reads items from C; NULL is accepted if `len` is 0.
///
/// # Safety
/// `items` is NULL or valid for reading `len` items while the reference lives.
pub(crate) unsafe fn slice<'a, T>(items: *const T, len: usize, what: &str) -> Result<&'a [T], Error> {
    if len == 0 {
        return Ok(&[]);
    }
    if items.is_null() {
        return Err(Error::null(what));
    }
    // SAFETY: not NULL, and valid for `len` items, guaranteed by the caller.
    Ok(unsafe { std::slice::from_raw_parts(items, len) })
}

/// Reads bytes from C; NULL is accepted if `len` is 0.
///
/// # Safety
/// `data` is NULL or valid for reading `len` bytes while the reference lives.
pub(crate) unsafe fn bytes<'a>(data: *const u8, len: usize, what: &str) -> Result<&'a [u8], Error> {
    // SAFETY: guaranteed by the caller.
    unsafe { slice(data, len, what) }
}
