//! Plugins that were built for Falco: their fields in rulesets, and events of their own sources.
//!
//! They are behind the feature `plugins`. Without it there can be none: `peregrine_plugins_new` returns
//! `PEREGRINE_STATUS_UNSUPPORTED`.

use std::ffi::c_char;
use std::sync::Arc;

use peregrine::RulesBuilder;
use scap::schema::SyscallSet;
use sinsp::state::Extension;

use crate::engine::{AlertCallback, Engine, report};
use crate::error::Error;
use crate::guard::{call, value};
use crate::handle::{Handle, borrow, borrow_mut, give, optional_text, take, text};
use crate::sized::{fill, grows};
use crate::status::Status;
use crate::view::Bytes;

#[cfg(not(feature = "plugins"))]
use absent as host;

/// Loaded plugins with their configurations. Opaque. Used by one thread at a time.
#[derive(Debug)]
pub struct Plugins(host::Plugins);

impl Handle for Plugins {
    const NAME: &'static str = "peregrine_plugins";
}

impl Plugins {
    /// Sets them for rules.
    pub(crate) fn set(&self, builder: RulesBuilder) -> Result<RulesBuilder, Error> {
        self.0.set(builder)
    }

    /// Initializes those for system calls, and returns the calls that they parse.
    pub(crate) fn extension(&self, live: bool) -> Result<(Option<Arc<dyn Extension>>, SyscallSet), Error> {
        self.0.extension(live)
    }
}

/// The open event source of a plugin. Opaque. Used by one thread at a time.
#[derive(Debug)]
pub struct PluginSource(host::Source);

impl Handle for PluginSource {
    const NAME: &'static str = "peregrine_plugin_source";
}

/// The description of a plugin. What it points at is valid as long as the plugins live. Set `size` to
/// `sizeof(peregrine_plugin_info)` before the call.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct PluginInfo {
    /// The size of this struct, as the caller was compiled.
    pub size: usize,
    /// The name, by which rules require it.
    pub name: Bytes,
    /// The purpose.
    pub description: Bytes,
    /// The name of the event source that it provides; empty if it provides none.
    pub source: Bytes,
    /// The three numbers of the version.
    pub version: [u32; 3],
    /// The number of fields that it extracts.
    pub nfields: u32,
}
grows!(PluginInfo, "peregrine_plugin_info", nfields);

/// An event of a plugin. What it points at is valid until the next one is requested. Set `size` to
/// `sizeof(peregrine_plugin_event)` before the call.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct PluginEvent {
    /// The size of this struct, as the caller was compiled.
    pub size: usize,
    /// The number of the event in the stream, from 1.
    pub number: u64,
    /// The time of the event, in nanoseconds since 1970.
    pub timestamp: u64,
    /// The payload, in the plugin's own format.
    pub payload: Bytes,
    /// Whether it is an asynchronous event.
    pub is_async: bool,
}
grows!(PluginEvent, "peregrine_plugin_event", is_async);

/// Creates a list of plugins, without any.
///
/// @param out receives plugins that the caller owns and frees with peregrine_plugins_free()
/// @return PEREGRINE_STATUS_OK; _UNSUPPORTED if this library was built without the feature `plugins` (see
///         peregrine_features())
///
/// # Safety
/// `out` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_plugins_new(out: *mut *mut Plugins) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        unsafe { give(Plugins(host::Plugins::new()?), out) }?;
        Ok(Status::Ok)
    })
}

/// Loads a plugin from a shared object. Its code runs in this process with all of its privileges, from here on, and stays
/// loaded. All plugins are added before the first use of `plugins` by a ruleset, an inspector or a source.
///
/// @param plugins     the plugins
/// @param path        the name of the file, UTF-8
/// @param init_config the configuration, UTF-8: text, or JSON if the plugin has a schema for it; NULL is ""
/// @param open_params the parameters that its event source is opened with, UTF-8; NULL is ""
/// @return PEREGRINE_STATUS_OK; _PLUGIN if it cannot be loaded; _INVALID_ARGUMENT if the plugins are used already
///
/// # Safety
/// `plugins` is NULL or live plugins that no other thread uses; `path`, `init_config` and `open_params` are NULL or
/// NUL-terminated. The file may be loaded into this process.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_plugins_add(
    plugins: *mut Plugins,
    path: *const c_char,
    init_config: *const c_char,
    open_params: *const c_char,
) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let plugins = unsafe { borrow_mut(plugins) }?;
        // SAFETY: guaranteed by the caller.
        let path = unsafe { text(path, "path") }?;
        // SAFETY: guaranteed by the caller.
        let config = unsafe { optional_text(init_config, "init_config") }?;
        // SAFETY: guaranteed by the caller.
        let params = unsafe { optional_text(open_params, "open_params") }?;
        plugins.0.add(path, config, params)?;
        Ok(Status::Ok)
    })
}

/// Returns the description of a plugin.
///
/// @param plugins the plugins
/// @param index   the index of the plugin, from 0, in the order in which they were added
/// @param out     receives the description; set its `size` first
/// @return PEREGRINE_STATUS_OK, _END if there is no plugin of that index, _INVALID_ARGUMENT if `size` is too small
///
/// # Safety
/// `plugins` is NULL or live plugins; `out` is NULL or valid for reading and writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_plugins_info(plugins: *const Plugins, index: usize, out: *mut PluginInfo) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let plugins = unsafe { borrow(plugins) }?;
        let Some(info) = plugins.0.info(index) else { return Ok(Status::End) };
        // SAFETY: guaranteed by the caller.
        unsafe { fill(out, &info) }?;
        Ok(Status::Ok)
    })
}

/// Frees plugins. Passing NULL is a no-op. Rulesets, inspectors and sources that use them go on.
///
/// # Safety
/// `plugins` is NULL or live plugins that are no longer used.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_plugins_free(plugins: *mut Plugins) {
    // SAFETY: guaranteed by the caller.
    value((), || drop(unsafe { take(plugins) }));
}

/// Opens an event source that a plugin provides: initializes it and all plugins that have fields of its events.
///
/// @param plugins the plugins
/// @param name    the name of the source, UTF-8
/// @param out     receives a source that the caller owns and frees with peregrine_plugin_source_free()
/// @return PEREGRINE_STATUS_OK; _INVALID_ARGUMENT if there is no such source; _PLUGIN if a plugin rejects its configuration
///         or cannot open the source
///
/// # Safety
/// `plugins` is NULL or live plugins that no other thread uses; `name` is NULL or NUL-terminated; `out` is NULL or valid for
/// writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_plugin_source_open(
    plugins: *const Plugins,
    name: *const c_char,
    out: *mut *mut PluginSource,
) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let plugins = unsafe { borrow(plugins) }?;
        // SAFETY: guaranteed by the caller.
        let name = unsafe { text(name, "name") }?;
        if out.is_null() {
            return Err(Error::null("the out-parameter"));
        }
        let source = plugins.0.open(name)?;
        // SAFETY: guaranteed by the caller.
        unsafe { give(PluginSource(source), out) }?;
        Ok(Status::Ok)
    })
}

/// Moves to the next event of the source, which peregrine_engine_process_plugin() evaluates. The previous one, and
/// everything borrowed from it, becomes invalid.
///
/// @param source the source
/// @param out    receives the event; set its `size` first
/// @return PEREGRINE_STATUS_OK; _END at the end of the source; _IDLE if the plugin has no event at the moment;
///         _INVALID_EVENT if the plugin returned an invalid one, behind which the next call goes on; _PLUGIN if it failed,
///         after which every further call returns _END
///
/// # Safety
/// `source` is NULL or a live source that no other thread uses; `out` is NULL or valid for reading and writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_plugin_source_next(source: *mut PluginSource, out: *mut PluginEvent) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let source = unsafe { borrow_mut(source) }?;
        if out.is_null() {
            return Err(Error::null("the out-parameter"));
        }
        match source.0.next()? {
            Ok(event) => {
                // SAFETY: guaranteed by the caller.
                unsafe { fill(out, &event) }?;
                Ok(Status::Ok)
            }
            Err(none) => Ok(none),
        }
    })
}

/// Evaluates the rules of the source of a plugin on the event that peregrine_plugin_source_next() returned last, and calls
/// back for every alert before it returns.
///
/// @param engine   the engine, of a ruleset with the plugins of the source
/// @param source   the source
/// @param callback receives alerts; see peregrine_alert_callback. NULL: alerts are queued for peregrine_engine_next_alert()
/// @param userdata passed to the callback
/// @return PEREGRINE_STATUS_OK, with or without alerts; _MISSING if no event was returned last; _PLUGIN if the ruleset has
///         other plugins
///
/// # Safety
/// `engine` is NULL or a live engine and `source` NULL or a live source that no other thread uses; `callback` may be called
/// with `userdata`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_engine_process_plugin(
    engine: *mut Engine,
    source: *const PluginSource,
    callback: AlertCallback,
    userdata: *mut std::ffi::c_void,
) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let engine = unsafe { borrow_mut(engine) }?;
        // SAFETY: guaranteed by the caller.
        let source = unsafe { borrow(source) }?;
        let Some(found) = source.0.evaluate(engine, callback.is_some())? else { return Ok(Status::Missing) };
        // SAFETY: guaranteed by the caller; neither engine nor source is borrowed from here on.
        unsafe { report(&found, callback, userdata) };
        Ok(Status::Ok)
    })
}

/// Closes a source and frees it. Passing NULL is a no-op.
///
/// # Safety
/// `source` is NULL or a live source that is no longer used.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_plugin_source_free(source: *mut PluginSource) {
    // SAFETY: guaranteed by the caller.
    value((), || drop(unsafe { take(source) }));
}

/// The plugins of a library that has them.
#[cfg(feature = "plugins")]
pub(crate) mod host {
    use std::sync::{Arc, OnceLock};

    use peregrine::RulesBuilder;
    use peregrine::plugin_host::{Configured, Events, Library, LogLine, Next, PluginSource, Severity};
    use scap::schema::SyscallSet;
    use sinsp::state::Extension;

    use super::{PluginEvent, PluginInfo};
    use crate::alert::AlertData;
    use crate::engine::Engine;
    use crate::error::Error;
    use crate::status::Status;

    /// The sources of plugins.
    pub(crate) type Source = Opened;

    #[derive(Debug)]
    pub(crate) struct Plugins {
        configured: Vec<Configured>,
        /// Made with the first use, so that all that use them have the same.
        combined: OnceLock<peregrine::Plugins>,
    }

    impl Plugins {
        pub(super) fn new() -> Result<Self, Error> {
            Ok(Self { configured: Vec::new(), combined: OnceLock::new() })
        }

        pub(super) fn add(&mut self, path: &str, config: &str, params: &str) -> Result<(), Error> {
            if self.combined.get().is_some() {
                return Err(Error::new(Status::InvalidArgument, "the plugins are used already; add all before"));
            }
            let library = Library::load(path).map_err(peregrine::Error::from)?;
            self.configured.push(Configured::new(library, config, params));
            Ok(())
        }

        pub(super) fn info(&self, index: usize) -> Option<PluginInfo> {
            let info = self.configured.get(index)?.library.info();
            let source = match &info.events {
                Some(Events::Own { source, .. }) => source.as_str(),
                _ => "",
            };
            Some(PluginInfo {
                size: size_of::<PluginInfo>(),
                name: info.name.as_str().into(),
                description: info.description.as_str().into(),
                source: source.into(),
                version: [info.version.major, info.version.minor, info.version.patch],
                nfields: info.fields.len() as u32,
            })
        }

        fn combined(&self) -> Result<&peregrine::Plugins, Error> {
            if self.combined.get().is_none() {
                let combined = peregrine::Plugins::with_log(&self.configured, Arc::new(log))?;
                return Ok(self.combined.get_or_init(|| combined));
            }
            self.combined.get().ok_or_else(|| Error::null("plugins"))
        }

        pub(super) fn set(&self, builder: RulesBuilder) -> Result<RulesBuilder, Error> {
            Ok(builder.plugins(self.combined()?))
        }

        pub(super) fn extension(&self, live: bool) -> Result<(Option<Arc<dyn Extension>>, SyscallSet), Error> {
            let Some(plugins) = self.combined()?.extension(live)? else { return Ok((None, SyscallSet::new())) };
            let parsed = plugins.parsed_syscalls();
            Ok((Some(plugins), parsed))
        }

        pub(super) fn open(&self, name: &str) -> Result<Source, Error> {
            Ok(Opened { name: name.to_owned(), inner: self.combined()?.open(name)? })
        }
    }

    /// A line of a plugin as a log message of the library.
    fn log(line: LogLine) {
        let LogLine { plugin, message, severity, .. } = line;
        match severity {
            Severity::Fatal | Severity::Critical | Severity::Error => tracing::error!("plugin {plugin}: {message}"),
            Severity::Warning => tracing::warn!("plugin {plugin}: {message}"),
            Severity::Notice | Severity::Info => tracing::info!("plugin {plugin}: {message}"),
            Severity::Debug => tracing::debug!("plugin {plugin}: {message}"),
            Severity::Trace => tracing::trace!("plugin {plugin}: {message}"),
        }
    }

    #[derive(Debug)]
    pub(crate) struct Opened {
        name: String,
        inner: PluginSource,
    }

    impl Opened {
        /// Returns the next event, or the reason why there is none.
        pub(super) fn next(&mut self) -> Result<Result<PluginEvent, Status>, Error> {
            Ok(match self.inner.next_event().map_err(peregrine::Error::from)? {
                Next::Event(event) => Ok(PluginEvent {
                    size: size_of::<PluginEvent>(),
                    number: event.number(),
                    timestamp: event.time(),
                    payload: event.payload().into(),
                    is_async: event.is_async(),
                }),
                Next::Idle => Err(Status::Idle),
                Next::End => Err(Status::End),
            })
        }

        /// Evaluates the rules on the event that was returned last; `None` without one.
        pub(super) fn evaluate(&self, engine: &mut Engine, at_once: bool) -> Result<Option<Vec<AlertData>>, Error> {
            let Some(event) = self.inner.current() else { return Ok(None) };
            engine.process_plugin(&self.name, event, at_once).map(Some)
        }
    }
}

/// A library without plugins, of which none can exist.
#[cfg(not(feature = "plugins"))]
pub(crate) mod absent {
    use std::sync::Arc;

    use peregrine::RulesBuilder;
    use scap::schema::SyscallSet;
    use sinsp::state::Extension;

    use super::{PluginEvent, PluginInfo};
    use crate::alert::AlertData;
    use crate::engine::Engine;
    use crate::error::Error;
    use crate::status::Status;

    #[derive(Debug)]
    pub(crate) enum Plugins {}

    #[derive(Debug)]
    pub(crate) enum Source {}

    impl Plugins {
        pub(super) fn new() -> Result<Self, Error> {
            Err(Error::new(Status::Unsupported, "this library was built without plugins (cargo feature `plugins`)"))
        }

        pub(super) fn add(&mut self, _: &str, _: &str, _: &str) -> Result<(), Error> {
            match *self {}
        }

        pub(super) fn info(&self, _: usize) -> Option<PluginInfo> {
            match *self {}
        }

        pub(super) fn set(&self, _: RulesBuilder) -> Result<RulesBuilder, Error> {
            match *self {}
        }

        pub(super) fn extension(&self, _: bool) -> Result<(Option<Arc<dyn Extension>>, SyscallSet), Error> {
            match *self {}
        }

        pub(super) fn open(&self, _: &str) -> Result<Source, Error> {
            match *self {}
        }
    }

    impl Source {
        pub(super) fn next(&mut self) -> Result<Result<PluginEvent, Status>, Error> {
            match *self {}
        }

        pub(super) fn evaluate(&self, _: &mut Engine, _: bool) -> Result<Option<Vec<AlertData>>, Error> {
            match *self {}
        }
    }
}
