//! Process lists, versions 1 to 9. A version adds fields to the one before; from 9 on an entry says its length and new
//! fields are appended to it.

use std::io::Read;

use super::body::Body;
use super::names::{MAX_LIST, MAX_PATH};
use super::out::Out;
use crate::Result;
use crate::host::Thread;

/// The size of an entry's tail in version 9 before two fields were put *in front of* it: login user, whether the
/// executable is writable, and three sets of capabilities. An entry with at most this size is of that time.
const OLD_TAIL: u64 = 4 + 1 + 3 * 8;

/// Reads one entry; a list consists only of entries.
pub(super) fn read<R: Read>(body: &mut Body<'_, R>, version: u8) -> Result<Thread> {
    let len = if version >= 9 { body.u32()? } else { 0 };
    body.enter("proclist", len, 4)?;
    let mut thread = Thread { tid: body.i64()?, pid: body.i64()?, ptid: body.i64()?, ..Thread::default() };
    if version >= 6 {
        thread.sid = body.i64()?;
    }
    if version >= 8 {
        thread.vpgid = body.i64()?;
    }
    thread.comm = body.text("comm", MAX_PATH)?;
    thread.exe = body.text("exe", MAX_PATH)?;
    if version >= 7 {
        thread.exepath = body.text("exepath", MAX_PATH)?;
    }
    thread.args = body.text("args", MAX_LIST)?;
    thread.cwd = body.text("cwd", MAX_PATH)?;
    thread.fdlimit = body.i64()?;
    thread.flags = body.u32()?;
    thread.uid = body.u32()?;
    thread.gid = body.u32()?;
    if version >= 2 {
        thread.vmsize_kb = body.u32()?;
        thread.vmrss_kb = body.u32()?;
        thread.vmswap_kb = body.u32()?;
        thread.pfmajor = body.u64()?;
        thread.pfminor = body.u64()?;
    }
    if version >= 3 {
        thread.env = body.text("env", MAX_LIST)?;
    }
    if version >= 4 {
        thread.vtid = body.i64()?;
        thread.vpid = body.i64()?;
        thread.cgroups = body.text("cgroups", MAX_LIST)?;
    }
    if version >= 5 {
        thread.root = body.text("root", MAX_PATH)?;
    }
    tail(body, &mut thread)?;
    body.leave()?;
    Ok(thread)
}

/// Reads the optional fields of an entry.
fn tail<R: Read>(body: &mut Body<'_, R>, thread: &mut Thread) -> Result<()> {
    macro_rules! fields {
        ($($name:ident: $ty:ident, $size:literal;)*) => {$(
            if body.has($size) {
                thread.$name = body.$ty()?;
            }
        )*};
    }
    if body.has(OLD_TAIL + 1) {
        fields! {
            pidns_init_start_ts: u64, 8;
            tty: u32, 4;
        }
    }
    fields! {
        loginuid: u32, 4;
        exe_writable: bool, 1;
        cap_inheritable: u64, 8;
        cap_permitted: u64, 8;
        cap_effective: u64, 8;
        exe_upper_layer: bool, 1;
        exe_ino: u64, 8;
        exe_ino_ctime: u64, 8;
        exe_ino_mtime: u64, 8;
        exe_from_memfd: bool, 1;
        exe_lower_layer: bool, 1;
        pgid: i64, 8;
    }
    Ok(())
}

/// Writes one entry, in the newest version.
pub(super) fn write(out: &mut Out, thread: &Thread) {
    let len = out.length();
    for number in [thread.tid, thread.pid, thread.ptid, thread.sid, thread.vpgid] {
        out.i64(number);
    }
    out.text(&thread.comm, MAX_PATH);
    out.text(&thread.exe, MAX_PATH);
    out.text(&thread.exepath, MAX_PATH);
    out.text(&thread.args, MAX_LIST);
    out.text(&thread.cwd, MAX_PATH);
    out.i64(thread.fdlimit);
    for number in [thread.flags, thread.uid, thread.gid, thread.vmsize_kb, thread.vmrss_kb, thread.vmswap_kb] {
        out.u32(number);
    }
    out.u64(thread.pfmajor);
    out.u64(thread.pfminor);
    out.text(&thread.env, MAX_LIST);
    out.i64(thread.vtid);
    out.i64(thread.vpid);
    out.text(&thread.cgroups, MAX_LIST);
    out.text(&thread.root, MAX_PATH);
    out.u64(thread.pidns_init_start_ts);
    out.u32(thread.tty);
    out.u32(thread.loginuid);
    out.u8(thread.exe_writable.into());
    out.u64(thread.cap_inheritable);
    out.u64(thread.cap_permitted);
    out.u64(thread.cap_effective);
    out.u8(thread.exe_upper_layer.into());
    out.u64(thread.exe_ino);
    out.u64(thread.exe_ino_ctime);
    out.u64(thread.exe_ino_mtime);
    out.u8(thread.exe_from_memfd.into());
    out.u8(thread.exe_lower_layer.into());
    out.i64(thread.pgid);
    out.fill(len);
}
