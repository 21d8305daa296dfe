//! A plugin that is notified of captures: it looks at the threads, runs a routine, and describes its state.

use falco_event::events::RawEvent;
use falco_plugin::anyhow::{Error, anyhow, bail};
use falco_plugin::async_event::{AsyncEventPlugin, AsyncHandler};
use falco_plugin::base::Plugin;
use falco_plugin::event::AsyncEvent;
use falco_plugin::event::events::{Event, EventMetadata};
use falco_plugin::extract::{ExtractFieldInfo, ExtractPlugin, ExtractRequest, field};
use falco_plugin::listen::{CaptureListenInput, CaptureListenPlugin, Routine};
use falco_plugin::tables::TablesInput;
use falco_plugin::tables::import::{Entry, Field, Table, TableMetadata};
use falco_plugin::{async_event_plugin, capture_listen_plugin, extract_plugin, plugin};
use std::ffi::{CStr, CString};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

type Thread = Entry<Arc<ThreadMetadata>>;

#[derive(TableMetadata)]
#[entry_type(Thread)]
struct ThreadMetadata {
    comm: Field<CStr, Thread>,
}

struct Listener {
    threads: Table<i64, Thread>,
    /// The name of a thread when the capture was opened.
    name: CString,
    opened: u64,
    runs: Arc<AtomicU64>,
    routine: Option<Routine>,
}

impl Plugin for Listener {
    const NAME: &'static CStr = c"listener";
    const PLUGIN_VERSION: &'static CStr = c"0.1.0";
    const DESCRIPTION: &'static CStr = c"Listens to captures.";
    const CONTACT: &'static CStr = c"nobody@example.com";
    type ConfigType = String;

    fn new(input: Option<&TablesInput>, _: String) -> Result<Self, Error> {
        let threads = input.ok_or_else(|| anyhow!("no tables"))?.get_table(c"threads")?;
        Ok(Self { threads, name: CString::default(), opened: 0, runs: Arc::default(), routine: None })
    }
}

impl CaptureListenPlugin for Listener {
    fn capture_open(&mut self, input: &CaptureListenInput) -> Result<(), Error> {
        self.opened += 1;
        if let Ok(thread) = self.threads.get_entry(&input.reader, &7) {
            self.name = thread.get_comm(&input.reader)?.to_owned();
        }
        let runs = Arc::clone(&self.runs);
        self.routine = Some(input.thread_pool.subscribe(move || {
            runs.fetch_add(1, Ordering::SeqCst);
            ControlFlow::Continue(())
        })?);
        let began = Instant::now();
        while self.runs.load(Ordering::SeqCst) < 3 {
            if began.elapsed() > Duration::from_secs(10) {
                bail!("the routine is not called");
            }
            std::thread::yield_now();
        }
        Ok(())
    }

    fn capture_close(&mut self, input: &CaptureListenInput) -> Result<(), Error> {
        if let Some(routine) = self.routine.take() {
            input.thread_pool.unsubscribe(&routine)?;
        }
        // The threads are still there.
        let thread = self.threads.get_entry(&input.reader, &7)?;
        log::info!("closed: {}", thread.get_comm(&input.reader)?.to_string_lossy());
        Ok(())
    }
}

impl AsyncEventPlugin for Listener {
    const ASYNC_EVENTS: &'static [&'static str] = &["known"];
    const EVENT_SOURCES: &'static [&'static str] = &["syscall"];

    fn start_async(&mut self, _: AsyncHandler) -> Result<(), Error> {
        Ok(())
    }

    fn stop_async(&mut self) -> Result<(), Error> {
        Ok(())
    }

    fn dump_state(&mut self, handler: AsyncHandler) -> Result<(), Error> {
        let metadata = EventMetadata { ts: u64::MAX, tid: -1 };
        handler.emit(Event { metadata, params: AsyncEvent { plugin_id: 0, name: c"known", data: self.name.to_bytes() } })?;
        Ok(())
    }
}

impl Listener {
    fn name(&mut self, _: ExtractRequest<Self>) -> Result<CString, Error> {
        Ok(self.name.clone())
    }

    fn opened(&mut self, _: ExtractRequest<Self>) -> Result<u64, Error> {
        Ok(self.opened)
    }

    fn runs(&mut self, _: ExtractRequest<Self>) -> Result<u64, Error> {
        Ok(self.runs.load(Ordering::SeqCst))
    }
}

impl ExtractPlugin for Listener {
    type Event<'a> = RawEvent<'a>;
    type ExtractContext = ();
    const EXTRACT_FIELDS: &'static [ExtractFieldInfo<Self>] = &[
        field("listener.name", &Self::name).with_description("The name of a thread at the beginning."),
        field("listener.opened", &Self::opened).with_description("How many captures were opened."),
        field("listener.runs", &Self::runs).with_description("How often the routine was called."),
    ];
}

plugin!(Listener);
capture_listen_plugin!(Listener);
async_event_plugin!(Listener);
extract_plugin!(Listener);

/// The version of the schema of events that the code above is for. The SDK does not have this function yet.
#[unsafe(no_mangle)]
pub extern "C" fn plugin_get_required_event_schema_version(_: *mut std::ffi::c_void) -> *const std::ffi::c_char {
    c"4.0.0".as_ptr()
}
