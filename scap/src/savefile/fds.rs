//! Lists of file descriptors, one block for each thread that has its own table.
//!
//! ```text
//!  | tid u64 |
//!  v2: | entry length u32, itself counted |   then as v1
//!  v1: | fd u64 | inode u64 | type u8 | the data of the type |
//! ```

use std::io::Read;

use super::block::BlockType;
use super::body::Body;
use super::names::MAX_PATH;
use super::out::Out;
use crate::Result;
use crate::host::{Fd, FdKind};

/// File descriptors of a kind that no name was ever written for.
const UNKNOWN: u8 = 0;
const IPV4: u8 = 3;
const IPV6: u8 = 4;
const IPV4_SERVER: u8 = 5;
const IPV6_SERVER: u8 = 6;
const UNIX: u8 = 8;
const UNSUPPORTED: u8 = 10;
const FILE_V2: u8 = 16;
/// The greatest number that is defined.
const LAST: u8 = 21;

/// Reads the entries that follow the thread's number.
pub(super) fn read<R: Read>(body: &mut Body<'_, R>, version: u8) -> Result<Vec<Fd>> {
    let mut fds = Vec::new();
    while body.more() {
        let len = if version >= 2 { body.u32()? } else { 0 };
        body.enter("fdlist", len, 4)?;
        fds.push(Fd { num: body.i64()?, ino: body.u64()?, kind: kind(body)? });
        body.leave()?;
    }
    Ok(fds)
}

fn kind<R: Read>(body: &mut Body<'_, R>) -> Result<FdKind> {
    Ok(match body.u8()? {
        IPV4 => FdKind::Ipv4 {
            sip: body.ipv4()?,
            dip: body.ipv4()?,
            sport: body.u16()?,
            dport: body.u16()?,
            l4: body.u8()?,
        },
        IPV6 => FdKind::Ipv6 {
            sip: body.ipv6()?,
            dip: body.ipv6()?,
            sport: body.u16()?,
            dport: body.u16()?,
            l4: body.u8()?,
        },
        IPV4_SERVER => FdKind::Ipv4Server { ip: body.ipv4()?, port: body.u16()?, l4: body.u8()? },
        IPV6_SERVER => FdKind::Ipv6Server { ip: body.ipv6()?, port: body.u16()?, l4: body.u8()? },
        UNIX => FdKind::Unix { source: body.u64()?, destination: body.u64()?, name: name(body)? },
        FILE_V2 => {
            let (flags, name) = (body.u32()?, name(body)?);
            let dev = if body.has(4) { body.u32()? } else { 0 };
            FdKind::File { flags, name, dev }
        }
        ty @ UNKNOWN => FdKind::Named { ty, name: Vec::new() },
        ty if ty <= LAST => FdKind::Named { ty, name: name(body)? },
        ty => FdKind::Named { ty: UNSUPPORTED, name: format!("unknown-type:[{ty}]").into_bytes() },
    })
}

fn name<R: Read>(body: &mut Body<'_, R>) -> Result<Vec<u8>> {
    body.text("filename ", MAX_PATH - 1)
}

/// Writes the block of one thread, in the newest version.
pub(super) fn write(out: &mut Out, tid: i64, fds: &[Fd]) {
    out.begin(BlockType::FDS_V2);
    out.i64(tid);
    for fd in fds {
        let len = out.length();
        out.i64(fd.num);
        out.u64(fd.ino);
        write_kind(out, &fd.kind);
        out.fill(len);
    }
    out.end();
}

fn write_kind(out: &mut Out, kind: &FdKind) {
    match kind {
        FdKind::File { flags, name, dev } => {
            out.u8(FILE_V2);
            out.u32(*flags);
            out.text(name, MAX_PATH - 1);
            out.u32(*dev);
        }
        FdKind::Ipv4 { sip, dip, sport, dport, l4 } => {
            out.u8(IPV4);
            out.raw(&sip.octets());
            out.raw(&dip.octets());
            write_ports(out, &[*sport, *dport], *l4);
        }
        FdKind::Ipv6 { sip, dip, sport, dport, l4 } => {
            out.u8(IPV6);
            out.raw(&sip.octets());
            out.raw(&dip.octets());
            write_ports(out, &[*sport, *dport], *l4);
        }
        FdKind::Ipv4Server { ip, port, l4 } => {
            out.u8(IPV4_SERVER);
            out.raw(&ip.octets());
            write_ports(out, &[*port], *l4);
        }
        FdKind::Ipv6Server { ip, port, l4 } => {
            out.u8(IPV6_SERVER);
            out.raw(&ip.octets());
            write_ports(out, &[*port], *l4);
        }
        FdKind::Unix { source, destination, name } => {
            out.u8(UNIX);
            out.u64(*source);
            out.u64(*destination);
            out.text(name, MAX_PATH - 1);
        }
        FdKind::Named { ty: UNKNOWN, .. } => out.u8(UNKNOWN),
        FdKind::Named { ty, name } => {
            out.u8(*ty);
            out.text(name, MAX_PATH - 1);
        }
    }
}

fn write_ports(out: &mut Out, ports: &[u16], l4: u8) {
    for port in ports {
        out.u16(*port);
    }
    out.u8(l4);
}
