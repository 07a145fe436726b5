//! Is a shard map valid? Every key must have exactly one shard.

use super::super::raw::Shard as Raw;
use super::super::{Kind, ShardBy};
use super::super::{Pool, Setting, Shard, ShardKey, Shards, raw};
use super::countries::country;
use super::problems::{CONTINENTS, Problems, setting};

pub(super) fn shards(raw: &[raw::Shards], pools: &[Pool], problems: &mut Problems) -> Vec<Shards> {
    let mut all: Vec<Shards> = Vec::with_capacity(raw.len());
    for (place, written) in raw.iter().enumerate() {
        let key = |name: &str| format!("shards[{place}].{name}");
        problems.name(key("name"), &written.name, all.iter().any(|s| s.name == written.name));
        let found = match (written.by, written.key.as_deref().map(shard_key)) {
            (ShardBy::Geo, None) => Some(ShardKey::Place),
            (ShardBy::Hash | ShardBy::Range, Some(found)) => found,
            _ => None,
        };
        let shard_key = found.unwrap_or_else(|| {
            problems.add(
                key("key"),
                format!("found {:?}; allowed: \"path:NAME\", \"query:NAME\", \"header:NAME\", \"cookie:NAME\", \"claim:NAME\" or \"user\" (and none where `by` is \"geo\")", written.key),
            );
            ShardKey::Place
        });
        if written.map.is_empty() {
            problems.add(key("map"), "found no shard; allowed: at least one");
        }
        if written.phase.is_some() == written.next.is_empty() {
            problems.add(
                key("phase"),
                "found one of `next` and `phase` without the other; allowed: both while data moves, else neither",
            );
        }
        let text = written.phase.as_deref().unwrap_or("prepare");
        let phase = setting(text, Kind::Phase).unwrap_or_else(|| {
            problems.add(
                key("phase"),
                format!("found {text:?}; allowed: \"prepare\", \"dual_read\", \"cut\", \"retire\", or \"${{NAME}}\" to read it from the worker's vars"),
            );
            Setting::Is("prepare".into())
        });
        let maps = [("map", &written.map), ("next", &written.next)]
            .map(|(name, list)| map(written, list, &key(name), pools, problems));
        let [map, next] = maps;
        let (name, by, values, version) = (written.name.clone(), written.by, written.values, written.version);
        all.push(Shards { name, by, key: shard_key, values, map, version, next, phase });
    }
    all
}

fn shard_key(text: &str) -> Option<ShardKey> {
    let (kind, name) = text.split_once(':').unwrap_or((text, ""));
    let good = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    match kind {
        "user" if text == "user" => Some(ShardKey::User),
        "path" if good => Some(ShardKey::Path(name.to_owned())),
        "query" if good => Some(ShardKey::Query(name.to_owned())),
        "header" if good => Some(ShardKey::Header(name.to_ascii_lowercase())),
        "cookie" if good => Some(ShardKey::Cookie(name.to_owned())),
        "claim" if good => Some(ShardKey::Claim(name.to_owned())),
        _ => None,
    }
}

fn map(written: &raw::Shards, list: &[Raw], at: &str, pools: &[Pool], problems: &mut Problems) -> Vec<Shard> {
    let mut shards: Vec<Shard> = Vec::with_capacity(list.len());
    for (number, raw) in list.iter().enumerate() {
        let key = |name: &str| format!("{at}[{number}].{name}");
        problems.name(key("name"), &raw.name, shards.iter().any(|s| s.name == raw.name));
        let mut bound = |name: &str, text: &Option<raw::Plain>| {
            let text = text.as_ref()?.0.as_str();
            let found = written.values.read(text);
            if found.is_none() {
                problems.add(
                    key(name),
                    format!("found {text:?}; allowed: a key as `values` says, here {:?}", written.values),
                );
            }
            found
        };
        let (from, to) = (bound("from", &raw.from), bound("to", &raw.to));
        foreign(written.by, raw, &key, problems);
        let weight = raw.weight.unwrap_or(1);
        if !(1..=1_000).contains(&weight) {
            problems.add(key("weight"), format!("found {weight}; allowed: 1 to 1000"));
        }
        shards.push(Shard {
            name: raw.name.clone(),
            pool: problems.place(key("pool"), &raw.pool, pools.iter().map(|p| p.name.as_str())),
            weight,
            from,
            to,
            countries: raw.countries.clone(),
            continents: raw.continents.clone(),
            default: raw.default,
        });
    }
    match written.by {
        ShardBy::Range => ranges(list, &shards, at, problems),
        ShardBy::Geo => places(&shards, at, problems),
        ShardBy::Hash => {}
    }
    shards
}

/// Refuses keys that this kind of map does not use.
fn foreign(by: ShardBy, raw: &Raw, key: &impl Fn(&str) -> String, problems: &mut Problems) {
    let keys = [
        ("weight", ShardBy::Hash, raw.weight.is_some()),
        ("from", ShardBy::Range, raw.from.is_some()),
        ("to", ShardBy::Range, raw.to.is_some()),
        ("countries", ShardBy::Geo, !raw.countries.is_empty()),
        ("continents", ShardBy::Geo, !raw.continents.is_empty()),
        ("default", ShardBy::Geo, raw.default),
    ];
    for (name, of, _) in keys.into_iter().filter(|(_, of, present)| *present && *of != by) {
        problems.add(key(name), format!("found where `by` is {by:?}; allowed: where it is {of:?}"));
    }
}

/// Each range must begin where the one before it ends; the first has no lower bound, the last no upper bound.
fn ranges(list: &[Raw], shards: &[Shard], at: &str, problems: &mut Problems) {
    for (number, pair) in shards.windows(2).enumerate() {
        let [before, after] = pair else { continue };
        let (raw_to, raw_from) = (
            list.get(number).and_then(|r| r.to.as_ref()).map(|to| &to.0),
            list.get(number + 1).and_then(|r| r.from.as_ref()).map(|from| &from.0),
        );
        let what = match (&before.to, &after.from) {
            (Some(to), Some(from)) if to == from => continue,
            (Some(to), Some(from)) if to < from => "a gap: no shard has the keys between",
            (Some(_), Some(_)) => "an overlap, or shards out of order: more than one shard has the keys between",
            _ => "an open end in the middle",
        };
        problems.add(
            format!("{at}[{}].from", number + 1),
            format!("found {raw_from:?} after a shard that ends with {raw_to:?}, which is {what}; allowed: shards in order, each from where the one before it ends"),
        );
    }
    for (number, shard) in shards.iter().enumerate() {
        if shard.from.as_ref().zip(shard.to.as_ref()).is_some_and(|(from, to)| from >= to) {
            problems.add(format!("{at}[{number}].to"), "found an end that is not above `from`; allowed: a later key");
        }
    }
    if shards.first().is_some_and(|shard| shard.from.is_some()) {
        problems.add(
            format!("{at}[0].from"),
            "found a beginning, so that keys below it have no shard; allowed: none for the first shard",
        );
    }
    if shards.last().is_some_and(|shard| shard.to.is_some()) {
        problems.add(
            format!("{at}[{}].to", shards.len() - 1),
            "found an end, so that keys from it on have no shard; allowed: none for the last shard",
        );
    }
}

/// No country and no continent may be in two shards, and exactly one shard must be the default.
fn places(shards: &[Shard], at: &str, problems: &mut Problems) {
    let mut seen: Vec<&str> = Vec::new();
    for (number, shard) in shards.iter().enumerate() {
        for (name, codes) in [("countries", &shard.countries), ("continents", &shard.continents)] {
            for (item, code) in codes.iter().enumerate() {
                let key = format!("{at}[{number}].{name}[{item}]");
                if name == "continents" {
                    problems.place(key, code, CONTINENTS.into_iter());
                } else {
                    country(key, code, problems);
                }
            }
        }
        // Some continents have the code of a country (AF, AS, NA, SA), so each code is marked with its kind.
        let marked = shard
            .continents
            .iter()
            .map(|code| (code.as_str(), true))
            .chain(shard.countries.iter().map(|code| (code.as_str(), false)));
        for (code, continent) in marked {
            let twice = shards.iter().take(number).any(|other| {
                let codes = if continent { &other.continents } else { &other.countries };
                codes.iter().any(|known| known == code)
            });
            if twice && !seen.contains(&code) {
                problems.add(
                    format!("{at}[{number}].countries"),
                    format!("found {code:?} a second time; allowed: in one shard"),
                );
                seen.push(code);
            }
        }
    }
    if !shards.is_empty() && shards.iter().filter(|shard| shard.default).count() != 1 {
        problems.add(at, "found no shard for everybody else, or several; allowed: `default = true` for exactly one");
    }
}
