//! Tables of plugins: the functions that a plugin gave for one.

use falco_plugin_api::{
    ss_plugin_table_fields_vtable_ext, ss_plugin_table_input, ss_plugin_table_reader_vtable_ext, ss_plugin_table_t,
    ss_plugin_table_writer_vtable_ext,
};

/// A table of a plugin, with copies of its functions: the plugin keeps none of what it gave.
#[derive(Clone, Copy)]
pub(crate) struct Foreign {
    pub(crate) table: *mut ss_plugin_table_t,
    pub(crate) reader: ss_plugin_table_reader_vtable_ext,
    pub(crate) writer: ss_plugin_table_writer_vtable_ext,
    pub(crate) fields: ss_plugin_table_fields_vtable_ext,
}

impl Foreign {
    /// Copies the functions, those of old plugins too. `None` if there is no table.
    ///
    /// # Safety
    /// The pointers in it must be null or valid.
    pub(crate) unsafe fn copy(input: &ss_plugin_table_input) -> Option<Self> {
        if input.table.is_null() {
            return None;
        }
        let (reader, writer, fields) = (&input.reader, &input.writer, &input.fields);
        let old_reader = || ss_plugin_table_reader_vtable_ext {
            get_table_name: reader.get_table_name,
            get_table_size: reader.get_table_size,
            get_table_entry: reader.get_table_entry,
            read_entry_field: reader.read_entry_field,
            release_table_entry: None,
            iterate_entries: None,
        };
        let old_writer = || ss_plugin_table_writer_vtable_ext {
            clear_table: writer.clear_table,
            erase_table_entry: writer.erase_table_entry,
            create_table_entry: writer.create_table_entry,
            destroy_table_entry: writer.destroy_table_entry,
            add_table_entry: writer.add_table_entry,
            write_entry_field: writer.write_entry_field,
        };
        let old_fields = || ss_plugin_table_fields_vtable_ext {
            list_table_fields: fields.list_table_fields,
            get_table_field: fields.get_table_field,
            add_table_field: fields.add_table_field,
        };
        // SAFETY: null or valid, as the caller says.
        unsafe {
            Some(Self {
                table: input.table,
                reader: input.reader_ext.as_ref().copied().unwrap_or_else(old_reader),
                writer: input.writer_ext.as_ref().copied().unwrap_or_else(old_writer),
                fields: input.fields_ext.as_ref().copied().unwrap_or_else(old_fields),
            })
        }
    }
}
