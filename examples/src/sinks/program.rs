//! Alerts to the standard input of a program.

use super::{Failure, Message, Sink};
use std::io::Write;
use std::process::{Child, ChildStdin, Command, Stdio};

/// A command line for the shell, started for each alert or kept running.
#[derive(Debug)]
pub struct Program {
    command: String,
    keep_running: bool,
    running: Option<(Child, ChildStdin)>,
}

impl Program {
    /// Nothing is started before the first alert.
    pub fn new(command: &str, keep_running: bool) -> Self {
        Self { command: command.to_owned(), keep_running, running: None }
    }

    fn input(&mut self) -> Result<&mut ChildStdin, Failure> {
        // One that has ended by itself is started anew.
        if let Some((child, _)) = &mut self.running
            && child.try_wait().map_err(Failure::passing)?.is_some()
        {
            self.running = None;
        }
        let running = match self.running.take() {
            Some(running) => running,
            None => {
                let mut child = Command::new("/bin/sh")
                    .args(["-c", &self.command])
                    .stdin(Stdio::piped())
                    .spawn()
                    .map_err(|error| Failure::Passing(format!("cannot start '{}': {error}", self.command)))?;
                let input = child.stdin.take();
                (child, input.ok_or_else(|| Failure::Passing("the program has no input".into()))?)
            }
        };
        Ok(&mut self.running.insert(running).1)
    }

    /// Closes the program's input and waits for its end.
    fn end(&mut self) -> Result<(), Failure> {
        let Some((mut child, input)) = self.running.take() else { return Ok(()) };
        drop(input);
        child.wait().map(drop).map_err(Failure::passing)
    }
}

impl Sink for Program {
    fn name(&self) -> &'static str {
        "program"
    }

    fn deliver(&mut self, message: &Message) -> Result<(), Failure> {
        let line = format!("{}\n", message.text);
        let keep_running = self.keep_running;
        let written = self.input()?.write_all(line.as_bytes());
        if let Err(error) = written {
            // A program that does not read its input is none that takes alerts, and has ended or will.
            self.end()?;
            let text = format!("'{}' does not take its input: {error}", self.command);
            return Err(if keep_running { Failure::Passing(text) } else { Failure::Lasting(text) });
        }
        if keep_running { Ok(()) } else { self.end() }
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
        // Nobody is left to be told.
        let _ = self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> Message {
        Message { severity: 4, text: text.into() }
    }

    #[test]
    fn each_alert_or_all_of_them() {
        for (keep_running, expected) in [(false, "one\nend\ntwo\nend\n"), (true, "one\ntwo\nend\n")] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("out");
            let mut program = Program::new(&format!("cat >> {0}; echo end >> {0}", path.display()), keep_running);
            program.deliver(&message("one")).unwrap();
            program.deliver(&message("two")).unwrap();
            drop(program);
            assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
        }
    }

    #[test]
    fn one_that_has_ended_is_started_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let mut program = Program::new(&format!("head -n 1 >> {}", path.display()), true);
        program.deliver(&message("one")).unwrap();
        let (child, _) = program.running.as_mut().unwrap();
        child.wait().unwrap();
        program.deliver(&message("two")).unwrap();
        drop(program);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\ntwo\n");
    }
}
