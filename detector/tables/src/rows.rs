//! The rows of a batch under construction: the columns of a selection, and the fields of an event in them.

use std::collections::HashMap;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use bumpalo::Bump;
use sinsp::fields::{FieldRef, Item, Lifetime, Shape, Value};
use sinsp::{Event, State};
use std::sync::Arc;

use crate::column::{Column, Form, Part, Slot};
use crate::columns::{Columns, Place};
use crate::kept::Kept;

/// The most rows of a batch.
pub(crate) const ROWS: usize = 8_192;
/// The bytes of a batch's values after which it ends early.
const BYTES: usize = 32 << 20;
/// The rows after which the bytes are counted.
const COUNTED: usize = 64;
/// The stamps after which the values that belong to them are forgotten.
const STAMPS: usize = 1 << 15;

/// A batch under construction.
#[derive(Debug)]
pub(crate) struct Rows {
    columns: Columns,
    capture: Option<(Box<[u8]>, Column)>,
    host: Option<(Box<[u8]>, Column)>,
    own: Vec<Option<Column>>,
    fields: Vec<Column>,
    groups: Vec<Group>,
    /// The fields that are in no group.
    single: Vec<usize>,
    arena: Bump,
    rows: usize,
    most: usize,
}

/// Fields of one lifetime: while the stamp of the event's thread or file descriptor is the same, so are their values.
#[derive(Debug)]
struct Group {
    lifetime: Lifetime,
    members: Vec<usize>,
    /// The place in `slots` of each stamp's values.
    known: HashMap<u128, usize>,
    last: Option<(u128, usize)>,
    slots: Vec<Slot>,
}

impl Group {
    fn stamp(&self, event: &Event<'_>) -> Option<u128> {
        if self.lifetime == Lifetime::Fd {
            return event.fd_stamp().map(u128::from);
        }
        let thread = event.thread()?;
        Some(match self.lifetime {
            Lifetime::Thread => event.state().stamp(thread),
            Lifetime::Lineage => event.state().lineage_stamp(thread),
            _ => event.state().leaders_stamp(thread),
        })
    }

    fn forget(&mut self) {
        self.known.clear();
        self.slots.clear();
        self.last = None;
    }
}

impl Rows {
    /// Creates the rows of a capture of this name.
    pub(crate) fn new(columns: Columns, capture: &str) -> Self {
        let wanted = |place| columns.places.iter().any(|(one, _)| *one == place);
        let forms = columns.table.own().iter().enumerate();
        let own = forms.map(|(at, own)| wanted(Place::Own(at)).then(|| Column::new(own.form))).collect();
        let fields: Vec<Column> = columns.fields.iter().map(|(_, form, _)| Column::new(*form)).collect();
        let text = |place, text: &[u8]| wanted(place).then(|| (text.into(), Column::new(Form::One(Item::Text))));
        let (capture, host) = (text(Place::Capture, capture.as_bytes()), text(Place::Host, b""));
        let mut groups = Vec::new();
        for lifetime in [Lifetime::Fd, Lifetime::Thread, Lifetime::Lineage, Lifetime::Leaders] {
            let of = |at: &usize| fields[*at].is_repeatable() && columns.fields[*at].0.lifetime() == lifetime;
            let members: Vec<usize> = (0..fields.len()).filter(of).collect();
            if !members.is_empty() {
                groups.push(Group { lifetime, members, known: HashMap::new(), last: None, slots: Vec::new() });
            }
        }
        let single = (0..fields.len()).filter(|at| !groups.iter().any(|group| group.members.contains(at))).collect();
        Self { columns, capture, host, own, fields, groups, single, arena: Bump::new(), rows: 0, most: ROWS }
    }

    /// Sets the most rows of a batch.
    pub(crate) fn set_most(&mut self, rows: usize) {
        self.most = rows.clamp(1, ROWS);
    }

    /// Notes the host of the following rows.
    #[inline]
    pub(crate) fn host(&mut self, state: &State) {
        if let Some((known, _)) = &mut self.host {
            let now = hostname(state).unwrap_or_default();
            if **known != *now {
                *known = now.into();
            }
        }
    }

    /// Returns the selection of columns.
    pub(crate) fn columns(&self) -> &Columns {
        &self.columns
    }

    /// Appends a value to a column of the table's own, if that is selected.
    #[inline]
    pub(crate) fn own<'v>(&mut self, at: usize, value: impl FnOnce() -> Option<Value<'v>>) {
        if let Some(Some(column)) = self.own.get_mut(at) {
            column.append(value(), None);
        }
    }

    /// Appends the fields of an event, and ends the row.
    pub(crate) fn event(&mut self, event: &Event<'_>) {
        self.arena.reset();
        let Self { columns, fields, groups, single, arena, .. } = self;
        for group in groups {
            let stamp = group.stamp(event);
            let found = match (stamp, group.last) {
                (Some(stamp), Some((last, at))) if stamp == last => Some(at),
                (Some(stamp), _) => group.known.get(&stamp).copied(),
                (None, _) => None,
            };
            if let Some(at) = found {
                group.last = stamp.map(|stamp| (stamp, at));
                for (member, slot) in group.members.iter().zip(group.slots.get(at..).unwrap_or_default()) {
                    fields[*member].repeat(*slot);
                }
                continue;
            }
            if let Some(stamp) = stamp {
                if group.known.len() >= STAMPS {
                    group.forget();
                }
                group.last = Some((stamp, group.slots.len()));
                group.known.insert(stamp, group.slots.len());
            }
            for member in &group.members {
                let (field, _, shape) = &columns.fields[*member];
                let slot = append(&mut fields[*member], field, *shape, event, arena);
                if stamp.is_some() {
                    group.slots.push(slot);
                }
            }
        }
        for at in single {
            let (field, _, shape) = &columns.fields[*at];
            append(&mut fields[*at], field, *shape, event, arena);
        }
        self.end();
    }

    /// Appends kept values of the fields, and ends the row.
    pub(crate) fn kept<'k>(&mut self, value: impl Fn(usize) -> Option<&'k Kept>) {
        self.arena.reset();
        for (at, column) in self.fields.iter_mut().enumerate() {
            let value = value(at).map(|kept| kept.borrow(&self.arena));
            column.append(value, value.and_then(Value::bytes));
        }
        self.end();
    }

    fn end(&mut self) {
        for (name, column) in [&mut self.capture, &mut self.host].into_iter().flatten() {
            column.append(Some(Value::Bytes(name)).filter(|_| !name.is_empty()), None);
        }
        self.rows += 1;
    }

    /// Returns whether the batch is complete.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.rows >= self.most || (self.rows % COUNTED == COUNTED - 1 && self.size() >= BYTES)
    }

    /// Returns whether there is no row.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows == 0
    }

    fn size(&self) -> usize {
        self.own.iter().flatten().chain(&self.fields).map(Column::size).sum()
    }

    /// Returns the number of values that were not of their column's form; they are null.
    pub(crate) fn invalid(&self) -> u64 {
        self.own.iter().flatten().chain(&self.fields).map(|column| column.invalid).sum()
    }

    /// Returns the rows, and starts a new batch.
    pub(crate) fn take(&mut self) -> Result<RecordBatch, arrow_schema::ArrowError> {
        let rows = std::mem::take(&mut self.rows);
        let mut arrays: Vec<Option<ArrayRef>> = vec![None; self.columns.places.len()];
        let Self { columns, capture, host, own, fields, .. } = self;
        let mut place = |wanted: Place, column: &mut Column| {
            let of = |(at, (place, part)): (usize, &(Place, Part))| (*place == wanted).then_some((at, *part));
            let (places, parts): (Vec<usize>, Vec<Part>) = columns.places.iter().enumerate().filter_map(of).unzip();
            for (at, array) in places.into_iter().zip(column.take(&parts)) {
                arrays[at] = Some(array);
            }
        };
        if let Some((_, column)) = capture {
            place(Place::Capture, column);
        }
        if let Some((_, column)) = host {
            place(Place::Host, column);
        }
        for (at, column) in own.iter_mut().enumerate() {
            if let Some(column) = column {
                place(Place::Own(at), column);
            }
        }
        for (at, column) in fields.iter_mut().enumerate() {
            place(Place::Field(at), column);
        }
        let large = self.size() >= BYTES;
        let mut renewed = false;
        for column in self.own.iter_mut().flatten().chain(&mut self.fields) {
            renewed |= column.renew(large);
        }
        if renewed {
            self.groups.iter_mut().for_each(Group::forget);
        }
        let schema = Arc::clone(self.columns.schema());
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(schema, arrays.into_iter().flatten().collect(), &options)
    }
}

/// Returns the name of the host that the capture was recorded on.
pub(crate) fn hostname(state: &State) -> Option<&[u8]> {
    state.machine().map(|machine| machine.hostname.as_slice()).filter(|name| !name.is_empty())
}

/// Appends the value of a field.
#[inline]
fn append(column: &mut Column, field: &FieldRef, shape: Shape, event: &Event<'_>, arena: &Bump) -> Slot {
    let value = field.typed_as(shape, event, arena);
    let text = if shape.item == Item::Bytes && !shape.list { field.text(event, arena) } else { None };
    column.append(value, text)
}
