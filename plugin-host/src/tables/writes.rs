//! The functions that plugins call to write to tables.

use std::ptr;

use falco_plugin_api::{ss_plugin_rc, ss_plugin_rc_SS_PLUGIN_SUCCESS, ss_plugin_state_type};

use super::calls::{
    EntryPtr, FAILED, FieldPtr, KeyPtr, TablePtr, done, give_back, or_error, owner, resolve, text, thread,
};
use super::context::{Context, current};
use super::data::{Added, BOOL, I8, I16, I32, STRING, Stored, U8, U16, U32};
use super::foreign::Foreign;
use super::registry::{Entry, Of, Result, What};

/// Returns the table of a plugin that is written to. Threads come and go with events only.
fn written(context: &Context, pointer: TablePtr) -> Result<(u32, Foreign)> {
    match owner(context, pointer)? {
        (number, Of::Plugin(plugin), _) => Ok((number, plugin)),
        _ => Err("the entries of this table are added and removed by events only"),
    }
}

pub(super) unsafe extern "C-unwind" fn clear_table(pointer: TablePtr) -> ss_plugin_rc {
    let clear = || {
        let (_, plugin) = written(&current()?, pointer)?;
        let clear = plugin.writer.clear_table.ok_or(FAILED)?;
        // SAFETY: the table is the plugin's own.
        if unsafe { clear(plugin.table) } == ss_plugin_rc_SS_PLUGIN_SUCCESS { Ok(()) } else { Err(FAILED) }
    };
    done(clear())
}

pub(super) unsafe extern "C-unwind" fn erase_table_entry(pointer: TablePtr, key: KeyPtr) -> ss_plugin_rc {
    let erase = || {
        let (_, plugin) = written(&current()?, pointer)?;
        let erase = plugin.writer.erase_table_entry.ok_or(FAILED)?;
        if key.is_null() {
            return Err("the key is null");
        }
        // SAFETY: the table is the plugin's own, and the key that of the caller.
        if unsafe { erase(plugin.table, key) } == ss_plugin_rc_SS_PLUGIN_SUCCESS { Ok(()) } else { Err(FAILED) }
    };
    done(erase())
}

pub(super) unsafe extern "C-unwind" fn create_table_entry(pointer: TablePtr) -> EntryPtr {
    let create = || {
        let context = current()?;
        let (number, of, _) = owner(&context, pointer)?;
        let entry = match of {
            Of::Threads => Entry::NewThread,
            Of::Sub { .. } => return Err("the entries of this table are added and removed by events only"),
            Of::Plugin(plugin) => {
                let create = plugin.writer.create_table_entry.ok_or(FAILED)?;
                // SAFETY: the table is the plugin's own.
                let entry = unsafe { create(plugin.table) };
                if entry.is_null() {
                    return Err(FAILED);
                }
                Entry::Plugin(entry)
            }
        };
        context.registry().lock().take(number, entry)
    };
    or_error(create(), ptr::null_mut())
}

pub(super) unsafe extern "C-unwind" fn destroy_table_entry(pointer: TablePtr, entry: EntryPtr) {
    or_error(give_back(pointer, entry, |plugin| plugin.writer.destroy_table_entry), ());
}

pub(super) unsafe extern "C-unwind" fn add_table_entry(pointer: TablePtr, key: KeyPtr, entry: EntryPtr) -> EntryPtr {
    let add = || {
        let context = current()?;
        let (number, plugin) = written(&context, pointer)?;
        let add = plugin.writer.add_table_entry.ok_or(FAILED)?;
        if key.is_null() {
            return Err("the key is null");
        }
        let Entry::Plugin(created) = context.registry().lock().entry(number, entry)?.1 else { return Err(FAILED) };
        // SAFETY: table and entry are the plugin's own, and the key that of the caller.
        let added = unsafe { add(plugin.table, key, created) };
        if added.is_null() {
            return Err(FAILED);
        }
        let mut inner = context.registry().lock();
        inner.release(entry)?;
        inner.take(number, Entry::Plugin(added))
    };
    or_error(add(), ptr::null_mut())
}

pub(super) unsafe extern "C-unwind" fn write_entry_field(
    pointer: TablePtr,
    entry: EntryPtr,
    field: FieldPtr,
    value: KeyPtr,
) -> ss_plugin_rc {
    let write = || {
        let (context, of, _, entry, field) = resolve(pointer, entry, field)?;
        if value.is_null() {
            return Err("the value is null");
        }
        match (entry, field.what) {
            (Entry::Plugin(entry), What::Plugin { field, .. }) => {
                let Of::Plugin(plugin) = of else { return Err("the entry is one of another table") };
                let write = plugin.writer.write_entry_field.ok_or(FAILED)?;
                // SAFETY: table, entry and field are the plugin's own, and the value that of the caller.
                let rc = unsafe { write(plugin.table, entry, field, value) };
                if rc == ss_plugin_rc_SS_PLUGIN_SUCCESS { Ok(()) } else { Err(FAILED) }
            }
            (Entry::Thread { tid, .. }, What::Added(place)) => {
                // SAFETY: not null, and of the type of the field, as the interface says.
                let stored = unsafe { stored(field.kind, value) }?;
                context.write(|state| {
                    thread(state, entry)?;
                    let attachment = state.attachment_mut(tid).ok_or("the thread of the entry has ended")?;
                    attachment.get_or_default::<Added>().set(place, stored);
                    Ok(())
                })
            }
            (Entry::NewThread, _) => Err("the entry is not in the table"),
            _ => Err("the field is read-only"),
        }
    };
    done(write())
}

/// Copies a value of a plugin.
///
/// # Safety
/// It must be one of the type.
unsafe fn stored(kind: ss_plugin_state_type, value: KeyPtr) -> Result<Stored> {
    // SAFETY: as the caller says; the smaller members are at the beginning of the larger ones.
    unsafe {
        Ok(match kind {
            STRING => Stored::Text(text((*value).str_)?.to_bytes().into()),
            I8 | U8 => Stored::Number((*value).u8_.into()),
            I16 | U16 => Stored::Number((*value).u16_.into()),
            I32 | U32 => Stored::Number((*value).u32_.into()),
            BOOL => Stored::Number((*value).b.into()),
            _ => Stored::Number((*value).u64_),
        })
    }
}
