//! Section headers: where a capture begins.

use std::io::Read;

use super::block::BlockType;
use super::body::Body;
use super::out::Out;
use crate::{Error, Result};

/// Marks the file as a capture, and shows its byte order.
const MAGIC: u32 = 0x1a2b_3c4d;
/// The greatest major version supported.
const MAJOR: u16 = 1;
/// The minor version that is written.
const MINOR: u16 = 2;

/// The version of a section.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Version {
    /// Changed incompatibly.
    pub major: u16,
    /// Changed compatibly.
    pub minor: u16,
}

/// Reads the header; options that may follow it are left to be skipped.
pub(super) fn read<R: Read>(body: &mut Body<'_, R>) -> Result<Version> {
    let at = body.offset();
    let magic = body.u32()?;
    let version = Version { major: body.u16()?, minor: body.u16()? };
    body.u64()?; // the length of the section, which no writer fills in
    if magic != MAGIC {
        return Err(Error::format("invalid magic number", at));
    }
    if version.major > MAJOR {
        return Err(Error::format("cannot correctly parse the capture. Upgrade your version.", at));
    }
    Ok(version)
}

/// Writes the header; the length of the section is left open, since more may always follow.
pub(super) fn write(out: &mut Out) {
    out.begin(BlockType::SECTION);
    out.u32(MAGIC);
    out.u16(MAJOR);
    out.u16(MINOR);
    out.u64(u64::MAX);
    out.end();
}
