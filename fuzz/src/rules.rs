//! Properties of any condition and any rule file. The integration tests of `rule-engine` use this file too.

use peregrine_rule_engine::diag::human::Style;
use peregrine_rule_engine::event::sinsp::SinspSchema;
use peregrine_rule_engine::load::{Loader, Sources, describe};
use peregrine_rule_engine::output::Template;
use peregrine_rule_engine::ruleset::RulesetBuilder;
use peregrine_rule_engine::syntax::{parse_bytes, parse_operand, print};
use peregrine_rule_engine::text;
use sinsp::fields::Fields;

fn schema() -> SinspSchema {
    SinspSchema::new(Fields::new()).without_host_names()
}

/// Checks any bytes, read as a condition: an error has a place in the text; a tree prints, reads back the same, and compiles
/// or gives an error. The same bytes are read as an output.
pub fn condition(data: &[u8]) {
    match parse_bytes(data) {
        Ok(tree) => {
            assert_eq!(parse_bytes(&print::exact(&tree)).as_ref(), Ok(&tree));
            let _ = tree.to_string();
            let _ = RulesetBuilder::new().condition(&mut schema(), &tree);
        }
        Err(error) => assert!(error.position.index <= data.len()),
    }
    let text = text::from_bytes(data);
    let _ = parse_operand(&text);
    let _ = Template::parse(&text, &mut schema());
}

/// Checks any bytes, loaded as a rule file: it ends, every diagnostic can be printed, and rules without errors can be
/// described.
pub fn file(data: &[u8]) {
    let mut loader = Loader::new(Sources::new().with(schema()));
    // Twice, so that names are defined again.
    let loaded = loader.load([("one.yaml", data), ("two.yaml", data)]);
    let shown = loaded.render(Style { colour: false });
    assert_eq!(shown.is_empty(), loaded.diagnostics.is_empty());
    assert_eq!(loaded.is_successful(), !loaded.diagnostics.iter().any(|diagnostic| diagnostic.is_error()));
    let _ = (loaded.falco_json().to_string(), loaded.falco_text());
    if loaded.is_successful() {
        describe(&loaded, loader.sources_mut(), None).expect("all rules can be described");
    }
}
