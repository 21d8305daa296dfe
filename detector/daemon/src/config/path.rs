//! `-o key=value`: paths of single settings on the command line.
//!
//! ```text
//! engine.kind=replay                     a key in a mapping in the root
//! rules_files[0]=a.yaml                  an item that exists, or the one after the last
//! rules[].disable.tag=network            [] makes a new item
//! append_output[]={"suggested_output": true}     {...} and [...] are read as YAML
//! a\.b=1                                 a key with a dot in it; \[ \] \\ likewise
//! ```

use super::document::{self, Node, Place, Value};

/// Reason why an option is invalid.
#[derive(Debug, thiserror::Error, PartialEq)]
#[error("option '{option}': {text}")]
pub(crate) struct OptionError {
    option: String,
    text: String,
}

enum Step {
    Key(String),
    Item(usize),
    NewItem,
}

/// Applies `key=value` to the tree.
///
/// # Errors
///
/// If the option has no `=`, the key is malformed, the key names an item far beyond the end of a list, or the value
/// begins like YAML but is not valid YAML.
pub(crate) fn apply(root: &mut Node, option: &str) -> Result<(), OptionError> {
    let fault = |text: String| OptionError { option: option.to_owned(), text };
    let (key, value) = option.split_once('=').ok_or_else(|| fault("must be of the form key=value".into()))?;
    let place = Place::named(&format!("-o {key}"));
    let steps = parse(key).map_err(&fault)?;
    let structured =
        (value.starts_with('{') && value.ends_with('}')) || (value.starts_with('[') && value.ends_with(']'));
    let node = if structured {
        let mut node = document::parse(&place.file, value).map_err(|error| fault(error.to_string()))?;
        // Line and column inside an option are useless: the option is the place.
        set_place(&mut node, &place);
        node
    } else {
        Node::scalar(value, place.clone())
    };
    let mut at = root;
    for step in steps {
        at = match step {
            Step::Key(name) => at.entry_mut(&name, &place),
            Step::Item(_) | Step::NewItem => {
                if matches!(at.value, Value::Null) {
                    at.value = Value::List(Vec::new());
                }
                let kind = at.kind();
                let Value::List(items) = &mut at.value else {
                    return Err(fault(format!("[] requires a list, found {kind}")));
                };
                let index = if let Step::Item(index) = step { index } else { items.len() };
                if index > items.len() {
                    return Err(fault(format!(
                        "the list has {} items, so index [{index}] is out of range",
                        items.len()
                    )));
                }
                if index == items.len() {
                    items.push(Node { value: Value::Null, place: place.clone() });
                }
                &mut items[index]
            }
        };
    }
    *at = node;
    Ok(())
}

/// Returns whether the option sets something below this top-level key.
pub(crate) fn is_below(option: &str, name: &str) -> bool {
    option.strip_prefix(name).is_some_and(|rest| rest.starts_with(['=', '[', '.']))
}

fn set_place(node: &mut Node, place: &Place) {
    node.place = place.clone();
    match &mut node.value {
        Value::List(items) => items.iter_mut().for_each(|item| set_place(item, place)),
        Value::Map(entries) => entries.iter_mut().for_each(|(key, node)| {
            key.place = place.clone();
            set_place(node, place);
        }),
        _ => {}
    }
}

fn parse(key: &str) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    let mut chars = key.chars().peekable();
    loop {
        let mut name = String::new();
        while let Some(c) = chars.next_if(|c| !matches!(c, '.' | '[')) {
            match c {
                '\\' => match chars.next() {
                    Some(c @ ('.' | '[' | ']' | '\\')) => name.push(c),
                    Some(c) => return Err(format!("'\\{c}' is not a valid escape; use \\. \\[ \\] and \\\\")),
                    None => return Err("the key ends in a backslash".into()),
                },
                c => name.push(c),
            }
        }
        if name.is_empty() {
            return Err("the key is empty".into());
        }
        steps.push(Step::Key(name));
        while chars.next_if_eq(&'[').is_some() {
            let mut index = String::new();
            loop {
                match chars.next() {
                    Some(']') => break,
                    Some(c) => index.push(c),
                    None => return Err("missing ']' after '['".into()),
                }
            }
            steps.push(match index.as_str() {
                "" => Step::NewItem,
                digits => Step::Item(digits.parse().map_err(|_| format!("'{digits}' is not a valid index"))?),
            });
        }
        match chars.next() {
            None => return Ok(steps),
            Some('.') => {}
            Some(c) => return Err(format!("expected '.' before '{c}'")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(start: &str, options: &[&str], expected: &str) {
        let mut root = document::parse("c", start).unwrap();
        for option in options {
            apply(&mut root, option).unwrap();
        }
        assert_eq!(root.to_json().to_string(), expected);
    }

    #[track_caller]
    fn fails(start: &str, option: &str, part: &str) {
        let mut root = document::parse("c", start).unwrap();
        let error = apply(&mut root, option).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }

    #[test]
    fn keys_items_and_new_items() {
        check("", &["a.b.c=1"], r#"{"a":{"b":{"c":1}}}"#);
        check("a: {b: 1, c: 2}", &["a.b=x"], r#"{"a":{"b":"x","c":2}}"#);
        check("l: [1, 2]", &["l[1]=b", "l[2]=c", "l[]=d"], r#"{"l":[1,"b","c","d"]}"#);
        check(
            "",
            &["rules[].disable.tag=x", "rules[].enable.rule=*"],
            r#"{"rules":[{"disable":{"tag":"x"}},{"enable":{"rule":"*"}}]}"#,
        );
        check("m: [[1, 2], [3]]", &["m[0][1]=x"], r#"{"m":[[1,"x"],[3]]}"#);
    }

    #[test]
    fn values_may_be_structured() {
        check(
            "",
            &[r#"append_output[]={"suggested_output": true}"#],
            r#"{"append_output":[{"suggested_output":true}]}"#,
        );
        check("", &["s=[open, close]"], r#"{"s":["open","close"]}"#);
        check("", &["url=http://a/?b=c"], r#"{"url":"http://a/?b=c"}"#);
        check("", &["empty="], r#"{"empty":""}"#);
    }

    #[test]
    fn escapes() {
        check("", &[r"a\.b=1"], r#"{"a.b":1}"#);
        check("", &[r"a\[0\]=1", r"b\\=2"], r#"{"a[0]":1,"b\\":2}"#);
    }

    #[test]
    fn faults() {
        fails("", "novalue", "key=value");
        fails("", "=x", "key is empty");
        fails("", "a..b=x", "key is empty");
        fails("", "a[x]=1", "not a valid index");
        fails("", "a[0=1", "missing ']'");
        fails("", r"a\x=1", "not a valid escape");
        fails("", "a\\=1", "backslash");
        fails("", "a[0]b=1", "expected '.'");
        fails("l: [1]", "l[5]=1", "out of range");
        fails("l: {a: 1}", "l[]=1", "a mapping");
        fails("", "a={b: }]}", "-o a");
    }
}
