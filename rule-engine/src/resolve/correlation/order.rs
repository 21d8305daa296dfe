//! The order of correlations that name others: the named ones come first, and none names itself.

use rustc_hash::FxHashMap;

use crate::correlation::plan::MAX_DEPTH;
use crate::source::correlation::{Correlation, Looks, Member};

use super::super::{Collection, Step};
use super::{Hint, fault};

/// Returns the members of a correlation with the places of those that are correlations. A rule has precedence over a
/// correlation of its name.
fn named<'a>(
    item: &'a Correlation,
    places: &'a FxHashMap<&str, usize>,
    collection: &'a Collection,
) -> impl Iterator<Item = (&'a Member, usize)> {
    item.parts.rules.iter().flatten().chain(&item.parts.until).filter_map(|member| match &member.looks {
        Looks::For(name) if collection.rules.get(&name.text).is_none() => {
            places.get(name.text.as_str()).map(|place| (member, *place))
        }
        _ => None,
    })
}

/// Returns the names of the longest chain of correlations that name each other, from one on.
fn chain(
    mut place: usize,
    all: &[&Correlation],
    depths: &[usize],
    places: &FxHashMap<&str, usize>,
    collection: &Collection,
) -> String {
    let mut names = vec![all[place].name.text.as_str()];
    while let Some((_, inner)) = named(all[place], places, collection).max_by_key(|(_, inner)| depths[*inner]) {
        names.push(&all[inner].name.text);
        place = inner;
    }
    names.join(" -> ")
}

/// Returns the places of all correlations, in the order of resolving.
pub(super) fn sort(all: &[&Correlation], collection: &Collection) -> Step<Vec<usize>> {
    let places: FxHashMap<&str, usize> =
        all.iter().enumerate().map(|(place, item)| (item.name.text.as_str(), place)).collect();
    // The depth of each, once it is known: 1 for one that names none.
    let mut depths: Vec<usize> = vec![0; all.len()];
    let mut order = Vec::with_capacity(all.len());
    for start in 0..all.len() {
        // The path from the first to the current one, each with its remaining members.
        let mut way: Vec<(usize, Vec<(&Member, usize)>)> = Vec::new();
        if depths[start] == 0 {
            way.push((start, named(all[start], &places, collection).collect()));
        }
        while let Some((place, left)) = way.last_mut() {
            let (place, next) = (*place, left.pop());
            let Some((member, inner)) = next else {
                let deepest = named(all[place], &places, collection).max_by_key(|(_, inner)| depths[*inner]);
                depths[place] = deepest.map_or(0, |(_, inner)| depths[inner]) + 1;
                if let Some((member, _)) = deepest.filter(|_| depths[place] > MAX_DEPTH) {
                    let names = chain(place, all, &depths, &places, collection);
                    let message = format!("Correlations name correlations more than {MAX_DEPTH} deep: {names}");
                    let Looks::For(name) = &member.looks else { continue };
                    return Err(fault(&member.context, name.spot, message)
                        .hinted("leave one of these out: name its rules instead of it"));
                }
                order.push(place);
                way.pop();
                continue;
            };
            if way.iter().any(|(on_way, _)| *on_way == inner) {
                let mut names: Vec<&str> = way.iter().map(|(place, _)| all[*place].name.text.as_str()).collect();
                names.push(&all[inner].name.text);
                let begins = names.iter().position(|name| *name == all[inner].name.text).unwrap_or(0);
                let message = format!("Correlations form a cycle: {}", names[begins..].join(" -> "));
                let Looks::For(name) = &member.looks else { continue };
                return Err(fault(&member.context, name.spot, message)
                    .hinted("a correlation cannot contain itself; remove one of these names"));
            }
            if depths[inner] == 0 {
                way.push((inner, named(all[inner], &places, collection).collect()));
            }
        }
    }
    Ok(order)
}
