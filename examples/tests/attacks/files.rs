//! Files that others may read, remove or write.

use crate::target::{NOBODY, Target};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

#[test]
fn alerts_and_captures_are_not_for_everybody() {
    let Some(target) = Target::start(
        "file_output: {enabled: true, keep_alive: true, filename: DIR/alerts}\n\
         capture: {enabled: true, mode: all_rules, path_prefix: DIR/match, default_duration: 100}\n",
    ) else {
        return;
    };
    target.expect_alert("one");
    let captures = || -> Vec<_> {
        let files = fs::read_dir(target.folder.path()).unwrap().map(|file| file.unwrap());
        files.filter(|file| file.file_name().to_string_lossy().starts_with("match_")).collect()
    };
    target.until("a capture", |_| !captures().is_empty());
    for file in captures() {
        assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o600, "{file:?}");
        let read = target.attack_result(NOBODY, &format!("read {}", file.path().display()));
        assert_eq!(read, "Some(PermissionDenied)");
    }
    target.until("the file", |target| target.text("alerts").contains("marked-one"));
    assert_eq!(fs::metadata(target.path("alerts")).unwrap().mode() & 0o137, 0);
    // A process that may remove the file does not silence the output.
    fs::remove_file(target.path("alerts")).unwrap();
    target.expect_alert("two");
    target.until("a new file", |target| target.text("alerts").contains("marked-two"));
}

#[test]
fn rules_that_everybody_may_write_are_reported_or_refused() {
    let Some(mut target) = Target::start("") else { return };
    assert!(!target.text("err").contains("can be changed by"), "{}", target.text("err"));
    let rules = target.path("peregrine_rules.yaml");
    fs::set_permissions(&rules, fs::Permissions::from_mode(0o666)).unwrap();
    target.child.kill().unwrap();
    target.start_again();
    let line = format!("{} can be changed by everybody", rules.canonicalize().unwrap().display());
    assert!(target.text("err2").contains(&line), "{}", target.text("err2"));
    target.child.kill().unwrap();
    target.child.wait().unwrap();
    let config = target.text("falco.yaml").replace("protection: {", "protection: {refuse_writable_files: true, ");
    fs::write(target.path("falco.yaml"), config).unwrap();
    let ran = crate::common::peregrine(["-c", &target.path("falco.yaml").display().to_string()]);
    assert!(ran.code == 1 && ran.err.contains("protection.refuse_writable_files"), "{}{}", ran.out, ran.err);
}
