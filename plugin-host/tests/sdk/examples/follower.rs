//! A plugin that reads tables: those of the inspector, and what the plugin `tagger` keeps.

use falco_event::events::RawEvent;
use falco_plugin::anyhow::{Error, anyhow};
use falco_plugin::base::Plugin;
use falco_plugin::extract::{ExtractFieldInfo, ExtractPlugin, ExtractRequest, field};
use falco_plugin::tables::TablesInput;
use falco_plugin::tables::import::{Entry, Field, Table, TableMetadata};
use falco_plugin::{extract_plugin, plugin};
use std::ffi::{CStr, CString};
use std::ops::ControlFlow;
use std::sync::Arc;

type File = Entry<Arc<FileMetadata>>;

#[derive(TableMetadata)]
#[entry_type(File)]
struct FileMetadata {
    name: Field<CStr, File>,
    fd: Field<i64, File>,
}

type Argument = Entry<Arc<ArgumentMetadata>>;

#[derive(TableMetadata)]
#[entry_type(Argument)]
struct ArgumentMetadata {
    value: Field<CStr, Argument>,
}

type Variable = Entry<Arc<VariableMetadata>>;

#[derive(TableMetadata)]
#[entry_type(Variable)]
struct VariableMetadata {
    value: Field<CStr, Variable>,
}

type Cgroup = Entry<Arc<CgroupMetadata>>;

#[derive(TableMetadata)]
#[entry_type(Cgroup)]
struct CgroupMetadata {
    first: Field<CStr, Cgroup>,
    second: Field<CStr, Cgroup>,
}

type Thread = Entry<Arc<ThreadMetadata>>;

#[derive(TableMetadata)]
#[entry_type(Thread)]
struct ThreadMetadata {
    pid: Field<i64, Thread>,
    comm: Field<CStr, Thread>,
    exe_path: Field<CStr, Thread>,
    uid: Field<u32, Thread>,
    file_descriptors: Field<Table<i64, File>, Thread>,
    args: Field<Table<u64, Argument>, Thread>,
    env: Field<Table<u64, Variable>, Thread>,
    cgroups: Field<Table<u64, Cgroup>, Thread>,
    tag: Field<CStr, Thread>,
    seen: Field<u64, Thread>,
}

type Kind = Entry<Arc<KindMetadata>>;

#[derive(TableMetadata)]
#[entry_type(Kind)]
struct KindMetadata {
    count: Field<u64, Kind>,
}

type Mark = Entry<Arc<MarkMetadata>>;

#[derive(TableMetadata)]
#[entry_type(Mark)]
struct MarkMetadata {
    name: Field<CStr, Mark>,
    kinds: Field<Table<u64, Kind>, Mark>,
}

struct Follower {
    threads: Table<i64, Thread>,
    marks: Table<i64, Mark>,
    /// The names and types of keys of all tables.
    tables: String,
}

impl Plugin for Follower {
    const NAME: &'static CStr = c"follower";
    const PLUGIN_VERSION: &'static CStr = c"0.1.0";
    const DESCRIPTION: &'static CStr = c"Reads tables.";
    const CONTACT: &'static CStr = c"nobody@example.com";
    type ConfigType = String;

    fn new(input: Option<&TablesInput>, _: String) -> Result<Self, Error> {
        let input = input.ok_or_else(|| anyhow!("no tables"))?;
        let name = |name: *const std::ffi::c_char| unsafe { CStr::from_ptr(name) }.to_string_lossy();
        let tables = input.list_tables().iter().map(|table| format!("{}:{} ", name(table.name), table.key_type)).collect();
        Ok(Self { threads: input.get_table(c"threads")?, marks: input.get_table(c"marks")?, tables })
    }
}

type Request<'c, 'e, 'r, 't> = ExtractRequest<'c, 'e, 'r, 't, Follower>;

fn copy(text: &CStr) -> Result<CString, Error> {
    Ok(text.to_owned())
}

impl Follower {
    fn thread(&self, request: &Request) -> Result<Thread, Error> {
        self.threads.get_entry(request.table_reader, &request.event.event()?.metadata.tid)
    }

    fn name(&mut self, request: Request) -> Result<CString, Error> {
        let thread = self.thread(&request)?;
        // Both texts are borrowed at the same time.
        let (comm, path) = (thread.get_comm(request.table_reader)?, thread.get_exe_path(request.table_reader)?);
        Ok(CString::new([comm.to_bytes(), b" ", path.to_bytes()].concat())?)
    }

    fn uid(&mut self, request: Request) -> Result<u64, Error> {
        Ok(self.thread(&request)?.get_uid(request.table_reader)?.into())
    }

    fn pid(&mut self, request: Request) -> Result<u64, Error> {
        Ok(self.thread(&request)?.get_pid(request.table_reader)? as u64)
    }

    fn tag(&mut self, request: Request) -> Result<CString, Error> {
        copy(self.thread(&request)?.get_tag(request.table_reader)?)
    }

    fn seen(&mut self, request: Request) -> Result<u64, Error> {
        self.thread(&request)?.get_seen(request.table_reader)
    }

    fn fd(&mut self, request: Request, number: u64) -> Result<Option<CString>, Error> {
        let number = number as i64;
        let thread = self.thread(&request)?;
        let Ok(file) = thread.get_file_descriptors_by_key(request.table_reader, &number) else { return Ok(None) };
        assert_eq!(file.get_fd(request.table_reader)?, number);
        copy(file.get_name(request.table_reader)?).map(Some)
    }

    fn fds(&mut self, request: Request) -> Result<u64, Error> {
        // A table in an entry is there until the entry is released.
        let thread = self.thread(&request)?;
        let files = thread.get_file_descriptors(request.table_reader)?;
        let mut found = 0;
        files.iter_entries_mut(request.table_reader, |_| {
            found += 1;
            ControlFlow::Continue(())
        })?;
        assert_eq!(files.get_size(request.table_reader)?, found);
        Ok(found as u64)
    }

    fn argument(&mut self, request: Request, place: u64) -> Result<Option<CString>, Error> {
        let thread = self.thread(&request)?;
        let Ok(argument) = thread.get_args_by_key(request.table_reader, &place) else { return Ok(None) };
        copy(argument.get_value(request.table_reader)?).map(Some)
    }

    fn variable(&mut self, request: Request, place: u64) -> Result<Option<CString>, Error> {
        let thread = self.thread(&request)?;
        let Ok(variable) = thread.get_env_by_key(request.table_reader, &place) else { return Ok(None) };
        copy(variable.get_value(request.table_reader)?).map(Some)
    }

    fn cgroup(&mut self, request: Request, place: u64) -> Result<Option<CString>, Error> {
        let thread = self.thread(&request)?;
        let Ok(cgroup) = thread.get_cgroups_by_key(request.table_reader, &place) else { return Ok(None) };
        let (first, second) = (cgroup.get_first(request.table_reader)?, cgroup.get_second(request.table_reader)?);
        Ok(Some(CString::new([first.to_bytes(), b"=", second.to_bytes()].concat())?))
    }

    fn threads(&mut self, request: Request) -> Result<Vec<CString>, Error> {
        let mut names = Vec::new();
        self.threads.iter_entries_mut(request.table_reader, |thread| {
            names.extend(thread.get_comm(request.table_reader).map(CStr::to_owned));
            ControlFlow::Continue(())
        })?;
        names.sort();
        Ok(names)
    }

    fn mark(&mut self, request: Request) -> Result<CString, Error> {
        let mark = self.marks.get_entry(request.table_reader, &request.event.event()?.metadata.tid)?;
        copy(mark.get_name(request.table_reader)?)
    }

    fn kind(&mut self, request: Request, kind: u64) -> Result<Option<u64>, Error> {
        let mark = self.marks.get_entry(request.table_reader, &request.event.event()?.metadata.tid)?;
        let Ok(kind) = mark.get_kinds_by_key(request.table_reader, &kind) else { return Ok(None) };
        kind.get_count(request.table_reader).map(Some)
    }

    fn tables(&mut self, _: Request) -> Result<CString, Error> {
        Ok(CString::new(self.tables.trim_end())?)
    }
}

impl ExtractPlugin for Follower {
    type Event<'a> = RawEvent<'a>;
    type ExtractContext = ();
    const EXTRACT_FIELDS: &'static [ExtractFieldInfo<Self>] = &[
        field("follower.name", &Self::name),
        field("follower.uid", &Self::uid),
        field("follower.pid", &Self::pid),
        field("follower.tag", &Self::tag),
        field("follower.seen", &Self::seen),
        field("follower.fd", &Self::fd),
        field("follower.fds", &Self::fds),
        field("follower.argument", &Self::argument),
        field("follower.variable", &Self::variable),
        field("follower.cgroup", &Self::cgroup),
        field("follower.threads", &Self::threads),
        field("follower.mark", &Self::mark),
        field("follower.kind", &Self::kind),
        field("follower.tables", &Self::tables),
    ];
}

plugin!(Follower);
extract_plugin!(Follower);
