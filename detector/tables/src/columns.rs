//! A selection of a table's columns, by name.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_schema::{Field, Schema, SchemaRef};
use sinsp::fields::{FieldRef, Fields, Item, Shape};

use crate::column::{Form, Part};
use crate::table::{CAPTURE, HOST, Table, form};

/// The version of the tables' layout, in the metadata of files. It changes when a column changes its type or meaning.
pub const SCHEMA_VERSION: u32 = 1;

/// The reason why a text is not a column of a table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the table `{table}` has no column `{name}`: {reason}")]
#[non_exhaustive]
pub struct ColumnError {
    /// The name of the table.
    pub table: &'static str,
    /// The text.
    pub name: String,
    /// The reason.
    pub reason: String,
}

/// The place where the arrays of a column come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Capture,
    Host,
    Own(usize),
    Field(usize),
}

/// A selection of columns of a table, in the order of its batches.
///
/// A field is a column of its name, with its argument: `proc.name`, `evt.arg.flags`. Beside an address there is a column
/// with its 16 bytes, `fd.sip.binary`, and beside bytes one with their text, `evt.buffer.text`.
///
/// ```
/// use peregrine_tables::{Columns, Table};
///
/// let columns = Columns::new(Table::Events, ["evt.rawtime", "proc.name", "fd.sip"])?;
/// let names: Vec<_> = columns.schema().fields().iter().map(|field| field.name().as_str()).collect();
/// assert_eq!(names, ["evt.rawtime", "proc.name", "fd.sip"]);
/// assert_eq!(columns.with_parts().schema().fields().len(), 4);
/// assert!(Columns::new(Table::Events, ["proc.nose"]).is_err());
/// # Ok::<(), peregrine_tables::ColumnError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Columns {
    pub(crate) table: Table,
    pub(crate) places: Vec<(Place, Part)>,
    pub(crate) fields: Vec<(FieldRef, Form, Shape)>,
    schema: SchemaRef,
}

impl Columns {
    /// Selects columns by their names.
    ///
    /// # Errors
    /// If the table has no such column.
    pub fn new(table: Table, names: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, ColumnError> {
        let known = Fields::new();
        let mut columns = Self { table, places: Vec::new(), fields: Vec::new(), schema: Arc::new(Schema::empty()) };
        let mut indices = HashMap::new();
        let mut described = Vec::new();
        for name in names {
            let name = name.as_ref();
            let place = columns.place(name, &known, &mut indices)?;
            if !columns.places.contains(&place) {
                columns.places.push(place);
                described.push(columns.describe(name, place));
            }
        }
        let about =
            [("peregrine.schema_version", SCHEMA_VERSION.to_string()), ("peregrine.table", table.name().to_owned())];
        let about = about.map(|(key, value)| (key.to_owned(), value)).into();
        columns.schema = Arc::new(Schema::new_with_metadata(described, about));
        Ok(columns)
    }

    /// Selects the default columns of a table.
    ///
    /// # Errors
    /// None for the tables of this crate.
    pub fn default_of(table: Table) -> Result<Self, ColumnError> {
        Ok(Self::new(table, table.default_columns())?.with_parts())
    }

    /// Adds, after each address and each column of bytes, the column beside it.
    #[must_use]
    pub fn with_parts(self) -> Self {
        let mut names = Vec::new();
        for (field, (place, part)) in self.schema.fields().iter().zip(&self.places) {
            names.push(field.name().clone());
            if let (Some((suffix, _)), Part::Value) = (self.form(*place).beside(), part) {
                names.push(format!("{}{suffix}", field.name()));
            }
        }
        Self::new(self.table, names).unwrap_or(self)
    }

    /// Returns the selection as a dataset has it, whose folders are the hosts and dates: with the time, without the host.
    ///
    /// # Errors
    /// None for the columns of this crate.
    pub fn partitioned(&self) -> Result<Self, ColumnError> {
        let names = self.schema.fields().iter().map(|field| field.name().as_str()).filter(|name| *name != HOST);
        Self::new(self.table, names.chain([self.table.time_column()]))
    }

    /// Returns the table.
    pub fn table(&self) -> Table {
        self.table
    }

    /// Returns the schema of the batches. The metadata of a column has the field (`peregrine.field`), its type in
    /// Falco's listings (`peregrine.type`) and its description.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Returns the fields that are extracted.
    pub fn fields(&self) -> impl Iterator<Item = &FieldRef> {
        self.fields.iter().map(|(field, ..)| field)
    }

    fn place(
        &mut self,
        name: &str,
        known: &Fields,
        indices: &mut HashMap<String, usize>,
    ) -> Result<(Place, Part), ColumnError> {
        if name == CAPTURE {
            return Ok((Place::Capture, Part::Value));
        }
        if name == HOST {
            return Ok((Place::Host, Part::Value));
        }
        if let Some(own) = self.table.own().iter().position(|own| own.name == name) {
            return Ok((Place::Own(own), Part::Value));
        }
        let error = match self.field(name, known, indices) {
            Ok(index) => return Ok((Place::Field(index), Part::Value)),
            Err(error) => error,
        };
        // The suffixes are not arguments of any field, so the name with one is unknown.
        for suffix in [".binary", ".text"] {
            if let Some(stem) = name.strip_suffix(suffix)
                && let Ok(index) = self.field(stem, known, indices)
                && let Some((_, part)) = self.form(Place::Field(index)).beside().filter(|(of, _)| *of == suffix)
            {
                return Ok((Place::Field(index), part));
            }
        }
        Err(error)
    }

    /// Returns the index of a field.
    fn field(
        &mut self,
        name: &str,
        known: &Fields,
        indices: &mut HashMap<String, usize>,
    ) -> Result<usize, ColumnError> {
        if let Some(index) = indices.get(name) {
            return Ok(*index);
        }
        let error = |reason| ColumnError { table: self.table.name(), name: name.to_owned(), reason };
        let field = known.parse(name).map_err(|found| {
            error(if found.is_unknown() { "there is no such field".to_owned() } else { found.to_string() })
        })?;
        if field.is_filter_only() {
            return Err(error("the field has no value".to_owned()));
        }
        if !self.table.has(field.def()) {
            return Err(error("the field is one of single events".to_owned()));
        }
        let (form, shape) = (form(&field), field.shape());
        self.fields.push((field, form, shape));
        indices.insert(name.to_owned(), self.fields.len() - 1);
        Ok(self.fields.len() - 1)
    }

    pub(crate) fn form(&self, place: Place) -> Form {
        match place {
            Place::Capture | Place::Host => Form::One(Item::Text),
            Place::Own(own) => self.table.own().get(own).map_or(Form::Plain, |own| own.form),
            Place::Field(field) => self.fields.get(field).map_or(Form::Plain, |(_, form, _)| *form),
        }
    }

    fn describe(&self, name: &str, (place, part): (Place, Part)) -> Field {
        let described = Field::new(name, self.form(place).data_type(part), true);
        let Place::Field(field) = place else { return described };
        let Some((field, ..)) = self.fields.get(field) else { return described };
        let about = [
            ("peregrine.field", field.name()),
            ("peregrine.type", field.kind().name()),
            ("description", field.def().doc),
        ];
        described.with_metadata(about.map(|(key, value)| (key.to_owned(), value.to_owned())).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_a_column() {
        for table in Table::ALL {
            let columns = Columns::new(*table, table.all_columns()).expect("columns").with_parts();
            assert!(columns.schema().fields().len() > table.own().len(), "{table:?}");
        }
    }

    #[test]
    fn errors_say_why() {
        let error = |table, name: &str| Columns::new(table, [name]).expect_err("an error").to_string();
        assert_eq!(
            error(Table::Events, "proc.nose"),
            "the table `events` has no column `proc.nose`: there is no such field"
        );
        assert!(error(Table::Events, "evt.arg").contains("evt.arg"));
        assert!(error(Table::Processes, "evt.num").ends_with("the field is one of single events"));
        assert!(error(Table::Events, "proc.name.binary").ends_with("there is no such field"));
    }

    #[test]
    fn a_part_can_be_selected_alone() {
        let columns = Columns::new(Table::Events, ["fd.sip.binary", "evt.buffer.text", "fd.sip.binary"]).expect("them");
        assert_eq!(columns.schema().fields().len(), 2);
        assert_eq!(columns.fields().count(), 2);
    }
}
