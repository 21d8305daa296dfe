//! Kubernetes audit records: the `ka.*` fields, a table of names over places in the JSON.

mod fields;

use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;
use serde_json::Value as Json;

use fields::{Container, Place, Row};

use super::field::{FieldGetter, FieldTable, JsonField, text};
use super::json::JsonSchema;
use super::{Scope, ScopeSource, Value};

impl JsonSchema {
    /// Returns the schema of Kubernetes audit records, the source `k8s_audit`.
    pub fn k8s_audit() -> Self {
        Self::with_table("k8s_audit", &AuditTable)
    }

    /// Returns the fields of Kubernetes audit records, `ka.*`.
    pub fn k8s_audit_fields() -> impl Iterator<Item = JsonField> {
        fields::rows().iter().map(Row::listed)
    }
}

/// The `ka.*` fields.
#[derive(Debug)]
struct AuditTable;

impl FieldTable for AuditTable {
    fn plugin(&self) -> &'static str {
        "k8saudit"
    }

    fn rows(&self) -> Vec<JsonField> {
        JsonSchema::k8s_audit_fields().collect()
    }

    fn find(&self, name: &str) -> Option<JsonField> {
        fields::find(name).map(Row::listed)
    }

    fn getter(&self, name: &str, arg: Option<&[u8]>) -> Option<Box<dyn FieldGetter>> {
        Some(Box::new(fields::find(name)?.with(arg)))
    }

    fn scope(&self, scope: Scope) -> ScopeSource {
        if scope == Scope::User { ScopeSource::Field("ka.user.name") } else { ScopeSource::None }
    }
}

/// A field with its argument.
#[derive(Debug)]
struct AuditField {
    place: Place,
    list: bool,
    index: Option<usize>,
    key: Vec<u8>,
}

impl Row {
    /// Returns the field for listings.
    fn listed(&'static self) -> JsonField {
        JsonField { name: &self.name, doc: self.doc, list: self.list, argument: self.argument }
    }

    /// Returns the field with an argument that was checked.
    fn with(&self, arg: Option<&[u8]>) -> AuditField {
        let arg = arg.unwrap_or_default();
        let index = std::str::from_utf8(arg).ok().and_then(|text| text.parse().ok());
        AuditField { place: self.place, list: self.list, index, key: arg.to_vec() }
    }
}

impl FieldGetter for AuditField {
    fn value<'e>(&self, root: &'e Json, arena: &'e Bump) -> Option<Value<'e>> {
        // A document without such an id is not an audit record.
        root.get("auditID")?;
        let found = Reader { root, field: self, arena };
        match self.place {
            Place::At(keys) => found.at(keys),
            Place::Each(keys) => {
                let values = found.each(root, keys)?;
                found.texts(values.into_iter().flatten())
            }
            Place::Rules(key) => found.rules(key),
            Place::Container(list, part) => found.container(list, part),
            Place::FirstImage => {
                let images = found.each(root, &["requestObject", "spec", "containers", "image"])?;
                images.first().copied().flatten().map(|image| Value::Bytes(text(image, arena)))
            }
            Place::FirstRepository => {
                let images = found.each(root, &["requestObject", "spec", "containers", "image"])?;
                images.first().copied().flatten().map(|image| Value::Bytes(repository(text(image, arena))))
            }
            Place::AnyPrivileged => {
                let keys = ["requestObject", "spec", "containers", "securityContext", "privileged"];
                let any = found.each(root, &keys)?.into_iter().flatten().any(|value| *value == Json::Bool(true));
                Some(truth(any))
            }
            Place::Subjects(kind) => found.subjects(kind),
            Place::HasSubject => Some(truth(true)),
            Place::PodName => {
                let object = root.get("objectRef")?;
                let plain = object.get("subresource").and_then(Json::as_str).unwrap_or_default().is_empty();
                (object.get("resource")?.as_str()? == "pods" && plain).then_some(())?;
                found.at(&["responseObject", "metadata", "name"])
            }
            Place::UriParam => found.uri_param(),
            Place::HasHostPath => {
                let paths = found.each(root, &["requestObject", "spec", "volumes", "hostPath", "path"])?;
                let mut paths = paths.into_iter().flatten().map(|path| text(path, arena));
                let wanted = self.key.as_slice();
                Some(truth(paths.any(|path| match wanted {
                    [prefix @ .., b'*'] => path.starts_with(prefix) || path == wanted,
                    _ => path == wanted,
                })))
            }
            Place::VolumeTypes => {
                let volumes = found.each(root, &["requestObject", "spec", "volumes", ""])?;
                let mut out = BumpVec::new_in(arena);
                for volume in volumes.into_iter().flatten().filter_map(Json::as_object) {
                    out.extend(volume.keys().filter(|key| *key != "name").map(|key| Value::Bytes(key.as_bytes())));
                }
                list(out)
            }
        }
    }
}

fn truth(truth: bool) -> Value<'static> {
    Value::Bytes(if truth { b"true" } else { b"false" })
}

/// Returns a list, unless it is empty.
fn list<'e>(items: BumpVec<'e, Value<'e>>) -> Option<Value<'e>> {
    (!items.is_empty()).then(|| Value::List(items.into_bump_slice()))
}

/// Returns an image without tag and digest.
fn repository(image: &[u8]) -> &[u8] {
    let end = image.iter().position(|byte| matches!(byte, b':' | b'@')).unwrap_or(image.len());
    &image[..end]
}

struct Reader<'e, 'f> {
    root: &'e Json,
    field: &'f AuditField,
    arena: &'e Bump,
}

impl<'e> Reader<'e, '_> {
    /// Returns the value at a row of keys.
    fn at(&self, keys: &[&str]) -> Option<Value<'e>> {
        let found = keys.iter().try_fold(self.root, |json, key| json.get(*key))?;
        if !self.field.list {
            return Some(Value::Bytes(text(found, self.arena)));
        }
        self.texts(found.as_array()?)
    }

    /// Returns the values at a row of keys, going into arrays: every element, or the one of the index. An element that
    /// lacks the rest of the keys counts as a hole.
    fn each(&self, json: &'e Json, keys: &[&str]) -> Option<Vec<Option<&'e Json>>> {
        let mut json = json;
        for (place, key) in keys.iter().enumerate() {
            if let Json::Array(items) = json {
                match self.field.index {
                    None => {
                        let mut out = Vec::new();
                        for item in items {
                            match self.each(item, &keys[place..]) {
                                Some(found) => out.extend(found),
                                None => out.push(None),
                            }
                        }
                        return Some(out);
                    }
                    Some(index) => json = items.get(index)?,
                }
            }
            if !key.is_empty() {
                json = json.get(*key)?;
            }
        }
        Some(vec![Some(json)])
    }

    fn texts(&self, values: impl IntoIterator<Item = &'e Json>) -> Option<Value<'e>> {
        let mut out = BumpVec::new_in(self.arena);
        out.extend(values.into_iter().map(|value| Value::Bytes(text(value, self.arena))));
        list(out)
    }

    /// Returns the elements of an array of each of the rules of a role.
    fn rules(&self, key: &str) -> Option<Value<'e>> {
        let arrays = self.each(self.root, &["requestObject", "rules", key])?;
        self.texts(arrays.into_iter().flatten().filter_map(Json::as_array).flatten())
    }

    fn container(&self, of: &'static str, part: Container) -> Option<Value<'e>> {
        let read = |keys: &[&str]| {
            let keys: Vec<&str> = ["requestObject", "spec", of].into_iter().chain(keys.iter().copied()).collect();
            self.each(self.root, &keys)
        };
        match part {
            Container::At(keys) => self.texts(read(keys)?.into_iter().flatten()),
            Container::Complete(key) => {
                let values: Option<Vec<_>> = read(&[key])?.into_iter().collect();
                self.texts(values?)
            }
            Container::Repository => {
                let images: Option<Vec<_>> = read(&["image"])?.into_iter().collect();
                let mut out = BumpVec::new_in(self.arena);
                let repositories = images?.into_iter().map(|image| repository(text(image, self.arena)));
                out.extend(repositories.map(Value::Bytes));
                list(out)
            }
            Container::Words(key) => {
                let mut out = BumpVec::new_in(self.arena);
                for words in read(&[key])?.into_iter().flatten() {
                    let words: Option<Vec<&str>> = words.as_array()?.iter().map(Json::as_str).collect();
                    out.push(Value::Bytes(self.arena.alloc_str(&words?.join(" ")).as_bytes()));
                }
                list(out)
            }
            Container::HostPort => {
                let mut out = BumpVec::new_in(self.arena);
                for ports in read(&["ports"])?.into_iter().flatten() {
                    for port in ports.as_array()? {
                        let port = port.get("hostPort").or_else(|| port.get("containerPort"));
                        out.extend(port.map(|port| Value::Bytes(text(port, self.arena))));
                    }
                }
                list(out)
            }
            Container::Effective(key) => {
                let of_pod = self.root.get("requestObject").and_then(|object| object.get("spec")?.get(key));
                let default: &[u8] = of_pod.map_or(b"0", |value| text(value, self.arena));
                let mut out = BumpVec::new_in(self.arena);
                let values = read(&[key])?;
                out.extend(
                    values
                        .into_iter()
                        .map(|value| Value::Bytes(value.map_or(default, |value| text(value, self.arena)))),
                );
                list(out)
            }
        }
    }

    fn subjects(&self, kind: &str) -> Option<Value<'e>> {
        let subjects = self.root.get("requestObject").and_then(|object| object.get("subjects"))?;
        let (kind, namespaced) = match kind {
            "NamespacedServiceAccount" => ("ServiceAccount", true),
            other => (other, false),
        };
        let mut out = BumpVec::new_in(self.arena);
        for subject in subjects.as_array()? {
            let (Some(of_kind), Some(name)) = (subject.get("kind"), subject.get("name")) else { continue };
            if text(of_kind, self.arena) != kind.as_bytes() {
                continue;
            }
            let mut full = BumpVec::new_in(self.arena);
            if namespaced {
                let Some(namespace) = subject.get("namespace") else { continue };
                full.extend_from_slice(text(namespace, self.arena));
                full.push(b':');
            }
            full.extend_from_slice(text(name, self.arena));
            out.push(Value::Bytes(full.into_bump_slice()));
        }
        list(out)
    }

    /// Returns the first value of a parameter of the request's query.
    fn uri_param(&self) -> Option<Value<'e>> {
        let uri = text(self.root.get("requestURI")?, self.arena);
        let uri = &uri[..memchr::memchr(b'#', uri).unwrap_or(uri.len())];
        let query = &uri[memchr::memchr(b'?', uri)? + 1..];
        for pair in query.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            let split = memchr::memchr(b'=', pair).unwrap_or(pair.len());
            if unescape(&pair[..split])? == self.field.key {
                let value = unescape(pair.get(split + 1..).unwrap_or_default())?;
                return Some(Value::Bytes(self.arena.alloc_slice_copy(&value)));
            }
        }
        None
    }
}

/// Returns the bytes of a part of a query.
fn unescape(part: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(part.len());
    let mut bytes = part.iter();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |byte: Option<&u8>| char::from(*byte?).to_digit(16);
                (digit(bytes.next())? * 16 + digit(bytes.next())?) as u8
            }
            other => *other,
        });
    }
    Some(out)
}
