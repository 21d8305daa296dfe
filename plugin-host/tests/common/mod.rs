//! Builds the plugins of the tests from C.
#![allow(dead_code, reason = "each test program uses a part")]

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use peregrine_plugin_host::{Configured, Error, Library, Log, LogLine, SourcePlugins, SyscallFields, SyscallPlugins};
use rule_engine::event::sinsp::SinspSchema;
use rule_engine::filter::Filter;
use scap::text::Trace;
use sinsp::Inspector;
use sinsp::fields::Fields;

/// A plugin in a separate directory. Its code has static variables, so that no two tests may share one.
pub(crate) struct Built {
    directory: tempfile::TempDir,
}

impl Built {
    /// Compiles `plugin.c` with options such as `-DNAME="x"`.
    pub(crate) fn new(options: &[&str]) -> Self {
        Self::of("plugin.c", options)
    }

    /// Compiles another file of `tests/c`.
    pub(crate) fn of(source: &str, options: &[&str]) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let built = Self { directory };
        testkit::c_plugin(source, options, &built.path());
        built
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("libcounter.so")
    }

    pub(crate) fn load(&self) -> Result<Library, Error> {
        Library::load(self.path())
    }

    /// Returns the error of loading it.
    pub(crate) fn error(&self) -> String {
        self.load().expect_err("an invalid plugin").to_string()
    }

    pub(crate) fn configured(&self, init_config: &str, open_params: &str) -> Configured {
        let library = self.load().unwrap_or_else(|error| panic!("{error}"));
        Configured::new(library, init_config, open_params)
    }

    /// Returns the plugin alone, as the set of its source.
    pub(crate) fn alone(&self, init_config: &str, open_params: &str) -> Arc<SourcePlugins> {
        SourcePlugins::combine(&[self.configured(init_config, open_params)])
            .unwrap_or_else(|error| panic!("{error}"))
            .remove(0)
    }
}

/// Returns a log that is kept, and the lines so far.
pub(crate) fn log() -> (Log, Arc<Mutex<Vec<LogLine>>>) {
    let lines: Arc<Mutex<Vec<LogLine>>> = Arc::default();
    let kept = Arc::clone(&lines);
    (Arc::new(move |line| kept.lock().expect("the log").push(line)), lines)
}

/// Loads a plugin with a configuration.
pub(crate) fn configured(path: PathBuf, init_config: &str) -> Configured {
    let library = Library::load(path).unwrap_or_else(|error| panic!("{error}"));
    Configured::new(library, init_config, "")
}

/// Returns the set of the plugins for system calls.
pub(crate) fn of_syscalls(plugins: &[Configured]) -> Arc<SourcePlugins> {
    SourcePlugins::of_syscalls(plugins).expect("valid plugins").expect("a plugin for system calls")
}

/// Returns the schema of system calls with the fields and events of plugins.
pub(crate) fn schema(set: &Arc<SourcePlugins>) -> SinspSchema {
    let schema = SinspSchema::new(Fields::new()).with_added(Box::new(SyscallFields::new(set)));
    set.async_events().fold(schema, SinspSchema::async_event)
}

/// Returns the numbers of the events of a trace for which a condition is true.
pub(crate) fn matches(
    set: &Arc<SourcePlugins>,
    plugins: Arc<SyscallPlugins>,
    trace: &str,
    condition: &str,
) -> Vec<u64> {
    let filter = Filter::compile(condition, schema(set));
    let mut filter = filter.unwrap_or_else(|error| panic!("{condition}: {error}"));
    let mut inspector = Inspector::builder(Trace::parse(trace).expect("a trace")).extension(plugins).build();
    let mut matched = Vec::new();
    inspector.for_each(|event| matched.extend(filter.matches(&event).then_some(event.num()))).expect("valid events");
    matched
}
