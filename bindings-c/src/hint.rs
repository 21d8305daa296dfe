//! Hints in messages: the field of a similar name.

use rule_engine::diag::did_you_mean;
use sinsp::fields::CLASSES;

fn names() -> impl Iterator<Item = &'static str> {
    CLASSES.iter().flat_map(|class| class.fields.iter().map(|row| row.name))
}

/// Returns the name of a field at the start of a text.
fn name(text: &str) -> &str {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '_')).unwrap_or(text.len());
    text[..end].trim_end_matches('.')
}

/// Returns a hint for a text that begins with the name of a field, if there is no such field but one of a similar name. It
/// is appended to a message, and empty otherwise.
pub(crate) fn field(text: &str) -> String {
    let name = name(text);
    if name.is_empty() || names().any(|known| known == name) {
        return String::new();
    }
    did_you_mean(name, names()).map_or_else(String::new, |hint| format!("; {hint}"))
}

/// Returns the hint for the first field of a template that does not exist.
pub(crate) fn template(text: &str) -> String {
    let starts = text.match_indices(['%', '(', ',']).map(|(at, mark)| text[at + mark.len()..].trim_start());
    let fields = starts.map(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()));
    fields.filter(|rest| name(rest).contains('.')).map(field).find(|hint| !hint.is_empty()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{field, template};

    #[test]
    fn names_the_nearest_field() {
        assert_eq!(field("proc.nmae"), "; did you mean `proc.name`?");
        assert_eq!(field("proc.anmae[2] = x"), "; did you mean `proc.aname`?");
        assert_eq!(field("proc.name"), "");
        assert_eq!(field("= x"), "");
        assert_eq!(field("entirely.different.thing"), "");
        assert_eq!(template("at %evt.time %20proc.nmae"), "; did you mean `proc.name`?");
        assert_eq!(template("%toupper(fd.nmae)"), "; did you mean `fd.name`?");
        assert_eq!(template("50% of é.é %proc.name"), "");
    }
}
