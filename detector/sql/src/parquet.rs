//! Tables in Parquet files and datasets.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Fields, Schema};
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::prelude::SessionContext;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::error::Error;

/// The folders below a folder that are searched for a file.
const DEPTH: usize = 16;
/// The key of a file's metadata with the name of its table.
const TABLE: &str = "peregrine.table";
/// The characters of a path that mean something else in a URL.
const ESCAPED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'?')
    .add(b'[')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}')
    .add(b'\\')
    .add(b'<')
    .add(b'>')
    .add(b'*');

/// Finds the tables of files and folders, by name. Those of one name are one table. `like` returns
/// the type of a column of a table, where that is to be another than the one in the files.
pub(crate) async fn tables(
    context: &SessionContext,
    paths: &[PathBuf],
    like: &dyn Fn(&str, &Field) -> Option<DataType>,
) -> Result<BTreeMap<String, Arc<ListingTable>>, Error> {
    let mut named: BTreeMap<String, Vec<&Path>> = BTreeMap::new();
    for path in paths {
        named.entry(table(path)?).or_default().push(path);
    }
    let mut tables = BTreeMap::new();
    for (name, paths) in named {
        let mut urls = Vec::new();
        for path in &paths {
            urls.push(url(path)?);
        }
        let state = context.state();
        let mut options = ListingOptions::new(Arc::new(ParquetFormat::default())).with_file_extension(".parquet");
        if let Some(folder) = urls.iter().find(|url| url.is_collection()) {
            let partitions = options.infer_partitions(&state, folder).await?;
            options =
                options.with_table_partition_cols(partitions.into_iter().map(|name| (name, DataType::Utf8)).collect());
        }
        let mut schemas = Vec::new();
        for url in &urls {
            schemas.push(options.infer_schema(&state, url).await?.as_ref().clone());
        }
        let schema = Schema::try_merge(schemas).map_err(datafusion::error::DataFusionError::from)?;
        let typed = schema.fields().iter().map(|field| match like(&name, field) {
            Some(ty) => Arc::new(field.as_ref().clone().with_data_type(ty)),
            None => Arc::clone(field),
        });
        let schema = Schema::new_with_metadata(typed.collect::<Fields>(), schema.metadata().clone());
        let config = ListingTableConfig::new_with_multi_paths(urls);
        let config = config.with_listing_options(options).with_schema(Arc::new(schema));
        tables.insert(name, Arc::new(ListingTable::try_new(config)?));
    }
    Ok(tables)
}

/// Returns a type without dictionaries.
pub(crate) fn plain(ty: &DataType) -> DataType {
    match ty {
        DataType::Dictionary(_, values) => values.as_ref().clone(),
        DataType::List(item) => DataType::List(Arc::new(item.as_ref().clone().with_data_type(plain(item.data_type())))),
        other => other.clone(),
    }
}

/// Returns the name of the table in a file, or in the first file of a folder: that of its metadata, else that of the file.
fn table(path: &Path) -> Result<String, Error> {
    let failed = |error| Error::io(format!("can't open {}", path.display()), error);
    let first = if path.is_dir() { first(path, DEPTH).map_err(failed)? } else { Some(path.to_owned()) };
    let Some(file) = first else {
        return Err(Error::Input(format!("the folder {} has no Parquet files", path.display())));
    };
    let reader = SerializedFileReader::new(File::open(&file).map_err(failed)?);
    let reader = reader.map_err(|error| Error::Input(format!("{}: {error}", file.display())))?;
    let pairs = reader.metadata().file_metadata().key_value_metadata();
    let named = pairs.and_then(|pairs| pairs.iter().find(|pair| pair.key == TABLE)).and_then(|pair| pair.value.clone());
    Ok(named.unwrap_or_else(|| path.file_stem().unwrap_or_default().to_string_lossy().into_owned()))
}

/// Returns the first Parquet file of a folder, in the order of names.
fn first(folder: &Path, depth: usize) -> std::io::Result<Option<PathBuf>> {
    let mut entries = std::fs::read_dir(folder)?.collect::<std::io::Result<Vec<_>>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let is_folder = entry.file_type()?.is_dir();
        if !is_folder && path.extension().is_some_and(|extension| extension == "parquet") {
            return Ok(Some(path));
        }
        if is_folder
            && depth > 0
            && let Some(found) = first(&path, depth - 1)?
        {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Returns the URL of a path, in which no character is a pattern.
fn url(path: &Path) -> Result<ListingTableUrl, Error> {
    let whole =
        std::path::absolute(path).map_err(|error| Error::io(format!("can't find {}", path.display()), error))?;
    let Some(text) = whole.to_str() else {
        return Err(Error::Input(format!("{}: the path is not UTF-8", path.display())));
    };
    let slash = if path.is_dir() && !text.ends_with('/') { "/" } else { "" };
    Ok(ListingTableUrl::parse(format!("file://{}{slash}", utf8_percent_encode(text, ESCAPED)))?)
}
