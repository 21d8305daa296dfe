//! `--list`: the fields of conditions and outputs.

use peregrine_plugin_host::{Field, SourcePlugins};
use rule_engine::event::json::{Argument, JsonField, JsonSchema};
use sinsp::fields::{FieldFlags, Fields, ListOptions, ListedClass, ListedField, Listing, listing};

use crate::cli::{Format, Options};
use crate::plugins::Plugins;

/// Returns the sources whose fields can be listed.
pub(crate) fn sources(plugins: &Plugins) -> Vec<&str> {
    let of_plugins = plugins.sources.iter().map(|source| source.source());
    ["syscall", AUDIT].into_iter().chain(of_plugins.filter(|source| *source != AUDIT)).collect()
}

const AUDIT: &str = "k8s_audit";

/// Returns the list of a source, or of system calls if the name is empty; `None` if the source is unknown.
pub(crate) fn text(source: &str, options: &Options, fields: &Fields, plugins: &Plugins) -> Option<String> {
    let form = match options.list_format() {
        Format::Text => Listing::Text,
        Format::Markdown => Listing::Markdown,
        Format::Json => Listing::Json,
    };
    let options =
        ListOptions { form, names_only: options.names_only, verbose: options.verbose, ..ListOptions::default() };
    if let Some(plugins) = plugins.sources.iter().find(|plugins| plugins.source() == source) {
        return Some(listing(&of_plugins(plugins, fields, options), options));
    }
    match source {
        "" | "syscall" => match &plugins.syscalls {
            Some(plugins) => {
                let mut classes = fields.classes(options);
                classes.extend(classes_of(plugins));
                Some(listing(&classes, options))
            }
            None => Some(fields.list(options)),
        },
        AUDIT => Some(listing(&audit(fields, options), options)),
        _ => None,
    }
}

/// Returns the field classes of audit records.
fn audit(fields: &Fields, options: ListOptions) -> Vec<ListedClass<'_>> {
    let class = |name, doc, fields: Vec<_>| ListedClass { name, short: "", doc, sources: vec![AUDIT], fields };
    let every = fields.classes(options).into_iter().take(1);
    let mut classes: Vec<_> = every.map(|general| ListedClass { sources: vec![AUDIT], ..general }).collect();
    classes.push(class(
        "k8saudit",
        "Fields of Kubernetes audit records.",
        JsonSchema::k8s_audit_fields().map(listed).collect(),
    ));
    classes.push(class("json", "Fields of any event that is JSON.", JsonSchema::json_fields().map(listed).collect()));
    classes
}

/// Returns the field classes of the events of plugins: the general one, and one for each plugin that extracts fields.
fn of_plugins<'a>(plugins: &'a SourcePlugins, fields: &'a Fields, options: ListOptions) -> Vec<ListedClass<'a>> {
    let every = fields.classes(options).into_iter().take(1);
    let mut classes: Vec<_> = every.map(|general| ListedClass { sources: vec![plugins.source()], ..general }).collect();
    classes.extend(classes_of(plugins));
    classes
}

/// Returns a field class for each plugin that extracts fields.
fn classes_of(plugins: &SourcePlugins) -> Vec<ListedClass<'_>> {
    let sources = || vec![plugins.source()];
    let mut classes: Vec<ListedClass<'_>> = Vec::new();
    for (library, field) in plugins.fields() {
        let info = library.info();
        if classes.last().is_none_or(|class| class.name != info.name) {
            let doc = info.description.as_str();
            classes.push(ListedClass { name: &info.name, short: "", doc, sources: sources(), fields: Vec::new() });
        }
        if let Some(class) = classes.last_mut() {
            class.fields.push(of_plugin(field));
        }
    }
    classes
}

fn listed(field: JsonField) -> ListedField<'static> {
    ListedField { name: field.name.into(), kind: "CHARBUF", doc: field.doc, flags: flags(field.argument, field.list) }
}

fn of_plugin(field: &Field) -> ListedField<'_> {
    let flags = flags(field.argument, field.list);
    ListedField { name: field.name.as_str().into(), kind: field.kind.name(), doc: &field.doc, flags }
}

fn flags(argument: Argument, list: bool) -> FieldFlags {
    let argument = match argument {
        Argument::None => FieldFlags::NONE,
        Argument::Index => FieldFlags::ARG_ALLOWED.with(FieldFlags::ARG_INDEX),
        Argument::RequiredIndex => FieldFlags::ARG_REQUIRED.with(FieldFlags::ARG_INDEX),
        Argument::Key => FieldFlags::ARG_REQUIRED.with(FieldFlags::ARG_KEY),
        _ => FieldFlags::ARG_ALLOWED.with(FieldFlags::ARG_KEY),
    };
    if list { argument.with(FieldFlags::IS_LIST) } else { argument }
}
