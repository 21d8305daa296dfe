//! A plugin with a separate source: a letter of the alphabet as each event.

use falco_event::types::SystemTime;
use falco_plugin::anyhow::{Error, bail};
use falco_plugin::base::{Json, Metric, MetricLabel, MetricType, MetricValue, Plugin};
use falco_plugin::event::PluginEvent;
use falco_plugin::event::events::{Event, EventMetadata};
use falco_plugin::extract::{ExtractByteRange, ExtractFieldInfo, ExtractPlugin, ExtractRequest, field};
use falco_plugin::parse::{ParseInput, ParsePlugin};
use falco_plugin::source::{EventBatch, EventInput, SourcePlugin, SourcePluginInstance};
use falco_plugin::tables::TablesInput;
use falco_plugin::{FailureReason, extract_plugin, parse_plugin, plugin, source_plugin};
use std::ffi::{CStr, CString};
use std::net::IpAddr;
use std::time::Duration;

#[derive(schemars::JsonSchema, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// The first letter.
    first: char,
    /// Number of letters in a batch.
    batch: Option<u8>,
}

struct Letters {
    config: Config,
    batches: u64,
    /// All letters so far, from the events.
    seen: String,
}

impl Plugin for Letters {
    const NAME: &'static CStr = c"letters";
    const PLUGIN_VERSION: &'static CStr = c"0.3.1";
    const DESCRIPTION: &'static CStr = c"The alphabet as events.";
    const CONTACT: &'static CStr = c"nobody@example.com";
    type ConfigType = Json<Config>;

    fn new(_: Option<&TablesInput>, Json(config): Self::ConfigType) -> Result<Self, Error> {
        log::info!("from {}", config.first);
        Ok(Self { config, batches: 0, seen: String::new() })
    }

    fn set_config(&mut self, Json(config): Self::ConfigType) -> Result<(), Error> {
        if !config.first.is_ascii_lowercase() {
            bail!("{} is not a small letter", config.first);
        }
        self.config = config;
        Ok(())
    }

    fn get_metrics(&mut self) -> impl IntoIterator<Item = Metric> {
        let batches = MetricLabel::new(c"batches", MetricType::Monotonic);
        let level = MetricLabel::new(c"level", MetricType::NonMonotonic);
        [batches.with_value(MetricValue::U64(self.batches)), level.with_value(MetricValue::Int(-3))]
    }
}

struct Alphabet {
    next: u8,
    last: u8,
}

impl SourcePlugin for Letters {
    type Instance = Alphabet;
    const EVENT_SOURCE: &'static CStr = c"letters";
    const PLUGIN_ID: u32 = 997;
    type Event<'a> = Event<PluginEvent<&'a [u8]>>;

    fn list_open_params(&mut self) -> Result<&CStr, Error> {
        Ok(c"[{\"value\": \"z\", \"desc\": \"the whole alphabet\"}]")
    }

    fn open(&mut self, params: Option<&str>) -> Result<Alphabet, Error> {
        match params.unwrap_or_default().as_bytes() {
            [last] => Ok(Alphabet { next: self.config.first as u8, last: *last }),
            _ => bail!("the parameters are the last letter"),
        }
    }

    fn event_to_string(&mut self, event: &EventInput<Self::Event<'_>>) -> Result<CString, Error> {
        let letter = String::from_utf8_lossy(event.event()?.params.event_data).into_owned();
        Ok(CString::new(format!("the letter {letter}"))?)
    }
}

impl SourcePluginInstance for Alphabet {
    type Plugin = Letters;

    fn next_batch(&mut self, plugin: &mut Letters, batch: &mut EventBatch) -> Result<(), Error> {
        plugin.batches += 1;
        if self.next > self.last {
            return Err(Error::msg("no more letters").context(FailureReason::Eof));
        }
        for _ in 0..plugin.config.batch.unwrap_or(10) {
            if self.next <= self.last {
                let ts = 1_700_000_000_000_000_000 + u64::from(self.next) * 1_000_000_000;
                let params = PluginEvent { plugin_id: Letters::PLUGIN_ID, event_data: &[self.next][..] };
                batch.add(Event { metadata: EventMetadata { ts, tid: -1 }, params })?;
                self.next += 1;
            }
        }
        Ok(())
    }
}

impl ParsePlugin for Letters {
    type Event<'a> = Event<PluginEvent<&'a [u8]>>;

    fn parse_event(&mut self, event: &EventInput<Self::Event<'_>>, _: &ParseInput) -> Result<(), Error> {
        let event = event.event()?;
        self.seen.push_str(&String::from_utf8_lossy(event.params.event_data));
        Ok(())
    }
}

type Request<'c, 'e, 'r, 't> = ExtractRequest<'c, 'e, 'r, 't, Letters>;

fn letter(request: &Request) -> Result<u8, Error> {
    Ok(request.event.event()?.params.event_data[0])
}

impl Letters {
    fn name(&mut self, request: Request) -> Result<CString, Error> {
        let letter = letter(&request)?;
        *request.offset = ExtractByteRange::in_plugin_data(0..1);
        Ok(CString::new([letter])?)
    }

    fn place(&mut self, request: Request) -> Result<u64, Error> {
        Ok(u64::from(letter(&request)? - b'a') + 1)
    }

    fn vowel(&mut self, request: Request) -> Result<bool, Error> {
        Ok(b"aeiou".contains(&letter(&request)?))
    }

    fn next(&mut self, request: Request, steps: u64) -> Result<Option<CString>, Error> {
        let next = u64::from(letter(&request)?) + steps;
        Ok(if next <= u64::from(b'z') { Some(CString::new([next as u8])?) } else { None })
    }

    fn with(&mut self, request: Request, text: Option<&CStr>) -> Result<CString, Error> {
        let text = text.map(|text| text.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(CString::new(format!("{text}{}", char::from(letter(&request)?)))?)
    }

    fn before(&mut self, request: Request) -> Result<Vec<CString>, Error> {
        let letters = b'a'..letter(&request)?;
        letters.map(|letter| Ok(CString::new([letter])?)).collect()
    }

    fn address(&mut self, request: Request) -> Result<IpAddr, Error> {
        Ok(IpAddr::from([10, 0, 0, letter(&request)?]))
    }

    fn since(&mut self, request: Request) -> Result<Duration, Error> {
        Ok(Duration::from_secs(letter(&request)?.into()))
    }

    fn at(&mut self, request: Request) -> Result<SystemTime, Error> {
        Ok(SystemTime(u64::from(letter(&request)?) * 1_000_000_000))
    }

    fn seen(&mut self, _: Request) -> Result<CString, Error> {
        Ok(CString::new(self.seen.as_str())?)
    }
}

impl ExtractPlugin for Letters {
    type Event<'a> = Event<PluginEvent<&'a [u8]>>;
    type ExtractContext = ();
    const EXTRACT_FIELDS: &'static [ExtractFieldInfo<Self>] = &[
        field("letters.name", &Self::name).with_display("Letter").with_description("The letter.").add_output(),
        field("letters.place", &Self::place).with_description("Its place in the alphabet."),
        field("letters.vowel", &Self::vowel).with_description("Whether it is a vowel."),
        field("letters.next", &Self::next).with_description("The letter that many places on."),
        field("letters.with", &Self::with).with_description("The letter behind a text."),
        field("letters.before", &Self::before).with_description("The letters before it."),
        field("letters.address", &Self::address).with_description("An address with it."),
        field("letters.since", &Self::since).with_description("As many seconds."),
        field("letters.at", &Self::at).with_description("As many seconds after 1970."),
        field("letters.seen", &Self::seen).with_description("The letters of the events so far, by parsing."),
    ];
}

plugin!(Letters);
source_plugin!(Letters);
extract_plugin!(Letters);
parse_plugin!(Letters);
