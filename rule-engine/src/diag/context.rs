//! The location of a diagnostic: a stack of locations, the file first.

use std::sync::Arc;

use crate::text::{FileId, Mark, Position, shown};

/// The kind of a location.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "named as they are printed")]
#[non_exhaustive]
pub enum Place {
    ValueFor,
    Exceptions,
    Exception,
    ExceptionValues,
    ExceptionValue,
    RulesContent,
    RulesContentItem,
    RequiredEngineVersion,
    RequiredPluginVersions,
    RequiredPluginVersionsEntry,
    RequiredPluginVersionsAlternative,
    List,
    ListItem,
    Macro,
    MacroCondition,
    Correlation,
    Rule,
    RuleCondition,
    ConditionExpression,
    RuleOutput,
    RulePriority,
    Override,
}

impl Place {
    /// Returns its printed name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ValueFor => "value for",
            Self::Exceptions => "exceptions",
            Self::Exception => "exception",
            Self::ExceptionValues => "exception values",
            Self::ExceptionValue => "exception value",
            Self::RulesContent => "rules content",
            Self::RulesContentItem => "rules content item",
            Self::RequiredEngineVersion => "required_engine_version",
            Self::RequiredPluginVersions => "required plugin versions",
            Self::RequiredPluginVersionsEntry => "required plugin versions entry",
            Self::RequiredPluginVersionsAlternative => "required plugin versions alternative",
            Self::List => "list",
            Self::ListItem => "list item",
            Self::Macro => "macro",
            Self::MacroCondition => "macro condition",
            Self::Correlation => "correlation",
            Self::Rule => "rule",
            Self::RuleCondition => "rule condition",
            Self::ConditionExpression => "condition expression",
            Self::RuleOutput => "rule output",
            Self::RulePriority => "rule priority",
            Self::Override => "overrides",
        }
    }
}

/// One level of a context.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Location {
    /// Its kind.
    pub place: Place,
    /// Its name, if it has one.
    pub item: String,
    /// The name of the file, or the beginning of a condition.
    pub name: Arc<str>,
    /// Its beginning. In a condition expression the position in the condition is added to that of its parent.
    pub mark: Mark,
}

/// A stack of locations, outermost first.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Context {
    /// The file of the diagnostic.
    pub file: FileId,
    /// The levels. At least one: the file.
    pub locations: Vec<Location>,
    /// The condition that a snippet is cut from, if that is not the file.
    pub condition: Option<Arc<str>>,
}

impl Context {
    /// Creates the context of a whole file.
    pub fn file(file: FileId, name: Arc<str>) -> Self {
        let whole = Location { place: Place::RulesContent, item: String::new(), name, mark: Mark::default() };
        Self { file, locations: vec![whole], condition: None }
    }

    /// Adds one level, in the file.
    #[must_use]
    pub fn within(&self, place: Place, item: &str, mark: Mark) -> Self {
        let name = Arc::clone(&self.locations[0].name);
        let mut locations = Vec::with_capacity(self.locations.len() + 2);
        locations.extend_from_slice(&self.locations);
        locations.push(Location { place, item: item.to_owned(), name, mark });
        Self { file: self.file, locations, condition: None }
    }

    /// Adds a place in a condition. `None` means the condition itself.
    #[must_use]
    pub fn expression(&self, condition: impl Into<Arc<str>>, position: Option<Position>) -> Self {
        let condition = condition.into();
        // The longest character of a text is four bytes.
        let bytes = crate::text::to_bytes(&condition[..condition.floor_char_boundary(4 * 21)]);
        let mut name = vec![b'"'];
        if bytes.len() > 20 {
            name.extend_from_slice(&bytes[..17]);
            name.extend_from_slice(b"...");
        } else {
            name.extend_from_slice(&bytes);
        }
        name.push(b'"');
        for byte in &mut name {
            if matches!(byte, b'\n' | b'\r') {
                *byte = b' ';
            }
        }
        let parent = self.innermost().mark;
        let mark = position.map_or(parent, |p| Mark {
            offset: parent.offset + p.index,
            line: parent.line + p.line,
            column: parent.column + p.column,
        });
        let mut locations = self.locations.clone();
        locations.push(Location {
            place: Place::ConditionExpression,
            item: String::new(),
            name: String::from_utf8_lossy(&name).into(),
            mark,
        });
        Self { file: self.file, locations, condition: Some(condition) }
    }

    /// Returns the innermost location.
    pub fn innermost(&self) -> &Location {
        self.locations.last().unwrap_or_else(|| unreachable!("a context has at least the file"))
    }

    /// Returns the item (rule, macro or list) that contains it, as `rule 'NAME'`.
    pub fn item(&self) -> Option<String> {
        let mut items = self
            .locations
            .iter()
            .filter(|l| matches!(l.place, Place::Rule | Place::Macro | Place::List | Place::Correlation));
        items.next_back().map(|l| format!("{} '{}'", l.place.name(), shown(&l.item)))
    }
}
