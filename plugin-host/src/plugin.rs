//! An initialized plugin.

use std::cell::Cell;
use std::ffi::CString;
use std::fmt;
use std::sync::Arc;

use falco_plugin_api::{
    ss_plugin_capture_listen_input, ss_plugin_event_input, ss_plugin_event_parse_input, ss_plugin_init_input,
    ss_plugin_init_tables_input, ss_plugin_metric_type_SS_PLUGIN_METRIC_TYPE_MONOTONIC, ss_plugin_rc,
    ss_plugin_rc_SS_PLUGIN_SUCCESS, ss_plugin_set_config_input, ss_plugin_t,
};

use scap::schema::SCHEMA_VERSION;

use crate::calls::{Call, Cost, Function};
use crate::codes::Codes;
use crate::error::Error;
use crate::init_schema;
use crate::library::{self, Library};
use crate::owner::{
    AsyncEvents, Dump, Log, ROUTINES, Registered, Severity, async_event, dumped_event, last_error, log,
};
use crate::routines::Routines;
use crate::set::SYSCALL;
use crate::tables::{self, Access, Registry, enter};
use crate::version::Version;

/// The function that lists types of events.
type EventTypes = unsafe extern "C-unwind" fn(*mut u32, *mut ss_plugin_t) -> *mut u16;

/// The most types of events that are read from one list.
const MOST_TYPES: u32 = 4096;

/// The most metrics that are read from one plugin.
const MOST_METRICS: u32 = 10_000;

/// An initialized plugin. It may be moved to another thread, but is used by one at a time.
pub struct Plugin {
    library: Library,
    state: *mut ss_plugin_t,
    pub(crate) owner: Registered,
    registry: Arc<Registry>,
    /// The plugin may keep the address.
    _tables: Box<ss_plugin_init_tables_input>,
    /// The types of events that it extracts fields of.
    pub(crate) extracted: Codes,
    /// The types of events that it parses.
    pub(crate) parsed: Codes,
    /// Whether it has the function for asynchronous events now.
    adds: bool,
    /// Its routines, while a capture is open.
    routines: Option<Arc<Routines>>,
    /// Whether a routine did not end, so that the plugin cannot be destroyed.
    kept: bool,
    /// Calls that failed, by name of the function.
    failures: Cell<u64>,
}

// SAFETY: the plugin interface allows the state of a plugin to be used from any thread, though by one at a time: there
// is no `Sync`, and what takes `&self` cannot run twice at the same time. The tables are functions and pointers into
// their own box.
unsafe impl Send for Plugin {}

/// A metric of a plugin.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Metric {
    /// Its name.
    pub name: String,
    /// Whether it only grows.
    pub counter: bool,
    /// Its value.
    pub value: f64,
}

/// Parameters that a plugin suggests for opening its source.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[non_exhaustive]
pub struct OpenParam {
    /// The parameters.
    pub value: String,
    /// The thing that they open.
    #[serde(default)]
    pub desc: String,
    /// The separator of several parameters in `value`; empty: it is one.
    #[serde(default)]
    pub separator: String,
}

impl Plugin {
    /// Initializes a plugin with a configuration: free text, or JSON if the plugin has a schema for it.
    ///
    /// # Errors
    /// If the configuration contains a NUL byte, is invalid by the JSON schema of the plugin, or is rejected by the plugin.
    pub fn init(library: &Library, config: &str, log_to: Log) -> Result<Self, Error> {
        Self::with_tables(library, config, log_to, Arc::default())
    }

    /// Initializes a plugin that shares state tables with others.
    pub(crate) fn with_tables(
        library: &Library,
        config: &str,
        log_to: Log,
        registry: Arc<Registry>,
    ) -> Result<Self, Error> {
        let info = library.info();
        if let Some((schema, true)) = &info.init_schema {
            init_schema::check(&info.name, schema, config)?;
        }
        let config = text(&info.name, "init_config", config)?;
        let owner = Registered::new(&info.name, log_to);
        let tables = Box::new(tables::init_input());
        // Only plugins that extract or parse get tables.
        let with_tables = info.capabilities.extraction || info.capabilities.parsing;
        let input = ss_plugin_init_input {
            config: config.as_ptr(),
            owner: owner.pointer(),
            get_owner_last_error: Some(last_error),
            tables: if with_tables { &raw const *tables } else { std::ptr::null() },
            log_fn: Some(log),
        };
        let mut rc: ss_plugin_rc = ss_plugin_rc_SS_PLUGIN_SUCCESS;
        // SAFETY: the input and what it points to live until the call returns, the tables and the owner as long as the
        // plugin; the presence of the function was checked when the library was loaded.
        let init = |init: unsafe extern "C-unwind" fn(_, _) -> _| unsafe { init(&raw const input, &raw mut rc) };
        let call = owner.calls().enter(Function::Init);
        let state = enter(&registry, Access::None, || library.api().init.map(init));
        drop(call);
        let state = state.unwrap_or(std::ptr::null_mut());
        let (extracted, parsed, failures) = (Codes::NONE, Codes::NONE, Cell::new(0));
        let mut plugin = Self {
            library: library.clone(),
            state,
            owner,
            registry,
            _tables: tables,
            extracted,
            parsed,
            adds: false,
            routines: None,
            kept: false,
            failures,
        };
        if rc != ss_plugin_rc_SS_PLUGIN_SUCCESS {
            return Err(plugin.failed("plugin_init"));
        }
        let (api, info) = (library.api(), library.info());
        if info.capabilities.extraction {
            plugin.extracted = plugin.codes(api.__bindgen_anon_2.get_extract_event_types, &info.field_sources);
        }
        if info.capabilities.parsing {
            plugin.parsed = plugin.codes(api.__bindgen_anon_3.get_parse_event_types, &info.parse_sources);
        }
        Ok(plugin)
    }

    /// Reads the types of events for a capability: those that the plugin lists, else all if it is for system calls, else
    /// the events of plugins.
    fn codes(&self, list: Option<EventTypes>, sources: &[String]) -> Codes {
        let mut count = 0_u32;
        // SAFETY: the state is that of this plugin; the function writes the length of the array that it returns.
        let first = list.map_or(std::ptr::null_mut(), |list| unsafe { list(&raw mut count, self.state) });
        if first.is_null() || count == 0 {
            return if self.info().covers(sources, SYSCALL) { Codes::ALL } else { Codes::PLUGIN };
        }
        let places = 0..count.min(MOST_TYPES) as usize;
        // SAFETY: not null, and the plugin returned this number, of which a bounded part is read.
        places.fold(Codes::NONE, |codes, place| codes.with(unsafe { first.add(place).read_unaligned() }))
    }

    /// Checks that the plugin understands the events of the schema, if it looks at other events than those of plugins.
    ///
    /// # Errors
    /// If it requires another version of the schema.
    pub(crate) fn check_schema(&self) -> Result<(), Error> {
        if !self.extracted.has_others() && !self.parsed.has_others() {
            return Ok(());
        }
        // SAFETY: the state is that of this plugin; the function returns null or a text.
        let required = self.library.schema_version().and_then(|get| library::owned(unsafe { get(self.state) }));
        let required = required.unwrap_or_else(|| "3.0.0".to_owned());
        let runs = |supported| Version::parse(&required).is_some_and(|required| required.runs_with(supported));
        if Version::parse(SCHEMA_VERSION).is_some_and(runs) {
            return Ok(());
        }
        let (plugin, supported) = (self.info().name.clone(), SCHEMA_VERSION.to_owned());
        Err(Error::SchemaVersion { plugin, required, supported })
    }

    /// Calls the plugin to parse an event.
    ///
    /// # Safety
    /// The event must be one with its length.
    pub(crate) unsafe fn parse(&self, event: &ss_plugin_event_input, access: Access) {
        let Some(parse) = self.library.api().__bindgen_anon_3.parse_event else { return };
        let input = ss_plugin_event_parse_input {
            owner: self.owner.pointer(),
            get_owner_last_error: Some(last_error),
            table_reader: tables::READER,
            table_writer: tables::WRITER,
            table_reader_ext: tables::reader(),
            table_writer_ext: tables::writer(),
        };
        let _call = self.call(Function::Parse);
        // SAFETY: the state is that of this plugin; event and input live until the call returns.
        let rc = enter(&self.registry, access, || unsafe { parse(self.state, event, &raw const input) });
        if rc != ss_plugin_rc_SS_PLUGIN_SUCCESS {
            self.count_failure();
        }
    }

    /// Lets the plugin add asynchronous events.
    ///
    /// # Errors
    /// If it fails.
    pub(crate) fn start_async(&mut self, events: AsyncEvents) -> Result<(), Error> {
        let Some(set) = self.library.api().__bindgen_anon_4.set_async_event_handler else { return Ok(()) };
        self.owner.set_events(Some(events));
        // Also after an error: the plugin may have kept the function.
        self.adds = true;
        let _call = self.call(Function::AsyncHandler);
        // SAFETY: the state is that of this plugin; the owner is a number, and the function accepts any.
        let rc = unsafe { set(self.state, self.owner.pointer(), Some(async_event)) };
        if rc == ss_plugin_rc_SS_PLUGIN_SUCCESS { Ok(()) } else { Err(self.failed("plugin_set_async_event_handler")) }
    }

    /// Takes the function for asynchronous events away; afterwards no thread of the plugin uses it, as the interface says.
    pub(crate) fn stop_async(&mut self) {
        if let Some(set) = self.library.api().__bindgen_anon_4.set_async_event_handler
            && std::mem::take(&mut self.adds)
        {
            let _call = self.call(Function::AsyncHandler);
            // SAFETY: as in `start_async`.
            if unsafe { set(self.state, self.owner.pointer(), None) } != ss_plugin_rc_SS_PLUGIN_SUCCESS {
                self.count_failure();
            }
            self.owner.set_events(None);
        }
    }

    /// Notifies the plugin that a capture begins.
    ///
    /// # Errors
    /// If it fails.
    pub(crate) fn open_capture(&mut self, access: Access) -> Result<(), Error> {
        let Some(open) = self.library.api().__bindgen_anon_5.capture_open else { return Ok(()) };
        let routines = Routines::new();
        self.owner.set_routines(Some((Arc::clone(&routines), self.state.expose_provenance())));
        self.routines = Some(routines);
        let input = self.listen_input();
        let call = self.call(Function::CaptureOpen);
        // SAFETY: the state is that of this plugin, and the input lives until the call returns.
        let rc = enter(&self.registry, access, || unsafe { open(self.state, &raw const input) });
        drop(call);
        if rc == ss_plugin_rc_SS_PLUGIN_SUCCESS {
            return Ok(());
        }
        let error = self.failed("plugin_capture_open");
        self.end_routines();
        Err(error)
    }

    /// Notifies the plugin that the capture ends, if it was opened. Afterwards none of its routines is called.
    pub(crate) fn close_capture(&mut self, access: Access) {
        if let Some(close) = self.library.api().__bindgen_anon_5.capture_close
            && self.routines.is_some()
        {
            let input = self.listen_input();
            let _call = self.call(Function::CaptureClose);
            // SAFETY: as in `open_capture`.
            let rc = enter(&self.registry, access, || unsafe { close(self.state, &raw const input) });
            if rc != ss_plugin_rc_SS_PLUGIN_SUCCESS {
                let message = self.failure();
                self.owner.log_own(Severity::Error, &format!("`plugin_capture_close` failed: {message}"));
            }
        }
        self.end_routines();
    }

    fn end_routines(&mut self) {
        if let Some(routines) = self.routines.take()
            && !routines.close()
        {
            self.kept = true;
            self.count_failure();
            self.owner.log_own(Severity::Error, "a routine does not return; the plugin is not destroyed");
        }
        self.owner.set_routines(None);
    }

    fn listen_input(&self) -> ss_plugin_capture_listen_input {
        ss_plugin_capture_listen_input {
            owner: self.owner.pointer(),
            routine: (&raw const ROUTINES).cast_mut(),
            table_reader_ext: tables::reader(),
            table_writer_ext: tables::writer(),
            get_owner_last_error: Some(last_error),
        }
    }

    /// Returns the asynchronous events that describe the state of the plugin, for a capture that begins at a time. `id` is
    /// the one of the source; 0 for system calls.
    pub(crate) fn dump_state(&self, id: u32, time: u64) -> Vec<Vec<u8>> {
        let Some(dump_state) = self.library.api().__bindgen_anon_4.dump_state else { return Vec::new() };
        let mut rc: ss_plugin_rc = ss_plugin_rc_SS_PLUGIN_SUCCESS;
        let dump = Dump::new(id, self.info().async_events.clone(), time);
        let dump = self.owner.dump(dump, || {
            let (state, owner) = (self.state, self.owner.pointer());
            let _call = self.call(Function::DumpState);
            // SAFETY: the state is that of this plugin; the owner is a number, and the function accepts any.
            rc = enter(&self.registry, Access::None, || unsafe { dump_state(state, owner, Some(dumped_event)) });
        });
        if rc != ss_plugin_rc_SS_PLUGIN_SUCCESS {
            let message = self.failure();
            let text = format!("`plugin_dump_state` failed, so that the capture may miss its state: {message}");
            self.owner.log_own(Severity::Error, &text);
        }
        if dump.lost > 0 {
            let lost = dump.lost;
            self.owner.log_own(Severity::Error, &format!("{lost} events of its state do not fit in the capture"));
        }
        dump.events
    }

    /// Returns the description of the plugin.
    pub fn info(&self) -> &library::Info {
        self.library.info()
    }

    pub(crate) fn library(&self) -> &Library {
        &self.library
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    pub(crate) fn state(&self) -> *mut ss_plugin_t {
        self.state
    }

    /// Changes the configuration of the plugin. Returns false if it does not support that while it runs.
    ///
    /// # Errors
    /// If the configuration contains a NUL byte, or is rejected by the plugin.
    pub fn set_config(&mut self, config: &str) -> Result<bool, Error> {
        let Some(set_config) = self.library.api().set_config else { return Ok(false) };
        let config = text(&self.info().name, "init_config", config)?;
        let input = ss_plugin_set_config_input { config: config.as_ptr() };
        let _call = self.call(Function::SetConfig);
        // SAFETY: the state is that of this plugin, and the input lives until the call returns.
        let rc = unsafe { set_config(self.state, &raw const input) };
        if rc == ss_plugin_rc_SS_PLUGIN_SUCCESS { Ok(true) } else { Err(self.failed("plugin_set_config")) }
    }

    /// Returns the metrics of the plugin now.
    pub fn metrics(&mut self) -> Vec<Metric> {
        let Some(get_metrics) = self.library.api().get_metrics else { return Vec::new() };
        let mut count = 0_u32;
        let _call = self.call(Function::Metrics);
        // SAFETY: the state is that of this plugin; the function writes the length of the array that it returns.
        let first = unsafe { get_metrics(self.state, &raw mut count) };
        if first.is_null() {
            return Vec::new();
        }
        // SAFETY: not null, and the plugin returned this number, of which a bounded part is read.
        let metrics = unsafe { std::slice::from_raw_parts(first, count.min(MOST_METRICS) as usize) };
        let read = |metric: &falco_plugin_api::ss_plugin_metric| {
            let value = metric.value;
            // SAFETY: the type says which member of the union was written; all of them may have any bits.
            let value = unsafe {
                match metric.value_type {
                    0 => f64::from(value.u32_),
                    1 => f64::from(value.s32),
                    2 => value.u64_ as f64,
                    3 => value.s64 as f64,
                    4 => value.d,
                    5 => f64::from(value.f),
                    6 => f64::from(value.i),
                    _ => return None,
                }
            };
            let counter = metric.type_ == ss_plugin_metric_type_SS_PLUGIN_METRIC_TYPE_MONOTONIC;
            Some(Metric { name: library::owned(metric.name)?, counter, value })
        };
        metrics.iter().filter_map(read).collect()
    }

    /// Returns the metrics of the plugin now, and behind them those of its calls: their number `host_calls`, the time that they
    /// took `host_time_ns`, and the failures `host_failures`.
    pub fn all_metrics(&mut self) -> Vec<Metric> {
        let mut metrics = self.metrics();
        let Cost { calls, time } = self.cost();
        let own = |(name, value): (&str, f64)| Metric { name: name.to_owned(), counter: true, value };
        let (time, failures) = (time.as_nanos() as f64, self.failures() as f64);
        metrics.extend([("host_calls", calls as f64), ("host_time_ns", time), ("host_failures", failures)].map(own));
        metrics
    }

    /// Returns the parameters that the plugin suggests for opening its source.
    ///
    /// # Errors
    /// If the plugin fails, or they are not the JSON that the interface describes.
    pub fn open_params(&mut self) -> Result<Vec<OpenParam>, Error> {
        let Some(list) = self.library.api().__bindgen_anon_1.list_open_params else { return Ok(Vec::new()) };
        let mut rc: ss_plugin_rc = ss_plugin_rc_SS_PLUGIN_SUCCESS;
        let _call = self.call(Function::OpenParams);
        // SAFETY: the state is that of this plugin; the function writes its result and returns null or a text.
        let listed = library::owned(unsafe { list(self.state, &raw mut rc) });
        if rc != ss_plugin_rc_SS_PLUGIN_SUCCESS {
            return Err(self.failed("plugin_list_open_params"));
        }
        serde_json::from_str(&listed.unwrap_or_else(|| "[]".to_owned())).map_err(|error| Error::Description {
            plugin: self.info().name.clone(),
            symbol: "plugin_list_open_params",
            reason: format!("no list of parameters: {error}"),
        })
    }

    /// Notes that the plugin is called, until the result is dropped.
    #[inline]
    pub(crate) fn call(&self, function: Function) -> Call<'_> {
        self.owner.calls().enter(function)
    }

    /// Returns the cost of its calls so far.
    pub fn cost(&self) -> Cost {
        self.owner.calls().cost()
    }

    /// Returns the number of calls that failed.
    pub fn failures(&self) -> u64 {
        self.failures.get()
    }

    pub(crate) fn count_failure(&self) {
        self.failures.set(self.failures.get() + 1);
    }

    /// Returns the error of a call that failed, with the message of the plugin.
    pub(crate) fn failed(&self, call: &'static str) -> Error {
        Error::Call { plugin: self.info().name.clone(), call, message: self.failure() }
    }

    /// Counts a call that failed, and returns the message of the plugin.
    fn failure(&self) -> String {
        self.count_failure();
        // SAFETY: the state is that of this plugin, or null after a failed start, which the interface allows here.
        let message = self.library.api().get_last_error.map(|function| unsafe { function(self.state) });
        let message = message.and_then(library::owned).filter(|message| !message.is_empty());
        message.unwrap_or_else(|| "no reason given".to_owned())
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        self.close_capture(Access::None);
        self.stop_async();
        if self.kept {
            return;
        }
        if let Some(destroy) = self.library.api().destroy
            && !self.state.is_null()
        {
            let _call = self.call(Function::Destroy);
            // SAFETY: the state is that of this plugin and is not used any more.
            unsafe { destroy(self.state) };
        }
    }
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugin").field("name", &self.info().name).finish_non_exhaustive()
    }
}

/// Converts a text for a plugin.
pub(crate) fn text(plugin: &str, setting: &'static str, text: &str) -> Result<CString, Error> {
    CString::new(text).map_err(|error| {
        let reason = format!("a NUL byte at position {}", error.nul_position());
        Error::Config { plugin: plugin.to_owned(), setting, reason }
    })
}

/// Converts a name for functions of plugins, up to its first NUL byte.
pub(crate) fn name(text: &str) -> CString {
    CString::new(text.split('\0').next().unwrap_or_default()).unwrap_or_default()
}
