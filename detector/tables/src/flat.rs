//! Columns in types that a file format has: text instead of dictionaries, JSON text instead of lists.

use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::{Array as _, ArrayRef, RecordBatch, StringArray};
use arrow_cast::cast;
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_json::writer::{LineDelimited, WriterBuilder};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};

/// The types that a format has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flat {
    /// All but dictionaries.
    NoDictionaries,
    /// Numbers and text.
    Cells,
}

impl Flat {
    fn data_type(self, ty: &DataType) -> DataType {
        match (self, ty) {
            (_, DataType::Dictionary(_, value)) => (**value).clone(),
            (Self::Cells, ty) if ty.is_nested() || is_binary(ty) => DataType::Utf8,
            (_, other) => other.clone(),
        }
    }

    /// Returns the schema in these types.
    pub(crate) fn schema(self, schema: &Schema) -> SchemaRef {
        let of = |field: &Arc<Field>| (**field).clone().with_data_type(self.data_type(field.data_type()));
        let fields: Vec<Field> = schema.fields().iter().map(of).collect();
        Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
    }

    /// Returns the batch in the types of `schema`, which is that of [`schema`](Self::schema).
    pub(crate) fn batch(self, batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
        let arrays = batch.columns().iter().zip(schema.fields()).map(|(array, field)| match array.data_type() {
            ty if self == Self::Cells && ty.is_nested() && !matches!(ty, DataType::Dictionary(..)) => json(array),
            ty if self == Self::Cells && is_binary(ty) => hex(array),
            ty if ty == field.data_type() => Ok(Arc::clone(array)),
            _ => cast(array, field.data_type()),
        });
        RecordBatch::try_new(Arc::clone(schema), arrays.collect::<Result<_, _>>()?)
    }
}

fn is_binary(ty: &DataType) -> bool {
    use DataType as Type;
    matches!(ty, Type::Binary | Type::LargeBinary | Type::BinaryView | Type::FixedSizeBinary(_))
}

/// Returns each value as JSON text.
fn json(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    const NAME: &str = "v";
    let field = Field::new(NAME, array.data_type().clone(), true);
    let batch = RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![Arc::clone(array)])?;
    let mut writer = WriterBuilder::new().with_explicit_nulls(true).build::<_, LineDelimited>(Vec::new());
    writer.write(&batch)?;
    writer.finish()?;
    let lines = writer.into_inner();
    let mut texts = StringBuilder::new();
    for (row, line) in lines.split(|byte| *byte == b'\n').take(array.len()).enumerate() {
        // Each line is {"v":VALUE}.
        let value = line.get(NAME.len() + 4..line.len().saturating_sub(1));
        texts.append_option(value.filter(|_| array.is_valid(row)).map(String::from_utf8_lossy));
    }
    Ok(Arc::new(texts.finish()))
}

fn hex(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let shown = ArrayFormatter::try_new(array, &FormatOptions::default())?;
    let texts = (0..array.len()).map(|row| array.is_valid(row).then(|| shown.value(row).to_string()));
    Ok(Arc::new(StringArray::from_iter(texts)))
}
