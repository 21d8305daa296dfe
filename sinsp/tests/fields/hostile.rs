//! Any text is parsed as the name of a field or rejected, and quickly.

use peregrine_sinsp::fields::{CLASSES, FieldRef, prefix_len};
use proptest::prelude::*;

fn pieces() -> impl Strategy<Value = String> {
    let names: Vec<&str> = CLASSES.iter().flat_map(|class| class.fields).map(|field| field.name).collect();
    let words = [
        "%", "*", "[", "]", "(", ")", ",", "\"", "\\", ".", " ", "12", "-1", "é", "toupper", "join", "getopt",
        "static.",
    ];
    let piece = prop_oneof![
        proptest::sample::select(names).prop_map(str::to_owned),
        proptest::sample::select(words.to_vec()).prop_map(str::to_owned),
        any::<String>(),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in pieces()) {
        if let Ok(field) = FieldRef::parse(&text) {
            prop_assert_eq!(field.name(), text.as_str());
        }
        if let Some(len) = prefix_len(&text) {
            prop_assert!(text.get(..len).is_some_and(|field| FieldRef::parse(field).is_ok()));
        }
    }
}

#[test]
fn long_words_cost_no_time() {
    let long = "a".repeat(1 << 20);
    assert_eq!(prefix_len(&format!("proc.name{long}")), Some(9));
    assert!(FieldRef::parse(&format!("evt.arg[{}]", "9".repeat(1 << 20))).is_ok());
}
