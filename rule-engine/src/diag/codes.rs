//! The codes of diagnostics: rows.
//!
//! Names, short texts and descriptions of Falco's codes are those that its programs print, since tools read them. Codes
//! of ours are marked: output that is to be Falco's leaves them out. Each code has its section in `docs/diagnostics`.
#![allow(rustdoc::invalid_html_tags, reason = "the texts of codes are their documentation too")]

/// Whether a diagnostic rejects the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Severity {
    /// It rejects them.
    Error,
    /// It does not.
    Warning,
}

macro_rules! codes {
    ($($variant:ident $severity:ident $owner:ident $code:literal $title:literal $text:literal)*) => {
        /// The kind of a diagnostic.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Code {
            $(#[doc = $text] $variant,)*
        }

        impl Code {
            /// All codes.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Returns its printed name, such as `LOAD_ERR_YAML_PARSE`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// Returns a description in a few words.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }

            /// Returns a description in a sentence or two.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// Returns whether it rejects the rules.
            pub const fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)* }
            }

            /// Returns whether Falco has it too.
            pub const fn is_falcos(self) -> bool {
                match self { $(Self::$variant => codes!(@$owner),)* }
            }
        }
    };
    (@Falco) => { true };
    (@Ours) => { false };
}

codes! {
    FileRead Error Falco "LOAD_ERR_FILE_READ" "File read error"
        "This occurs when falco can not read a given file. Check permissions and whether the file exists."
    YamlParse Error Falco "LOAD_ERR_YAML_PARSE" "YAML parse error"
        "This occurs when the rules content is not valid YAML."
    YamlValidate Error Falco "LOAD_ERR_YAML_VALIDATE" "Error validating internal structure of YAML file"
        "This occurs when the internal structure of the YAML file is incorrect. Examples include not consisting of a sequence of maps, a given rule/macro/list item not having required keys, values not having the right type (e.g. the items property of a list not being a sequence), etc."
    CompileCondition Error Falco "LOAD_ERR_COMPILE_CONDITION" "Error compiling condition"
        "This occurs when a condition string can not be compiled to a filter object."
    CompileOutput Error Falco "LOAD_ERR_COMPILE_OUTPUT" "Error compiling output"
        "This occurs when an output string can not be compiled to an output object."
    Validate Error Falco "LOAD_ERR_VALIDATE" "Error validating rule/macro/list/exception objects"
        "This occurs when a rule/macro/list item is incorrect. Examples include a condition field referring to an undefined macro, falco engine/plugin version mismatches, items with append without any existing item, exception fields/comps having different lengths, etc."
    Extension Error Falco "LOAD_ERR_EXTENSION" "Error in extension item"
        "This occurs when there is an error in an extension item"
    TooLarge Error Ours "LOAD_ERR_TOO_LARGE" "Rules grow beyond a limit"
        "Lists, macros or exceptions expand to a condition that is too long or too deep."

    UnknownSource Warning Falco "LOAD_UNKNOWN_SOURCE" "Unknown event source"
        "A rule has a unknown event source. This can occur when reading rules content without having a corresponding plugin loaded, etc. The rule will be silently ignored."
    UnsafeNaCheck Warning Falco "LOAD_UNSAFE_NA_CHECK" "Unsafe <NA> comparison in condition"
        "Comparing a field value with <NA> is unsafe and can lead to unpredictable behavior of the rule condition. If you need to check for the existence of a field, consider using the 'exists' operator instead."
    NoEventType Warning Falco "LOAD_NO_EVTTYPE" "Condition has no event-type restriction"
        "A rule condition matches too many evt.type values. This has a significant performance penalty. Make the condition more specific by adding an evt.type field or further restricting the number of evt.type values in the condition."
    UnknownFilter Warning Falco "LOAD_UNKNOWN_FILTER" "Unknown field or event-type in condition or output"
        "A rule condition or output refers to a field or evt.type that does not exist. This is normally an error, but if a rule has a skip-if-unknown-filter property, the error is downgraded to a warning."
    UnusedMacro Warning Falco "LOAD_UNUSED_MACRO" "Unused macro"
        "A macro is defined in the rules content but is not used by any other macro or rule."
    UnusedList Warning Falco "LOAD_UNUSED_LIST" "Unused list"
        "A list is defined in the rules content but is not used by any other list, macro, or rule."
    UnknownItem Warning Falco "LOAD_UNKNOWN_ITEM" "Unknown rules file item"
        "An unknown top-level object is in the rules content. It will be ignored."
    DeprecatedItem Warning Falco "LOAD_DEPRECATED_ITEM" "Used deprecated item"
        "A deprecated item is employed by lists, macros, or rules."
    ExtensionWarning Warning Falco "LOAD_WARNING_EXTENSION" "Warning in extension item"
        "An extension item has a warning"
    AppendNoValues Warning Falco "LOAD_APPEND_NO_VALUES" "Overriding/appending with no values"
        "A rule exception is overriding/appending with no values"
    ExceptionNameNotUnique Warning Falco "LOAD_EXCEPTION_NAME_NOT_UNIQUE" "Multiple exceptions defined with the same name"
        "A rule is defining multiple exceptions with the same name"
    InvalidMacroName Warning Falco "LOAD_INVALID_MACRO_NAME" "Invalid macro name"
        "A macro is defined with an invalid name"
    InvalidListName Warning Falco "LOAD_INVALID_LIST_NAME" "Invalid list name"
        "A list is defined with an invalid name"
    ConditionHint Warning Falco "LOAD_COMPILE_CONDITION" "Warning in rule condition"
        "A rule condition or output have been parsed with a warning"
    UnknownKey Warning Falco "LOAD_UNKNOWN_KEY" "Unknown key in item definition"
        "An item in the rules content contains an unrecognized key. The key will be ignored. This may indicate a typo or a property placed on the wrong item type."
    DuplicateKey Warning Ours "LOAD_DUPLICATE_KEY" "Duplicate key in one item"
        "A map has two entries of the same key. The first one is used."
    NeverMatches Warning Ours "LOAD_NEVER_MATCHES" "No event can match the condition"
        "The condition requires event types that exclude each other, so the rule can never match."
}

/// Fields that still load but report something that no longer exists, with the message for each in a condition.
pub const DEPRECATED_FIELDS: [(&str, &str); 6] = [
    (
        "evt.dir",
        "due to the drop of enter events, 'evt.dir = <' always evaluates to true, and 'evt.dir = >' always evaluates to \
         false. The rule expression can be simplified by removing the condition on 'evt.dir'",
    ),
    ("evt.latency", NO_ENTER_EVENTS),
    ("evt.latency.s", NO_ENTER_EVENTS),
    ("evt.latency.ns", NO_ENTER_EVENTS),
    ("evt.latency.human", NO_ENTER_EVENTS),
    ("evt.wait_latency", NO_ENTER_EVENTS),
];

const NO_ENTER_EVENTS: &str = "field is not available due to the drop of enter events.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_falcos_are_all_there() {
        let mut names: Vec<_> = Code::ALL.iter().map(|code| code.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Code::ALL.len());
        let falcos = |severity| Code::ALL.iter().filter(|c| c.is_falcos() && c.severity() == severity).count();
        assert_eq!((falcos(Severity::Error), falcos(Severity::Warning)), (7, 15));
    }
}
