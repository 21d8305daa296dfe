//! The functions that plugins call to read tables.

use std::ptr;

use falco_plugin_api::{
    ss_plugin_bool, ss_plugin_rc, ss_plugin_rc_SS_PLUGIN_SUCCESS, ss_plugin_state_data, ss_plugin_state_type,
    ss_plugin_table_field_t, ss_plugin_table_input, ss_plugin_table_iterator_func_t, ss_plugin_table_iterator_state_t,
};
use sinsp::state::{Fd, State, Thread};

use super::calls::{EntryPtr, FAILED, FieldPtr, KeyPtr, TablePtr, done, give_back, or_error, owner, resolve, thread};
use super::context::{Context, current};
use super::data::{Added, Data, STRING, Stored, Sub, TABLE, number, table};
use super::foreign::Foreign;
use super::registry::{Entry, Of, Result, What};
use super::rows;

/// Returns an element of a list of a thread.
fn element<'a>(state: &'a State, thread: &'a Thread, sub: Sub, key: i64) -> Option<(&'a [u8], &'a [u8])> {
    let place = usize::try_from(key).ok()?;
    let one = |text: &'a [u8]| (text, &b""[..]);
    match sub {
        Sub::Args => thread.args().nth(place).map(one),
        Sub::Env => state.env(thread).nth(place).map(one),
        Sub::Cgroups => thread.cgroups().nth(place),
        Sub::Fds => None,
    }
}

fn has(state: &State, thread: &Thread, sub: Sub, key: i64) -> bool {
    match sub {
        Sub::Fds => state.fd(thread, key).is_some(),
        _ => element(state, thread, sub, key).is_some(),
    }
}

fn size(state: &State, thread: &Thread, sub: Sub) -> u64 {
    let size = match sub {
        Sub::Fds => state.fds(thread).map_or(0, |fds| fds.len()),
        Sub::Args => thread.args().count(),
        Sub::Env => state.env(thread).count(),
        Sub::Cgroups => thread.cgroups().count(),
    };
    size as u64
}

pub(super) unsafe extern "C-unwind" fn get_table_size(pointer: TablePtr) -> u64 {
    let get = || {
        let context = current()?;
        match owner(&context, pointer)?.1 {
            Of::Threads => context.read(|state| Ok(state.threads().count() as u64)),
            Of::Sub { sub, slot } => {
                let entry = context.registry().lock().entry_at(slot);
                if matches!(entry, Entry::NewThread) {
                    return Ok(0);
                }
                context.read(|state| Ok(size(state, thread(state, entry)?, sub)))
            }
            Of::Plugin(plugin) => {
                let size = plugin.reader.get_table_size.ok_or(FAILED)?;
                // SAFETY: the table is the plugin's own.
                Ok(unsafe { size(plugin.table) })
            }
        }
    };
    or_error(get(), u64::MAX)
}

pub(super) unsafe extern "C-unwind" fn get_table_entry(pointer: TablePtr, key: KeyPtr) -> EntryPtr {
    let get = || {
        let context = current()?;
        let (number, of, _) = owner(&context, pointer)?;
        if key.is_null() {
            return Err("the key is null");
        }
        if let Of::Plugin(plugin) = of {
            let get = plugin.reader.get_table_entry.ok_or(FAILED)?;
            // SAFETY: the table is the plugin's own, and the key that of the caller.
            let entry = unsafe { get(plugin.table, key) };
            if entry.is_null() {
                return Err("the table has no such entry");
            }
            return context.registry().lock().take(number, Entry::Plugin(entry));
        }
        // SAFETY: not null, and the keys of these tables are integers of 64 bits.
        let key = unsafe { (*key).s64 };
        let entry = match of {
            Of::Sub { sub, slot } => {
                let parent = context.registry().lock().entry_at(slot);
                context.read(|state| {
                    let known = has(state, thread(state, parent)?, sub, key);
                    if known { Ok(Entry::Sub { sub, slot, key }) } else { Err("the table has no such entry") }
                })?
            }
            _ => context.read(|state| {
                let thread = state.thread(key).ok_or("the table has no such entry")?;
                Ok(Entry::Thread { tid: key, born: thread.clone_ts })
            })?,
        };
        context.registry().lock().take(number, entry)
    };
    or_error(get(), ptr::null_mut())
}

/// Converts a value of the state for a plugin.
fn give(context: &Context, kind: ss_plugin_state_type, slot: u32, data: Data<'_>) -> Result<ss_plugin_state_data> {
    Ok(match data {
        Data::Number(value) => number(kind, value),
        Data::Text(text) => ss_plugin_state_data { str_: context.registry().lock().text(text, context.call)? },
        Data::Table(sub) => table(context.registry().lock().sub(slot, sub)?),
    })
}

/// Returns the value of a field that has none.
fn nothing<'a>(kind: ss_plugin_state_type) -> Data<'a> {
    if kind == STRING { Data::Text(b"") } else { Data::Number(0) }
}

pub(super) unsafe extern "C-unwind" fn read_entry_field(
    pointer: TablePtr,
    entry: EntryPtr,
    field: FieldPtr,
    out: *mut ss_plugin_state_data,
) -> ss_plugin_rc {
    let read = || {
        let (context, of, slot, entry, field) = resolve(pointer, entry, field)?;
        let kind = field.kind;
        let value = match (entry, field.what) {
            (Entry::Thread { .. }, What::Row(row)) => context.read(|state| {
                let row = rows::THREAD.get(row).ok_or("there is no such field")?;
                give(&context, kind, slot, (row.get)(thread(state, entry)?, state))
            })?,
            (Entry::Thread { .. }, What::Added(place)) => context.read(|state| {
                let added = thread(state, entry)?.attachment().get::<Added>();
                let data = match added.map(|added| added.get(place)) {
                    Some(Stored::Number(value)) => Data::Number(*value),
                    Some(Stored::Text(text)) => Data::Text(text),
                    Some(Stored::Unset) | None => nothing(kind),
                };
                give(&context, kind, slot, data)
            })?,
            (Entry::NewThread, What::Row(row)) if kind == TABLE => {
                let row = rows::THREAD.get(row).ok_or("there is no such field")?;
                let (thread, state) = (Thread::new(-1), State::default());
                give(&context, kind, slot, (row.get)(&thread, &state))?
            }
            (Entry::NewThread, _) => give(&context, kind, slot, nothing(kind))?,
            (Entry::Sub { sub, slot: parent, key }, What::Row(row)) => {
                let parent = context.registry().lock().entry_at(parent);
                context.read(|state| {
                    let thread = thread(state, parent)?;
                    let gone = "the entry is not in the table any more";
                    let data = if sub == Sub::Fds {
                        let row = rows::FD.get(row).ok_or("there is no such field")?;
                        let fd: &Fd = state.fd(thread, key).ok_or(gone)?;
                        (row.get)(fd, key)
                    } else {
                        let (first, second) = element(state, thread, sub, key).ok_or(gone)?;
                        Data::Text(if row == 0 { first } else { second })
                    };
                    give(&context, kind, slot, data)
                })?
            }
            (Entry::Plugin(entry), What::Plugin { field, nested }) => {
                let Of::Plugin(plugin) = of else { return Err("the entry is one of another table") };
                // SAFETY: table, entry and field are the plugin's own.
                unsafe { read_plugin(&context, &plugin, entry, field, nested) }?
            }
            _ => return Err("the field is one of another table"),
        };
        // SAFETY: null, or a value of the plugin's, as the interface says.
        *unsafe { out.as_mut() }.ok_or("the value is null")? = value;
        Ok(())
    };
    done(read())
}

/// Reads a field of a plugin's table.
///
/// # Safety
/// Entry and field must be those of the table.
unsafe fn read_plugin(
    context: &Context,
    plugin: &Foreign,
    entry: EntryPtr,
    field: *mut ss_plugin_table_field_t,
    nested: Option<u32>,
) -> Result<ss_plugin_state_data> {
    let read = plugin.reader.read_entry_field.ok_or(FAILED)?;
    let mut value = ss_plugin_state_data { u64_: 0 };
    // SAFETY: as the caller says; the value lives until the call returns.
    if unsafe { read(plugin.table, entry, field, &raw mut value) } != ss_plugin_rc_SS_PLUGIN_SUCCESS {
        return Err(FAILED);
    }
    let Some(class) = nested else { return Ok(value) };
    // SAFETY: the field is one of tables, which are null or descriptions, as the interface says.
    let (address, key, inside) = unsafe {
        let input = value.table.cast::<ss_plugin_table_input>();
        let input = input.as_ref().ok_or("the table in the entry is null")?;
        (value.table.addr(), input.key_type, Foreign::copy(input).ok_or("the table in the entry is null")?)
    };
    let mut inner = context.registry().lock();
    let number = inner.nested(address, key, class, inside)?;
    Ok(table(inner.pointer(number)))
}

pub(super) unsafe extern "C-unwind" fn release_table_entry(pointer: TablePtr, entry: EntryPtr) {
    or_error(give_back(pointer, entry, |plugin| plugin.reader.release_table_entry), ());
}

/// An iteration over a plugin's table on behalf of another plugin.
struct Iteration<'a> {
    context: &'a Context,
    number: u32,
    each: unsafe extern "C-unwind" fn(*mut ss_plugin_table_iterator_state_t, EntryPtr) -> ss_plugin_bool,
    state: *mut ss_plugin_table_iterator_state_t,
}

impl Iteration<'_> {
    /// Shows an entry, which is the caller's for as long.
    fn show(&self, entry: Entry) -> bool {
        let taken = self.context.registry().lock().take(self.number, entry);
        let Ok(pointer) = taken else { return or_error(taken.map(|_| true), false) };
        // SAFETY: the function and its state are those of the plugin that iterates.
        let go_on = unsafe { (self.each)(self.state, pointer) } != 0;
        // The plugin may have released it, which it need not.
        let _ = self.context.registry().lock().release(pointer);
        go_on
    }
}

unsafe extern "C-unwind" fn show_next(state: *mut ss_plugin_table_iterator_state_t, entry: EntryPtr) -> ss_plugin_bool {
    // SAFETY: the state is the iteration that `iterate_entries` passes, for as long as that lasts.
    let iteration = unsafe { &*state.cast::<Iteration<'_>>() };
    iteration.show(Entry::Plugin(entry)).into()
}

pub(super) unsafe extern "C-unwind" fn iterate_entries(
    pointer: TablePtr,
    each: ss_plugin_table_iterator_func_t,
    state: *mut ss_plugin_table_iterator_state_t,
) -> ss_plugin_bool {
    let iterate = || {
        let context = current()?;
        let (number, of, _) = owner(&context, pointer)?;
        let each = each.ok_or("the function for the entries is null")?;
        let mut iteration = Iteration { context: &context, number, each, state };
        Ok(match of {
            Of::Threads => {
                let entry = |thread: &Thread| Entry::Thread { tid: thread.tid, born: thread.clone_ts };
                let entries: Vec<_> = context.read(|state| Ok(state.threads().map(entry).collect()))?;
                entries.into_iter().all(|entry| iteration.show(entry))
            }
            Of::Sub { sub, slot } => {
                let parent = context.registry().lock().entry_at(slot);
                if matches!(parent, Entry::NewThread) {
                    return Ok(true);
                }
                let keys: Vec<i64> = context.read(|state| {
                    let thread = thread(state, parent)?;
                    Ok(match sub {
                        Sub::Fds => state.fds(thread).map(|fds| fds.iter().map(|(number, _)| number).collect()),
                        _ => i64::try_from(size(state, thread, sub)).ok().map(|size| (0..size).collect()),
                    }
                    .unwrap_or_default())
                })?;
                keys.into_iter().all(|key| iteration.show(Entry::Sub { sub, slot, key }))
            }
            Of::Plugin(plugin) => {
                let iterate = plugin.reader.iterate_entries.ok_or("the table cannot be iterated over")?;
                // SAFETY: the table is the plugin's own; the iteration lives until the call returns.
                unsafe { iterate(plugin.table, Some(show_next), (&raw mut iteration).cast()) != 0 }
            }
        })
    };
    or_error(iterate(), false).into()
}
