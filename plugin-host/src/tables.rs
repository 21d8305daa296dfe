//! State tables, which are not offered yet: a plugin that requires one gets an error that says so.

use std::ffi::c_char;
use std::ptr;

use falco_plugin_api::{
    ss_plugin_bool, ss_plugin_init_tables_input, ss_plugin_owner_t, ss_plugin_rc, ss_plugin_rc_SS_PLUGIN_FAILURE,
    ss_plugin_state_data, ss_plugin_state_type, ss_plugin_table_entry_t, ss_plugin_table_field_t,
    ss_plugin_table_fieldinfo, ss_plugin_table_fields_vtable, ss_plugin_table_fields_vtable_ext, ss_plugin_table_info,
    ss_plugin_table_input, ss_plugin_table_iterator_func_t, ss_plugin_table_iterator_state_t,
    ss_plugin_table_reader_vtable, ss_plugin_table_reader_vtable_ext, ss_plugin_table_t, ss_plugin_table_writer_vtable,
    ss_plugin_table_writer_vtable_ext,
};

use crate::owner::set_error;

const MISSING: &str = "this program does not offer state tables to plugins";

/// The tables as a plugin sees them. Pinned by its box: the plugin may keep pointers into it.
pub(crate) struct Tables {
    pub(crate) input: ss_plugin_init_tables_input,
    pub(crate) reader: ss_plugin_table_reader_vtable_ext,
    pub(crate) writer: ss_plugin_table_writer_vtable_ext,
    fields: ss_plugin_table_fields_vtable_ext,
}

pub(crate) const READER: ss_plugin_table_reader_vtable = ss_plugin_table_reader_vtable {
    get_table_name: Some(get_table_name),
    get_table_size: Some(get_table_size),
    get_table_entry: Some(get_table_entry),
    read_entry_field: Some(read_entry_field),
};

pub(crate) const WRITER: ss_plugin_table_writer_vtable = ss_plugin_table_writer_vtable {
    clear_table: Some(clear_table),
    erase_table_entry: Some(erase_table_entry),
    create_table_entry: Some(create_table_entry),
    destroy_table_entry: Some(release_table_entry),
    add_table_entry: Some(add_table_entry),
    write_entry_field: Some(write_entry_field),
};

const FIELDS: ss_plugin_table_fields_vtable = ss_plugin_table_fields_vtable {
    list_table_fields: Some(list_table_fields),
    get_table_field: Some(get_table_field),
    add_table_field: Some(get_table_field),
};

impl Tables {
    pub(crate) fn new() -> Box<Self> {
        let mut tables = Box::new(Self {
            input: ss_plugin_init_tables_input {
                list_tables: Some(list_tables),
                get_table: Some(get_table),
                add_table: Some(add_table),
                fields: FIELDS,
                fields_ext: ptr::null_mut(),
                reader_ext: ptr::null_mut(),
                writer_ext: ptr::null_mut(),
            },
            reader: ss_plugin_table_reader_vtable_ext {
                get_table_name: Some(get_table_name),
                get_table_size: Some(get_table_size),
                get_table_entry: Some(get_table_entry),
                read_entry_field: Some(read_entry_field),
                release_table_entry: Some(release_table_entry),
                iterate_entries: Some(iterate_entries),
            },
            writer: ss_plugin_table_writer_vtable_ext {
                clear_table: Some(clear_table),
                erase_table_entry: Some(erase_table_entry),
                create_table_entry: Some(create_table_entry),
                destroy_table_entry: Some(release_table_entry),
                add_table_entry: Some(add_table_entry),
                write_entry_field: Some(write_entry_field),
            },
            fields: ss_plugin_table_fields_vtable_ext {
                list_table_fields: Some(list_table_fields),
                get_table_field: Some(get_table_field),
                add_table_field: Some(get_table_field),
            },
        });
        tables.input.fields_ext = &raw mut tables.fields;
        tables.input.reader_ext = &raw mut tables.reader;
        tables.input.writer_ext = &raw mut tables.writer;
        tables
    }
}

fn missing<T>(result: T) -> T {
    set_error(MISSING);
    result
}

unsafe extern "C-unwind" fn list_tables(_: *mut ss_plugin_owner_t, count: *mut u32) -> *mut ss_plugin_table_info {
    // SAFETY: null, or a number of the plugin's, as the interface says.
    if let Some(count) = unsafe { count.as_mut() } {
        *count = 0;
    }
    // An empty list, not an error.
    ptr::dangling_mut()
}

unsafe extern "C-unwind" fn get_table(
    _: *mut ss_plugin_owner_t,
    _: *const c_char,
    _: ss_plugin_state_type,
) -> *mut ss_plugin_table_t {
    missing(ptr::null_mut())
}

unsafe extern "C-unwind" fn add_table(_: *mut ss_plugin_owner_t, _: *const ss_plugin_table_input) -> ss_plugin_rc {
    missing(ss_plugin_rc_SS_PLUGIN_FAILURE)
}

unsafe extern "C-unwind" fn list_table_fields(
    _: *mut ss_plugin_table_t,
    _: *mut u32,
) -> *const ss_plugin_table_fieldinfo {
    missing(ptr::null())
}

unsafe extern "C-unwind" fn get_table_field(
    _: *mut ss_plugin_table_t,
    _: *const c_char,
    _: ss_plugin_state_type,
) -> *mut ss_plugin_table_field_t {
    missing(ptr::null_mut())
}

unsafe extern "C-unwind" fn get_table_name(_: *mut ss_plugin_table_t) -> *const c_char {
    missing(ptr::null())
}

unsafe extern "C-unwind" fn get_table_size(_: *mut ss_plugin_table_t) -> u64 {
    missing(u64::MAX)
}

unsafe extern "C-unwind" fn get_table_entry(
    _: *mut ss_plugin_table_t,
    _: *const ss_plugin_state_data,
) -> *mut ss_plugin_table_entry_t {
    missing(ptr::null_mut())
}

unsafe extern "C-unwind" fn read_entry_field(
    _: *mut ss_plugin_table_t,
    _: *mut ss_plugin_table_entry_t,
    _: *const ss_plugin_table_field_t,
    _: *mut ss_plugin_state_data,
) -> ss_plugin_rc {
    missing(ss_plugin_rc_SS_PLUGIN_FAILURE)
}

unsafe extern "C-unwind" fn release_table_entry(_: *mut ss_plugin_table_t, _: *mut ss_plugin_table_entry_t) {}

unsafe extern "C-unwind" fn iterate_entries(
    _: *mut ss_plugin_table_t,
    _: ss_plugin_table_iterator_func_t,
    _: *mut ss_plugin_table_iterator_state_t,
) -> ss_plugin_bool {
    missing(0)
}

unsafe extern "C-unwind" fn clear_table(_: *mut ss_plugin_table_t) -> ss_plugin_rc {
    missing(ss_plugin_rc_SS_PLUGIN_FAILURE)
}

unsafe extern "C-unwind" fn erase_table_entry(
    _: *mut ss_plugin_table_t,
    _: *const ss_plugin_state_data,
) -> ss_plugin_rc {
    missing(ss_plugin_rc_SS_PLUGIN_FAILURE)
}

unsafe extern "C-unwind" fn create_table_entry(_: *mut ss_plugin_table_t) -> *mut ss_plugin_table_entry_t {
    missing(ptr::null_mut())
}

unsafe extern "C-unwind" fn add_table_entry(
    _: *mut ss_plugin_table_t,
    _: *const ss_plugin_state_data,
    _: *mut ss_plugin_table_entry_t,
) -> *mut ss_plugin_table_entry_t {
    missing(ptr::null_mut())
}

unsafe extern "C-unwind" fn write_entry_field(
    _: *mut ss_plugin_table_t,
    _: *mut ss_plugin_table_entry_t,
    _: *const ss_plugin_table_field_t,
    _: *const ss_plugin_state_data,
) -> ss_plugin_rc {
    missing(ss_plugin_rc_SS_PLUGIN_FAILURE)
}
