//! The probe loads on this machine, and what the kernel verified is written down.

use peregrine_bpf::{Probe, Selection};

#[test]
fn loads() {
    if !privileged() {
        return;
    }
    let loaded = Probe::builder().prepare().expect("prepare").load().expect("load");
    for refused in loaded.refused() {
        println!("REFUSED {refused}");
    }
    println!("{} programs", loaded.programs().len());
    assert!(loaded.refused().is_empty());
    let source = loaded.attach().expect("attach");
    println!("{:?}", source.notes());
    let mut total = 0;
    let mut stats = source.program_stats().unwrap();
    stats.sort_by_key(|s| std::cmp::Reverse(s.verified_instructions));
    for s in &stats {
        total += s.verified_instructions;
    }
    for s in stats.iter().take(12) {
        println!("{} {}", s.name, s.verified_instructions);
    }
    println!("total {total}");
    let _ = Selection::none();
}

fn privileged() -> bool {
    std::fs::metadata("/sys/kernel/btf/vmlinux").is_ok()
        && std::fs::read_to_string("/proc/self/status").is_ok_and(|s| s.contains("Uid:\t0"))
}
