//! A plugin that keeps state: fields that it adds to threads, and a table of its own with tables in it.

use falco_event::events::RawEvent;
use falco_plugin::anyhow::{Error, anyhow};
use falco_plugin::base::Plugin;
use falco_plugin::parse::{EventInput, ParseInput, ParsePlugin};
use falco_plugin::tables::TablesInput;
use falco_plugin::tables::export;
use falco_plugin::tables::import::{Entry, Field, Table, TableMetadata};
use falco_plugin::{parse_plugin, plugin};
use std::ffi::{CStr, CString};
use std::sync::Arc;

type Thread = Entry<Arc<ThreadMetadata>>;

#[derive(TableMetadata)]
#[entry_type(Thread)]
struct ThreadMetadata {
    comm: Field<CStr, Thread>,
    #[custom]
    tag: Field<CStr, Thread>,
    #[custom]
    seen: Field<u64, Thread>,
}

#[derive(export::Entry)]
struct Kind {
    count: export::Public<u64>,
}

#[derive(export::Entry)]
struct Mark {
    name: export::Public<CString>,
    last: export::Readonly<i64>,
    kinds: Box<export::Table<u64, Kind>>,
}

struct Tagger {
    threads: Table<i64, Thread>,
    marks: Box<export::Table<i64, Mark>>,
}

impl Plugin for Tagger {
    const NAME: &'static CStr = c"tagger";
    const PLUGIN_VERSION: &'static CStr = c"0.1.0";
    const DESCRIPTION: &'static CStr = c"Tags threads.";
    const CONTACT: &'static CStr = c"nobody@example.com";
    type ConfigType = String;

    fn new(input: Option<&TablesInput>, _: String) -> Result<Self, Error> {
        let input = input.ok_or_else(|| anyhow!("no tables"))?;
        Ok(Self { threads: input.get_table(c"threads")?, marks: input.add_table(export::Table::new(c"marks")?)? })
    }
}

impl ParsePlugin for Tagger {
    type Event<'a> = RawEvent<'a>;

    fn parse_event(&mut self, event: &EventInput<RawEvent>, input: &ParseInput) -> Result<(), Error> {
        let (ParseInput { reader, writer }, event) = (input, event.event()?);
        let tid = event.metadata.tid;
        let thread = self.threads.get_entry(reader, &tid)?;
        let seen = thread.get_seen(reader)? + 1;
        thread.set_seen(writer, &seen)?;
        let tag = format!("{}-{seen}", thread.get_comm(reader)?.to_string_lossy());
        thread.set_tag(writer, &CString::new(tag)?)?;
        // The own table is used without the host.
        if self.marks.lookup(&tid).is_none() {
            let mut mark = self.marks.create_entry()?;
            *mark.name = thread.get_comm(reader)?.to_owned();
            self.marks.insert(&tid, mark);
        }
        if let Some(mut mark) = self.marks.lookup(&tid) {
            let kind = u64::from(event.event_type);
            if mark.kinds.lookup(&kind).is_none() {
                let entry = mark.kinds.create_entry()?;
                mark.kinds.insert(&kind, entry);
            }
            if let Some(mut entry) = mark.kinds.lookup(&kind) {
                *entry.count += 1;
            }
        }
        Ok(())
    }
}

plugin!(Tagger);
parse_plugin!(Tagger);
