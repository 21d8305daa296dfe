//! Builds a ruleset: rule files, texts and selections are collected, then compiled.

use std::ffi::c_char;
use std::mem::MaybeUninit;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use peregrine::Report;
use rule_engine::ruleset::{Selection, Selector};

use crate::error::Error;
use crate::guard::{call, value};
use crate::handle::{Handle, borrow, borrow_mut, bytes, give, take, text, write};
use crate::plugins::Plugins;
use crate::priority::{Priority, optional};
use crate::ruleset::{Ruleset, Shared};
use crate::sized::{Input, fill, grows, read};
use crate::status::Status;
use crate::view::Bytes;

/// Rule files and selections to build a ruleset from. Opaque. Used by one thread at a time.
#[derive(Debug, Default)]
pub struct RulesetBuilder {
    inner: peregrine::RulesBuilder,
    /// The errors and warnings of the last build.
    report: Report,
}

impl Handle for RulesetBuilder {
    const NAME: &'static str = "peregrine_ruleset_builder";
}

/// An error or a warning about rules. What it points at is valid until the next build or until the builder is freed. Set
/// `size` to `sizeof(peregrine_diagnostic)` before the call.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Diagnostic {
    /// The size of this struct, as the caller was compiled.
    pub size: usize,
    /// Whether it is an error, which rejects the rules, or a warning.
    pub is_error: bool,
    /// Its code, such as `LOAD_ERR_COMPILE_CONDITION`.
    pub code: Bytes,
    /// The message.
    pub message: Bytes,
    /// A hint, such as a field of a similar name; empty if there is none.
    pub hint: Bytes,
    /// The name of the file or text.
    pub file: Bytes,
    /// The line, from 1; 0 if there is none.
    pub line: u64,
    /// The byte in the line, from 1.
    pub column: u64,
}
grows!(Diagnostic, "peregrine_diagnostic", column);

/// Options of a ruleset. Set `size` to `sizeof(peregrine_ruleset_options)` and everything else to zero for the defaults of
/// Falco.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct RulesetOptions {
    /// The size of this struct, as the caller was compiled.
    pub size: usize,
    /// Report every rule that matches an event instead of the first.
    pub match_all: bool,
    /// Append the fields that the source suggests to outputs, such as those of the container.
    pub suggested_output: bool,
    /// The minimum priority: less severe rules are disabled. 0 enables all.
    pub min_priority: MaybeUninit<Priority>,
}
grows!(RulesetOptions, "peregrine_ruleset_options", min_priority);
// SAFETY: false and 0 are valid; any number may be in `min_priority`.
unsafe impl Input for RulesetOptions {}

/// Creates a builder without rules.
///
/// @param out receives a builder that the caller owns and frees with peregrine_ruleset_builder_free()
/// @return PEREGRINE_STATUS_OK
///
/// # Safety
/// `out` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_ruleset_builder_new(out: *mut *mut RulesetBuilder) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        unsafe { give(RulesetBuilder::default(), out) }?;
        Ok(Status::Ok)
    })
}

/// Frees a builder. Passing NULL is a no-op. Rulesets built by it live on.
///
/// # Safety
/// `builder` is NULL or a live builder that is no longer used.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_ruleset_builder_free(builder: *mut RulesetBuilder) {
    // SAFETY: guaranteed by the caller.
    value((), || drop(unsafe { take(builder) }));
}

/// Adds a rule file, or every `.yaml` and `.yml` file of a directory in the order of their names.
///
/// @param builder the builder
/// @param path    the file or directory, UTF-8
/// @return PEREGRINE_STATUS_OK, _IO if it cannot be read
///
/// # Safety
/// `builder` is NULL or a live builder that no other thread uses; `path` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_ruleset_builder_add_path(
    builder: *mut RulesetBuilder,
    path: *const c_char,
) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let builder = unsafe { borrow_mut(builder) }?;
        // SAFETY: guaranteed by the caller.
        let path = Path::new(unsafe { text(path, "path") }?);
        for path in rule_files(path)? {
            let text = std::fs::read(&path).map_err(|error| unreadable(&path, &error))?;
            builder.add(|inner| inner.text(path.to_string_lossy(), text));
        }
        Ok(Status::Ok)
    })
}

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    Error::caused(Status::Io, format!("can't read {}: {error}", path.display()), error)
}

/// Returns a file itself, or the rule files of a directory in the order of their names.
fn rule_files(path: &Path) -> Result<Vec<PathBuf>, Error> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = std::fs::read_dir(path).map_err(|error| unreadable(path, &error))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>();
    let mut paths = paths.map_err(|error| unreadable(path, &error))?;
    paths.retain(|path| path.extension().is_some_and(|end| end == "yaml" || end == "yml"));
    paths.sort();
    Ok(paths)
}

/// Adds rules in memory. The bytes are copied.
///
/// @param builder the builder
/// @param name    the name in diagnostics, UTF-8
/// @param data    the first byte of the YAML text
/// @param len     the number of bytes
/// @return PEREGRINE_STATUS_OK
///
/// # Safety
/// `builder` is NULL or a live builder that no other thread uses; `name` is NULL or NUL-terminated; `data` is NULL or valid
/// for reading `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_ruleset_builder_add_text(
    builder: *mut RulesetBuilder,
    name: *const c_char,
    data: *const u8,
    len: usize,
) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let builder = unsafe { borrow_mut(builder) }?;
        // SAFETY: guaranteed by the caller.
        let name = unsafe { text(name, "name") }?;
        // SAFETY: guaranteed by the caller.
        let data = unsafe { bytes(data, len, "data") }?;
        builder.add(|inner| inner.text(name, data));
        Ok(Status::Ok)
    })
}

/// Adds a source of JSON events, whose rules may use `json.*` and `jevt.*`. The sources `syscall` and `k8s_audit` are built
/// in.
///
/// @param builder the builder
/// @param name    the name of the source, UTF-8
/// @return PEREGRINE_STATUS_OK, _INVALID_ARGUMENT if there is one of that name
///
/// # Safety
/// `builder` is NULL or a live builder that no other thread uses; `name` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_ruleset_builder_add_json_source(
    builder: *mut RulesetBuilder,
    name: *const c_char,
) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let builder = unsafe { borrow_mut(builder) }?;
        // SAFETY: guaranteed by the caller.
        let name = unsafe { text(name, "name") }?;
        if name.is_empty() {
            return Err(Error::new(Status::InvalidArgument, "the name of a source is empty"));
        }
        if builder.inner.has_source(name) {
            return Err(Error::new(Status::InvalidArgument, format!("source '{name}' already exists")));
        }
        builder.add(|inner| inner.json_source(name));
        Ok(Status::Ok)
    })
}

/// Sets the plugins whose fields and event sources the rules use, in place of those that were set before. Rules may require
/// versions of them. No plugin can be added to them any more.
///
/// @param builder the builder
/// @param plugins the plugins, which the ruleset keeps alive
/// @return PEREGRINE_STATUS_OK; _PLUGIN if two of them provide the same thing, or one is of no use with the others
///
/// # Safety
/// `builder` is NULL or a live builder that no other thread uses; `plugins` is NULL or live plugins that no other thread
/// uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_ruleset_builder_set_plugins(
    builder: *mut RulesetBuilder,
    plugins: *const Plugins,
) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let builder = unsafe { borrow_mut(builder) }?;
        // SAFETY: guaranteed by the caller.
        let plugins = unsafe { borrow(plugins) }?;
        builder.inner = plugins.set(builder.inner.clone())?;
        Ok(Status::Ok)
    })
}

/// Enables or disables rules by name. Selections are applied in order when the ruleset is built.
///
/// @param builder the builder
/// @param pattern the names, UTF-8, where `*` matches any number of characters
/// @param enable  true to enable, false to disable
/// @return PEREGRINE_STATUS_OK
///
/// # Safety
/// `builder` is NULL or a live builder that no other thread uses; `pattern` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_ruleset_builder_enable(
    builder: *mut RulesetBuilder,
    pattern: *const c_char,
    enable: bool,
) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let builder = unsafe { borrow_mut(builder) }?;
        // SAFETY: guaranteed by the caller.
        let pattern = unsafe { text(pattern, "pattern") }?.to_owned();
        builder.add(|inner| inner.select(Selection { rules: Selector::Pattern(pattern), enable }));
        Ok(Status::Ok)
    })
}

/// Enables or disables the rules with a tag. See peregrine_ruleset_builder_enable().
///
/// @param builder the builder
/// @param tag     the tag, UTF-8
/// @param enable  true to enable, false to disable
/// @return PEREGRINE_STATUS_OK
///
/// # Safety
/// `builder` is NULL or a live builder that no other thread uses; `tag` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_ruleset_builder_enable_tag(
    builder: *mut RulesetBuilder,
    tag: *const c_char,
    enable: bool,
) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let builder = unsafe { borrow_mut(builder) }?;
        // SAFETY: guaranteed by the caller.
        let tag = unsafe { text(tag, "tag") }?.to_owned();
        builder.add(|inner| inner.select(Selection { rules: Selector::Tags(vec![tag]), enable }));
        Ok(Status::Ok)
    })
}

/// Compiles what was added. All errors of all files are reported at once: see peregrine_ruleset_builder_diagnostic(). The
/// builder can build again, for instance after more was added.
///
/// @param builder the builder
/// @param options options of the ruleset; NULL for the defaults of Falco
/// @param out     receives a ruleset that the caller owns and frees with peregrine_ruleset_free()
/// @return PEREGRINE_STATUS_OK, also with warnings; _RULES if there are errors
///
/// # Safety
/// `builder` is NULL or a live builder that no other thread uses; `options` is NULL or valid for reading, with everything
/// that it points at; `out` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_ruleset_builder_build(
    builder: *mut RulesetBuilder,
    options: *const RulesetOptions,
    out: *mut *mut Ruleset,
) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let builder = unsafe { borrow_mut(builder) }?;
        // SAFETY: guaranteed by the caller.
        let inner = unsafe { with_options(builder.inner.clone(), options) }?;
        let ruleset = builder.build(&inner)?;
        // SAFETY: guaranteed by the caller.
        unsafe { give(ruleset, out) }?;
        Ok(Status::Ok)
    })
}

/// # Safety
/// `options` is NULL or valid for reading.
unsafe fn with_options(
    mut builder: peregrine::RulesBuilder,
    options: *const RulesetOptions,
) -> Result<peregrine::RulesBuilder, Error> {
    // SAFETY: guaranteed by the caller.
    let Some(options) = (unsafe { read(options) })? else { return Ok(builder) };
    if options.match_all {
        builder = builder.match_all();
    }
    if let Some(priority) = optional(options.min_priority)? {
        builder = builder.priority(priority);
    }
    if options.suggested_output {
        builder = builder.suggested_output();
    }
    Ok(builder)
}

impl RulesetBuilder {
    fn add(&mut self, add: impl FnOnce(peregrine::RulesBuilder) -> peregrine::RulesBuilder) {
        self.inner = add(std::mem::take(&mut self.inner));
    }

    fn build(&mut self, inner: &peregrine::RulesBuilder) -> Result<Ruleset, Error> {
        match inner.build() {
            Ok(rules) => {
                self.report = rules.warnings().clone();
                Ok(Ruleset(Arc::new(Shared::new(rules))))
            }
            Err(report) => {
                let first = report.problems().iter().find(|problem| problem.is_error);
                let first = first.map_or_else(|| report.to_string(), ToString::to_string);
                self.report = report;
                Err(Error::new(Status::Rules, format!("rules do not load: {first}")))
            }
        }
    }
}

/// Returns an error or a warning of the last build, errors first.
///
/// @param builder the builder
/// @param index   the index, from 0
/// @param out     receives it; set its `size` first
/// @return PEREGRINE_STATUS_OK, _END if there is none of that index, _INVALID_ARGUMENT if `size` is too small
///
/// # Safety
/// `builder` is NULL or a live builder; `out` is NULL or valid for reading and writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_ruleset_builder_diagnostic(
    builder: *const RulesetBuilder,
    index: usize,
    out: *mut Diagnostic,
) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let builder = unsafe { borrow(builder) }?;
        let Some(row) = builder.report.problems().get(index) else { return Ok(Status::End) };
        let diagnostic = Diagnostic {
            size: size_of::<Diagnostic>(),
            is_error: row.is_error,
            code: row.code.into(),
            message: row.message.as_str().into(),
            hint: row.hint.as_deref().unwrap_or_default().into(),
            file: row.file.as_str().into(),
            line: row.line as u64,
            column: row.column as u64,
        };
        // SAFETY: guaranteed by the caller.
        unsafe { fill(out, &diagnostic) }?;
        Ok(Status::Ok)
    })
}

/// Returns all errors and warnings of the last build as text for people, with excerpts of the files and hints.
///
/// @param builder the builder
/// @param out     receives the text, valid until the next build or until the builder is freed
/// @return PEREGRINE_STATUS_OK
///
/// # Safety
/// `builder` is NULL or a live builder; `out` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_ruleset_builder_report_text(
    builder: *const RulesetBuilder,
    out: *mut Bytes,
) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let builder = unsafe { borrow(builder) }?;
        // SAFETY: guaranteed by the caller.
        unsafe { write(out, builder.report.text().into()) }?;
        Ok(Status::Ok)
    })
}

/// Returns the result of the last build as JSON: the array that Falco calls `falco_load_results`.
///
/// @param builder the builder
/// @param out     receives the text, valid until the next build or until the builder is freed
/// @return PEREGRINE_STATUS_OK
///
/// # Safety
/// `builder` is NULL or a live builder; `out` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_ruleset_builder_report_json(
    builder: *const RulesetBuilder,
    out: *mut Bytes,
) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let builder = unsafe { borrow(builder) }?;
        // SAFETY: guaranteed by the caller.
        unsafe { write(out, builder.report.falco_json().into()) }?;
        Ok(Status::Ok)
    })
}
