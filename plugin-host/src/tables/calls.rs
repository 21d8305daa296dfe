//! The functions that plugins call for tables and their fields.
//!
//! Each of them finds the call of the plugin that is going on, looks the pointers up, and either works on the
//! state or passes the call on to the plugin that has the table. An error is kept for the plugin to be read. The registry
//! is not locked while a plugin is called.

use std::ffi::{CStr, c_char};
use std::ptr;

use falco_plugin_api::{
    ss_plugin_owner_t, ss_plugin_rc, ss_plugin_rc_SS_PLUGIN_FAILURE, ss_plugin_rc_SS_PLUGIN_SUCCESS,
    ss_plugin_state_data, ss_plugin_state_type, ss_plugin_table_entry_t, ss_plugin_table_field_t,
    ss_plugin_table_fieldinfo, ss_plugin_table_info, ss_plugin_table_input, ss_plugin_table_t,
};
use sinsp::state::{State, Thread};

use super::context::{Context, current};
use super::foreign::Foreign;
use super::registry::{Class, Entry, Field, Of, Result};
use crate::owner::set_error;

pub(super) type TablePtr = *mut ss_plugin_table_t;
pub(super) type EntryPtr = *mut ss_plugin_table_entry_t;
pub(super) type FieldPtr = *const ss_plugin_table_field_t;
pub(super) type KeyPtr = *const ss_plugin_state_data;

pub(super) const FAILED: &str = "the plugin that has the table returned an error";

/// Returns the result, or the value for an error, which is kept for the plugin.
pub(super) fn or_error<T>(result: Result<T>, failed: T) -> T {
    result.unwrap_or_else(|error| {
        set_error(error);
        failed
    })
}

pub(super) fn done(result: Result<()>) -> ss_plugin_rc {
    or_error(result.map(|()| ss_plugin_rc_SS_PLUGIN_SUCCESS), ss_plugin_rc_SS_PLUGIN_FAILURE)
}

/// Returns the owner and the number of a table.
pub(super) fn owner(context: &Context, pointer: TablePtr) -> Result<(u32, Of, Class)> {
    let inner = context.registry().lock();
    let (number, table) = inner.table(pointer)?;
    Ok((number, table.of, table.class))
}

/// Returns a text of a plugin.
///
/// # Safety
/// It must be null, or end with a zero.
pub(super) unsafe fn text<'a>(text: *const c_char) -> Result<&'a CStr> {
    // SAFETY: not null, and the caller says that it ends.
    if text.is_null() { Err("the name is null") } else { Ok(unsafe { CStr::from_ptr(text) }) }
}

/// Returns the thread of an entry, unless it has ended.
pub(super) fn thread(state: &State, entry: Entry) -> Result<&Thread> {
    let Entry::Thread { tid, born } = entry else { return Err("the entry is not in the table") };
    let thread = state.thread(tid).filter(|thread| thread.clone_ts == born);
    thread.ok_or("the thread of the entry has ended")
}

/// Returns the field of an entry, both as the registry knows them.
pub(super) fn resolve(pointer: TablePtr, entry: EntryPtr, field: FieldPtr) -> Result<(Context, Of, u32, Entry, Field)> {
    let context = current()?;
    let inner = context.registry().lock();
    let (number, table) = inner.table(pointer)?;
    let field = inner.field_at(table.class, field)?;
    let (slot, entry) = inner.entry(number, entry)?;
    let of = table.of;
    drop(inner);
    Ok((context, of, slot, entry, field))
}

/// Takes an entry back. The plugin that has the table is called with it by the function that `give` selects, if it has one.
pub(super) fn give_back(
    pointer: TablePtr,
    entry: EntryPtr,
    give: impl FnOnce(&Foreign) -> Option<unsafe extern "C-unwind" fn(TablePtr, EntryPtr)>,
) -> Result<()> {
    let context = current()?;
    let (number, of, _) = owner(&context, pointer)?;
    let mut inner = context.registry().lock();
    inner.entry(number, entry)?;
    let entry = inner.release(entry)?;
    drop(inner);
    if let (Entry::Plugin(entry), Of::Plugin(plugin)) = (entry, of)
        && let Some(give) = give(&plugin)
    {
        // SAFETY: table and entry are the plugin's own, and the entry is not used any more.
        unsafe { give(plugin.table, entry) };
    }
    Ok(())
}

pub(super) unsafe extern "C-unwind" fn list_tables(
    _: *mut ss_plugin_owner_t,
    count: *mut u32,
) -> *mut ss_plugin_table_info {
    let list = || {
        let context = current()?;
        let (tables, length) = context.registry().lock().list();
        // SAFETY: null, or a number of the plugin's, as the interface says.
        *unsafe { count.as_mut() }.ok_or("the count is null")? = length as u32;
        Ok(tables)
    };
    or_error(list(), ptr::null_mut())
}

pub(super) unsafe extern "C-unwind" fn get_table(
    _: *mut ss_plugin_owner_t,
    name: *const c_char,
    key: ss_plugin_state_type,
) -> TablePtr {
    let get = || {
        let context = current()?;
        // SAFETY: null, or a text, as the interface says.
        let name = unsafe { text(name) }?;
        let inner = context.registry().lock();
        let table = inner.find(name).ok_or("there is no table of that name")?;
        if table.key() != key {
            return Err("the keys of the table have another type");
        }
        Ok(table.pointer())
    };
    or_error(get(), ptr::null_mut())
}

pub(super) unsafe extern "C-unwind" fn add_table(
    _: *mut ss_plugin_owner_t,
    input: *const ss_plugin_table_input,
) -> ss_plugin_rc {
    let add = || {
        let context = current()?;
        // SAFETY: null, or a description whose pointers are null or valid, as the interface says.
        let (name, key, table) = unsafe {
            let input = input.as_ref().ok_or("the table is null")?;
            (text(input.name)?, input.key_type, Foreign::copy(input).ok_or("the table is null")?)
        };
        context.registry().lock().add_plugin(name, key, table)
    };
    done(add())
}

pub(super) unsafe extern "C-unwind" fn list_table_fields(
    pointer: TablePtr,
    count: *mut u32,
) -> *const ss_plugin_table_fieldinfo {
    let list = || {
        let context = current()?;
        let (_, of, class) = owner(&context, pointer)?;
        if let Of::Plugin(plugin) = of {
            let list = plugin.fields.list_table_fields.ok_or("the fields of the table cannot be listed")?;
            // SAFETY: the table is the plugin's own, and the count is that of the caller.
            return Ok(unsafe { list(plugin.table, count) });
        }
        let (fields, length) = context.registry().lock().list_fields(class);
        // SAFETY: null, or a number of the plugin's, as the interface says.
        *unsafe { count.as_mut() }.ok_or("the count is null")? = length as u32;
        Ok(fields)
    };
    or_error(list(), ptr::null())
}

/// Looks a field up, or adds one.
///
/// # Safety
/// The name must be null or end with a zero.
unsafe fn find_field(
    pointer: TablePtr,
    name: *const c_char,
    kind: ss_plugin_state_type,
    add: bool,
) -> Result<*mut ss_plugin_table_field_t> {
    let context = current()?;
    let (_, of, class) = owner(&context, pointer)?;
    // SAFETY: as the caller says.
    let checked = unsafe { text(name) }?;
    let Of::Plugin(plugin) = of else { return context.registry().lock().own_field(class, checked, kind, add) };
    let find = if add { plugin.fields.add_table_field } else { plugin.fields.get_table_field };
    // SAFETY: the table is the plugin's own.
    let field = find.map_or(ptr::null_mut(), |find| unsafe { find(plugin.table, name, kind) });
    if field.is_null() { Err(FAILED) } else { Ok(context.registry().lock().plugin_field(class, kind, field)) }
}

pub(super) unsafe extern "C-unwind" fn get_table_field(
    pointer: TablePtr,
    name: *const c_char,
    kind: ss_plugin_state_type,
) -> *mut ss_plugin_table_field_t {
    // SAFETY: null, or a text, as the interface says.
    or_error(unsafe { find_field(pointer, name, kind, false) }, ptr::null_mut())
}

pub(super) unsafe extern "C-unwind" fn add_table_field(
    pointer: TablePtr,
    name: *const c_char,
    kind: ss_plugin_state_type,
) -> *mut ss_plugin_table_field_t {
    // SAFETY: null, or a text, as the interface says.
    or_error(unsafe { find_field(pointer, name, kind, true) }, ptr::null_mut())
}

pub(super) unsafe extern "C-unwind" fn get_table_name(pointer: TablePtr) -> *const c_char {
    let name = || {
        let context = current()?;
        let inner = context.registry().lock();
        Ok(inner.table(pointer)?.1.name())
    };
    or_error(name(), ptr::null())
}
