//! What the program adds to an alert that the engine has written: how many like it were left out, and whether the
//! state it rests on may be damaged.

use serde_json::Value as Json;

/// The alert with these added: fields of `output_fields`, or, as text, in brackets at the end.
pub(crate) fn add(text: &str, json: bool, notes: &[(&str, Json)]) -> String {
    const FIELDS: &str = "\"output_fields\":{";
    if !json {
        let notes: Vec<_> = notes.iter().map(|(name, value)| format!("{name}={value}")).collect();
        return format!("{text} ({})", notes.join(" "));
    }
    let notes: Vec<_> = notes.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    let notes = notes.join(",");
    // Inside a string the quotation marks would be escaped, so this is the key.
    match text.split_once(FIELDS) {
        Some((before, after)) if after.starts_with('}') => format!("{before}{FIELDS}{notes}{after}"),
        Some((before, after)) => format!("{before}{FIELDS}{notes},{after}"),
        None => match text.strip_prefix('{') {
            Some("}") => format!("{{{notes}}}"),
            Some(rest) => format!("{{{notes},{rest}"),
            None => text.to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::add;

    #[test]
    fn notes_are_fields_of_the_alert() {
        let notes = [("state_uncertain", true.into()), ("suppressed", 3.into())];
        for (text, json, expected) in [
            ("12:00: Notice x", false, "12:00: Notice x (state_uncertain=true suppressed=3)"),
            (
                r#"{"output":"\"output_fields\":{","output_fields":{"a":1},"rule":"r"}"#,
                true,
                r#"{"output":"\"output_fields\":{","output_fields":{"state_uncertain":true,"suppressed":3,"a":1},"rule":"r"}"#,
            ),
            (r#"{"output_fields":{}}"#, true, r#"{"output_fields":{"state_uncertain":true,"suppressed":3}}"#),
            (r#"{"rule":"r"}"#, true, r#"{"state_uncertain":true,"suppressed":3,"rule":"r"}"#),
            ("{}", true, r#"{"state_uncertain":true,"suppressed":3}"#),
        ] {
            assert_eq!(add(text, json, &notes), expected);
        }
    }
}
