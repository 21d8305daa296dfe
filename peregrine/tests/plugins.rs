//! Rules with plugins through the facade.
#![cfg(feature = "plugins")]

use std::path::Path;
use std::sync::{Arc, Mutex};

use peregrine::plugin_host::{Configured, Library, LogLine};
use peregrine::scap::text::Trace;
use peregrine::{Detector, Error, Plugins, Rules, Step};

const CAPTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/captures/attack-a.scap");

/// Two plugins, of which the second is for system calls. Each test has its own, for they have static variables.
struct Built(tempfile::TempDir);

impl Built {
    fn new() -> Self {
        let built = Self(tempfile::tempdir().expect("a folder"));
        testkit::c_plugin("plugin.c", &[], &built.path("counter"));
        let fields = r#"-DFIELDS="[{\"name\": \"seen.value\", \"type\": \"uint64\"}]""#;
        let sources = r#"-DFIELD_SOURCES="[\"syscall\"]""#;
        testkit::c_plugin("plugin.c", &["-DNO_SOURCE", "-DNAME=\"seen\"", fields, sources], &built.path("seen"));
        built
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(format!("lib{name}.so"))
    }

    fn configured(&self, name: &str, config: &str, params: &str) -> Configured {
        configured(&self.path(name), config, params)
    }
}

fn configured(path: &Path, config: &str, params: &str) -> Configured {
    Configured::new(Library::load(path).expect("a plugin"), config, params)
}

const RULES: &str = "
- required_plugin_versions:
  - name: counter
    version: 1.2.0
  - name: container
    version: 0.4.0
- rule: even
  desc: d
  condition: counter.even = true
  output: '%counter.value of %evt.pluginname'
  priority: NOTICE
  source: counter
- rule: exec
  desc: d
  condition: evt.type = execve and seen.value exists
  output: 'seen %seen.value'
  priority: NOTICE
";

#[test]
fn rules_use_the_source_and_the_fields_of_plugins() {
    let built = Built::new();
    let lines: Arc<Mutex<Vec<LogLine>>> = Arc::default();
    let kept = Arc::clone(&lines);
    let log = Arc::new(move |line| kept.lock().expect("the log").push(line));
    let plugins = [built.configured("counter", "", "5"), built.configured("seen", "", "")];
    let plugins = Plugins::with_log(&plugins, log).expect("plugins");
    assert_eq!(plugins.sources().collect::<Vec<_>>(), ["counter"]);
    let builder = Rules::builder().plugins(&plugins).text("r.yaml", RULES);
    assert!(builder.has_source("counter") && !builder.has_source("seen"));
    let rules = builder.build().unwrap_or_else(|report| panic!("{report}"));
    let mut counter = rules.plugin_source("counter").expect("the source");
    let mut outputs = Vec::new();
    while let Some(alert) = counter.next().expect("an event") {
        outputs.push(alert.to_string().split_once("Notice ").expect("a priority").1.to_owned());
    }
    assert_eq!(outputs, ["2 of counter", "4 of counter"]);
    assert_eq!(counter.source_mut().plugins()[0].metrics()[0].name, "batches");
    // Each detector has separate instances.
    let mut again = rules.plugin_source("counter").expect("the source");
    let mut count = 0;
    while again.step(|_| count += 1).expect("an event") != Step::End {}
    assert_eq!(count, 2);
    let mut detector = Detector::capture(CAPTURE, &rules).expect("a capture");
    assert!(detector.next().expect("an event").expect("an alert").to_string().contains("Notice seen "));
    let lines = lines.lock().expect("the log");
    assert!(lines.iter().any(|line| line.plugin == "seen" && line.message == "initialized"), "{lines:?}");
}

#[test]
fn what_a_plugin_refuses_is_the_error_of_the_detector() {
    let built = Built::new();
    let plugins = [built.configured("counter", "", "x"), built.configured("seen", "refuse", "")];
    let rules = Rules::builder().plugins(&Plugins::new(&plugins).expect("plugins")).text("r.yaml", RULES).build();
    let rules = rules.unwrap_or_else(|report| panic!("{report}"));
    let expected = "plugin seen: `plugin_init` failed: the configuration is 'refuse'";
    let error = Detector::capture(CAPTURE, &rules).expect_err("the plugin refuses");
    assert_eq!(error.to_string(), expected);
    // A source cannot fail at once: its first event does.
    let mut detector = Detector::source(Trace::parse("1.0 tid=7 close res=0 fd=3\n").expect("a trace"), &rules);
    assert_eq!(detector.next().expect_err("the plugin refuses").to_string(), expected);
    let error = rules.plugin_source("counter").expect_err("the source is not opened");
    assert_eq!(error.to_string(), "plugin counter: `plugin_open` failed: cannot open x");
    assert!(matches!(rules.plugin_source("nowhere"), Err(Error::Source(_))));
    assert!(matches!(rules.plugin_source("syscall"), Err(Error::Source(_))));
}

#[test]
fn requirements_and_names_are_checked() {
    let built = Built::new();
    let counter = Plugins::new(&[built.configured("counter", "", "")]).expect("a plugin");
    let required = |name: &str, version: &str| {
        let text = format!("- required_plugin_versions:\n  - name: {name}\n    version: {version}\n");
        let built = Rules::builder().plugins(&counter).text("r.yaml", text).build();
        built.map(|_| ()).map_err(|report| report.to_string())
    };
    assert_eq!(required("counter", "1.2.3"), Ok(()));
    assert_eq!(required("k8saudit", "0.7.0"), Ok(()));
    let error = required("counter", "1.3.0").expect_err("a later version");
    assert_eq!(error, "Plugin 'counter' version '1.2.3' is not compatible with required plugin version '1.3.0'");
    let error = required("cloudtrail", "0.1.0").expect_err("another plugin");
    assert_eq!(error, "Plugin requirement not satisfied, must load one of: cloudtrail (>= 0.1.0)");
    let error = Rules::builder().plugins(&counter).json_source("counter").build().expect_err("two of a name");
    assert_eq!(error.to_string(), "there are two sources called `counter`");
    let twice = [built.configured("counter", "", ""), built.configured("counter", "", "")];
    let error = Plugins::new(&twice).expect_err("the same plugin twice").to_string();
    assert!(error.starts_with("plugin counter: the name `counter` is provided by"), "{error}");
}

#[test]
fn rules_with_other_plugins_do_not_replace_those_that_run() {
    let built = Built::new();
    let with = |plugin: &Configured| {
        let plugins = Plugins::new(std::slice::from_ref(plugin)).expect("a plugin");
        Rules::builder().plugins(&plugins).build().expect("no rules")
    };
    let counter = built.configured("counter", "", "4");
    let (first, other, none) = (with(&counter), with(&counter), Rules::builder().build().expect("no rules"));
    let mut detector = first.plugin_source("counter").expect("the source");
    assert!(detector.set_rules(&other).is_err() && detector.set_rules(&none).is_err());
    let rule = "- {rule: r, desc: d, condition: counter.value = 3, output: o, priority: NOTICE, source: counter}";
    let new = Rules::builder().plugins(first.plugins()).text("r.yaml", rule).build().expect("a rule");
    detector.set_rules(&new).expect("the same plugins");
    assert_eq!(detector.next().expect("an event").expect("an alert").rule(), "r");
    let mut syscalls = Detector::capture(CAPTURE, &first).expect("a capture");
    assert!(syscalls.set_rules(&other).is_err());
    syscalls.set_rules(&new).expect("the same plugins");
}
