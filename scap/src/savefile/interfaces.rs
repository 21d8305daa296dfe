//! Interface lists.
//!
//! ```text
//!  v2: | entry length u32, itself not counted |   then as v1
//!  v1: | type u16 | name length u16 | address | netmask | broadcast | link speed u64 (types 1, 2) | name |
//! ```

use std::io::Read;

use super::block::BlockType;
use super::body::Body;
use super::names::MAX_PATH;
use super::out::Out;
use crate::Result;
use crate::host::{Interface, InterfaceAddress};

const V4: u16 = 1;
const V6: u16 = 2;
const V4_WITHOUT_SPEED: u16 = 3;
const V6_WITHOUT_SPEED: u16 = 4;

pub(super) fn read<R: Read>(body: &mut Body<'_, R>, version: u8) -> Result<Vec<Interface>> {
    let mut interfaces = Vec::new();
    while body.more() {
        let len = if version >= 2 { body.u32()? } else { 0 };
        body.enter("interface list", len, 0)?;
        interfaces.push(interface(body)?);
        body.leave()?;
    }
    Ok(interfaces)
}

fn interface<R: Read>(body: &mut Body<'_, R>) -> Result<Interface> {
    let ty = body.u16()?;
    let name_len = usize::from(body.u16()?);
    if name_len >= MAX_PATH {
        return Err(body.error("trace file has corrupted interface list(0)"));
    }
    let address = match ty {
        V4 | V4_WITHOUT_SPEED => {
            InterfaceAddress::V4 { address: body.ipv4()?, netmask: body.ipv4()?, broadcast: body.ipv4()? }
        }
        V6 | V6_WITHOUT_SPEED => {
            InterfaceAddress::V6 { address: body.ipv6()?, netmask: body.ipv6()?, broadcast: body.ipv6()? }
        }
        _ => return Err(body.error(format!("unknown interface type {ty}"))),
    };
    let link_speed = if matches!(ty, V4 | V6) { body.u64()? } else { 0 };
    Ok(Interface { name: body.bytes(name_len)?, address, link_speed })
}

/// Writes the list, in the newest version.
pub(super) fn write(out: &mut Out, interfaces: &[Interface]) {
    out.begin(BlockType::INTERFACES_V2);
    for interface in interfaces {
        let len = out.length_after();
        let name = interface.name.get(..MAX_PATH - 1).unwrap_or(&interface.name);
        match interface.address {
            InterfaceAddress::V4 { address, netmask, broadcast } => {
                out.u16(V4);
                out.u16(name.len() as u16);
                for address in [address, netmask, broadcast] {
                    out.raw(&address.octets());
                }
            }
            InterfaceAddress::V6 { address, netmask, broadcast } => {
                out.u16(V6);
                out.u16(name.len() as u16);
                for address in [address, netmask, broadcast] {
                    out.raw(&address.octets());
                }
            }
        }
        out.u64(interface.link_speed);
        out.raw(name);
        out.fill(len);
    }
    out.end();
}
