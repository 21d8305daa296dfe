//! The plugin in `examples/plugin`.

mod common;

use common::log;
use peregrine_plugin_host::{Configured, Library, Next, PluginSchema, PluginSource, SourcePlugins};
use rule_engine::filter::Filter;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

fn set(library: &Path, config: &str, file: &Path) -> std::sync::Arc<SourcePlugins> {
    let library = Library::load(library).unwrap_or_else(|error| panic!("{error}"));
    let plugin = Configured::new(library, config, file.display().to_string());
    SourcePlugins::combine(&[plugin]).expect("a source").remove(0)
}

#[test]
fn lines_are_events_with_their_words() {
    let Some(library) = testkit::example_plugin() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("auth.log");
    let text = "Failed password for root from 192.0.2.1\n\nAccepted key for ann from 192.0.2.2\nno end";
    std::fs::write(&file, text).expect("a file");
    let set = set(&library, "{}", &file);
    for (condition, expected) in [
        ("line.text startswith \"Failed password\" and line.word[3] = root", vec![1]),
        ("line.length < 7", vec![2, 4]),
        ("line.words intersects (ann, end)", vec![3, 4]),
        ("not line.word[0] exists", vec![2]),
        ("evt.plugininfo contains 192.0.2.2", vec![3]),
    ] {
        let filter = Filter::compile(condition, PluginSchema::new(&set));
        let mut filter = filter.unwrap_or_else(|error| panic!("{condition}: {error}"));
        let mut source = PluginSource::open(&set, &log().0).expect("a source");
        let mut matched = Vec::new();
        loop {
            match source.next_event().expect("a valid event") {
                Next::Event(event) => {
                    let matches = filter.try_matches(event).expect("an event of these plugins");
                    matched.extend(matches.then_some(event.number()));
                }
                Next::Idle => {}
                Next::End => break,
            }
        }
        assert_eq!(matched, expected, "{condition}");
        assert_eq!(source.plugins()[0].metrics()[0].value, 4.0);
    }
}

#[test]
fn a_file_that_grows_is_followed() {
    let Some(library) = testkit::example_plugin() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("log");
    std::fs::write(&file, "one\ntw").expect("a file");
    let mut source = PluginSource::open(&set(&library, r#"{"follow": true}"#, &file), &log().0).expect("a source");
    let (mut seen, began, mut written) = (Vec::new(), Instant::now(), false);
    while seen.len() < 2 {
        assert!(began.elapsed() < Duration::from_secs(60), "{seen:?}");
        match source.next_event().expect("a valid event") {
            Next::Event(event) => seen.push(String::from_utf8_lossy(event.payload()).into_owned()),
            Next::Idle if !written => {
                written = true;
                let mut file = std::fs::File::options().append(true).open(&file).expect("the file");
                file.write_all(b"o\n").expect("written");
            }
            Next::Idle => {}
            Next::End => panic!("the end of a file that is followed"),
        }
    }
    assert_eq!(seen, ["one", "two"]);
}

#[test]
fn what_is_wrong_is_said() {
    let Some(library) = testkit::example_plugin() else { return };
    let nowhere = Path::new("/nonexistent/log");
    let error = PluginSource::open(&set(&library, r#"{"folow": true}"#, nowhere), &log().0).unwrap_err().to_string();
    assert!(error.starts_with("plugin lines: invalid init_config: "), "{error}");
    let error = PluginSource::open(&set(&library, "{}", nowhere), &log().0).unwrap_err().to_string();
    assert!(error.starts_with("plugin lines: `plugin_open` failed: cannot open /nonexistent/log"), "{error}");
}
