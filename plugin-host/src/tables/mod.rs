//! State tables: the threads of the inspector, and tables that plugins make for others.
//!
//! Plugins see functions and pointers ([`calls`], [`reads`], [`writes`]). Which registry and which state they mean follows from the call of the
//! plugin that is going on ([`context`]); pointers are looked up in the registry ([`registry`]).

mod calls;
mod context;
mod data;
mod foreign;
mod reads;
mod registry;
mod rows;
mod writes;

use std::ptr;

use falco_plugin_api::{
    ss_plugin_init_tables_input, ss_plugin_state_type, ss_plugin_table_fields_vtable,
    ss_plugin_table_fields_vtable_ext, ss_plugin_table_input, ss_plugin_table_reader_vtable,
    ss_plugin_table_reader_vtable_ext, ss_plugin_table_writer_vtable, ss_plugin_table_writer_vtable_ext,
};

pub(crate) use context::{Access, enter};
pub(crate) use registry::Registry;

pub(crate) const READER: ss_plugin_table_reader_vtable = ss_plugin_table_reader_vtable {
    get_table_name: Some(calls::get_table_name),
    get_table_size: Some(reads::get_table_size),
    get_table_entry: Some(reads::get_table_entry),
    read_entry_field: Some(reads::read_entry_field),
};

pub(crate) const WRITER: ss_plugin_table_writer_vtable = ss_plugin_table_writer_vtable {
    clear_table: Some(writes::clear_table),
    erase_table_entry: Some(writes::erase_table_entry),
    create_table_entry: Some(writes::create_table_entry),
    destroy_table_entry: Some(writes::destroy_table_entry),
    add_table_entry: Some(writes::add_table_entry),
    write_entry_field: Some(writes::write_entry_field),
};

const FIELDS: ss_plugin_table_fields_vtable = ss_plugin_table_fields_vtable {
    list_table_fields: Some(calls::list_table_fields),
    get_table_field: Some(calls::get_table_field),
    add_table_field: Some(calls::add_table_field),
};

static READER_EXT: ss_plugin_table_reader_vtable_ext = ss_plugin_table_reader_vtable_ext {
    get_table_name: READER.get_table_name,
    get_table_size: READER.get_table_size,
    get_table_entry: READER.get_table_entry,
    read_entry_field: READER.read_entry_field,
    release_table_entry: Some(reads::release_table_entry),
    iterate_entries: Some(reads::iterate_entries),
};

static WRITER_EXT: ss_plugin_table_writer_vtable_ext = ss_plugin_table_writer_vtable_ext {
    clear_table: WRITER.clear_table,
    erase_table_entry: WRITER.erase_table_entry,
    create_table_entry: WRITER.create_table_entry,
    destroy_table_entry: WRITER.destroy_table_entry,
    add_table_entry: WRITER.add_table_entry,
    write_entry_field: WRITER.write_entry_field,
};

static FIELDS_EXT: ss_plugin_table_fields_vtable_ext = ss_plugin_table_fields_vtable_ext {
    list_table_fields: FIELDS.list_table_fields,
    get_table_field: FIELDS.get_table_field,
    add_table_field: FIELDS.add_table_field,
};

/// Returns the functions for reading, for a plugin, which does not write to them.
pub(crate) fn reader() -> *mut ss_plugin_table_reader_vtable_ext {
    (&raw const READER_EXT).cast_mut()
}

/// Returns the functions for writing.
pub(crate) fn writer() -> *mut ss_plugin_table_writer_vtable_ext {
    (&raw const WRITER_EXT).cast_mut()
}

/// Returns what a plugin gets of tables when it is initialized.
pub(crate) fn init_input() -> ss_plugin_init_tables_input {
    ss_plugin_init_tables_input {
        list_tables: Some(calls::list_tables),
        get_table: Some(calls::get_table),
        add_table: Some(calls::add_table),
        fields: FIELDS,
        fields_ext: (&raw const FIELDS_EXT).cast_mut(),
        reader_ext: reader(),
        writer_ext: writer(),
    }
}

/// Returns the description of a table of this program, without its name and address.
fn input(key_type: ss_plugin_state_type) -> ss_plugin_table_input {
    ss_plugin_table_input {
        name: ptr::null(),
        key_type,
        table: ptr::null_mut(),
        reader: READER,
        writer: WRITER,
        fields: FIELDS,
        reader_ext: reader(),
        writer_ext: writer(),
        fields_ext: (&raw const FIELDS_EXT).cast_mut(),
    }
}
