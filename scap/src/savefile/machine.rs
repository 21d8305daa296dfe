//! Machine info: 180 bytes, the same in every version.

use std::io::Read;

use super::block::BlockType;
use super::body::Body;
use super::out::Out;
use crate::Result;
use crate::host::Machine;

const HOSTNAME_LEN: usize = 128;

pub(super) fn read<R: Read>(body: &mut Body<'_, R>) -> Result<Machine> {
    let cpus = body.u32()?;
    let memory = body.u64()?;
    let max_pid = body.u64()?;
    let hostname: [u8; HOSTNAME_LEN] = body.array()?;
    let hostname = hostname.split(|byte| *byte == 0).next().unwrap_or_default().to_vec();
    let boot_time = body.u64()?;
    let flags = body.u64()?;
    Ok(Machine { cpus, memory, max_pid, hostname, boot_time, flags })
}

pub(super) fn write(out: &mut Out, machine: &Machine) {
    let mut hostname = [0; HOSTNAME_LEN];
    for (place, byte) in hostname.iter_mut().take(HOSTNAME_LEN - 1).zip(&machine.hostname) {
        *place = *byte;
    }
    out.begin(BlockType::MACHINE);
    out.u32(machine.cpus);
    out.u64(machine.memory);
    out.u64(machine.max_pid);
    out.raw(&hostname);
    out.u64(machine.boot_time);
    out.u64(machine.flags);
    out.raw(&[0; 16]); // two reserved words
    out.end();
}
