//! Tests of fields: the table, the parsing of names, values over the example session, listings.

mod hostile;
mod lifetimes;
mod list;
mod names;
mod session;
mod table;
mod values;
