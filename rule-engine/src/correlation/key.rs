//! Keys as bytes: equal keys are equal bytes, and the parts can be read again.
//!
//! Texts are compared exactly, numbers by value whatever their width and sign, and a number is not a text. An address
//! that is an IPv4 address in IPv6 form is the IPv4 address. A list is one part. A process is its id and its start.

use std::hash::BuildHasher;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use bumpalo::Bump;

use super::plan::KeyId;
use crate::event::Value;

const MISSING: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const UNSIGNED: u8 = 3;
const NEGATIVE: u8 = 4;
const DOUBLE: u8 = 5;
const BYTES: u8 = 6;
const V4: u8 = 7;
const V6: u8 = 8;
const LIST: u8 = 9;
const PROCESS: u8 = 10;

/// Appends one part of a key.
pub fn push_part(out: &mut Vec<u8>, value: Value<'_>) {
    match value {
        Value::Bool(truth) => out.push(if truth { TRUE } else { FALSE }),
        Value::U64(number) => push_number(out, UNSIGNED, number),
        Value::I64(number) => match u64::try_from(number) {
            Ok(number) => push_number(out, UNSIGNED, number),
            Err(_) => push_number(out, NEGATIVE, number.unsigned_abs()),
        },
        Value::F64(number) => push_double(out, number),
        Value::Bytes(bytes) => {
            out.push(BYTES);
            push_varint(out, bytes.len() as u64);
            out.extend_from_slice(bytes);
        }
        Value::Ip(ip) => match ip.to_canonical() {
            IpAddr::V4(ip) => {
                out.push(V4);
                out.extend_from_slice(&ip.octets());
            }
            IpAddr::V6(ip) => {
                out.push(V6);
                out.extend_from_slice(&ip.octets());
            }
        },
        Value::List(items) => {
            out.push(LIST);
            push_varint(out, items.len() as u64);
            items.iter().for_each(|item| push_part(out, *item));
        }
    }
}

/// Appends a process as a part of a key: its id, and its start, which [`values`] leaves out. The start is not in captures
/// for processes that are older, so a replay would print another one than the live run.
pub fn push_process(out: &mut Vec<u8>, pid: i64, start: u64) {
    out.push(PROCESS);
    push_part(out, Value::I64(pid));
    push_varint(out, start);
}

/// Appends the part of a key whose value an event does not have.
pub fn push_missing(out: &mut Vec<u8>) {
    out.push(MISSING);
}

/// Appends a double: one that is exactly a whole number is that number.
fn push_double(out: &mut Vec<u8>, number: f64) {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() <= EXACT {
        let tag = if number < 0.0 { NEGATIVE } else { UNSIGNED };
        push_number(out, tag, number.abs() as u64);
    } else {
        out.push(DOUBLE);
        out.extend_from_slice(&number.to_le_bytes());
    }
}

fn push_number(out: &mut Vec<u8>, tag: u8, number: u64) {
    out.push(tag);
    push_varint(out, number);
}

pub(super) fn push_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

pub(super) fn read_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

pub(super) fn take<'b>(bytes: &mut &'b [u8], count: usize) -> Option<&'b [u8]> {
    let (taken, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(taken)
}

/// Reads one part: `Some(None)` is a value that the event did not have.
pub(super) fn read_part<'b>(bytes: &mut &'b [u8], arena: &'b Bump) -> Option<Option<Value<'b>>> {
    let tag = take(bytes, 1)?[0];
    Some(Some(match tag {
        MISSING => return Some(None),
        FALSE | TRUE => Value::Bool(tag == TRUE),
        UNSIGNED => Value::U64(read_varint(bytes)?),
        NEGATIVE => Value::I64(0i64.wrapping_sub_unsigned(read_varint(bytes)?)),
        DOUBLE => Value::F64(f64::from_le_bytes(take(bytes, 8)?.try_into().ok()?)),
        BYTES => {
            let count = read_varint(bytes)?;
            Value::Bytes(take(bytes, usize::try_from(count).ok()?)?)
        }
        V4 => Value::Ip(Ipv4Addr::from(<[u8; 4]>::try_from(take(bytes, 4)?).ok()?).into()),
        V6 => Value::Ip(Ipv6Addr::from(<[u8; 16]>::try_from(take(bytes, 16)?).ok()?).into()),
        LIST => {
            let count = read_varint(bytes)?;
            let mut items = bumpalo::collections::Vec::new_in(arena);
            for _ in 0..count {
                items.extend(read_part(bytes, arena)?);
            }
            Value::List(items.into_bump_slice())
        }
        PROCESS => {
            let pid = read_part(bytes, arena)??;
            read_varint(bytes)?;
            pid
        }
        _ => return None,
    }))
}

/// Returns the bytes of each part of a key.
fn parts<'b>(key: &'b [u8], arena: &'b Bump) -> impl Iterator<Item = &'b [u8]> {
    let mut rest = key;
    std::iter::from_fn(move || {
        let before = rest;
        read_part(&mut rest, arena)?;
        Some(&before[..before.len() - rest.len()])
    })
}

/// Returns the values of each part of a key; `None` is a value that the event did not have.
pub fn values<'b>(key: &'b [u8], arena: &'b Bump) -> impl Iterator<Item = Option<Value<'b>>> {
    let mut rest = key;
    std::iter::from_fn(move || read_part(&mut rest, arena))
}

/// Appends some parts of a key.
pub(super) fn project(key: &[u8], places: &[u16], arena: &Bump, out: &mut Vec<u8>) {
    for place in places {
        match parts(key, arena).nth(usize::from(*place)) {
            Some(part) => out.extend_from_slice(part),
            None => push_missing(out),
        }
    }
}

/// Returns the printed form of a part of a key.
pub fn text<'b>(value: Value<'b>, arena: &'b Bump) -> Option<&'b [u8]> {
    Some(match value {
        Value::Bytes(bytes) => bytes,
        Value::Bool(truth) => {
            if truth {
                b"true"
            } else {
                b"false"
            }
        }
        Value::Ip(ip) => arena.alloc_str(&ip.to_string()).as_bytes(),
        Value::U64(number) => arena.alloc_str(&number.to_string()).as_bytes(),
        Value::I64(number) => arena.alloc_str(&number.to_string()).as_bytes(),
        Value::F64(number) => arena.alloc_str(&number.to_string()).as_bytes(),
        Value::List(items) => {
            let mut out = bumpalo::collections::Vec::new_in(arena);
            out.push(b'(');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                out.extend_from_slice(text(*item, arena)?);
            }
            out.push(b')');
            out.into_bump_slice()
        }
    })
}

/// The keys of one event; each way to build one is used once.
#[derive(Debug, Default)]
pub struct Keys {
    bytes: Vec<u8>,
    found: Vec<Found>,
    known: Vec<Option<(u64, u32, u32)>>,
    epoch: u64,
    hasher: hashbrown::DefaultHashBuilder,
}

#[derive(Debug, Clone, Copy)]
struct Found {
    start: u32,
    end: u32,
    hash: u32,
}

impl Keys {
    /// Removes those of the event before.
    pub(super) fn begin(&mut self) {
        self.bytes.clear();
        self.found.clear();
        self.epoch += 1;
    }

    /// Adds a key that `build` appends to its argument; it is left out if `build` returns false.
    pub fn push(&mut self, build: impl FnOnce(&mut Vec<u8>) -> bool) {
        let start = self.bytes.len();
        if !build(&mut self.bytes) {
            self.bytes.truncate(start);
            return;
        }
        let hash = self.hasher.hash_one(&self.bytes[start..]) as u32;
        self.found.push(Found { start: start as u32, end: self.bytes.len() as u32, hash });
    }

    /// Returns the places of the keys that `find` adds, which is called once for each event and id.
    pub(super) fn of(&mut self, id: KeyId, find: impl FnOnce(&mut Self)) -> Range<usize> {
        let at = id.0 as usize;
        if self.known.len() <= at {
            self.known.resize(at + 1, None);
        }
        if let Some((epoch, start, end)) = self.known[at]
            && epoch == self.epoch
        {
            return start as usize..end as usize;
        }
        let range = self.add(find);
        self.known[at] = Some((self.epoch, range.start as u32, range.end as u32));
        range
    }

    /// Returns the places of the keys that `find` adds.
    pub(super) fn add(&mut self, find: impl FnOnce(&mut Self)) -> Range<usize> {
        let start = self.found.len();
        find(self);
        start..self.found.len()
    }

    /// Returns a key and its hash.
    pub(super) fn get(&self, place: usize) -> (&[u8], u32) {
        let found = self.found[place];
        (&self.bytes[found.start as usize..found.end as usize], found.hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(value: Value<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        push_part(&mut out, value);
        out
    }

    #[test]
    fn numbers_are_compared_by_value_and_texts_exactly() {
        assert_eq!(key(Value::U64(1)), key(Value::I64(1)));
        assert_eq!(key(Value::U64(1)), key(Value::F64(1.0)));
        assert_eq!(key(Value::I64(-1)), key(Value::F64(-1.0)));
        assert_ne!(key(Value::I64(-1)), key(Value::I64(1)));
        assert_ne!(key(Value::U64(1)), key(Value::Bytes(b"1")));
        assert_ne!(key(Value::Bool(true)), key(Value::U64(1)));
        assert_ne!(key(Value::Bytes(b"Bob")), key(Value::Bytes(b"bob")));
        assert_ne!(key(Value::F64(1.5)), key(Value::U64(1)));
        assert_ne!(key(Value::U64(1 << 53)), key(Value::U64((1 << 53) + 1)));
    }

    #[test]
    fn an_address_is_one_address_in_both_forms() {
        let (short, long) = ("192.0.2.1".parse(), "::ffff:192.0.2.1".parse());
        assert_eq!(key(Value::Ip(short.expect("v4"))), key(Value::Ip(long.expect("v6"))));
    }

    #[test]
    fn a_process_is_compared_with_its_start_and_printed_without() {
        let arena = Bump::new();
        let of = |pid, start| {
            let mut out = Vec::new();
            push_process(&mut out, pid, start);
            out
        };
        assert_eq!(of(7, 1), of(7, 1));
        assert_ne!(of(7, 1), of(7, 2));
        assert_ne!(of(7, 1), of(8, 1));
        assert_ne!(of(7, 0), key(Value::I64(7)));
        let two = [of(7, u64::MAX), of(8, 0)].concat();
        assert_eq!(values(&two, &arena).collect::<Vec<_>>(), [Some(Value::U64(7)), Some(Value::U64(8))]);
        let mut last = Vec::new();
        project(&two, &[1], &arena, &mut last);
        assert_eq!(last, of(8, 0));
    }

    #[test]
    fn parts_do_not_run_into_each_other_and_can_be_read() {
        let arena = Bump::new();
        let list = [Value::U64(1), Value::Bytes(b"a")];
        let all = [
            Some(Value::Bytes(b"ab")),
            None,
            Some(Value::I64(-7)),
            Some(Value::F64(0.5)),
            Some(Value::Bool(false)),
            Some(Value::List(&list)),
            Some(Value::Ip("2001:db8::1".parse().expect("an address"))),
            Some(Value::U64(u64::MAX)),
        ];
        let mut bytes = Vec::new();
        for value in all {
            match value {
                Some(value) => push_part(&mut bytes, value),
                None => push_missing(&mut bytes),
            }
        }
        assert_eq!(values(&bytes, &arena).collect::<Vec<_>>(), all);
        let mut some = Vec::new();
        project(&bytes, &[5, 1, 9], &arena, &mut some);
        assert_eq!(values(&some, &arena).collect::<Vec<_>>(), [all[5], None, None]);
        let (one, two) =
            ([&key(Value::Bytes(b"a"))[..], &key(Value::Bytes(b"bc"))].concat(), key(Value::Bytes(b"abc")));
        assert_ne!(one, two);
    }

    #[test]
    fn invalid_bytes_end_the_key() {
        let arena = Bump::new();
        for bytes in
            [&[99][..], &[10, 0], &[10, 3, 7], &[6, 200], &[9, 255, 255, 255, 255, 255, 255, 255, 255, 255], &[7, 1]]
        {
            assert_eq!(values(bytes, &arena).count(), 0, "{bytes:?}");
        }
    }
}
