//! Errors of compiling a condition: kinds, Falco's words for each, and hints.

use crate::event::{FieldError, Schema, near_event_type};
use crate::operator::Operator;
use crate::text::Position;

/// The reason why a condition does not compile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
#[non_exhaustive]
pub struct CompileError {
    /// The kind of error.
    pub kind: CompileErrorKind,
    /// The invalid check.
    pub position: Position,
}

/// The kind of error in a condition whose text was parsed. Printed in Falco's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompileErrorKind {
    /// A field is unknown, or its argument is missing or invalid.
    #[error(transparent)]
    Field(FieldError),
    /// A name is not a macro.
    #[error("filter error: unexpected identifier '{name}'")]
    UnknownMacro {
        /// The name.
        name: String,
    },
    /// A constant is not the name of an event type.
    #[error("unknown event type {name}")]
    UnknownEventType {
        /// The constant.
        name: String,
    },
    /// The operator is not defined for these values.
    #[error("{message}")]
    Operator {
        /// The operator.
        op: Operator,
        /// The reason.
        message: String,
    },
    /// A transformer does not accept these arguments.
    #[error("{message}")]
    Transformer {
        /// The reason.
        message: String,
    },
    /// A transformer of several arguments is unknown. Falco ends with this.
    #[error("unknown multivalue transformer")]
    UnknownTransformer,
    /// The two sides cannot be compared with each other.
    #[error("{message}")]
    Sides {
        /// The reason.
        message: String,
    },
    /// A constant is invalid for the field.
    #[error("{message}")]
    Value {
        /// The constant.
        value: Vec<u8>,
        /// The reason.
        message: String,
    },
    /// A constant is not a number where Falco ends with this.
    #[error("stoi")]
    Number {
        /// The constant.
        value: Vec<u8>,
    },
    /// The event types that it can match cannot be inferred. Falco ends with this.
    #[error("{message}")]
    EventTypes {
        /// The reason.
        message: &'static str,
    },
    /// There is no source of that name.
    #[error("unknown source")]
    UnknownSource,
}

impl CompileError {
    pub(crate) fn new(kind: CompileErrorKind, position: Position) -> Self {
        Self { kind, position }
    }

    /// Returns whether Falco does not report this but ends.
    pub fn aborts_falco(&self) -> bool {
        matches!(
            self.kind,
            CompileErrorKind::UnknownTransformer
                | CompileErrorKind::Number { .. }
                | CompileErrorKind::EventTypes { .. }
        )
    }

    /// Returns whether a name is unknown to the schema, which `skip-if-unknown-filter` allows.
    pub fn is_unknown_name(&self) -> bool {
        matches!(
            self.kind,
            CompileErrorKind::Field(FieldError::Unknown { .. }) | CompileErrorKind::UnknownEventType { .. }
        )
    }

    /// Returns a hint, given the names that the schema has.
    pub fn hint(&self, schema: &dyn Schema) -> Option<String> {
        match &self.kind {
            CompileErrorKind::Field(error) => error.hint(schema),
            CompileErrorKind::UnknownEventType { name } => near_event_type(schema, name),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::json::JsonSchema;
    use crate::ruleset::RulesetBuilder;
    use crate::syntax::parse;

    fn error(text: &str) -> (CompileError, Option<String>) {
        let mut schema = JsonSchema::new("login");
        let error = RulesetBuilder::new().condition(&mut schema, &parse(text).unwrap()).unwrap_err();
        let hint = error.hint(&schema);
        (error, hint)
    }

    #[test]
    fn kinds_words_and_hints() {
        let (unknown, hint) = error("jevt.valeu[/user] = root");
        assert_eq!(unknown.to_string(), "filter_check called with nonexistent field jevt.valeu[/user]");
        assert!(unknown.is_unknown_name() && !unknown.aborts_falco());
        assert_eq!(hint.as_deref(), Some("did you mean `jevt.value`?"));

        let (missing, hint) = error("jevt.value = root");
        assert!(matches!(missing.kind, CompileErrorKind::Field(FieldError::MissingArgument { .. })));
        assert_eq!(hint.as_deref(), Some("`jevt.value` requires an argument: `jevt.value[…]`"));
        assert!(!missing.is_unknown_name());

        let (operator, hint) = error("evt.num contains 3");
        assert!(matches!(operator.kind, CompileErrorKind::Operator { op: Operator::Contains, .. }));
        assert_eq!(operator.to_string(), "filter error: 'contains' operator not supported for numeric filters");
        assert_eq!(hint, None);

        let (value, _) = error("evt.num = three");
        assert!(matches!(value.kind, CompileErrorKind::Value { ref value, .. } if value == b"three"));
        assert_eq!(value.to_string(), "three is not a valid number");

        let (transformer, _) = error("tolower(evt.num) = 3");
        assert!(matches!(transformer.kind, CompileErrorKind::Transformer { .. }));
        let (name, _) = error("spawned");
        assert_eq!(name.to_string(), "filter error: unexpected identifier 'spawned'");
    }
}
