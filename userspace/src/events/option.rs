//! Options of sockets.

use crate::call::Ended;
use crate::generated::flags;

const SOL_SOCKET: i32 = 1;
const SO_ERROR: i32 = 4;
/// Linger, credentials, filters, the peer's name, memory, groups: values that are not a number.
const STRUCTURES: [i32; 7] = [13, 17, 26, 28, 50, 55, 59];
const SO_COOKIE: i32 = 57;
const TIMEOUTS: [i32; 4] = [20, 21, 66, 67];
const FIRST_NEW_TIMEOUT: i32 = 66;
/// The types that a value may have, by their place in the schema.
const BYTES: u8 = 0;
const ERRNO: u8 = 1;
const U32: u8 = 2;
const U64: u8 = 3;
const TIME: u8 = 4;

fn name(level: i32, name: i32) -> u32 {
    if level == SOL_SOCKET { flags::socket_option(name as u32) } else { 0 }
}

/// Writes the value of an option, in the form that its meaning requires.
fn push(c: &mut Ended<'_>, level: i32, option: i32, value: u64, len: u64) {
    if level != SOL_SOCKET || STRUCTURES.contains(&option) || (name(level, option) == 0 && option != SO_ERROR) {
        let bytes = c.memory.bytes(value, len);
        c.out.parts(&[&[BYTES], bytes]);
    } else if option == SO_ERROR {
        let error = -i64::from(c.memory.u32(value) as i32);
        c.out.parts(&[&[ERRNO], &error.to_le_bytes()]);
    } else if TIMEOUTS.contains(&option) {
        let (seconds, micros) = if c.call.compat && option < FIRST_NEW_TIMEOUT {
            (i64::from(c.memory.u32(value) as i32), i64::from(c.memory.u32(value.wrapping_add(4)) as i32))
        } else {
            (c.memory.u64(value) as i64, c.memory.u64(value.wrapping_add(8)) as i64)
        };
        let ns = seconds.wrapping_mul(1_000_000_000).wrapping_add(micros.wrapping_mul(1000));
        c.out.parts(&[&[TIME], &ns.to_le_bytes()]);
    } else if option == SO_COOKIE {
        let cookie = c.memory.u64(value);
        c.out.parts(&[&[U64], &cookie.to_le_bytes()]);
    } else {
        let number = c.memory.u32(value);
        c.out.parts(&[&[U32], &number.to_le_bytes()]);
    }
}

fn option(c: &mut Ended<'_>, len: u64) {
    let (level, option) = (c.arg(1) as i32, c.arg(2) as i32);
    c.u64(c.ret());
    c.push_fd(0);
    c.u8(flags::socket_level(level as u32).into());
    c.u8(name(level, option).into());
    push(c, level, option, c.arg(3), len & 0xffff);
    c.u32(len);
}

pub(super) fn setsockopt(c: &mut Ended<'_>) {
    option(c, c.arg32(4));
}

pub(super) fn getsockopt(c: &mut Ended<'_>) {
    let len = c.user32(4);
    option(c, len);
}
