//! Sink for the standard input of a program.

use super::{Failure, Message, Sink};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process_group};
use std::io::{ErrorKind, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

/// Timeout for a program to read an alert, or to end when its input has ended.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Writes alerts to a shell command, started for each alert or kept running.
///
/// A command that takes too long is killed, with its children.
#[derive(Debug)]
pub struct Program {
    command: String,
    keep_running: bool,
    timeout: Duration,
    running: Option<(Child, ChildStdin)>,
}

impl Program {
    /// Creates the sink. It starts the command with the first alert.
    pub fn new(command: &str, keep_running: bool) -> Self {
        Self { command: command.to_owned(), keep_running, timeout: TIMEOUT, running: None }
    }

    /// Sets the timeout for the program to read an alert, and to end.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Returns the program's input, after starting it if it does not run.
    fn start(&mut self) -> Result<&mut ChildStdin, Failure> {
        // A program that has ended is started again.
        if let Some((child, _)) = &mut self.running
            && child.try_wait().map_err(Failure::retryable)?.is_some()
        {
            self.running = None;
        }
        let running = match self.running.take() {
            Some(running) => running,
            None => {
                let mut child = Command::new("/bin/sh")
                    .args(["-c", &self.command])
                    .stdin(Stdio::piped())
                    .process_group(0)
                    .spawn()
                    .map_err(|error| Failure::Retryable(format!("cannot start '{}': {error}", self.command)))?;
                let input = child.stdin.take().ok_or_else(|| Failure::Retryable("the program has no input".into()))?;
                rustix::io::ioctl_fionbio(&input, true).map_err(Failure::retryable)?;
                (child, input)
            }
        };
        Ok(&mut self.running.insert(running).1)
    }

    fn write(&mut self, line: &[u8]) -> Result<(), Failure> {
        let until = Instant::now() + self.timeout;
        let command = self.command.clone();
        let input = self.start()?;
        let mut done = 0;
        let fault = loop {
            match input.write(&line[done..]) {
                Ok(count) => done += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let left = until.saturating_duration_since(Instant::now());
                    let time = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
                    let ready = poll(&mut [PollFd::new(&*input, PollFlags::OUT)], Some(&time));
                    if ready == Ok(0) {
                        break "timeout while writing".to_owned();
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => break error.to_string(),
            }
            if done == line.len() {
                return Ok(());
            }
        };
        // A program that does not read its input cannot receive alerts: it has ended or is killed.
        self.kill();
        let text = format!("'{command}' does not read its input: {fault}");
        Err(if self.keep_running { Failure::Retryable(text) } else { Failure::Permanent(text) })
    }

    /// Closes the program's input and waits for its end.
    fn end(&mut self) -> Result<(), Failure> {
        let Some((mut child, input)) = self.running.take() else { return Ok(()) };
        drop(input);
        let (start, mut pause) = (Instant::now(), Duration::from_micros(500));
        while child.try_wait().map_err(Failure::retryable)?.is_none() {
            if start.elapsed() > self.timeout {
                kill(&mut child);
                return Err(Failure::Permanent(format!("'{}' did not exit and was killed", self.command)));
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(50));
        }
        Ok(())
    }

    fn kill(&mut self) {
        if let Some((mut child, _)) = self.running.take() {
            kill(&mut child);
        }
    }
}

fn kill(child: &mut Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // It may have ended in the meantime.
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.wait();
}

impl Sink for Program {
    fn name(&self) -> &'static str {
        "program"
    }

    fn deliver(&mut self, alerts: &[Message]) -> Result<(), Failure> {
        for alert in alerts {
            self.write(&[&alert.text[..], b"\n"].concat())?;
            if !self.keep_running {
                self.end()?;
            }
        }
        Ok(())
    }

    fn reopen(&mut self) -> Result<(), Failure> {
        self.end()
    }

    fn retries(&self) -> Option<u32> {
        Some(3)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // There is nobody left to report an error to.
        let _ = self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> Message {
        Message::new(4, text.to_owned())
    }

    #[test]
    fn each_alert_or_all_of_them() {
        for (keep_running, expected) in [(false, "one\nend\ntwo\nend\n"), (true, "one\ntwo\nend\n")] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("out");
            let mut program = Program::new(&format!("cat >> {0}; echo end >> {0}", path.display()), keep_running);
            program.deliver(&[message("one")]).unwrap();
            program.deliver(&[message("two")]).unwrap();
            drop(program);
            assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
        }
    }

    #[test]
    fn a_program_that_has_ended_is_restarted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let mut program = Program::new(&format!("head -n 1 >> {}", path.display()), true);
        program.deliver(&[message("one")]).unwrap();
        let (child, _) = program.running.as_mut().unwrap();
        child.wait().unwrap();
        program.deliver(&[message("two")]).unwrap();
        drop(program);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\ntwo\n");
    }

    #[test]
    fn a_program_that_takes_too_long_is_killed() {
        let moment = Duration::from_millis(100);
        let mut program = Program::new("sleep 1000 | cat", false).with_timeout(moment);
        assert!(matches!(program.deliver(&[message("x")]), Err(Failure::Permanent(text)) if text.contains("killed")));
        // More than fits into a pipe that is not read.
        let mut program = Program::new("exec sleep 1000", true).with_timeout(moment);
        let failure = program.deliver(&[message(&"x".repeat(1 << 20))]);
        assert!(matches!(failure, Err(Failure::Retryable(text)) if text.contains("timeout while writing")));
        assert!(program.running.is_none());
    }
}
