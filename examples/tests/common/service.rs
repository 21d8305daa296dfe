//! The detector as a service, for tests. Without a driver, so that it runs everywhere.

use super::root;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running detector in a separate directory.
pub(crate) struct Service {
    pub(crate) child: Child,
    pub(crate) folder: tempfile::TempDir,
}

impl Service {
    /// Starts with a configuration to which `more` is added; `DIR` in it is the service's directory.
    pub(crate) fn start(more: &str) -> Self {
        Self::start_in(tempfile::tempdir().expect("a directory"), more)
    }

    /// Starts in a directory that may contain files already.
    pub(crate) fn start_in(folder: tempfile::TempDir, more: &str) -> Self {
        Self::start_on(folder, "{kind: nodriver}", more)
    }

    /// Starts in a directory that may contain files already, with this engine.
    pub(crate) fn start_on(folder: tempfile::TempDir, engine: &str, more: &str) -> Self {
        let path = |name: &str| folder.path().join(name);
        if !path("rules.yaml").exists() {
            fs::copy(root().join("detector/daemon/rules/peregrine_rules.yaml"), path("rules.yaml")).expect("rules");
        }
        let config = format!(
            "engine: {engine}\nrules_files: [DIR/rules.yaml]\nstdout_output: {{enabled: true}}\nlog_stderr: true\n\
             log_syslog: false\njson_output: true\n{more}"
        );
        fs::write(path("falco.yaml"), config.replace("DIR", &folder.path().display().to_string())).expect("config");
        let child = Command::new(env!("CARGO_BIN_EXE_peregrine"))
            .args(["-c", &path("falco.yaml").display().to_string(), "-P", &path("pid").display().to_string()])
            .stdout(fs::File::create(path("out")).expect("a file"))
            .stderr(fs::File::create(path("err")).expect("a file"))
            .stdin(Stdio::null())
            .spawn()
            .expect("the program starts");
        Self { child, folder }
    }

    /// Returns the path of a file in its directory.
    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// Returns the content of a file in its directory.
    pub(crate) fn text(&self, name: &str) -> String {
        let mut text = String::new();
        if let Ok(mut file) = fs::File::open(self.path(name)) {
            file.read_to_string(&mut text).expect("text");
        }
        text
    }

    /// Waits for a condition that is met soon, unless the program ends.
    #[track_caller]
    pub(crate) fn until(&mut self, what: &str, condition: impl Fn(&Self) -> bool) {
        let start = Instant::now();
        while !condition(self) {
            if let Some(status) = self.child.try_wait().expect("a child") {
                panic!("{what}: ended with {status}: {}", self.text("err"));
            }
            assert!(start.elapsed() < Duration::from_secs(60), "{what}: {}{}", self.text("err"), self.text("out"));
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Returns whether the process has inotify watches.
    pub(crate) fn watches_files(&self) -> bool {
        watches_files(self.child.id())
    }

    /// Sends it a signal once its handlers are installed: the pid file is written after that.
    pub(crate) fn signal(&mut self, name: &str) {
        self.until("start", |service| service.path("pid").exists());
        self.send(name);
    }

    /// Sends it a signal immediately.
    pub(crate) fn send(&self, name: &str) {
        let status = Command::new("kill").args([name, &self.child.id().to_string()]).status().expect("kill");
        assert!(status.success());
    }

    /// Terminates it, and returns its exit code and outputs.
    pub(crate) fn end(mut self) -> (i32, String, String) {
        self.signal("-TERM");
        let code = self.child.wait().expect("a child").code().unwrap_or(-1);
        (code, self.text("out"), self.text("err"))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Ended already, unless the test has failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns whether a process has watches of files that the kernel knows of.
pub(crate) fn watches_files(pid: u32) -> bool {
    let folder = fs::read_dir(format!("/proc/{pid}/fdinfo"));
    let mut entries = folder.into_iter().flatten().flatten();
    entries.any(|entry| fs::read_to_string(entry.path()).is_ok_and(|text| text.contains("inotify wd:")))
}

/// Writes a file of a test.
pub(crate) fn write(path: &Path, text: &str) {
    fs::write(path, text).expect("written");
}
