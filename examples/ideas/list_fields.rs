//! Lists the fields of conditions and outputs, all or those with a prefix. `list_fields [PREFIX]`

use std::io::Write as _;

use sinsp::fields::CLASSES;

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let prefix = std::env::args().nth(1).unwrap_or_default();
    for class in CLASSES {
        for field in class.fields.iter().filter(|field| field.name.starts_with(&prefix)) {
            writeln!(out, "{:<28} {:<12} {}", field.name, field.kind.name(), field.doc)?;
        }
    }
    Ok(())
}
