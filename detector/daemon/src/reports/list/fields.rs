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
    let mut classes = general(fields, options, AUDIT);
    let mut class = |name, doc, fields: &mut dyn Iterator<Item = JsonField>| {
        let mut class = ListedClass::new(name, doc, vec![AUDIT]);
        class.fields.extend(fields.map(listed));
        classes.push(class);
    };
    class("k8saudit", "Fields of Kubernetes audit records.", &mut JsonSchema::k8s_audit_fields());
    class("json", "Fields of any event that is JSON.", &mut JsonSchema::json_fields());
    classes
}

/// Returns the class of fields that events of every source have, as that of one source.
fn general<'a>(fields: &'a Fields, options: ListOptions, source: &'a str) -> Vec<ListedClass<'a>> {
    let mut classes = fields.classes(options);
    classes.truncate(1);
    classes.iter_mut().for_each(|class| class.sources = vec![source]);
    classes
}

/// Returns the field classes of the events of plugins: the general one, and one for each plugin that extracts fields.
fn of_plugins<'a>(plugins: &'a SourcePlugins, fields: &'a Fields, options: ListOptions) -> Vec<ListedClass<'a>> {
    let mut classes = general(fields, options, plugins.source());
    classes.extend(classes_of(plugins));
    classes
}

/// Returns a field class for each plugin that extracts fields.
fn classes_of(plugins: &SourcePlugins) -> Vec<ListedClass<'_>> {
    let mut classes: Vec<ListedClass<'_>> = Vec::new();
    for (library, field) in plugins.fields() {
        let info = library.info();
        if classes.last().is_none_or(|class| class.name != info.name) {
            classes.push(ListedClass::new(&info.name, &info.description, vec![plugins.source()]));
        }
        if let Some(class) = classes.last_mut() {
            class.fields.push(of_plugin(field));
        }
    }
    classes
}

fn listed(field: JsonField) -> ListedField<'static> {
    let mut listed = ListedField::new(field.name, "CHARBUF", field.doc);
    listed.flags = flags(field.argument, field.list);
    listed
}

fn of_plugin(field: &Field) -> ListedField<'_> {
    let mut listed = ListedField::new(field.name.as_str(), field.kind.name(), &field.doc);
    listed.flags = flags(field.argument, field.list);
    listed
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
