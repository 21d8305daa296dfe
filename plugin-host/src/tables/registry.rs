//! The tables of an inspector or a source, their entries and fields, as plugins refer to them.
//!
//! A table is a pointer to a description, because plugins read the type of its keys there. The descriptions live as long as
//! the registry, which outlives the plugins; a pointer is looked up before it is followed. Entries and fields are numbers,
//! of which the one of an entry contains a generation: an entry that was released, or whose thread has ended, is an error.

use std::collections::VecDeque;
use std::ffi::{CStr, CString};
use std::ptr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bumpalo::Bump;
use falco_plugin_api::{
    ss_plugin_state_type, ss_plugin_table_entry_t, ss_plugin_table_field_t, ss_plugin_table_fieldinfo,
    ss_plugin_table_info, ss_plugin_table_input, ss_plugin_table_t,
};
use hashbrown::HashMap;

use super::data::{I64, STRING, Sub, is_scalar};
use super::foreign::Foreign;
use super::rows;

pub(crate) type Result<T> = std::result::Result<T, &'static str>;

/// The most entries that plugins may hold at a time.
const MOST_ENTRIES: usize = 1 << 16;
/// The most tables, with those of plugins.
const MOST_TABLES: usize = 1 << 18;
/// The most fields that plugins may add to the threads.
const MOST_ADDED: usize = 1024;
/// Number of released entries that stay unused, so that one that is kept too long is recognized.
const RESTING: usize = 256;
/// The most bytes of texts in one call.
const MOST_TEXT: usize = 64 << 20;

/// The tables of an inspector or a source.
#[derive(Default)]
pub(crate) struct Registry {
    inner: Mutex<Inner>,
}

#[derive(Default)]
pub(crate) struct Inner {
    #[allow(clippy::vec_box, reason = "plugins keep the addresses of tables")]
    tables: Vec<Box<Table>>,
    by_address: HashMap<usize, u32>,
    /// The tables that plugins have inside entries of theirs, by the address that the plugin gave them.
    nested: HashMap<usize, u32>,
    slots: Vec<Slot>,
    free: VecDeque<u32>,
    fields: Vec<Field>,
    classes: u32,
    /// The fields that plugins added to the threads.
    added: Vec<(CString, ss_plugin_state_type)>,
    infos: Vec<ss_plugin_table_info>,
    field_infos: Vec<ss_plugin_table_fieldinfo>,
    texts: Bump,
    /// The call that the texts are for.
    call: u64,
}

// SAFETY: the pointers in it are those of plugins, which may be used from any thread, by one at a time; and pointers into
// its own boxes.
unsafe impl Send for Inner {}

/// A table as plugins know it: they keep its address, and read the beginning.
#[repr(C)]
pub(crate) struct Table {
    input: ss_plugin_table_input,
    name: CString,
    pub(crate) class: Class,
    pub(crate) of: Of,
}

/// The owner of a table.
#[derive(Clone, Copy)]
pub(crate) enum Of {
    Threads,
    /// A table of the thread of an entry.
    Sub {
        sub: Sub,
        slot: u32,
    },
    Plugin(Foreign),
}

/// Tables of one class have the same fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Class {
    Threads,
    Sub(Sub),
    /// A table of a plugin, or those in a field of its entries.
    Plugin(u32),
}

#[derive(Clone, Copy)]
struct Slot {
    generation: u32,
    table: u32,
    entry: Entry,
    /// The tables of the entry's thread, by [`Sub`].
    subs: [Option<u32>; 4],
}

/// An entry that a plugin holds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Entry {
    Free,
    Thread {
        tid: i64,
        born: u64,
    },
    /// A thread that is not in the table: plugins make one to look at its tables.
    NewThread,
    /// An entry of a table of a thread, by its key.
    Sub {
        sub: Sub,
        slot: u32,
        key: i64,
    },
    Plugin(*mut ss_plugin_table_entry_t),
}

/// A field that a plugin looked up.
#[derive(Clone, Copy)]
pub(crate) struct Field {
    class: Class,
    pub(crate) kind: ss_plugin_state_type,
    pub(crate) what: What,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// A row of the built-in fields.
    Row(usize),
    /// A field that plugins added to the threads.
    Added(usize),
    /// A field of another plugin's table, with the class of the tables in it.
    Plugin { field: *mut ss_plugin_table_field_t, nested: Option<u32> },
}

impl Table {
    pub(crate) fn key(&self) -> ss_plugin_state_type {
        self.input.key_type
    }

    pub(crate) fn name(&self) -> *const std::ffi::c_char {
        self.name.as_ptr()
    }

    pub(crate) fn pointer(&self) -> *mut ss_plugin_table_t {
        (&raw const *self).cast_mut().cast()
    }
}

impl Registry {
    /// Returns the tables of an inspector, which has threads.
    pub(crate) fn of_inspector() -> Self {
        let registry = Self::default();
        registry.lock().add_threads();
        registry
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Copies a text, to which a zero is added, until the next call of a plugin that reads one.
    pub(crate) fn text(&mut self, text: &[u8], call: u64) -> Result<*const std::ffi::c_char> {
        if std::mem::replace(&mut self.call, call) != call {
            self.texts.reset();
        }
        if self.texts.allocated_bytes() > MOST_TEXT {
            return Err("too many texts in one call");
        }
        let copy = self.texts.alloc_slice_fill_copy(text.len() + 1, 0_u8);
        copy[..text.len()].copy_from_slice(text);
        Ok(copy.as_ptr().cast())
    }

    /// Makes the table of threads known.
    fn add_threads(&mut self) {
        let _ = self.add(c"threads".to_owned(), I64, Class::Threads, Of::Threads);
    }

    /// Adds a table of a plugin.
    pub(crate) fn add_plugin(&mut self, name: &CStr, key: ss_plugin_state_type, table: Foreign) -> Result<()> {
        if self.find(name).is_some() {
            return Err("there is a table of that name already");
        }
        self.classes += 1;
        self.add(name.to_owned(), key, Class::Plugin(self.classes), Of::Plugin(table)).map(drop)
    }

    fn add(&mut self, name: CString, key: ss_plugin_state_type, class: Class, of: Of) -> Result<u32> {
        if self.tables.len() >= MOST_TABLES {
            return Err("there are too many tables");
        }
        let number = self.tables.len() as u32;
        let mut table = Box::new(Table { input: super::input(key), name, class, of });
        table.input.name = table.name.as_ptr();
        let address = (&raw const *table).addr();
        table.input.table = ptr::with_exposed_provenance_mut(address);
        self.by_address.insert(address, number);
        self.tables.push(table);
        Ok(number)
    }

    pub(crate) fn find(&self, name: &CStr) -> Option<&Table> {
        let named = |table: &&Table| !matches!(table.of, Of::Sub { .. }) && *table.name == *name;
        self.tables.iter().map(|table| &**table).find(named)
    }

    /// Returns the table that a plugin refers to, and its number.
    pub(crate) fn table(&self, pointer: *mut ss_plugin_table_t) -> Result<(u32, &Table)> {
        let number = *self.by_address.get(&pointer.addr()).ok_or("there is no such table")?;
        Ok((number, self.tables.get(number as usize).ok_or("there is no such table")?))
    }

    pub(crate) fn pointer(&self, number: u32) -> *mut ss_plugin_table_t {
        let table = self.tables.get(number as usize);
        table.map_or(ptr::null_mut(), |table| table.pointer())
    }

    /// Gives an entry to a plugin.
    pub(crate) fn take(&mut self, table: u32, entry: Entry) -> Result<*mut ss_plugin_table_entry_t> {
        let slot = if self.free.len() > RESTING { self.free.pop_front() } else { None };
        let slot = match slot {
            Some(slot) => slot,
            None if self.slots.len() >= MOST_ENTRIES => return Err("too many entries were not released"),
            None => {
                self.slots.push(Slot { generation: 0, table, entry: Entry::Free, subs: [None; 4] });
                self.slots.len() as u32 - 1
            }
        };
        let place = &mut self.slots[slot as usize];
        place.generation = place.generation % (u32::MAX >> 1) + 1;
        (place.table, place.entry) = (table, entry);
        let handle = u64::from(place.generation) << 32 | u64::from(slot);
        Ok(ptr::without_provenance_mut(handle as usize))
    }

    fn slot(&self, pointer: *mut ss_plugin_table_entry_t) -> Result<u32> {
        let (slot, generation) = (pointer.addr() as u64 as u32, (pointer.addr() as u64 >> 32) as u32);
        let place = self.slots.get(slot as usize).ok_or("there is no such entry")?;
        if place.generation != generation || matches!(place.entry, Entry::Free) {
            return Err("the entry was released");
        }
        Ok(slot)
    }

    /// Returns the entry of a table that a plugin refers to, and its number.
    pub(crate) fn entry(&self, table: u32, pointer: *mut ss_plugin_table_entry_t) -> Result<(u32, Entry)> {
        let slot = self.slot(pointer)?;
        let place = &self.slots[slot as usize];
        if place.table != table {
            return Err("the entry is one of another table");
        }
        Ok((slot, place.entry))
    }

    /// Returns the entry with a number.
    pub(crate) fn entry_at(&self, slot: u32) -> Entry {
        self.slots.get(slot as usize).map_or(Entry::Free, |slot| slot.entry)
    }

    /// Takes an entry back.
    pub(crate) fn release(&mut self, pointer: *mut ss_plugin_table_entry_t) -> Result<Entry> {
        let slot = self.slot(pointer)?;
        self.free.push_back(slot);
        Ok(std::mem::replace(&mut self.slots[slot as usize].entry, Entry::Free))
    }

    /// Returns the table of a thread in an entry.
    pub(crate) fn sub(&mut self, slot: u32, sub: Sub) -> Result<*mut ss_plugin_table_t> {
        let known = self.slots.get(slot as usize).and_then(|place| place.subs[sub as usize]);
        let number = match known {
            Some(number) => number,
            None => {
                let number = self.add(sub.name().to_owned(), sub.key(), Class::Sub(sub), Of::Sub { sub, slot })?;
                self.slots[slot as usize].subs[sub as usize] = Some(number);
                number
            }
        };
        Ok(self.pointer(number))
    }

    /// Returns the table that a plugin has in an entry, as the others know it.
    pub(crate) fn nested(
        &mut self,
        address: usize,
        key: ss_plugin_state_type,
        class: u32,
        table: Foreign,
    ) -> Result<u32> {
        let (class, of) = (Class::Plugin(class), Of::Plugin(table));
        match self.nested.get(&address) {
            // The plugin may have another table there by now.
            Some(number) => {
                let number = *number;
                let table = &mut self.tables[number as usize];
                (table.class, table.of, table.input.key_type) = (class, of, key);
                Ok(number)
            }
            None => {
                let number = self.add(c"nested".to_owned(), key, class, of)?;
                self.nested.insert(address, number);
                Ok(number)
            }
        }
    }

    /// Looks a field up that is not one of a plugin's table, and adds it to the threads if `add`.
    pub(crate) fn own_field(
        &mut self,
        class: Class,
        name: &CStr,
        kind: ss_plugin_state_type,
        add: bool,
    ) -> Result<*mut ss_plugin_table_field_t> {
        let rows = own_rows(class);
        let (known, what) = match rows.iter().position(|row| row.0 == name) {
            Some(place) => (rows[place].1, What::Row(place)),
            None => match self.added.iter().position(|added| class == Class::Threads && *added.0 == *name) {
                Some(place) => (self.added[place].1, What::Added(place)),
                None if !add => return Err("the table has no field of that name"),
                None if class != Class::Threads => return Err("fields can be added to threads only"),
                None if !is_scalar(kind) => return Err("a field of that type cannot be added"),
                None if self.added.len() >= MOST_ADDED => return Err("there are too many fields"),
                None => {
                    self.added.push((name.to_owned(), kind));
                    (kind, What::Added(self.added.len() - 1))
                }
            },
        };
        if known != kind {
            return Err("the field has another type");
        }
        Ok(self.field(class, kind, what))
    }

    /// Makes a field of another plugin's table known.
    pub(crate) fn plugin_field(
        &mut self,
        class: Class,
        kind: ss_plugin_state_type,
        field: *mut ss_plugin_table_field_t,
    ) -> *mut ss_plugin_table_field_t {
        let known = |other: &&Field| {
            other.class == class && matches!(other.what, What::Plugin { field: known, .. } if known == field)
        };
        let nested = match self.fields.iter().find(known).map(|other| other.what) {
            Some(What::Plugin { nested, .. }) => nested,
            _ if kind == super::data::TABLE => {
                self.classes += 1;
                Some(self.classes)
            }
            _ => None,
        };
        self.field(class, kind, What::Plugin { field, nested })
    }

    fn field(&mut self, class: Class, kind: ss_plugin_state_type, what: What) -> *mut ss_plugin_table_field_t {
        let known = |other: &Field| other.class == class && other.kind == kind && other.what == what;
        let place = self.fields.iter().position(known).unwrap_or_else(|| {
            self.fields.push(Field { class, kind, what });
            self.fields.len() - 1
        });
        ptr::without_provenance_mut(place + 1)
    }

    /// Returns the field that a plugin refers to, if it is one of the tables of the class.
    pub(crate) fn field_at(&self, class: Class, pointer: *const ss_plugin_table_field_t) -> Result<Field> {
        let field = pointer.addr().checked_sub(1).and_then(|place| self.fields.get(place));
        let field = field.ok_or("there is no such field")?;
        if field.class == class { Ok(*field) } else { Err("the field is one of another table") }
    }

    /// Lists the tables. The list stays until the next one is made.
    pub(crate) fn list(&mut self) -> (*mut ss_plugin_table_info, usize) {
        let named = self.tables.iter().filter(|table| !matches!(table.of, Of::Sub { .. }));
        let named = named.filter(|table| *table.name != *c"nested");
        self.infos = named
            .map(|table| ss_plugin_table_info { name: table.name.as_ptr(), key_type: table.input.key_type })
            .collect();
        (self.infos.as_mut_ptr(), self.infos.len())
    }

    /// Lists the fields of a class that is not a plugin's.
    pub(crate) fn list_fields(&mut self, class: Class) -> (*const ss_plugin_table_fieldinfo, usize) {
        let info = |name: &CStr, field_type, read_only: bool| ss_plugin_table_fieldinfo {
            name: name.as_ptr(),
            field_type,
            read_only: read_only.into(),
        };
        self.field_infos = own_rows(class).iter().map(|(name, kind)| info(name, *kind, true)).collect();
        if class == Class::Threads {
            self.field_infos.extend(self.added.iter().map(|(name, kind)| info(name, *kind, false)));
        }
        (self.field_infos.as_ptr(), self.field_infos.len())
    }
}

/// Returns the names and types of the built-in fields.
fn own_rows(class: Class) -> Vec<(&'static CStr, ss_plugin_state_type)> {
    match class {
        Class::Threads => rows::THREAD.iter().map(|row| (row.name, row.kind)).collect(),
        Class::Sub(Sub::Fds) => rows::FD.iter().map(|row| (row.name, row.kind)).collect(),
        Class::Sub(Sub::Args | Sub::Env) => vec![(c"value", STRING)],
        Class::Sub(Sub::Cgroups) => vec![(c"first", STRING), (c"second", STRING)],
        Class::Plugin(_) => Vec::new(),
    }
}
