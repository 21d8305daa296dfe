//! Programs that a response runs.

use bytes::Bytes;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use std::collections::BTreeMap;
use std::io::{ErrorKind, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// A program, started without a shell and with this environment only. Children that it leaves behind are killed at its
/// end.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Program {
    /// The absolute path of the executable, and its arguments.
    pub command: Vec<String>,
    /// Its whole environment.
    pub environment: BTreeMap<String, String>,
    /// The user that it runs as, with that user's group and no further ones; absent: the user of this process.
    pub user: Option<String>,
    /// Time after which it is killed with its children.
    pub timeout: Duration,
    /// Number of instances that run at the same time.
    pub concurrency: u32,
}

impl Program {
    /// Returns a program without environment, which may take 10 seconds and runs once at a time.
    pub fn new(command: Vec<String>) -> Self {
        Self { command, environment: BTreeMap::new(), user: None, timeout: Duration::from_secs(10), concurrency: 1 }
    }

    /// Checks it, and finds its user.
    pub(crate) fn prepare(&self) -> Result<Prepared, String> {
        let Some(path) = self.command.first().map(PathBuf::from).filter(|path| path.is_absolute()) else {
            return Err("the command must begin with an absolute path".to_owned());
        };
        if self.concurrency == 0 {
            return Err("concurrency must be at least 1".to_owned());
        }
        let identity = match &self.user {
            None => None,
            Some(name) => match nix::unistd::User::from_name(name) {
                Ok(Some(user)) => Some((user.uid.as_raw(), user.gid.as_raw())),
                Ok(None) => return Err(format!("there is no user {name}")),
                Err(error) => return Err(format!("user {name}: {error}")),
            },
        };
        Ok(Prepared { program: self.clone(), path, identity })
    }
}

/// A program that can be started.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    program: Program,
    path: PathBuf,
    identity: Option<(u32, u32)>,
}

impl Prepared {
    pub(crate) fn concurrency(&self) -> u32 {
        self.program.concurrency
    }

    /// Starts it and passes the alert. Takes at most its time-out.
    pub(crate) fn run(&self, alert: &Bytes) -> Result<(), String> {
        let until = Instant::now() + self.program.timeout;
        let mut command = Command::new(&self.path);
        command
            .args(&self.program.command[1..])
            .env_clear()
            .envs(&self.program.environment)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        if let Some((user, group)) = self.identity {
            // The standard library drops the other groups of root with this.
            command.uid(user).gid(group);
        }
        let shown = self.path.display();
        let mut child = command.spawn().map_err(|error| format!("cannot start {shown}: {error}"))?;
        // In a separate thread: a program that does not read must not keep this one longer than the time-out.
        let writer = child.stdin.take().map(|mut input| {
            let alert = alert.clone();
            std::thread::spawn(move || match input.write_all(&alert).and_then(|()| input.write_all(b"\n")) {
                Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error),
                _ => Ok(()),
            })
        });
        let ended = wait(&child, until);
        let status = end(&mut child);
        // Its reader is gone now.
        let written = writer.map_or(Ok(()), |writer| writer.join().unwrap_or(Ok(())));
        match (ended, status, written) {
            (false, ..) => Err(format!("{shown} took longer than {:?} and was killed", self.program.timeout)),
            (_, Err(error), _) => Err(format!("{shown}: {error}")),
            (_, Ok(status), _) if !status.success() => Err(format!("{shown} ended with {status}")),
            (.., Err(error)) => Err(format!("{shown} cannot be written to: {error}")),
            _ => Ok(()),
        }
    }
}

fn id(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}

/// Waits for the end of a program, which stays a zombie, so that its group cannot come to be another's.
fn wait(child: &Child, until: Instant) -> bool {
    let Some(pid) = id(child) else { return false };
    let mut pause = Duration::from_micros(500);
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    loop {
        if !matches!(waitid(WaitId::Pid(pid), options), Ok(None)) {
            return true;
        }
        if Instant::now() >= until {
            return false;
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

/// Kills what is left of a program: itself, and children that it left behind with its input.
fn end(child: &mut Child) -> std::io::Result<ExitStatus> {
    if let Some(group) = id(child) {
        // There may be nobody left.
        let _ = kill_process_group(group, Signal::KILL);
    }
    child.wait()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Program {
        Program::new(["/bin/sh", "-c", script].map(str::to_owned).to_vec())
    }

    #[test]
    fn a_program_reads_the_alert_in_its_own_environment() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        let mut program = shell("{ cat; env; pwd; } > \"$OUT\"");
        program.environment.insert("OUT".into(), out.display().to_string());
        program.prepare().unwrap().run(&Bytes::from_static(b"{\"rule\":\"r\"}")).unwrap();
        let text = std::fs::read_to_string(&out).unwrap();
        assert!(text.starts_with("{\"rule\":\"r\"}\n") && text.ends_with("/\n"), "{text}");
        assert!(!text.contains("CARGO"), "{text}");
    }

    #[test]
    fn a_program_that_does_not_end_is_killed_with_its_children() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("pid");
        let mut program = shell(&format!("sleep 1000 & echo $! > {}; sleep 1000", out.display()));
        program.timeout = Duration::from_millis(300);
        // More than a pipe holds, and nobody reads it.
        let error = program.prepare().unwrap().run(&Bytes::from(vec![b'x'; 1 << 20])).unwrap_err();
        assert!(error.contains("was killed"), "{error}");
        let pid: i32 = std::fs::read_to_string(&out).unwrap().trim().parse().unwrap();
        let start = Instant::now();
        while crate::process::Held::open(std::path::Path::new("/proc"), pid).is_ok() {
            assert!(start.elapsed() < Duration::from_secs(10));
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    #[test]
    fn failures_are_named() {
        let run = |script| shell(script).prepare().unwrap().run(&Bytes::new());
        assert!(run("exit 3").unwrap_err().contains("exit status: 3"));
        assert_eq!(run("exit 0"), Ok(()));
        let missing = Program::new(vec!["/nowhere/x".into()]).prepare().unwrap().run(&Bytes::new()).unwrap_err();
        assert!(missing.contains("cannot start /nowhere/x"), "{missing}");
    }

    #[test]
    fn what_cannot_be_run_is_refused_at_once() {
        let mut program = shell("true");
        program.user = Some("no such user".into());
        assert!(program.prepare().unwrap_err().contains("no such user"));
        assert!(Program::new(vec!["sh".into()]).prepare().unwrap_err().contains("absolute"));
        assert!(Program::new(vec![]).prepare().unwrap_err().contains("absolute"));
        assert!(Program { concurrency: 0, ..shell("true") }.prepare().unwrap_err().contains("concurrency"));
    }

    #[test]
    fn a_program_may_have_another_user() {
        if !testkit::ROOT.is_met() {
            testkit::skip(&testkit::ROOT, testkit::ROOT.missing);
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        std::fs::File::create(&out).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode;
        std::fs::set_permissions(&out, mode(0o666)).unwrap();
        std::fs::set_permissions(folder.path(), mode(0o755)).unwrap();
        let mut program = shell(&format!("id -u > {0}; id -G >> {0}", out.display()));
        program.user = Some("nobody".into());
        program.environment.insert("PATH".into(), "/usr/bin:/bin".into());
        program.prepare().unwrap().run(&Bytes::new()).unwrap();
        assert_eq!(std::fs::read_to_string(&out).unwrap(), "65534\n65534\n");
    }
}
