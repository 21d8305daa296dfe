//! The rules of each key, the rest of their conditions for it, and each list of them kept once.
//!
//! Most keys have the same rules. So keys begin as one class with an empty list, and each rule splits the classes whose
//! keys it does not treat alike: the work for a rule is done for few classes, not for hundreds of keys.

use crate::event::{Key, Schema};
use crate::ir::node::{Node, NodeId, Pool};
use crate::lower::arrange::Arranger;
use crate::lower::specialize::Specializer;
use crate::vm::compare::Regexes;

use super::Plain;
use super::bucket::NONE;

/// A rule whose condition differs between more keys than this is not specialized.
const VARIANTS: usize = 24;

/// Rules by their numbers, each with its condition.
pub(super) type List = Vec<(u32, NodeId)>;

/// The rules of each key, each list kept once.
pub(super) struct Lists {
    /// For each key the place of its list; [`NONE`]: there is no rule.
    pub(super) bucket_of: Box<[u32]>,
    pub(super) distinct: Vec<List>,
}

/// Keys with the same rules.
#[derive(Default)]
struct Class {
    keys: Vec<Key>,
    list: List,
}

/// The form of a rule for keys of one class: nothing, or the rest of its condition.
struct Part {
    class: usize,
    root: NodeId,
    keys: Vec<Key>,
}

/// Returns the lists of those rules that are enabled and `wanted`.
pub(super) fn lists(
    pool: &mut Pool,
    rules: &[Plain],
    wanted: impl Fn(&Plain) -> bool,
    schema: &dyn Schema,
    regexes: &Regexes,
    arranger: &mut Arranger,
) -> Lists {
    let mut specializer = Specializer::new(schema, regexes);
    let all = (0..schema.key_count()).map(|key| Key(key as u16)).collect();
    let mut classes = vec![Class { keys: all, list: Vec::new() }];
    let mut class_of = vec![0; schema.key_count()];
    let mut parts: Vec<Part> = Vec::new();
    for (number, rule) in rules.iter().enumerate().filter(|(_, rule)| rule.enabled && wanted(rule)) {
        let mut variants: Vec<NodeId> = Vec::new();
        let mut used = 0;
        specializer.begin(pool, rule.root);
        for key in rule.keys.iter() {
            let special = specializer.specialize(pool, key);
            if pool[special] == Node::Const(false) {
                continue;
            }
            let root = if variants.contains(&special) {
                special
            } else if variants.len() < VARIANTS {
                variants.push(special);
                special
            } else {
                rule.root
            };
            let root = arranger.arrange(pool, root);
            let class = class_of[usize::from(key.0)];
            match parts[..used].iter_mut().rfind(|part| part.class == class && part.root == root) {
                Some(part) => part.keys.push(key),
                None => {
                    // Parts are used again for the next rule, lists of keys and all.
                    if used == parts.len() {
                        parts.push(Part { class, root, keys: Vec::new() });
                    }
                    let part = &mut parts[used];
                    (part.class, part.root) = (class, root);
                    part.keys.clear();
                    part.keys.push(key);
                    used += 1;
                }
            }
        }
        for part in &parts[..used] {
            let listed = (number as u32, part.root);
            let class = &mut classes[part.class];
            if class.keys.len() == part.keys.len() {
                class.list.push(listed);
                continue;
            }
            class.keys.retain(|key| part.keys.binary_search(key).is_err());
            let mut list = class.list.clone();
            list.push(listed);
            part.keys.iter().for_each(|key| class_of[usize::from(key.0)] = classes.len());
            classes.push(Class { keys: part.keys.clone(), list });
        }
    }
    classes.retain(|class| !class.list.is_empty());
    classes.sort_unstable_by_key(|class| class.keys.first().copied());
    let mut bucket_of = vec![NONE; schema.key_count()];
    for (place, class) in classes.iter().enumerate() {
        class.keys.iter().for_each(|key| bucket_of[usize::from(key.0)] = place as u32);
    }
    Lists { bucket_of: bucket_of.into(), distinct: classes.into_iter().map(|class| class.list).collect() }
}
