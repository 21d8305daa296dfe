//! A plugin at system calls: fields of their bytes, a count of them by parsing, and asynchronous events among them.

use falco_event::events::RawEvent;
use falco_plugin::anyhow::{Error, bail};
use falco_plugin::async_event::{AsyncEventPlugin, AsyncHandler};
use falco_plugin::base::Plugin;
use falco_plugin::event::AsyncEvent;
use falco_plugin::event::events::{Event, EventMetadata};
use falco_plugin::extract::{ExtractFieldInfo, ExtractPlugin, ExtractRequest, field};
use falco_plugin::parse::{EventInput, ParseInput, ParsePlugin};
use falco_plugin::tables::TablesInput;
use falco_plugin::{async_event_plugin, extract_plugin, parse_plugin, plugin};
use std::ffi::{CStr, CString};

/// The type of asynchronous events.
const ASYNC: u16 = 402;

struct Calls {
    /// The times of the asynchronous events, in seconds since 1970, from the configuration.
    ticks: Vec<u64>,
    parsed: u64,
    /// The numbers of the asynchronous events that were parsed.
    at: Vec<String>,
}

impl Plugin for Calls {
    const NAME: &'static CStr = c"calls";
    const PLUGIN_VERSION: &'static CStr = c"0.1.0";
    const DESCRIPTION: &'static CStr = c"Looks at system calls.";
    const CONTACT: &'static CStr = c"nobody@example.com";
    type ConfigType = String;

    fn new(_: Option<&TablesInput>, config: String) -> Result<Self, Error> {
        let ticks = config.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
        Ok(Self { ticks, parsed: 0, at: Vec::new() })
    }
}

impl ParsePlugin for Calls {
    type Event<'a> = RawEvent<'a>;

    fn parse_event(&mut self, event: &EventInput<RawEvent>, _: &ParseInput) -> Result<(), Error> {
        self.parsed += 1;
        if event.event()?.event_type == ASYNC {
            self.at.push(event.event_number().to_string());
        }
        Ok(())
    }
}

impl AsyncEventPlugin for Calls {
    const ASYNC_EVENTS: &'static [&'static str] = &["tick"];
    const EVENT_SOURCES: &'static [&'static str] = &["syscall"];

    fn start_async(&mut self, handler: AsyncHandler) -> Result<(), Error> {
        // From another thread, as such plugins do, and all of them before the first event.
        let ticks = self.ticks.clone();
        let sender = std::thread::spawn(move || {
            for second in ticks {
                let metadata = EventMetadata { ts: second * 1_000_000_000, tid: -1 };
                let params = AsyncEvent { plugin_id: 0, name: c"tick", data: &b"tock"[..] };
                handler.emit(Event { metadata, params })?;
            }
            Ok(())
        });
        sender.join().unwrap_or_else(|_| bail!("the thread ended"))
    }

    fn stop_async(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

impl Calls {
    fn code(&mut self, request: ExtractRequest<Self>) -> Result<u64, Error> {
        Ok(request.event.event()?.event_type.into())
    }

    fn thread(&mut self, request: ExtractRequest<Self>) -> Result<u64, Error> {
        Ok(request.event.event()?.metadata.tid as u64)
    }

    /// Walks over the lengths and values, as a plugin does that knows the layout.
    fn parameter(&mut self, request: ExtractRequest<Self>, index: u64) -> Result<Option<CString>, Error> {
        let event = request.event.event()?;
        let wide = event.event_type == ASYNC;
        let (width, count) = (if wide { 4 } else { 2 }, event.nparams as usize);
        let length = |place: usize| {
            let bytes = &event.payload[place * width..][..width];
            bytes.iter().rev().fold(0, |length, byte| length << 8 | usize::from(*byte))
        };
        if index as usize >= count {
            return Ok(None);
        }
        let start = count * width + (0..index as usize).map(length).sum::<usize>();
        let value = &event.payload[start..start + length(index as usize)];
        Ok(Some(CString::new(value.strip_suffix(b"\0").unwrap_or(value))?))
    }

    fn number(&mut self, request: ExtractRequest<Self>) -> Result<u64, Error> {
        Ok(request.event.event_number() as u64)
    }

    fn source(&mut self, request: ExtractRequest<Self>) -> Result<CString, Error> {
        Ok(request.event.source().unwrap_or_default().to_owned())
    }

    fn parsed(&mut self, _: ExtractRequest<Self>) -> Result<u64, Error> {
        Ok(self.parsed)
    }

    fn ticks(&mut self, _: ExtractRequest<Self>) -> Result<Vec<CString>, Error> {
        self.at.iter().map(|number| Ok(CString::new(number.as_str())?)).collect()
    }
}

impl ExtractPlugin for Calls {
    type Event<'a> = RawEvent<'a>;
    type ExtractContext = ();
    const EXTRACT_FIELDS: &'static [ExtractFieldInfo<Self>] = &[
        field("calls.code", &Self::code).with_description("The number of the type."),
        field("calls.thread", &Self::thread).with_description("The thread."),
        field("calls.parameter", &Self::parameter).with_description("A parameter as text."),
        field("calls.number", &Self::number).with_description("The number of the event."),
        field("calls.source", &Self::source).with_description("The source of the event."),
        field("calls.parsed", &Self::parsed).with_description("The number of events parsed so far.").add_output(),
        field("calls.ticks", &Self::ticks).with_description("The numbers of asynchronous events so far."),
    ];
}

plugin!(Calls);
parse_plugin!(Calls);
async_event_plugin!(Calls);
extract_plugin!(Calls);

/// The version of the schema of events that the code above is for. The SDK does not have this function yet.
#[unsafe(no_mangle)]
pub extern "C" fn plugin_get_required_event_schema_version(_: *mut std::ffi::c_void) -> *const std::ffi::c_char {
    c"4.0.0".as_ptr()
}
