//! Starts a command under its filter, or attaches to a process.

use std::ffi::{CString, OsStr, OsString};
use std::io::{self, Read as _, Write as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

use scap::schema::SyscallSet;

use crate::sys::{self, Program};
use crate::{Error, Result, filter};

/// A child that waits for its start.
#[derive(Debug)]
pub(crate) struct Launched {
    pub(crate) child: i32,
    command: String,
    go: io::PipeWriter,
    failed: io::PipeReader,
}

impl Launched {
    /// Creates the child, seized and waiting.
    pub(crate) fn new(command: &[OsString], selection: &SyscallSet) -> Result<Self> {
        let Some(name) = command.first() else { return Err(Error::Nothing) };
        let shown = name.to_string_lossy().into_owned();
        let of = |source| Error::Command { command: shown.clone(), source };
        let program = program(name, command).map_err(of)?;
        let (go_read, go) = io::pipe().map_err(of)?;
        let (failed, failed_write) = io::pipe().map_err(of)?;
        let child = sys::launch(&program, &filter::build(selection), &go_read, &failed_write).map_err(of)?;
        let mut failed = failed;
        let ready = failed.read_exact(&mut [0]);
        if let Err(error) = ready.and_then(|()| sys::seize(child, true)) {
            sys::kill(child, libc::SIGKILL);
            return Err(of(error));
        }
        Ok(Self { child, command: shown, go, failed })
    }

    /// Lets the child execute the program.
    pub(crate) fn go(&mut self) -> Result<()> {
        self.go.write_all(&[1]).map_err(Error::io("starting the command"))
    }

    /// Returns the reason why the child has ended without the program.
    pub(crate) fn failure(mut self) -> Error {
        let mut errno = [0; 4];
        let source = match self.failed.read_exact(&mut errno) {
            Ok(()) => io::Error::from_raw_os_error(i32::from_ne_bytes(errno)),
            Err(_) => io::Error::other("its process ended before it could be executed"),
        };
        Error::Command { command: self.command, source }
    }
}

fn text(text: &OsStr) -> io::Result<CString> {
    CString::new(text.as_bytes()).map_err(|_| io::Error::other("a NUL byte in the command"))
}

/// Finds the program as a shell does.
fn program(name: &OsStr, command: &[OsString]) -> io::Result<Program> {
    let args = command.iter().map(|arg| text(arg)).collect::<io::Result<_>>()?;
    if name.as_bytes().contains(&b'/') {
        return Ok(Program { paths: vec![text(name)?], args });
    }
    let path = std::env::var_os("PATH").unwrap_or_else(|| OsString::from("/usr/bin:/bin"));
    let in_directory = |directory: &[u8]| {
        let directory = if directory.is_empty() { &b"."[..] } else { directory };
        text(&OsString::from_vec([directory, b"/", name.as_bytes()].concat()))
    };
    let paths = path.as_bytes().split(|byte| *byte == b':').map(in_directory).collect::<io::Result<Vec<_>>>()?;
    // Others would be attempts that fail, in the events; if all are others, they say why.
    let found: Vec<CString> = paths.iter().filter(|path| is_program(path)).cloned().collect();
    Ok(Program { paths: if found.is_empty() { paths } else { found }, args })
}

fn is_program(path: &CString) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    let meta = std::fs::metadata(OsStr::from_bytes(path.as_bytes()));
    meta.is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Attaches to all threads of a process; returns them. They are about to stop.
pub(crate) fn attach(pid: i32) -> Result<Vec<i32>> {
    let of = |source| Error::Attach { pid, source };
    let mut tids = Vec::new();
    loop {
        let mut new = Vec::new();
        for entry in std::fs::read_dir(format!("/proc/{pid}/task")).map_err(of)?.flatten() {
            let tid = entry.file_name().to_str().and_then(|name| name.parse().ok());
            new.extend(tid.filter(|tid| !tids.contains(tid)));
        }
        if new.is_empty() {
            return Ok(tids);
        }
        for tid in new {
            match sys::seize(tid, false).and_then(|()| sys::interrupt(tid)) {
                Ok(()) => {}
                // It has ended meanwhile.
                Err(error) if error.raw_os_error() == Some(libc::ESRCH) && tid != pid => {}
                // A thread that was made by one that is traced already is traced too.
                Err(error) if error.raw_os_error() == Some(libc::EPERM) && !tids.is_empty() => {}
                Err(error) => return Err(of(error)),
            }
            tids.push(tid);
        }
    }
}
