//! Hostile conditions and rule files, made by hand or found by fuzzing, loaded again.
#![cfg(feature = "sinsp")]

#[allow(unreachable_pub, reason = "the fuzz crate exports what is only used here")]
#[path = "../../fuzz/src/rules.rs"]
mod rules;

fn replay(target: &str, look: fn(&[u8])) {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/regressions").join(target);
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).expect("the folder of the target") {
        look(&std::fs::read(entry.expect("an entry").path()).expect("a file"));
        seen += 1;
    }
    assert!(seen > 0, "nothing for {target}");
}

#[test]
fn conditions() {
    replay("condition", rules::condition);
}

#[test]
fn rule_files() {
    replay("rules", rules::file);
}
