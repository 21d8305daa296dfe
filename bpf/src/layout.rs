//! The layout of the probe's structures, for tests that compare this crate's with them.

use libbpf_rs::btf::{Btf, types};

/// Returns name and offset of each member of a structure of the probe, and its size.
pub(crate) fn structure(name: &str) -> (Vec<(String, usize)>, usize) {
    structure_of("probe", name)
}

/// The same of another object.
pub(crate) fn structure_of(object: &str, name: &str) -> (Vec<(String, usize)>, usize) {
    let path = format!("{}/{object}.bpf.o", env!("OUT_DIR"));
    let btf = Btf::from_path(path).expect("the object has type information");
    let found = btf.type_by_name::<types::Struct<'_>>(name).expect("the structure is in it");
    let members = found
        .iter()
        .map(|member| {
            let types::MemberAttr::Normal { offset } = member.attr else { panic!("no bit fields are used") };
            (member.name.expect("a name").to_string_lossy().into_owned(), offset as usize / 8)
        })
        .collect();
    (members, libbpf_rs::btf::HasSize::size(&found))
}
