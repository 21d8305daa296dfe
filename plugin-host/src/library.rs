//! A shared object with its functions, and its description.

use std::ffi::{CStr, c_char};
use std::fmt;
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use falco_plugin_api::{plugin_api, ss_plugin_schema_type, ss_plugin_schema_type_SS_PLUGIN_SCHEMA_JSON, ss_plugin_t};

use crate::error::Error;
use crate::fields::{self, Field};
use crate::version::{API_VERSION, Version};

/// The limit of a text that is read from a plugin, in bytes; a longer one is cut.
pub(crate) const LONGEST_TEXT: usize = 1 << 20;

/// A loaded plugin: its functions and its description. Copies are cheap and share it.
///
/// A library stays loaded until the program ends, as threads that it started may go on.
#[derive(Clone)]
pub struct Library {
    loaded: Arc<Loaded>,
}

pub(crate) struct Loaded {
    pub(crate) api: plugin_api,
    /// A function that the types of the interface do not have yet.
    schema_version: Option<SchemaVersion>,
    pub(crate) path: PathBuf,
    pub(crate) info: Info,
    /// Never unloaded: `api` points into it, and threads of the plugin may run in it.
    _library: ManuallyDrop<libloading::Library>,
}

/// The description of a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Info {
    /// Its name, by which rules require it.
    pub name: String,
    /// Its purpose.
    pub description: String,
    /// Its maintainer.
    pub contact: String,
    /// Its version.
    pub version: Version,
    /// The version of the plugin interface that it requires.
    pub api_version: Version,
    /// The schema of its configuration, and whether that is JSON Schema.
    pub init_schema: Option<(String, bool)>,
    /// Its capabilities.
    pub capabilities: Capabilities,
    /// Its events, if it provides any.
    pub events: Option<Events>,
    /// The fields that it extracts.
    pub fields: Vec<Field>,
    /// The types of its asynchronous events.
    pub async_events: Vec<String>,
    /// The sources that it adds asynchronous events to, beside its own. Empty: only its own, or any if it has none.
    pub async_sources: Vec<String>,
    /// The sources whose events it parses, beside its own. Empty: only its own, or all if it has none.
    pub parse_sources: Vec<String>,
    /// The sources whose events it extracts fields of, beside its own. Empty: only its own, or all if it has none.
    pub field_sources: Vec<String>,
}

impl Info {
    /// Returns whether a capability with a list of sources is for the events of one: the plugin's own is always among
    /// them, and without any all are.
    pub(crate) fn covers(&self, listed: &[String], source: &str) -> bool {
        match &self.events {
            Some(Events::Own { source: own, .. }) => own == source || listed.iter().any(|known| known == source),
            _ => listed.is_empty() || listed.iter().any(|known| known == source),
        }
    }
}

/// The capabilities of a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Capabilities {
    /// It provides events.
    pub sourcing: bool,
    /// It extracts fields.
    pub extraction: bool,
    /// It is called for every event, to keep state.
    pub parsing: bool,
    /// It adds events from its own threads.
    pub async_events: bool,
    /// It is called when a capture begins and ends.
    pub capture_listening: bool,
}

/// The events that a plugin provides.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Events {
    /// Events of its own source, with the id that they carry.
    Own {
        /// The id, not 0.
        id: u32,
        /// The name of the source, such as `aws_cloudtrail`.
        source: String,
    },
    /// Events of any type of the schema, such as system calls.
    Raw,
}

/// Returns the version of the schema of events that a plugin requires.
type SchemaVersion = unsafe extern "C-unwind" fn(*mut ss_plugin_t) -> *const c_char;

macro_rules! resolve {
    ($library:ident, $api:ident: $($($field:ident).+ = $symbol:literal,)*) => {$(
        // SAFETY: the type of the field is that of the function of this name in the plugin interface, of which
        // the file says that it follows it. `Loaded` keeps the library, so the copy of the pointer stays valid.
        $api.$($field).+ = unsafe { $library.get($symbol) }.ok().map(|symbol| *symbol);
    )*};
}

impl Library {
    /// Loads a shared object and reads its description. Nothing of it is initialized.
    ///
    /// The code of a plugin runs in this process with all of its privileges, from here on: load only what you would run
    /// as a program with the same privileges.
    ///
    /// # Errors
    /// If the file is not a plugin, or was built for a version of the plugin interface that is not supported, or its
    /// description is invalid.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        // A name without a slash would be searched for in the directories of the linker.
        let file = std::path::absolute(path)
            .map_err(|error| Error::Load { path: path.to_owned(), reason: error.to_string() })?;
        // SAFETY: constructors of the library run here. The caller trusts the file to be code that may run in this
        // process, as the documentation of this function says.
        let library = unsafe { libloading::Library::new(&file) };
        let library = library.map_err(|error| Error::Load { path: path.to_owned(), reason: reason(&error) })?;
        let api = symbols(&library);
        let info = describe(path, &api)?;
        // SAFETY: as in `resolve!`.
        let schema_version = unsafe { library.get(b"plugin_get_required_event_schema_version\0") };
        let schema_version = schema_version.ok().map(|symbol| *symbol);
        let library = ManuallyDrop::new(library);
        let path = path.to_owned();
        Ok(Self { loaded: Arc::new(Loaded { api, schema_version, path, info, _library: library }) })
    }

    /// Returns its description.
    pub fn info(&self) -> &Info {
        &self.loaded.info
    }

    /// Returns the file that it was loaded from.
    pub fn path(&self) -> &Path {
        &self.loaded.path
    }

    pub(crate) fn api(&self) -> &plugin_api {
        &self.loaded.api
    }

    pub(crate) fn schema_version(&self) -> Option<SchemaVersion> {
        self.loaded.schema_version
    }

    /// Returns whether its fields are those of events of a source.
    pub(crate) fn extracts(&self, source: &str) -> bool {
        let info = self.info();
        info.capabilities.extraction && info.covers(&info.field_sources, source)
    }

    /// Returns whether it parses the events of a source.
    pub(crate) fn parses(&self, source: &str) -> bool {
        let info = self.info();
        info.capabilities.parsing && info.covers(&info.parse_sources, source)
    }

    /// Returns whether it adds asynchronous events to a source.
    pub(crate) fn adds(&self, source: &str) -> bool {
        let info = self.info();
        info.capabilities.async_events && info.covers(&info.async_sources, source)
    }

    /// Returns whether it is notified of captures of a source: its own, or any if it has none.
    fn listens(&self, source: &str) -> bool {
        let info = self.info();
        info.capabilities.capture_listening && info.covers(&[], source)
    }

    /// Returns whether it does anything with the events of a source.
    pub(crate) fn serves(&self, source: &str) -> bool {
        let raw = self.info().events == Some(Events::Raw) && source == "syscall";
        raw || self.extracts(source) || self.parses(source) || self.adds(source) || self.listens(source)
    }
}

impl fmt::Debug for Library {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Library").field("path", &self.loaded.path).field("info", &self.loaded.info).finish()
    }
}

/// Returns the reason of the dynamic linker, which the error of `libloading` has as its source.
fn reason(error: &libloading::Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

fn symbols(library: &libloading::Library) -> plugin_api {
    // SAFETY: every field is a function pointer or null, which `None` is.
    let mut api: plugin_api = unsafe { std::mem::zeroed() };
    resolve! { library, api:
        get_required_api_version = b"plugin_get_required_api_version\0",
        get_init_schema = b"plugin_get_init_schema\0",
        init = b"plugin_init\0",
        destroy = b"plugin_destroy\0",
        get_last_error = b"plugin_get_last_error\0",
        get_name = b"plugin_get_name\0",
        get_description = b"plugin_get_description\0",
        get_contact = b"plugin_get_contact\0",
        get_version = b"plugin_get_version\0",
        set_config = b"plugin_set_config\0",
        get_metrics = b"plugin_get_metrics\0",
        __bindgen_anon_1.get_id = b"plugin_get_id\0",
        __bindgen_anon_1.get_event_source = b"plugin_get_event_source\0",
        __bindgen_anon_1.open = b"plugin_open\0",
        __bindgen_anon_1.close = b"plugin_close\0",
        __bindgen_anon_1.list_open_params = b"plugin_list_open_params\0",
        __bindgen_anon_1.get_progress = b"plugin_get_progress\0",
        __bindgen_anon_1.event_to_string = b"plugin_event_to_string\0",
        __bindgen_anon_1.next_batch = b"plugin_next_batch\0",
        __bindgen_anon_2.get_extract_event_types = b"plugin_get_extract_event_types\0",
        __bindgen_anon_2.get_extract_event_sources = b"plugin_get_extract_event_sources\0",
        __bindgen_anon_2.get_fields = b"plugin_get_fields\0",
        __bindgen_anon_2.extract_fields = b"plugin_extract_fields\0",
        __bindgen_anon_3.get_parse_event_types = b"plugin_get_parse_event_types\0",
        __bindgen_anon_3.get_parse_event_sources = b"plugin_get_parse_event_sources\0",
        __bindgen_anon_3.parse_event = b"plugin_parse_event\0",
        __bindgen_anon_4.get_async_event_sources = b"plugin_get_async_event_sources\0",
        __bindgen_anon_4.get_async_events = b"plugin_get_async_events\0",
        __bindgen_anon_4.set_async_event_handler = b"plugin_set_async_event_handler\0",
        __bindgen_anon_4.dump_state = b"plugin_dump_state\0",
        __bindgen_anon_5.capture_open = b"plugin_capture_open\0",
        __bindgen_anon_5.capture_close = b"plugin_capture_close\0",
    }
    api
}

/// Calls a function that returns a text of the plugin.
pub(crate) fn text(function: Option<unsafe extern "C-unwind" fn() -> *const c_char>) -> Option<String> {
    // SAFETY: the function is one of the plugin interface that takes nothing, and returns null or a text.
    owned(unsafe { function?() })
}

/// Copies a text of a plugin. `None` for null; invalid UTF-8 is replaced.
pub(crate) fn owned(text: *const c_char) -> Option<String> {
    Some(String::from_utf8_lossy(bytes(text)?).into_owned())
}

/// Borrows a text of a plugin, for as long as the plugin keeps it: the caller copies it before the next call.
pub(crate) fn bytes<'a>(text: *const c_char) -> Option<&'a [u8]> {
    if text.is_null() {
        return None;
    }
    // SAFETY: not null; the interface says that it ends with a NUL byte and stays until the next call of the plugin.
    let bytes = unsafe { CStr::from_ptr(text) }.to_bytes();
    Some(&bytes[..bytes.len().min(LONGEST_TEXT)])
}

fn describe(path: &Path, api: &plugin_api) -> Result<Info, Error> {
    let missing = |symbol, needed_for| Error::MissingSymbol { path: path.to_owned(), symbol, needed_for };
    let every = "every plugin has";
    let shown = path.display().to_string();
    let invalid = |symbol, reason: String| Error::Description { plugin: shown.clone(), symbol, reason };
    let required = |function: Option<unsafe extern "C-unwind" fn() -> *const c_char>, symbol| {
        let function = function.ok_or_else(|| missing(symbol, every))?;
        text(Some(function)).ok_or_else(|| invalid(symbol, "nothing".to_owned()))
    };
    let version = |text: String, symbol| {
        Version::parse(&text).ok_or_else(|| invalid(symbol, format!("`{text}`, which is not a version")))
    };
    let api_text = required(api.get_required_api_version, "plugin_get_required_api_version")?;
    let api_version = version(api_text, "plugin_get_required_api_version")?;
    let name = required(api.get_name, "plugin_get_name")?;
    if name.is_empty() {
        return Err(invalid("plugin_get_name", "an empty name".to_owned()));
    }
    if !api_version.runs_with(API_VERSION) {
        let (required, supported) = (api_version.to_string(), API_VERSION.to_string());
        return Err(Error::ApiVersion { plugin: name, required, supported });
    }
    let description = required(api.get_description, "plugin_get_description")?;
    let contact = required(api.get_contact, "plugin_get_contact")?;
    let own_version = version(required(api.get_version, "plugin_get_version")?, "plugin_get_version")?;
    for (present, symbol) in [
        (api.init.is_some(), "plugin_init"),
        (api.destroy.is_some(), "plugin_destroy"),
        (api.get_last_error.is_some(), "plugin_get_last_error"),
    ] {
        if !present {
            return Err(missing(symbol, every));
        }
    }
    let capabilities = capabilities(path, api)?;
    if capabilities == Capabilities::default() {
        return Err(Error::NoCapability { plugin: name });
    }
    let events = if capabilities.sourcing { Some(events(path, &name, api)?) } else { None };
    let fields = match api.__bindgen_anon_2.get_fields {
        Some(_) if capabilities.extraction => {
            let listed = required(api.__bindgen_anon_2.get_fields, "plugin_get_fields")?;
            fields::parse(&listed).map_err(|reason| Error::Description {
                plugin: name.clone(),
                symbol: "plugin_get_fields",
                reason,
            })?
        }
        _ => Vec::new(),
    };
    let names = |function, capability: bool, symbol| match text(function) {
        Some(listed) if capability && !listed.is_empty() => {
            let names: Result<Vec<String>, _> = serde_json::from_str(&listed);
            let names = names.map_err(|error| Error::Description {
                plugin: name.clone(),
                symbol,
                reason: format!("no list of names: {error}"),
            });
            names.map(|names| names.into_iter().filter(|name| !name.is_empty()).collect())
        }
        _ => Ok(Vec::new()),
    };
    let (extraction, parsing) = (&api.__bindgen_anon_2, &api.__bindgen_anon_3);
    let Capabilities { async_events: asynchronous, .. } = capabilities;
    let field_sources =
        names(extraction.get_extract_event_sources, capabilities.extraction, "plugin_get_extract_event_sources")?;
    let parse_sources = names(parsing.get_parse_event_sources, capabilities.parsing, "plugin_get_parse_event_sources")?;
    let events_api = &api.__bindgen_anon_4;
    let async_sources = names(events_api.get_async_event_sources, asynchronous, "plugin_get_async_event_sources")?;
    let async_events = names(events_api.get_async_events, asynchronous, "plugin_get_async_events")?;
    if asynchronous && async_events.is_empty() {
        let reason = "no names of events".to_owned();
        return Err(Error::Description { plugin: name, symbol: "plugin_get_async_events", reason });
    }
    let init_schema = init_schema(api);
    Ok(Info {
        name,
        description,
        contact,
        version: own_version,
        api_version,
        init_schema,
        capabilities,
        events,
        async_events,
        async_sources,
        parse_sources,
        fields,
        field_sources,
    })
}

/// Reads the available capabilities. Each requires several functions: some without the others are an error.
fn capabilities(path: &Path, api: &plugin_api) -> Result<Capabilities, Error> {
    let all = |functions: &[(bool, &'static str)], needed_for| {
        let missing = functions.iter().find(|(present, _)| !present);
        match missing {
            None => Ok(true),
            Some(_) if functions.iter().all(|(present, _)| !present) => Ok(false),
            Some((_, symbol)) => Err(Error::MissingSymbol { path: path.to_owned(), symbol, needed_for }),
        }
    };
    let (sourcing, extraction) = (&api.__bindgen_anon_1, &api.__bindgen_anon_2);
    let (asynchronous, listening) = (&api.__bindgen_anon_4, &api.__bindgen_anon_5);
    Ok(Capabilities {
        sourcing: all(
            &[
                (sourcing.open.is_some(), "plugin_open"),
                (sourcing.close.is_some(), "plugin_close"),
                (sourcing.next_batch.is_some(), "plugin_next_batch"),
            ],
            "a plugin that provides events has",
        )?,
        extraction: all(
            &[
                (extraction.get_fields.is_some(), "plugin_get_fields"),
                (extraction.extract_fields.is_some(), "plugin_extract_fields"),
            ],
            "a plugin that extracts fields has",
        )?,
        parsing: api.__bindgen_anon_3.parse_event.is_some(),
        async_events: all(
            &[
                (asynchronous.get_async_events.is_some(), "plugin_get_async_events"),
                (asynchronous.set_async_event_handler.is_some(), "plugin_set_async_event_handler"),
            ],
            "a plugin with asynchronous events has",
        )?,
        capture_listening: all(
            &[
                (listening.capture_open.is_some(), "plugin_capture_open"),
                (listening.capture_close.is_some(), "plugin_capture_close"),
            ],
            "a plugin that listens to captures has",
        )?,
    })
}

/// Reads the id and the source of the events. A plugin has both, or neither.
fn events(path: &Path, name: &str, api: &plugin_api) -> Result<Events, Error> {
    // SAFETY: the function takes nothing and returns a number.
    let id = api.__bindgen_anon_1.get_id.map_or(0, |function| unsafe { function() });
    let source = text(api.__bindgen_anon_1.get_event_source).unwrap_or_default();
    let needed_for = "a plugin with a source of its own has";
    match (id, source.as_str()) {
        (0, "") => Ok(Events::Raw),
        (0, _) if api.__bindgen_anon_1.get_id.is_none() => {
            Err(Error::MissingSymbol { path: path.to_owned(), symbol: "plugin_get_id", needed_for })
        }
        (_, "") if api.__bindgen_anon_1.get_event_source.is_none() => {
            Err(Error::MissingSymbol { path: path.to_owned(), symbol: "plugin_get_event_source", needed_for })
        }
        (0, _) => Err(Error::Description {
            plugin: name.to_owned(),
            symbol: "plugin_get_id",
            reason: format!("0 although its events have the source `{source}`"),
        }),
        (_, "") => Err(Error::Description {
            plugin: name.to_owned(),
            symbol: "plugin_get_event_source",
            reason: format!("no name although its events have the id {id}"),
        }),
        (_, "syscall" | "internal" | "plugins") => Err(Error::Clash {
            plugin: name.to_owned(),
            what: "event source",
            name: source,
            other: "this program".to_owned(),
        }),
        _ => Ok(Events::Own { id, source }),
    }
}

fn init_schema(api: &plugin_api) -> Option<(String, bool)> {
    let mut kind: ss_plugin_schema_type = 0;
    // SAFETY: the function writes to the number that it is given, and returns null or a text.
    let schema = owned(unsafe { api.get_init_schema?(&raw mut kind) })?;
    Some((schema, kind == ss_plugin_schema_type_SS_PLUGIN_SCHEMA_JSON))
}
