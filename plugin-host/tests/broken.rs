//! Plugins that are broken or hostile: an error that names the plugin, or a counted failure.

mod common;

use common::{Built, log};
use peregrine_plugin_host::{Error, Library, Next, Plugin, PluginSchema, PluginSource, ongoing_calls};
use rule_engine::filter::Filter;

#[test]
fn a_file_that_is_not_a_shared_object_is_named() {
    let error = Library::load("/nonexistent/libx.so").unwrap_err();
    assert!(error.to_string().starts_with("cannot load plugin /nonexistent/libx.so: "), "{error}");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("libx.so");
    std::fs::write(&path, "no ELF").unwrap();
    assert!(matches!(Library::load(&path), Err(Error::Load { .. })));
}

#[test]
fn each_required_function_is_missed_by_name() {
    for symbol in [
        "plugin_get_required_api_version",
        "plugin_get_name",
        "plugin_get_description",
        "plugin_get_contact",
        "plugin_get_version",
        "plugin_get_last_error",
        "plugin_init",
        "plugin_destroy",
        "plugin_get_id",
        "plugin_get_event_source",
        "plugin_open",
        "plugin_close",
        "plugin_next_batch",
        "plugin_get_fields",
        "plugin_extract_fields",
    ] {
        let error = Built::new(&[&format!("-D{symbol}=gone")]).error();
        assert!(error.contains(&format!("does not export `{symbol}`")), "{symbol}: {error}");
    }
}

#[test]
fn optional_functions_may_be_missing() {
    let optional = [
        "plugin_set_config",
        "plugin_get_metrics",
        "plugin_list_open_params",
        "plugin_get_progress",
        "plugin_event_to_string",
    ];
    let built = Built::new(&optional.map(|symbol| format!("-D{symbol}=gone_{symbol}")).each_ref().map(String::as_str));
    let mut plugin = Plugin::init(&built.load().unwrap(), "", log().0).unwrap();
    assert_eq!(plugin.set_config("x"), Ok(false));
    assert_eq!((plugin.metrics(), plugin.open_params()), (Vec::new(), Ok(Vec::new())));
    let set = built.alone("", "1");
    let mut filter = Filter::compile("not evt.plugininfo exists", PluginSchema::new(&set)).unwrap();
    let mut source = PluginSource::open(&set, &log().0).unwrap();
    let Next::Event(event) = source.next_event().unwrap() else { panic!("no event") };
    assert!(filter.try_matches(event).unwrap());
    assert_eq!(source.progress(), None);
}

#[test]
fn descriptions_are_checked() {
    for (option, expected) in [
        ("-DAPI_VERSION=\"3.99.0\"", "plugin counter requires version 3.99.0 of the plugin interface; 3."),
        ("-DAPI_VERSION=\"2.0.0\"", "plugin counter requires version 2.0.0"),
        ("-DAPI_VERSION=\"three\"", "`three`, which is not a version"),
        ("-DNAME=\"\"", "`plugin_get_name` returned an empty name"),
        ("-DNULL_VERSION", "`plugin_get_version` returned nothing"),
        ("-DID=0", "plugin counter: `plugin_get_id` returned 0 although its events have the source `counter`"),
        (
            "-DSOURCE=\"\"",
            "plugin counter: `plugin_get_event_source` returned no name although its events have the id 999",
        ),
        ("-DSOURCE=\"syscall\"", "plugin counter: event source `syscall` is provided by this program"),
        ("-DFIELDS=\"[{\"", "plugin counter: `plugin_get_fields` returned no list of fields"),
        (r#"-DFIELDS="[{\"name\": \"a\", \"type\": \"x\"}]""#, "the field `a` with the unknown type `x`"),
        ("-DFIELD_SOURCES=\"{}\"", "plugin counter: `plugin_get_extract_event_sources` returned no list of names"),
    ] {
        let error = Built::new(&[option]).error();
        assert!(error.contains(expected), "{option}: {error}");
    }
    let none = ["-DNO_SOURCE", "-Dplugin_get_fields=a", "-Dplugin_extract_fields=b"];
    assert_eq!(Built::new(&none).load().unwrap_err(), Error::NoCapability { plugin: "counter".to_owned() });
}

#[test]
fn a_refused_configuration_is_reported_in_the_words_of_the_plugin() {
    let built = Built::new(&[]);
    let error = Plugin::init(&built.load().unwrap(), "refuse", log().0).unwrap_err();
    assert_eq!(error.to_string(), "plugin counter: `plugin_init` failed: the configuration is 'refuse'");
    let error = Plugin::init(&built.load().unwrap(), "a\0b", log().0).unwrap_err();
    assert_eq!(error.to_string(), "plugin counter: invalid init_config: a NUL byte at position 1");
    let error = PluginSource::open(&built.alone("", "xyz"), &log().0).unwrap_err();
    assert_eq!(error.to_string(), "plugin counter: `plugin_open` failed: cannot open xyz");
    let with_schema = Built::new(&["-DSCHEMA"]);
    let error = Plugin::init(&with_schema.load().unwrap(), "{", log().0).unwrap_err().to_string();
    assert!(error.starts_with("plugin counter: invalid init_config: not JSON, which its schema requires"), "{error}");
    assert!(Plugin::init(&with_schema.load().unwrap(), "", log().0).is_ok());
    let error = Plugin::init(&with_schema.load().unwrap(), "[]", log().0).unwrap_err().to_string();
    assert_eq!(error, "plugin counter: invalid init_config: value is not of type \"object\"");
    for (schema, expected) in
        [("{", "returned invalid JSON: EOF"), (r#"{\"type\": 7}"#, "returned an invalid JSON schema: ")]
    {
        let built = Built::new(&["-DSCHEMA", &format!("-DSCHEMA_TEXT=\"{schema}\"")]);
        let error = Plugin::init(&built.load().unwrap(), "", log().0).unwrap_err().to_string();
        let start = format!("plugin counter: `plugin_get_init_schema` {expected}");
        assert!(error.starts_with(&start), "{error}");
    }
}

#[test]
fn a_plugin_that_requires_a_table_is_told_why_there_is_none() {
    let built = Built::new(&[]);
    let error = Plugin::init(&built.load().unwrap(), "table", log().0).unwrap_err().to_string();
    assert_eq!(error, "plugin counter: `plugin_init` failed: no table: there is no table of that name");
}

/// Returns the results of the events of a broken plugin: how many are valid, and the errors.
fn drain(built: &Built) -> (u32, Vec<String>) {
    let mut source = PluginSource::open(&built.alone("", "6"), &log().0).expect("a source");
    let (mut events, mut errors) = (0, Vec::new());
    loop {
        match source.next_event() {
            Ok(Next::Event(_)) => events += 1,
            Ok(Next::Idle) => {}
            Ok(Next::End) => return (events, errors),
            Err(error) => errors.push(error.to_string()),
        }
    }
}

#[test]
fn invalid_events_are_errors_and_the_others_go_on() {
    for (option, valid, count, expected) in [
        ("-DNULL_EVENT", 5, 1, "invalid event: null"),
        ("-DEVENT_TYPE=3", 0, 6, "of type 3, where only type 322 is allowed"),
        ("-DEVENT_PARAMETERS=3", 0, 6, "3 parameters in 39 bytes"),
        ("-DEVENT_ID=5", 0, 6, "with the id 5 of another plugin; its own is 999"),
        ("-DLENGTH_ERROR=-30", 0, 6, "2 parameters in 9 bytes"),
        ("-DLENGTH_ERROR=0x7fffff00", 0, 6, "2 parameters in 2147483431 bytes"),
        ("-DDATA_LENGTH_ERROR=1000", 0, 6, "parameters of 4 and 1001 bytes in an event of 39 bytes"),
        ("-DNULL_BATCH", 0, 1, "a batch of 3 events, which is null"),
        ("-DFAIL_BATCH", 0, 1, "`plugin_next_batch` failed: the cable is out"),
    ] {
        let (events, errors) = drain(&Built::new(&[option]));
        assert_eq!((events, errors.len()), (valid, count), "{option}: {errors:?}");
        assert!(errors[0].starts_with("plugin counter: ") && errors[0].contains(expected), "{option}: {}", errors[0]);
    }
}

#[test]
fn values_that_cannot_be_are_counted() {
    for option in ["-DNULL_RESULT", "-DFAIL_EXTRACT", "-DRESULT_LENGTH=2", "-DRESULT_LENGTH=0xffffffffffffull"] {
        let built = Built::new(&[option]);
        let set = built.alone("", "1");
        let mut filter = Filter::compile("not counter.value exists", PluginSchema::new(&set)).unwrap();
        let mut source = PluginSource::open(&set, &log().0).unwrap();
        let Next::Event(event) = source.next_event().unwrap() else { panic!("no event") };
        assert!(filter.try_matches(event).unwrap(), "{option}");
        assert_eq!(source.plugins()[0].failures(), 1, "{option}");
    }
}

#[test]
fn null_in_place_of_texts_and_lists_is_none() {
    let built = Built::new(&["-DNULL_RESULTS"]);
    let set = built.alone("", "1");
    let mut filter = Filter::compile("not evt.plugininfo exists", PluginSchema::new(&set)).unwrap();
    let mut source = PluginSource::open(&set, &log().0).unwrap();
    let Next::Event(event) = source.next_event().unwrap() else { panic!("no event") };
    assert!(filter.try_matches(event).unwrap());
    let plugin = &mut source.plugins()[0];
    assert_eq!((plugin.metrics(), plugin.open_params(), plugin.failures()), (Vec::new(), Ok(Vec::new()), 0));
    let error = PluginSource::open(&built.alone("", "xyz"), &log().0).unwrap_err();
    assert_eq!(error.to_string(), "plugin counter: `plugin_open` failed: no reason given");
}

#[test]
fn failures_of_parsing_and_of_the_handler_are_counted() {
    let built = Built::new(&["-DPARSING", "-DFAIL_PARSE"]);
    let mut source = PluginSource::open(&built.alone("", "6"), &log().0).unwrap();
    let mut events = 0;
    loop {
        match source.next_event().unwrap() {
            Next::Event(_) => events += 1,
            Next::Idle => {}
            Next::End => break,
        }
    }
    let plugin = &source.plugins()[0];
    assert_eq!((events, plugin.failures()), (6, 6));
    assert!(plugin.cost().calls >= 8, "{:?}", plugin.cost());
    let built = Built::new(&["-DASYNC"]);
    let error = PluginSource::open(&built.alone("broken", "6"), &log().0).unwrap_err().to_string();
    assert_eq!(error, "plugin counter: `plugin_set_async_event_handler` failed: no handler for me");
    let built = Built::new(&["-DFAIL_PARAMS"]);
    let error = Plugin::init(&built.load().unwrap(), "", log().0).unwrap().open_params().unwrap_err().to_string();
    assert_eq!(error, "plugin counter: `plugin_list_open_params` failed: no idea");
}

#[test]
fn a_call_that_goes_on_is_known_with_its_plugin_and_function() {
    let built = Built::new(&["-DHANG", "-DNAME=\"hanger\"", "-DSOURCE=\"hanger\""]);
    let mut source = PluginSource::open(&built.alone("", "1"), &log().0).unwrap();
    std::thread::spawn(move || drop(source.next_event().map(|_| ())));
    let find = || ongoing_calls().into_iter().find(|call| call.plugin == "hanger");
    let began = std::time::Instant::now();
    let first = loop {
        match find() {
            Some(call) => break call,
            None => assert!(began.elapsed().as_secs() < 60, "no call"),
        }
    };
    assert_eq!(first.function, "plugin_next_batch");
    std::thread::sleep(std::time::Duration::from_millis(50));
    assert_eq!(find(), Some(first));
}
