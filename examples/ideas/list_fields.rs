//! Lists the fields of conditions and outputs, all or those with a prefix. `list_fields [PREFIX]`

use sinsp::fields::CLASSES;

fn main() {
    let prefix = std::env::args().nth(1).unwrap_or_default();
    for class in CLASSES {
        for field in class.fields.iter().filter(|field| field.name.starts_with(&prefix)) {
            println!("{:<28} {:<12} {}", field.name, field.kind.name(), field.doc);
        }
    }
}
