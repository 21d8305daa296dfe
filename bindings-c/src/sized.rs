//! Structs that grow: each begins with its `size`, so that callers and libraries of different versions agree.
//!
//! A caller sets `size` to what it was compiled with. A library that knows more members fills or reads only those of the
//! caller. A library that knows fewer leaves the rest untouched, and rejects input with unknown members set.

use std::mem::MaybeUninit;

use crate::error::Error;
use crate::status::Status;

/// A struct that begins with its size.
///
/// # Safety
/// The type is `repr(C)`, and its first member is `size: usize`.
pub(crate) unsafe trait Grows: Copy {
    /// The name of the struct in messages.
    const NAME: &'static str;
    /// The end of the last member that was published first: the minimum size of every caller.
    const FIRST: usize;
}

/// A [`Grows`] that callers fill in.
///
/// # Safety
/// All zero is a valid value.
pub(crate) unsafe trait Input: Grows {}

/// Returns the width of a member, by a function that names it.
pub(crate) const fn width<T, M>(_: fn(&T) -> &M) -> usize {
    size_of::<M>()
}

/// Implements [`Grows`] for a struct: its name in C, and the last of its first members.
macro_rules! grows {
    ($type:ident, $name:literal, $last:ident) => {
        // SAFETY: what follows does not compile unless the first member is a size.
        unsafe impl $crate::sized::Grows for $type {
            const NAME: &'static str = $name;
            const FIRST: usize = {
                assert!(std::mem::offset_of!($type, size) == 0);
                assert!($crate::sized::width(|it: &$type| -> &usize { &it.size }) == size_of::<usize>());
                std::mem::offset_of!($type, $last) + $crate::sized::width(|it: &$type| &it.$last)
            };
        }
    };
}
pub(crate) use grows;

/// Returns the size of a struct as the caller was compiled.
///
/// # Safety
/// `pointer` is not NULL and valid for reading its first member.
unsafe fn size<T: Grows>(pointer: *const T) -> Result<usize, Error> {
    // SAFETY: the first member is the size.
    let size = unsafe { pointer.cast::<usize>().read() };
    if size < T::FIRST {
        return Err(Error::new(Status::InvalidArgument, format!("size of {} is not set or too small", T::NAME)));
    }
    Ok(size)
}

/// Fills the members that the caller has, except the size. Called last, so that results are written only on success.
///
/// # Safety
/// `out` is NULL or valid for reading and writing the number of bytes that its first member says.
#[inline]
pub(crate) unsafe fn fill<T: Grows>(out: *mut T, value: &T) -> Result<(), Error> {
    if out.is_null() {
        return Err(Error::null("the out-parameter"));
    }
    // SAFETY: not NULL, and readable guaranteed by the caller.
    let size = unsafe { size(out) }?;
    let head = size_of::<usize>();
    let (from, to) = (std::ptr::from_ref(value).cast::<u8>(), out.cast::<u8>());
    // SAFETY: both are valid for that many bytes: the value as a whole, the other guaranteed by the caller.
    unsafe { std::ptr::copy_nonoverlapping(from.add(head), to.add(head), size.min(size_of::<T>()) - head) };
    Ok(())
}

/// Reads a struct that a caller filled in; `None` if it is NULL. Members that the caller does not know are zero.
///
/// # Safety
/// `input` is NULL or valid for reading the number of bytes that its first member says.
pub(crate) unsafe fn read<T: Input>(input: *const T) -> Result<Option<T>, Error> {
    if input.is_null() {
        return Ok(None);
    }
    // SAFETY: not NULL, and readable guaranteed by the caller.
    let size = unsafe { size(input) }?;
    let known = size.min(size_of::<T>());
    // SAFETY: readable to its size guaranteed by the caller.
    let unknown = unsafe { std::slice::from_raw_parts(input.cast::<u8>().add(known), size - known) };
    if unknown.iter().any(|byte| *byte != 0) {
        let message = format!("{} has members set that this library does not know; upgrade the library", T::NAME);
        return Err(Error::new(Status::Unsupported, message));
    }
    let mut value = MaybeUninit::<T>::zeroed();
    // SAFETY: both are valid for that many bytes; an `Input` may be zero where nothing is copied.
    unsafe {
        std::ptr::copy_nonoverlapping(input.cast::<u8>(), value.as_mut_ptr().cast::<u8>(), known);
        Ok(Some(value.assume_init()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The struct as an old caller knows it.
    #[repr(C)]
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    struct Old {
        size: usize,
        a: u64,
    }

    /// As this library knows it: `b` came later.
    #[repr(C)]
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    struct Now {
        size: usize,
        a: u64,
        b: u64,
    }

    /// As a caller of the future will.
    #[repr(C)]
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    struct New {
        size: usize,
        a: u64,
        b: u64,
        c: u64,
    }

    grows!(Now, "now", a);
    // SAFETY: numbers may be zero.
    unsafe impl Input for Now {}

    const VALUE: Now = Now { size: size_of::<Now>(), a: 1, b: 2 };

    #[test]
    fn only_members_of_the_caller_are_filled() {
        let mut two = [Old { size: size_of::<Old>(), a: 9 }, Old { size: 7, a: 7 }];
        // SAFETY: the first is as large as it says.
        unsafe { fill(two.as_mut_ptr().cast(), &VALUE) }.expect("room");
        assert_eq!(two, [Old { size: size_of::<Old>(), a: 1 }, Old { size: 7, a: 7 }]);
        let mut new = New { size: size_of::<New>(), a: 9, b: 9, c: 9 };
        // SAFETY: it is as large as it says.
        unsafe { fill((&raw mut new).cast(), &VALUE) }.expect("room");
        assert_eq!(new, New { size: size_of::<New>(), a: 1, b: 2, c: 9 });
    }

    #[test]
    fn a_size_that_is_too_small_is_rejected() {
        for size in [0, 1, size_of::<Old>() - 1] {
            let mut old = Old { size, a: 9 };
            // SAFETY: nothing is read but the size.
            let rejected = unsafe { fill((&raw mut old).cast(), &VALUE) };
            assert_eq!(rejected.expect_err("too small").status, Status::InvalidArgument);
            // SAFETY: as before.
            let rejected = unsafe { read((&raw const old).cast::<Now>()) };
            assert_eq!(rejected.expect_err("too small").status, Status::InvalidArgument);
            assert_eq!(old.a, 9);
        }
    }

    #[test]
    fn callers_of_any_version_are_read() {
        let old = Old { size: size_of::<Old>(), a: 5 };
        // SAFETY: each is as large as it says.
        let read = |pointer: *const Now| unsafe { read(pointer) };
        let found = read((&raw const old).cast()).expect("readable").expect("not NULL");
        assert_eq!((found.a, found.b), (5, 0));
        let mut new = New { size: size_of::<New>(), a: 5, b: 6, c: 0 };
        let found = read((&raw const new).cast()).expect("readable").expect("not NULL");
        assert_eq!((found.a, found.b), (5, 6));
        new.c = 1;
        assert_eq!(read((&raw const new).cast()).expect_err("c is set").status, Status::Unsupported);
        assert_eq!(read(std::ptr::null()).expect("NULL is none"), None);
    }
}
