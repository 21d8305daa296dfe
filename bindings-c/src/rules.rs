//! Rules on their way in: files, texts and switches are gathered, then loaded into an engine.

use std::ffi::c_char;
use std::path::{Path, PathBuf};

use rule_engine::diag::human::Style;
use rule_engine::engine::Config;
use rule_engine::event::Schema;
use rule_engine::event::json::JsonSchema;
use rule_engine::event::sinsp::SinspSchema;
use rule_engine::load::{Loader, Sources};
use rule_engine::output::{Format, Priority};
use rule_engine::resolve::ExtraOutput;
use rule_engine::ruleset::{Matching, Selection, Selector};
use sinsp::fields::Fields;

use crate::engine::Engine;
use crate::error::Fault;
use crate::guard::{call, value};
use crate::handle::{Handle, bytes, give, optional_text, shared, take, text, unique, write};
use crate::sized::{Input, fill, given, grows};
use crate::status::Status;
use crate::view::Bytes;

/// Rule files and settings on their way to an engine. Opaque.
#[derive(Debug, Default)]
pub struct Rules {
    files: Vec<(String, Vec<u8>)>,
    json_sources: Vec<String>,
    selections: Vec<Selection>,
    report: Report,
}

impl Handle for Rules {
    const NAME: &'static str = "peregrine_rules";
}

/// What the last load found, kept until the next.
#[derive(Debug, Default)]
struct Report {
    rows: Vec<Row>,
    text: String,
    json: String,
}

#[derive(Debug)]
struct Row {
    is_error: bool,
    code: &'static str,
    message: String,
    hint: String,
    file: String,
    line: u64,
    column: u64,
}

/// One error or warning of rules. What it points at is lent until the rules are loaded again or freed. Set `size` to
/// `sizeof(peregrine_diagnostic)` before the call.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Diagnostic {
    /// In: the size of this struct, as the caller was compiled.
    pub size: usize,
    /// Whether it refuses the rules; else it warns.
    pub is_error: bool,
    /// Its code, such as `LOAD_ERR_COMPILE_CONDITION`.
    pub code: Bytes,
    /// What is wrong.
    pub message: Bytes,
    /// What may help; empty where there is nothing to say.
    pub hint: Bytes,
    /// The file or text.
    pub file: Bytes,
    /// The line, from 1; 0 where there is no place.
    pub line: u64,
    /// The byte in that line, from 1.
    pub column: u64,
}
grows!(Diagnostic, "peregrine_diagnostic", column);

/// How an engine works. Set `size` to `sizeof(peregrine_engine_options)` and the rest to zero for Falco's defaults.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct EngineOptions {
    /// The size of this struct, as the caller was compiled.
    pub size: usize,
    /// Alerts are JSON; else a line of text.
    pub json_output: bool,
    /// Times are a date and a time in UTC; else the local time of the day.
    pub time_format_iso_8601: bool,
    /// Every rule that matches makes an alert; else only the first.
    pub match_all: bool,
    /// Outputs get the fields that the source suggests, such as the container.
    pub suggested_output: bool,
    /// JSON lacks `output`.
    pub without_output: bool,
    /// JSON lacks `tags`.
    pub without_tags: bool,
    /// JSON lacks `output_fields`.
    pub without_output_fields: bool,
    /// JSON has `message`.
    pub with_message: bool,
    /// The least grave priority that is heeded, from 1 (emergency) to 8 (debug); 0 is all.
    pub priority: u32,
    /// The name of this host in JSON, UTF-8 and ended by a NUL; NULL is an empty name.
    pub hostname: *const c_char,
}
grows!(EngineOptions, "peregrine_engine_options", hostname);
// SAFETY: false, 0 and NULL are what they are.
unsafe impl Input for EngineOptions {}

/// Makes an empty set of rules.
///
/// @param out receives rules that the caller owns and gives back with peregrine_rules_free()
/// @return PEREGRINE_STATUS_OK
///
/// # Safety
/// `out` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_rules_new(out: *mut *mut Rules) -> Status {
    call(|| {
        // SAFETY: by the caller's word.
        unsafe { give(Rules::default(), out) }?;
        Ok(Status::Ok)
    })
}

/// Gives rules back. NULL is fine. Engines that were loaded from them live on.
///
/// # Safety
/// `rules` is NULL or live rules that nothing uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_rules_free(rules: *mut Rules) {
    // SAFETY: by the caller's word.
    value((), || drop(unsafe { take(rules) }));
}

/// Adds a rule file, or every `.yaml` and `.yml` file of a directory in the order of their names.
///
/// @param rules the rules
/// @param path  the file or directory, UTF-8
/// @return PEREGRINE_STATUS_OK, _IO if it cannot be read
///
/// # Safety
/// `rules` is NULL or live rules that no other thread uses; `path` is NULL or ended by a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_rules_add_path(rules: *mut Rules, path: *const c_char) -> Status {
    call(|| {
        // SAFETY: by the caller's word.
        let rules = unsafe { unique(rules) }?;
        // SAFETY: by the caller's word.
        let path = Path::new(unsafe { text(path, "path") }?);
        let refused = |path: &Path, fault| Fault::new(Status::Io, format!("can't read {}: {fault}", path.display()));
        let mut paths: Vec<PathBuf> = vec![path.to_owned()];
        if path.is_dir() {
            let entries = std::fs::read_dir(path).map_err(|fault| refused(path, fault))?;
            paths = entries
                .map(|entry| entry.map(|entry| entry.path()))
                .collect::<Result<_, _>>()
                .map_err(|fault| refused(path, fault))?;
            paths.retain(|path| path.extension().is_some_and(|end| end == "yaml" || end == "yml"));
            paths.sort();
        }
        let read = |path: PathBuf| match std::fs::read(&path) {
            Ok(bytes) => Ok((path.to_string_lossy().into_owned(), bytes)),
            Err(fault) => Err(refused(&path, fault)),
        };
        let files: Vec<_> = paths.into_iter().map(read).collect::<Result<_, _>>()?;
        rules.files.extend(files);
        Ok(Status::Ok)
    })
}

/// Adds rules that are in memory. The bytes are copied.
///
/// @param rules the rules
/// @param name  what messages call it, UTF-8
/// @param data  the first byte of the YAML text
/// @param len   how many bytes
/// @return PEREGRINE_STATUS_OK
///
/// # Safety
/// `rules` is NULL or live rules that no other thread uses; `name` is NULL or ended by a NUL; `data` is NULL or valid for
/// reading `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_rules_add_text(
    rules: *mut Rules,
    name: *const c_char,
    data: *const u8,
    len: usize,
) -> Status {
    call(|| {
        // SAFETY: by the caller's word.
        let rules = unsafe { unique(rules) }?;
        // SAFETY: by the caller's word.
        let name = unsafe { text(name, "name") }?;
        // SAFETY: by the caller's word.
        let data = unsafe { bytes(data, len, "data") }?;
        rules.files.push((name.to_owned(), data.to_vec()));
        Ok(Status::Ok)
    })
}

/// Adds a source of JSON events, whose rules may use `json.*` and `jevt.*`. The sources `syscall` and `k8s_audit` are always
/// there.
///
/// @param rules the rules
/// @param name  the source, UTF-8
/// @return PEREGRINE_STATUS_OK, _INVALID_ARGUMENT if there is one of that name
///
/// # Safety
/// `rules` is NULL or live rules that no other thread uses; `name` is NULL or ended by a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_rules_add_json_source(rules: *mut Rules, name: *const c_char) -> Status {
    call(|| {
        // SAFETY: by the caller's word.
        let rules = unsafe { unique(rules) }?;
        // SAFETY: by the caller's word.
        let name = unsafe { text(name, "name") }?;
        if matches!(name, "" | "syscall" | "k8s_audit") || rules.json_sources.iter().any(|source| source == name) {
            return Err(Fault::new(Status::InvalidArgument, format!("there is a source '{name}' already")));
        }
        rules.json_sources.push(name.to_owned());
        Ok(Status::Ok)
    })
}

/// Switches rules on or off by their names. Switches act when rules are loaded, one after the other.
///
/// @param rules   the rules
/// @param pattern the names, UTF-8, where `*` is any run of characters
/// @param enable  on or off
/// @return PEREGRINE_STATUS_OK
///
/// # Safety
/// `rules` is NULL or live rules that no other thread uses; `pattern` is NULL or ended by a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_rules_switch(rules: *mut Rules, pattern: *const c_char, enable: bool) -> Status {
    call(|| {
        // SAFETY: by the caller's word.
        let rules = unsafe { unique(rules) }?;
        // SAFETY: by the caller's word.
        let pattern = unsafe { text(pattern, "pattern") }?.to_owned();
        rules.selections.push(Selection { rules: Selector::Pattern(pattern), enable });
        Ok(Status::Ok)
    })
}

/// Switches rules on or off by a tag. See peregrine_rules_switch().
///
/// @param rules  the rules
/// @param tag    the tag, UTF-8
/// @param enable on or off
/// @return PEREGRINE_STATUS_OK
///
/// # Safety
/// `rules` is NULL or live rules that no other thread uses; `tag` is NULL or ended by a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_rules_switch_tag(rules: *mut Rules, tag: *const c_char, enable: bool) -> Status {
    call(|| {
        // SAFETY: by the caller's word.
        let rules = unsafe { unique(rules) }?;
        // SAFETY: by the caller's word.
        let tag = unsafe { text(tag, "tag") }?.to_owned();
        rules.selections.push(Selection { rules: Selector::Tags(vec![tag]), enable });
        Ok(Status::Ok)
    })
}

/// Loads what was added. All faults of all files are found in one go: see peregrine_rules_diagnostic(). Rules can be loaded
/// again, for instance after more was added.
///
/// @param rules   the rules
/// @param options how the engine works; NULL is Falco's defaults
/// @param out     receives an engine that the caller owns and gives back with peregrine_engine_free()
/// @return PEREGRINE_STATUS_OK, also with warnings; _RULES if there are errors
///
/// # Safety
/// `rules` is NULL or live rules that no other thread uses; `options` is NULL or valid for reading as many bytes as its `size` says; `out` is NULL or valid
/// for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_rules_load(
    rules: *mut Rules,
    options: *const EngineOptions,
    out: *mut *mut Engine,
) -> Status {
    call(|| {
        // SAFETY: by the caller's word.
        let rules = unsafe { unique(rules) }?;
        // SAFETY: by the caller's word.
        let (mut config, format, suggested) = unsafe { settings(options) }?;
        config.selections.clone_from(&rules.selections);
        let engine = rules.load(&config, format, suggested)?;
        // SAFETY: by the caller's word.
        unsafe { give(engine, out) }?;
        Ok(Status::Ok)
    })
}

/// # Safety
/// `options` is NULL or valid for reading, and so is the host name that it points at.
unsafe fn settings(options: *const EngineOptions) -> Result<(Config, Format, bool), Fault> {
    let mut config = Config::default();
    // SAFETY: by the caller's word.
    let Some(options) = unsafe { given(options) }? else { return Ok((config, Format::new(""), false)) };
    // SAFETY: by the caller's word.
    let hostname = unsafe { optional_text(options.hostname, "hostname") }?;
    let format = Format {
        json: options.json_output,
        include_output: !options.without_output,
        include_tags: !options.without_tags,
        include_message: options.with_message,
        include_output_fields: !options.without_output_fields,
        iso8601: options.time_format_iso_8601,
        ..Format::new(hostname)
    };
    if options.match_all {
        config.evaluation.matching = Matching::All;
    }
    if options.priority > 0 {
        let priority = Priority::ALL.get(options.priority as usize - 1);
        config.priority = *priority
            .ok_or_else(|| Fault::new(Status::InvalidArgument, format!("{} is no priority", options.priority)))?;
    }
    Ok((config, format, options.suggested_output))
}

impl Rules {
    fn load(&mut self, config: &Config, format: Format, suggested: bool) -> Result<Engine, Fault> {
        let schema = SinspSchema::new(Fields::new());
        let extra = |piece: std::borrow::Cow<'static, str>| ExtraOutput {
            source: Some("syscall".to_owned()),
            format: Some(piece.into_owned()),
            ..ExtraOutput::default()
        };
        let extra = if suggested { schema.suggested_output().into_iter().map(extra).collect() } else { Vec::new() };
        let mut sources = Sources::new().with(schema).with(JsonSchema::k8s_audit());
        for name in &self.json_sources {
            sources = sources.with(JsonSchema::new(name.clone()));
        }
        let mut loader = Loader::new(sources).extra_output(extra);
        let loaded = loader.load(self.files.iter().map(|(name, text)| (name.as_str(), text.as_slice())));
        self.report = Report {
            rows: loaded.diagnostics.iter().map(|row| Row::new(row, &loaded.files)).collect(),
            text: loaded.render(Style::default()),
            json: loaded.falco_json().to_string(),
        };
        if !loaded.is_successful() {
            let first = self.report.rows.iter().find(|row| row.is_error);
            let first = first
                .map_or_else(String::new, |row| format!("{}:{}:{}: {}", row.file, row.line, row.column, row.message));
            return Err(Fault::new(Status::Rules, format!("rules do not load: {first}")));
        }
        let failed = |fault: rule_engine::output::TemplateError| Fault::new(Status::Rules, fault.to_string());
        let rules = loader.into_sources().build(loaded.into_rules(), config).map_err(failed)?;
        Ok(Engine::new(&rules, format))
    }
}

impl Row {
    fn new(diagnostic: &rule_engine::diag::Diagnostic, files: &[rule_engine::diag::SourceFile]) -> Self {
        let location = diagnostic.context.innermost();
        let (mut line, mut column) = (location.mark.line as u64 + 1, location.mark.column as u64 + 1);
        let mut file = files.get(diagnostic.context.file.0).map_or_else(String::new, |file| file.name.to_string());
        if let Some(spot) = diagnostic.spot
            && let Some(source) = files.get(spot.file.0)
        {
            let mark = source.text.mark(spot.start);
            (line, column) = (mark.line as u64 + 1, mark.column as u64 + 1);
            file = source.name.to_string();
        }
        Self {
            is_error: diagnostic.is_error(),
            code: diagnostic.code.name(),
            message: diagnostic.message.clone(),
            hint: diagnostic.hint.clone().unwrap_or_default(),
            file,
            line,
            column,
        }
    }
}

/// One of the errors and warnings that the last load found: errors first.
///
/// @param rules the rules
/// @param index which, from 0
/// @param out   receives it; set its `size` first
/// @return PEREGRINE_STATUS_OK, _END if there are not so many, _INVALID_ARGUMENT if `size` is too small
///
/// # Safety
/// `rules` is NULL or live rules; `out` is NULL or valid for reading and writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_rules_diagnostic(rules: *const Rules, index: usize, out: *mut Diagnostic) -> Status {
    call(|| {
        // SAFETY: by the caller's word.
        let rules = unsafe { shared(rules) }?;
        let Some(row) = rules.report.rows.get(index) else { return Ok(Status::End) };
        let diagnostic = Diagnostic {
            size: size_of::<Diagnostic>(),
            is_error: row.is_error,
            code: row.code.into(),
            message: row.message.as_str().into(),
            hint: row.hint.as_str().into(),
            file: row.file.as_str().into(),
            line: row.line,
            column: row.column,
        };
        // SAFETY: by the caller's word.
        unsafe { fill(out, &diagnostic) }?;
        Ok(Status::Ok)
    })
}

/// All errors and warnings of the last load as text for people, with excerpts of the files.
///
/// @param rules the rules
/// @param out   receives the text, lent until the rules are loaded again or freed
/// @return PEREGRINE_STATUS_OK
///
/// # Safety
/// `rules` is NULL or live rules; `out` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_rules_report_text(rules: *const Rules, out: *mut Bytes) -> Status {
    call(|| {
        // SAFETY: by the caller's word.
        let rules = unsafe { shared(rules) }?;
        // SAFETY: by the caller's word.
        unsafe { write(out, rules.report.text.as_str().into()) }?;
        Ok(Status::Ok)
    })
}

/// The results of the last load as JSON: the array that Falco calls `falco_load_results`.
///
/// @param rules the rules
/// @param out   receives the text, lent until the rules are loaded again or freed
/// @return PEREGRINE_STATUS_OK
///
/// # Safety
/// `rules` is NULL or live rules; `out` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_rules_report_json(rules: *const Rules, out: *mut Bytes) -> Status {
    call(|| {
        // SAFETY: by the caller's word.
        let rules = unsafe { shared(rules) }?;
        // SAFETY: by the caller's word.
        unsafe { write(out, rules.report.json.as_str().into()) }?;
        Ok(Status::Ok)
    })
}
