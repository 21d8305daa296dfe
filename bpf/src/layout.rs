//! The layout of the probe's structures, for tests that compare this crate's with them.

use libbpf_rs::btf::{Btf, types};

/// Returns name and offset of each member of a structure of the probe, and its size.
pub(crate) fn structure(name: &str) -> (Vec<(String, usize)>, usize) {
    let btf = Btf::from_path(concat!(env!("OUT_DIR"), "/probe.bpf.o")).expect("the object has type information");
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
