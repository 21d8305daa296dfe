//! Listings of fields: text, Markdown, JSON, or only the names.
//!
//! The layout is that of `falco --list`, so that programs that parse that can parse this.

use std::borrow::Cow;
use std::fmt::Write;

use super::{CLASSES, Class, FieldDef, FieldFlags, Fields, value};

/// The form of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Listing {
    /// A block for each class, one or more lines for each field.
    #[default]
    Text,
    /// A table for each class.
    Markdown,
    /// One JSON object.
    Json,
}

/// The options of a listing.
#[derive(Debug, Clone, Copy, Default)]
pub struct ListOptions {
    /// The form.
    pub form: Listing,
    /// Whether to list only the names of the fields.
    pub names_only: bool,
    /// Whether to list the types too, where the form does not always show them.
    pub verbose: bool,
    /// Whether to list deprecated fields too.
    pub deprecated: bool,
}

/// The source of the inspector's events.
const SOURCE: &str = "syscall";
/// The column of a field's description.
const INDENT: usize = 30;
/// The maximum length of a line.
const WIDTH: usize = 120;

/// A class of fields in a listing: one of the inspector's ([`Fields::classes`]), or a host's own.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ListedClass<'a> {
    /// Its name.
    pub name: &'a str,
    /// A short description; may be empty.
    pub short: &'a str,
    /// The subject of its fields.
    pub doc: &'a str,
    /// The sources whose events have them.
    pub sources: Vec<&'a str>,
    /// Its fields.
    pub fields: Vec<ListedField<'a>>,
}

impl<'a> ListedClass<'a> {
    /// Creates a class without a short description and without fields.
    pub fn new(name: &'a str, doc: &'a str, sources: Vec<&'a str>) -> Self {
        Self { name, short: "", doc, sources, fields: Vec::new() }
    }
}

/// A field in a listing.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ListedField<'a> {
    /// Its name.
    pub name: Cow<'a, str>,
    /// The name of its type.
    pub kind: &'static str,
    /// Its description.
    pub doc: &'a str,
    /// Its argument, and whether it is a list.
    pub flags: FieldFlags,
}

impl<'a> ListedField<'a> {
    /// Creates a field without an argument, which is not a list.
    pub fn new(name: impl Into<Cow<'a, str>>, kind: &'static str, doc: &'a str) -> Self {
        Self { name: name.into(), kind, doc, flags: FieldFlags::NONE }
    }
}

/// Returns a listing of classes.
pub fn listing(classes: &[ListedClass<'_>], options: ListOptions) -> String {
    match (options.form, options.names_only) {
        (Listing::Json, true) => json_names(classes),
        (Listing::Json, false) => json(classes, options),
        (_, true) => classes.iter().flat_map(|class| &class.fields).map(|field| format!("{}\n", field.name)).collect(),
        (Listing::Markdown, false) => classes.iter().map(ListedClass::markdown).collect(),
        (Listing::Text, false) => classes.iter().map(|class| class.text(options.verbose)).collect(),
    }
}

impl Fields {
    /// Returns a listing of all fields, including those that the host defined.
    ///
    /// ```
    /// use peregrine_sinsp::fields::{Fields, ListOptions};
    ///
    /// let names = Fields::new().list(ListOptions { names_only: true, ..ListOptions::default() });
    /// assert!(names.lines().any(|name| name == "proc.name"));
    /// ```
    pub fn list(&self, options: ListOptions) -> String {
        listing(&self.classes(options), options)
    }

    /// Returns the classes of that listing. The first has the fields of events of every source.
    pub fn classes(&self, options: ListOptions) -> Vec<ListedClass<'_>> {
        let shown = CLASSES.iter().filter(|class| !class.is_hidden());
        let mut classes: Vec<_> = shown.map(|class| ListedClass::of(class, options)).collect();
        let statics: Vec<_> = self
            .statics()
            .map(|(name, _)| ListedField {
                name: format!("static.{name}").into(),
                kind: "CHARBUF",
                doc: "",
                flags: FieldFlags::FORMAT_SUGGESTED,
            })
            .collect();
        if !statics.is_empty() {
            let doc = "Fields whose values are set in the configuration.";
            classes.push(ListedClass { name: "static", short: "", doc, sources: vec![SOURCE], fields: statics });
        }
        classes.retain(|class| !class.fields.is_empty());
        classes
    }

    /// Returns the suggested fields for outputs as pieces of a template: `container_id=%container.id` and so on.
    pub fn suggested_output(&self) -> Vec<String> {
        let built_in = CLASSES.iter().flat_map(|class| class.fields);
        let built_in = built_in.filter(|field| field.flags.contains(FieldFlags::FORMAT_SUGGESTED));
        let names = built_in.map(|field| field.name.to_owned());
        let names = names.chain(self.statics().map(|(name, _)| format!("static.{name}")));
        names.map(|name| format!("{}=%{name}", name.replace('.', "_"))).collect()
    }
}

impl Class {
    /// Returns whether listings leave it out.
    pub fn is_hidden(&self) -> bool {
        self.doc.trim().is_empty()
    }
}

impl FieldDef {
    /// Returns whether listings leave it out.
    pub fn is_hidden(&self) -> bool {
        self.flags.contains(FieldFlags::TABLE_ONLY)
    }
}

impl<'a> ListedClass<'a> {
    fn of(class: &'a Class, options: ListOptions) -> Self {
        let fields = class.fields.iter().filter(|field| !field.is_hidden());
        let fields = fields.filter(|field| options.deprecated || !field.flags.contains(FieldFlags::DEPRECATED));
        let fields = fields.map(|field| ListedField {
            name: field.name.into(),
            kind: kind(field),
            doc: field.doc,
            flags: field.flags,
        });
        let doc = class.doc.trim();
        Self { name: class.name, short: class.short, doc, sources: vec![SOURCE], fields: fields.collect() }
    }

    fn text(&self, verbose: bool) -> String {
        let mut out = format!("-------------------------------\n{:INDENT$}{}", "Field Class:", self.name);
        if !self.short.is_empty() {
            let _ = write!(out, " ({})", self.short);
        }
        let _ = write!(out, "\n{:INDENT$}", "Description:");
        wrap(self.doc, &mut out);
        let _ = write!(out, "\n{:INDENT$}", "Event Sources:");
        wrap(&self.sources.join(" "), &mut out);
        out.push_str("\n\n");
        for field in &self.fields {
            if field.name.len() > INDENT {
                let _ = write!(out, "{}\n{:INDENT$}", field.name, "");
            } else {
                let _ = write!(out, "{:INDENT$}", field.name);
            }
            let tags = tags(field.flags);
            let tags = if tags.is_empty() { String::new() } else { format!("({}) ", tags.join(",")) };
            let kind = if verbose { format!("(Type: {}) ", field.kind) } else { String::new() };
            wrap(&format!("{kind}{tags}{}", field.doc), &mut out);
            out.push('\n');
        }
        out.push('\n');
        out
    }

    fn markdown(&self) -> String {
        let sources = self.sources.join(" ");
        let mut out = format!("## Field Class: {}\n\n{}\n\nEvent Sources: {sources} \n\n", self.name, self.doc);
        out.push_str("Name | Type | Description\n:----|:-----|:-----------\n");
        for field in &self.fields {
            let list = field.flags.contains(FieldFlags::IS_LIST);
            let kind = if list { format!("LIST({})", field.kind) } else { field.kind.to_owned() };
            let _ = writeln!(out, "`{}` | {kind} | {}", field.name, field.doc.replace('|', "\\|"));
        }
        out.push('\n');
        out
    }
}

/// Returns the name of a field's type; types that differ only in width or meaning on the wire have one name.
fn kind(field: &FieldDef) -> &'static str {
    match field.kind {
        scap::ParamType::Dyn => "DYNAMIC",
        kind => kind.name(),
    }
}

/// Returns the marks that the text shows.
fn tags(flags: FieldFlags) -> Vec<&'static str> {
    let all = [
        (FieldFlags::FILTER_ONLY, "FILTER ONLY"),
        (FieldFlags::PRINT_ONLY, "OUTPUT ONLY"),
        (FieldFlags::IS_LIST, "LIST"),
        (FieldFlags::DEPRECATED, "DEPRECATED"),
    ];
    all.iter().filter(|(flag, _)| flags.contains(*flag)).map(|(_, tag)| *tag).collect()
}

/// Appends the words, each followed by a space, breaking lines.
fn wrap(text: &str, out: &mut String) {
    let mut used = 0;
    for word in text.split_whitespace() {
        let len = word.chars().count() + 1;
        if used + len > WIDTH - INDENT {
            let _ = write!(out, "\n{:INDENT$}", "");
            used = 0;
        }
        used += len;
        let _ = write!(out, "{word} ");
    }
}

fn quoted(text: &str) -> String {
    let mut out = Vec::new();
    value::write_json_text(text.as_bytes(), &mut out);
    String::from_utf8(out).unwrap_or_default()
}

fn json_names(classes: &[ListedClass<'_>]) -> String {
    let names: Vec<_> =
        classes.iter().flat_map(|class| &class.fields).map(|field| format!("    {}", quoted(&field.name))).collect();
    format!("{{\n  \"fieldnames\": [\n{}\n  ]\n}}\n", names.join(",\n"))
}

fn json(classes: &[ListedClass<'_>], options: ListOptions) -> String {
    let classes: Vec<_> = classes
        .iter()
        .map(|class| {
            let fields: Vec<_> = class.fields.iter().map(|field| json_field(field, options)).collect();
            let sources: Vec<_> = class.sources.iter().map(|source| format!("        {}", quoted(source))).collect();
            format!(
                "    {{\n      \"desc\": {},\n      \"event_sources\": [\n{}\n      ],\n      \
                 \"fields\": [\n{}\n      ],\n      \"name\": {}\n    }}",
                quoted(class.doc),
                sources.join(",\n"),
                fields.join(",\n"),
                quoted(class.name),
            )
        })
        .collect();
    format!("{{\n  \"fieldclasses\": [\n{}\n  ]\n}}\n", classes.join(",\n"))
}

fn json_field(field: &ListedField<'_>, options: ListOptions) -> String {
    let flags = field.flags;
    let mut out = String::from("        {\n");
    if flags.intersects(FieldFlags::ARG_REQUIRED.with(FieldFlags::ARG_ALLOWED)) {
        let kinds = [(FieldFlags::ARG_INDEX, "\"INDEX\""), (FieldFlags::ARG_KEY, "\"KEY\"")];
        let kinds: Vec<_> = kinds.iter().filter(|(flag, _)| flags.contains(*flag)).map(|(_, kind)| *kind).collect();
        let required = flags.contains(FieldFlags::ARG_REQUIRED);
        let _ = writeln!(
            out,
            "          \"argument\": {{\n            \"required\": {required},\n            \"type\": [{}]\n          }},",
            kinds.join(", ")
        );
    } else {
        out.push_str("          \"argument\": null,\n");
    }
    let _ = writeln!(out, "          \"desc\": {},", quoted(field.doc));
    if options.deprecated {
        let _ = writeln!(out, "          \"is_deprecated\": {},", flags.contains(FieldFlags::DEPRECATED));
    }
    let _ = write!(
        out,
        "          \"is_list\": {},\n          \"name\": {},\n          \"type\": \"{}\"\n        }}",
        flags.contains(FieldFlags::IS_LIST),
        quoted(&field.name),
        field.kind,
    );
    out
}
