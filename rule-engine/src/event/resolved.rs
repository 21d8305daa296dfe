//! The fields that a schema resolved: numbered densely, each once, with the getter and the description of each.

use hashbrown::{Equivalent, HashMap};

use super::{FieldId, FieldInfo};

/// The fields that a schema resolved. `G` is what reads the value of one from an event.
///
/// Getters are kept apart from descriptions: events need only the getters.
#[derive(Debug, Clone)]
pub struct ResolvedFields<G> {
    getters: Vec<G>,
    infos: Vec<FieldInfo>,
    known: HashMap<(String, Option<Vec<u8>>), FieldId>,
}

impl<G> Default for ResolvedFields<G> {
    fn default() -> Self {
        Self { getters: Vec::new(), infos: Vec::new(), known: HashMap::new() }
    }
}

impl<G> ResolvedFields<G> {
    /// Returns the description of a field that was resolved before.
    pub fn known(&self, name: &str, arg: Option<&[u8]>) -> Option<&FieldInfo> {
        self.info(*self.known.get(&Wanted(name, arg))?)
    }

    /// Adds a field that was not resolved before, and returns its description with the number that it got.
    pub fn add(&mut self, name: &str, arg: Option<&[u8]>, getter: G, info: FieldInfo) -> &FieldInfo {
        let place = self.infos.len();
        let id = FieldId(place as u32);
        self.known.insert((name.to_owned(), arg.map(<[u8]>::to_vec)), id);
        self.getters.push(getter);
        self.infos.push(FieldInfo { id, ..info });
        &self.infos[place]
    }

    /// Returns the getter of a field.
    #[inline]
    pub fn getter(&self, field: FieldId) -> Option<&G> {
        self.getters.get(field.0 as usize)
    }

    /// Returns the description of a field.
    pub fn info(&self, field: FieldId) -> Option<&FieldInfo> {
        self.infos.get(field.0 as usize)
    }

    /// Returns the name of a field with its argument, for people; an empty text if it was not resolved.
    pub fn name(&self, field: FieldId) -> String {
        match self.known.iter().find(|(_, id)| **id == field) {
            Some(((name, arg), _)) => with_argument(name, arg.as_deref()),
            None => String::new(),
        }
    }
}

/// A field to look up: the part before its argument, and the argument.
#[derive(Hash)]
struct Wanted<'a>(&'a str, Option<&'a [u8]>);

impl Equivalent<(String, Option<Vec<u8>>)> for Wanted<'_> {
    fn equivalent(&self, (name, arg): &(String, Option<Vec<u8>>)) -> bool {
        (self.0, self.1) == (name.as_str(), arg.as_deref())
    }
}

/// Returns a field as conditions write it: `name`, or `name[argument]`.
pub(super) fn with_argument(name: &str, arg: Option<&[u8]>) -> String {
    match arg {
        None => name.to_owned(),
        Some(arg) => format!("{name}[{}]", String::from_utf8_lossy(arg)),
    }
}

/// Splits a text such as `name` or `name[argument]`; `None` if it has `[` but does not end with `]`.
pub fn split_argument(text: &str) -> Option<(&str, Option<&[u8]>)> {
    match text.split_once('[') {
        None => Some((text, None)),
        Some((name, arg)) => Some((name, Some(arg.strip_suffix(']')?.as_bytes()))),
    }
}

#[cfg(test)]
mod tests {
    use super::{FieldId, FieldInfo, ResolvedFields, split_argument};
    use crate::event::Kind;

    #[test]
    fn fields_are_numbered_by_name_and_argument() {
        let mut fields = ResolvedFields::default();
        let mut add = |name: &str, arg: Option<&[u8]>, getter| {
            assert!(fields.known(name, arg).is_none(), "{name}");
            let id = fields.add(name, arg, getter, FieldInfo::plain(FieldId(7), name.to_owned(), Kind::UInt64)).id;
            assert_eq!(fields.known(name, arg).map(|info| info.id), Some(id));
            assert_eq!(fields.info(id).map(|info| info.id), Some(id));
            id
        };
        let plain = add("a.b", None, 'p');
        let empty = add("a.b", Some(b""), 'e');
        let second = add("a.b", Some(b"2"), '2');
        assert_eq!([plain, empty, second], [FieldId(0), FieldId(1), FieldId(2)]);
        assert_eq!(fields.getter(empty), Some(&'e'));
        assert_eq!([plain, empty, second].map(|id| fields.name(id)), ["a.b", "a.b[]", "a.b[2]"]);
        let unknown = FieldId(3);
        assert!(fields.getter(unknown).is_none() && fields.info(unknown).is_none() && fields.name(unknown).is_empty());
    }

    #[test]
    fn arguments_are_between_brackets() {
        for (text, expect) in [
            ("a.b", Some(("a.b", None))),
            ("a.b[]", Some(("a.b", Some("")))),
            ("a.b[x]", Some(("a.b", Some("x")))),
            ("a.b[x[0]]", Some(("a.b", Some("x[0]")))),
            ("a.b[x", None),
            ("a.b[x]y", None),
        ] {
            let split = split_argument(text).map(|(name, arg)| (name, arg.map(|arg| String::from_utf8_lossy(arg))));
            assert_eq!(split, expect.map(|(name, arg)| (name, arg.map(Into::into))), "{text}");
        }
    }
}
