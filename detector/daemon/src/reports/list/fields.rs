//! `--list`: the fields of conditions and outputs.

use rule_engine::event::json::{Argument, JsonField, JsonSchema};
use sinsp::fields::{FieldFlags, Fields, ListOptions, ListedClass, ListedField, Listing, listing};

use crate::cli::{Format, Options};

/// The sources whose fields can be listed.
pub(crate) const SOURCES: &[&str] = &["syscall", AUDIT];
const AUDIT: &str = "k8s_audit";

/// Returns the list of a source, or of system calls if the name is empty; `None` if the source is unknown.
pub(crate) fn text(source: &str, options: &Options, fields: &Fields) -> Option<String> {
    let form = match options.list_format() {
        Format::Text => Listing::Text,
        Format::Markdown => Listing::Markdown,
        Format::Json => Listing::Json,
    };
    let options =
        ListOptions { form, names_only: options.names_only, verbose: options.verbose, ..ListOptions::default() };
    match source {
        "" | "syscall" => Some(fields.list(options)),
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

fn listed(field: JsonField) -> ListedField<'static> {
    let argument = match field.argument {
        Argument::None => FieldFlags::NONE,
        Argument::Index => FieldFlags::ARG_ALLOWED.with(FieldFlags::ARG_INDEX),
        Argument::RequiredIndex => FieldFlags::ARG_REQUIRED.with(FieldFlags::ARG_INDEX),
        Argument::Key => FieldFlags::ARG_REQUIRED.with(FieldFlags::ARG_KEY),
        _ => FieldFlags::ARG_ALLOWED.with(FieldFlags::ARG_KEY),
    };
    let flags = if field.list { argument.with(FieldFlags::IS_LIST) } else { argument };
    ListedField { name: field.name.into(), kind: "CHARBUF", doc: field.doc, flags }
}
