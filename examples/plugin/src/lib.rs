//! A plugin: lines of a file as events, like `tail -f`.
//!
//! ```yaml
//! plugins:
//!   - name: lines
//!     library_path: /usr/share/peregrine/plugins/liblines.so
//!     init_config: {follow: true}
//!     open_params: /var/log/auth.log
//! ```
//!
//! Rules have `source: lines`, and conditions such as `line.text contains "Failed password"` and `line.word[0] = root`.

use falco_plugin::anyhow::{Context, Error, ensure};
use falco_plugin::base::{Json, Metric, MetricLabel, MetricType, MetricValue, Plugin};
use falco_plugin::event::PluginEvent;
use falco_plugin::event::events::{Event, EventMetadata};
use falco_plugin::extract::{ExtractFieldInfo, ExtractPlugin, ExtractRequest, field};
use falco_plugin::source::{EventBatch, EventInput, SourcePlugin, SourcePluginInstance};
use falco_plugin::tables::TablesInput;
use falco_plugin::{FailureReason, extract_plugin, plugin, source_plugin};
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The longest line; what is behind it is another event.
const LONGEST: u64 = 64 << 10;
/// The most lines in a batch, so that the host is never kept waiting.
const BATCH: usize = 256;
/// The wait for more lines, after which the host gets control again.
const PAUSE: Duration = Duration::from_millis(50);

/// The configuration. The host checks it by the schema that is made of this type.
#[derive(Debug, Default, schemars::JsonSchema, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    /// Wait for more lines at the end of the file, instead of ending.
    follow: bool,
}

struct Lines {
    config: Config,
    read: u64,
}

impl Plugin for Lines {
    const NAME: &'static CStr = c"lines";
    const PLUGIN_VERSION: &'static CStr = c"0.1.0";
    const DESCRIPTION: &'static CStr = c"Lines of a file as events.";
    const CONTACT: &'static CStr = c"The Peregrine authors";
    type ConfigType = Json<Config>;

    fn new(_: Option<&TablesInput>, Json(config): Self::ConfigType) -> Result<Self, Error> {
        Ok(Self { config, read: 0 })
    }

    fn get_metrics(&mut self) -> impl IntoIterator<Item = Metric> {
        [MetricLabel::new(c"lines", MetricType::Monotonic).with_value(MetricValue::U64(self.read))]
    }
}

/// An open file.
struct Open {
    reader: BufReader<File>,
    line: Vec<u8>,
}

impl SourcePlugin for Lines {
    type Instance = Open;
    const EVENT_SOURCE: &'static CStr = c"lines";
    // Ids are registered with Falco; 999 is for what is not.
    const PLUGIN_ID: u32 = 999;
    type Event<'a> = Event<PluginEvent<&'a [u8]>>;

    fn open(&mut self, params: Option<&str>) -> Result<Open, Error> {
        let path = params.unwrap_or_default();
        ensure!(!path.is_empty(), "open_params is the file");
        let file = File::open(path).with_context(|| format!("cannot open {path}"))?;
        log::info!("reading {path}");
        Ok(Open { reader: BufReader::new(file), line: Vec::new() })
    }

    fn event_to_string(&mut self, event: &EventInput<Self::Event<'_>>) -> Result<CString, Error> {
        text(event.event()?.params.event_data)
    }
}

impl SourcePluginInstance for Open {
    type Plugin = Lines;

    fn next_batch(&mut self, plugin: &mut Lines, batch: &mut EventBatch) -> Result<(), Error> {
        let before = plugin.read;
        for _ in 0..BATCH {
            let length = self.reader.by_ref().take(LONGEST - self.line.len() as u64).read_until(b'\n', &mut self.line)?;
            let whole = self.line.last() == Some(&b'\n') || self.line.len() as u64 == LONGEST;
            if !whole && plugin.config.follow {
                // The rest of the line is still to be written.
                break;
            }
            if length == 0 && self.line.is_empty() {
                break;
            }
            let line = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
            let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
            let params = PluginEvent { plugin_id: Lines::PLUGIN_ID, event_data: line };
            batch.add(Event { metadata: EventMetadata { ts: since.as_nanos() as u64, tid: -1 }, params })?;
            plugin.read += 1;
            self.line.clear();
        }
        if plugin.read > before {
            return Ok(());
        }
        if plugin.config.follow {
            std::thread::sleep(PAUSE);
            return Err(Error::msg("no more lines now").context(FailureReason::Timeout));
        }
        Err(Error::msg("the end of the file").context(FailureReason::Eof))
    }
}

/// A line as text of C, which ends at a zero.
fn text(line: &[u8]) -> Result<CString, Error> {
    Ok(CString::new(line.split(|byte| *byte == 0).next().unwrap_or_default())?)
}

impl Lines {
    fn text(&mut self, request: ExtractRequest<Self>) -> Result<CString, Error> {
        text(request.event.event()?.params.event_data)
    }

    fn length(&mut self, request: ExtractRequest<Self>) -> Result<u64, Error> {
        Ok(request.event.event()?.params.event_data.len() as u64)
    }

    fn word(&mut self, request: ExtractRequest<Self>, index: u64) -> Result<Option<CString>, Error> {
        let event = request.event.event()?;
        let words = event.params.event_data.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        usize::try_from(index).ok().and_then(|index| words.into_iter().nth(index)).map(text).transpose()
    }

    fn words(&mut self, request: ExtractRequest<Self>) -> Result<Vec<CString>, Error> {
        let event = request.event.event()?;
        let words = event.params.event_data.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        words.map(text).collect()
    }
}

impl ExtractPlugin for Lines {
    type Event<'a> = Event<PluginEvent<&'a [u8]>>;
    type ExtractContext = ();
    const EXTRACT_FIELDS: &'static [ExtractFieldInfo<Self>] = &[
        field("line.text", &Self::text).with_display("Line").with_description("The line.").add_output(),
        field("line.length", &Self::length).with_description("Its number of bytes."),
        field("line.word", &Self::word).with_description("The word with that number, from 0."),
        field("line.words", &Self::words).with_description("Its words."),
    ];
}

plugin!(Lines);
source_plugin!(Lines);
extract_plugin!(Lines);
