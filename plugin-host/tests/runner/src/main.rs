//! Runs a plugin with the SDK's runner, as the host under test does: `runner LIBRARY CONFIG FIELD...` prints the values of the
//! fields, a line for each event, and the metrics at the end. `runner --count LIBRARY CONFIG FIELD...` prints the number of
//! events and the nanoseconds that they took, instead.

use anyhow::{Context, bail};
use falco_plugin_api::plugin_api;
use falco_plugin_runner::{PluginRunner, ScapStatus};
use std::ffi::CString;
use std::time::Instant;

macro_rules! resolve {
    ($library:ident, $api:ident: $($($field:ident).+ = $symbol:literal,)*) => {$(
        // SAFETY: the type of the field is that of the function of this name, and the library is never unloaded.
        $api.$($field).+ = unsafe { $library.get($symbol) }.ok().map(|symbol| *symbol);
    )*};
}

fn load(path: &str) -> anyhow::Result<&'static plugin_api> {
    // SAFETY: the file is a plugin of the tests.
    let library = Box::leak(Box::new(unsafe { libloading::Library::new(path) }?));
    // SAFETY: every field is a function pointer or null.
    let mut api: plugin_api = unsafe { std::mem::zeroed() };
    resolve! { library, api:
        get_required_api_version = b"plugin_get_required_api_version",
        init = b"plugin_init",
        destroy = b"plugin_destroy",
        get_last_error = b"plugin_get_last_error",
        get_name = b"plugin_get_name",
        get_version = b"plugin_get_version",
        get_metrics = b"plugin_get_metrics",
        __bindgen_anon_1.get_id = b"plugin_get_id",
        __bindgen_anon_1.get_event_source = b"plugin_get_event_source",
        __bindgen_anon_1.open = b"plugin_open",
        __bindgen_anon_1.close = b"plugin_close",
        __bindgen_anon_1.next_batch = b"plugin_next_batch",
        __bindgen_anon_1.event_to_string = b"plugin_event_to_string",
        __bindgen_anon_2.get_extract_event_types = b"plugin_get_extract_event_types",
        __bindgen_anon_2.get_extract_event_sources = b"plugin_get_extract_event_sources",
        __bindgen_anon_2.get_fields = b"plugin_get_fields",
        __bindgen_anon_2.extract_fields = b"plugin_extract_fields",
        __bindgen_anon_3.get_parse_event_types = b"plugin_get_parse_event_types",
        __bindgen_anon_3.get_parse_event_sources = b"plugin_get_parse_event_sources",
        __bindgen_anon_3.parse_event = b"plugin_parse_event",
        __bindgen_anon_4.get_async_event_sources = b"plugin_get_async_event_sources",
        __bindgen_anon_4.get_async_events = b"plugin_get_async_events",
        __bindgen_anon_4.set_async_event_handler = b"plugin_set_async_event_handler",
        __bindgen_anon_5.capture_open = b"plugin_capture_open",
        __bindgen_anon_5.capture_close = b"plugin_capture_close",
    }
    Ok(Box::leak(Box::new(api)))
}

fn main() -> anyhow::Result<()> {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let counting = args.first().is_some_and(|first| first == "--count");
    args.drain(..usize::from(counting));
    let [library, config, fields @ ..] = args.as_slice() else { bail!("LIBRARY CONFIG FIELD...") };
    let mut runner = PluginRunner::new();
    runner.register_plugin(load(library)?, &CString::new(config.as_str())?)?;
    let mut capture = runner.start_capture()?;
    let (began, mut events) = (Instant::now(), 0_u64);
    loop {
        let event = match capture.next_event() {
            Ok(event) => event,
            Err(error) => match error.downcast_ref::<ScapStatus>().context(error.to_string())? {
                ScapStatus::Timeout => continue,
                ScapStatus::Eof => break,
                other => bail!("{other}"),
            },
        };
        events += 1;
        let mut values = Vec::new();
        for field in fields {
            let value = capture.extract_field(&event, field);
            if counting {
                std::hint::black_box(&value);
            } else {
                // None is a field of other events.
                let failed = |rc| anyhow::anyhow!("{field}: {rc}");
                values.push(value.map_or(Ok("<NA>".to_owned()), |value| value.map(|value| value.to_string()).map_err(failed))?);
            }
        }
        if !counting {
            println!("{}", values.join("\t"));
        }
    }
    if counting {
        println!("{events} {}", began.elapsed().as_nanos());
        return Ok(());
    }
    for metric in capture.get_metrics() {
        println!("{} {:?} {:?}", metric.name, metric.metric_type, metric.value);
    }
    drop(capture.stop_capture()?);
    Ok(())
}
