//! A plan in the form of the kernel's tables.

use super::hash::{Key, components};
use super::plan::{Flag, Hook, MAX_CLAUSES, MAX_COMPONENTS, MAX_TESTS, Place, Plan, Test};
use std::collections::HashMap;
use std::net::IpAddr;

const HOOKS: usize = Hook::ALL.len();
/// The most processes that are exempt.
const MAX_EXEMPT: usize = 16;
/// The numbers of origins, as `enum origin` in `c/deny/facts.bpf.h`.
const PROTECTED: u32 = 9;
const COMM: u32 = 12;
const PARENT_COMM: u32 = 13;
const UID: u32 = 14;
const CONTAINER: u32 = 15;
const PORT: u32 = 16;
const FLAG: u32 = 17;
const ADDRESS: u32 = 18;
/// The parts of a path that are tested.
const WHOLE: u32 = 0;
const BELOW: u32 = 1;
const LAST: u32 = 2;

/// The longest prefix of the tree of addresses that names only the hook, in bits.
const HOOK_BITS: u32 = 8;

/// The tables.
#[derive(Debug)]
pub(super) struct Table {
    /// `struct plan`, byte for byte.
    pub(super) plan: Vec<u8>,
    /// Tests by the hash of their value.
    pub(super) tests: HashMap<u64, u64>,
    /// Tests by network: `struct address_key`.
    pub(super) addresses: Vec<([u8; 24], u64)>,
}

impl Place {
    const fn origin(self) -> u32 {
        match self {
            Self::Exe => 0,
            Self::Object => 3,
            Self::Target => 6,
        }
    }
}

impl Flag {
    const fn number(self) -> u64 {
        match self {
            Self::Memfd => 0,
            Self::UpperLayer => 1,
            Self::Read => 2,
            Self::Write => 3,
            Self::Directory => 4,
            Self::Address => 5,
        }
    }
}

/// Returns why a path cannot be tested, if so.
fn unusable(path: &[u8]) -> Option<String> {
    let shown = String::from_utf8_lossy(path);
    if !path.starts_with(b"/") {
        Some(format!("the path {shown} is not absolute"))
    } else if components(path).count() > MAX_COMPONENTS {
        Some(format!("the path {shown} has more than {MAX_COMPONENTS} components"))
    } else if components(path).any(|name| name == b"." || name == b"..") {
        Some(format!("the path {shown} has a component . or .."))
    } else if components(path).any(|name| name.len() > 255) {
        Some(format!("the path {shown} has a component of more than 255 bytes"))
    } else {
        None
    }
}

impl Test {
    fn unusable(&self) -> Option<String> {
        match self {
            Self::Path(_, path) | Self::Below(_, path) => unusable(path),
            Self::Last(_, name) if name.len() > 255 || name.contains(&b'/') => {
                Some(format!("{} is not the name of a file", String::from_utf8_lossy(name)))
            }
            _ => None,
        }
    }
}

/// Returns an address of either family with its prefix, in the form of IPv6.
fn mapped(ip: IpAddr, bits: u8) -> ([u8; 16], u32) {
    match ip {
        IpAddr::V4(v4) => (v4.to_ipv6_mapped().octets(), 96 + u32::from(bits.min(32))),
        IpAddr::V6(v6) => (v6.octets(), u32::from(bits.min(128))),
    }
}

fn is_inside(inner: &([u8; 16], u32), outer: &([u8; 16], u32)) -> bool {
    let mask = u128::MAX.checked_shl(128 - outer.1).unwrap_or(0);
    outer.1 <= inner.1 && (u128::from_be_bytes(inner.0) ^ u128::from_be_bytes(outer.0)) & mask == 0
}

impl Table {
    /// Makes the tables. `host_mounts` is the number of the host's mount namespace.
    ///
    /// # Errors
    /// A sentence about what does not fit.
    pub(super) fn new(plan: &Plan, key: Key, host_mounts: u32) -> Result<Self, String> {
        let mut tests: HashMap<u64, u64> = HashMap::new();
        let mut addresses = Vec::new();
        let mut undecided = [[0u64; 4]; HOOKS];
        let mut origins = [0u32; HOOKS];
        let mut clauses = vec![Vec::new(); HOOKS];
        for of in &plan.hooks {
            let (hook, name) = (of.hook as usize, of.hook.name());
            if of.tests.len() > MAX_TESTS || of.clauses.len() > MAX_CLAUSES {
                return Err(format!(
                    "{name}: {} tests and {} alternatives; the kernel has room for {MAX_TESTS} and {MAX_CLAUSES}",
                    of.tests.len(),
                    of.clauses.len()
                ));
            }
            let mut nets: Vec<(([u8; 16], u32), u64)> = Vec::new();
            for (bit, any) in of.tests.iter().enumerate() {
                let bit = 1u64 << bit;
                for test in any {
                    if let Some(why) = test.unusable() {
                        return Err(why);
                    }
                    let of_path = |place: Place, what| (place.origin() + what, Some(place));
                    let ((origin, place), value) = match test {
                        Test::Path(place, path) => (of_path(*place, WHOLE), key.path(path)),
                        Test::Below(place, path) => (of_path(*place, BELOW), key.path(path)),
                        Test::Last(place, last) => (of_path(*place, LAST), key.text(last)),
                        Test::Comm(text) => ((COMM, None), key.text(text)),
                        Test::ParentComm(text) => ((PARENT_COMM, None), key.text(text)),
                        Test::Uid(uid) => ((UID, None), u64::from(*uid)),
                        Test::Container(id) => ((CONTAINER, None), key.text(id)),
                        Test::Port(port) => ((PORT, None), u64::from(*port)),
                        Test::Flag(flag) => ((FLAG, None), flag.number()),
                        Test::Net(ip, bits) => {
                            origins[hook] |= 1 << ADDRESS;
                            nets.push((mapped(*ip, *bits), bit));
                            continue;
                        }
                    };
                    origins[hook] |= 1 << origin;
                    if let Some(place) = place {
                        undecided[hook][place.origin() as usize / 3] |= bit;
                    }
                    *tests.entry(key.pair(u64::from(origin) << 8 | hook as u64, value)).or_default() |= bit;
                }
            }
            for (net, _) in &nets {
                let bits = nets.iter().filter(|(outer, _)| is_inside(net, outer)).fold(0, |all, (_, bit)| all | bit);
                let mut entry = [0; 24];
                entry[..4].copy_from_slice(&(HOOK_BITS + net.1).to_ne_bytes());
                entry[4] = hook as u8;
                entry[5..21].copy_from_slice(&net.0);
                addresses.push((entry, bits));
            }
            clauses[hook].extend(&of.clauses);
        }
        for path in &plan.protected {
            if let Some(why) = unusable(path) {
                return Err(why);
            }
            let what = if path.ends_with(b"/") { BELOW } else { WHOLE };
            for hook in 0..HOOKS as u64 {
                tests.insert(key.pair(u64::from(PROTECTED + what) << 8 | hook, key.path(path)), 1);
            }
        }
        if plan.exempt.len() > MAX_EXEMPT {
            return Err(format!("{} processes are exempt, {MAX_EXEMPT} can be", plan.exempt.len()));
        }
        let mut bytes = Vec::new();
        key.0.iter().chain(undecided.as_flattened()).for_each(|word| bytes.extend(word.to_ne_bytes()));
        let counts = clauses.iter().map(|clauses| clauses.len() as u32);
        let exempt = plan.exempt.iter().copied().chain(std::iter::repeat(0)).take(MAX_EXEMPT);
        for number in origins.into_iter().chain(counts).chain(exempt).chain([host_mounts, plan.dry_run.into()]) {
            bytes.extend(number.to_ne_bytes());
        }
        for of in &clauses {
            let none = super::plan::Clause { all: 0, none: 0, rule: 0 };
            for clause in of.iter().chain(std::iter::repeat(&none)).take(MAX_CLAUSES) {
                bytes.extend(clause.all.to_ne_bytes());
                bytes.extend(clause.none.to_ne_bytes());
                bytes.extend(u64::from(clause.rule).to_ne_bytes());
            }
        }
        Ok(Self { plan: bytes, tests, addresses })
    }
}

#[cfg(test)]
mod tests {
    use super::super::plan::{Clause, HookPlan};
    use super::*;
    use crate::layout::structure_of;

    fn plan(tests: Vec<Vec<Test>>) -> Plan {
        let clauses = vec![Clause { all: 1, none: 0, rule: 0 }];
        let hooks = vec![HookPlan { hook: Hook::Connect, tests, clauses }];
        Plan { rules: vec!["R".into()], hooks, ..Plan::default() }
    }

    #[test]
    fn the_plan_is_laid_out_as_in_the_kernel() {
        let (members, size) = structure_of("deny", "plan");
        let table = Table::new(&Plan { exempt: vec![7], dry_run: true, ..plan(vec![]) }, Key([1, 2]), 99).unwrap();
        assert_eq!(table.plan.len(), size);
        let at = |name: &str| {
            let offset = members.iter().find(|(member, _)| member == name).unwrap().1;
            u32::from_ne_bytes(table.plan[offset..offset + 4].try_into().unwrap())
        };
        assert_eq!([at("key"), at("exempt"), at("host_mounts"), at("dry_run")], [1, 7, 99, 1]);
        let clauses = members.iter().find(|(member, _)| member == "clauses").unwrap().1 + 4 * Hook::Connect as usize;
        assert_eq!(table.plan[clauses], 1);
        let clause = members.iter().find(|(member, _)| member == "clause").unwrap().1;
        assert_eq!(table.plan[clause + 24 * MAX_CLAUSES * Hook::Connect as usize], 1);
        assert_eq!(structure_of("deny", "address_key").1, 24);
        assert_eq!(structure_of("deny", "clause").1, 24);
    }

    #[test]
    fn a_network_has_the_tests_of_those_around_it() {
        let net = |ip: &str, bits| vec![Test::Net(ip.parse().unwrap(), bits)];
        let table = Table::new(&plan(vec![net("10.0.0.0", 8), net("10.1.0.0", 16), net("0.0.0.0", 0)]), Key([1, 2]), 0);
        let bits: Vec<u64> = table.unwrap().addresses.iter().map(|(_, bits)| *bits).collect();
        assert_eq!(bits, [0b101, 0b111, 0b100]);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let refused = |test| Table::new(&plan(vec![vec![test]]), Key([1, 2]), 0).unwrap_err();
        assert!(refused(Test::Path(Place::Exe, b"tmp/x".to_vec())).contains("not absolute"));
        assert!(refused(Test::Below(Place::Exe, "/a".repeat(17).into_bytes())).contains("more than 16 components"));
        assert!(refused(Test::Path(Place::Exe, b"/a/../b".to_vec())).contains(".."));
        let many = vec![vec![Test::Uid(1)]; 65];
        assert!(Table::new(&plan(many), Key([1, 2]), 0).unwrap_err().contains("connect: 65 tests"));
    }
}
