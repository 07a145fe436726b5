//! Which tags does a response have, and which tags does a response purge? (RFC 9875)

use super::unstored::Unstored;
use crate::http::head::Fields;
use crate::http::structured;
use crate::sort;

/// The most tags of a response.
const MOST: usize = 128;
/// The most bytes of a tag.
const LONGEST: usize = 256;

/// Whether a purge can name the tag: 1 to 256 visible ASCII characters without a comma.
#[must_use]
pub fn is_good(tag: &str) -> bool {
    (1..=LONGEST).contains(&tag.len()) && tag.bytes().all(|b| b.is_ascii_graphic() && b != b',')
}

/// The tags of a response, sorted: the route's, `Cache-Tag` (separated by commas), `Surrogate-Key` and `xkey` (by
/// spaces), `Cache-Groups` (strings; characters that a tag cannot contain are percent-encoded). A group belongs to its
/// origin, so it is also a tag with the `authority` as prefix.
///
/// # Errors
/// It has too many tags, or one that a purge cannot name: a response that cannot be purged is not stored.
pub fn tags(fields: &Fields<'_>, route: &[String], authority: &str) -> Result<Vec<String>, Unstored> {
    let spaced = |name| fields.get(name).unwrap_or_default().split([' ', ',']).map(str::trim);
    let mut tags: Vec<String> = route.to_vec();
    let commas = fields.get("cache-tag").unwrap_or_default().split(',').map(str::trim);
    let named = commas.chain(spaced("surrogate-key")).chain(spaced("xkey"));
    tags.extend(named.filter(|tag| !tag.is_empty()).map(str::to_owned));
    if let Some(value) = fields.get("cache-groups") {
        let groups = structured::strings(value).unwrap_or_default();
        tags.extend(groups.iter().flat_map(|group| [group_tag(group), format!("{authority}|{}", group_tag(group))]));
    }
    sort::ascending(&mut tags);
    tags.dedup();
    let good = tags.len() <= MOST && tags.iter().all(|tag| is_good(tag));
    if good { Ok(tags) } else { Err(Unstored::Tags) }
}

/// The tags that an origin's response to an unsafe request purges: `Cache-Group-Invalidation` (groups of this origin)
/// and `Purge-Cache-Tag`. Invalid tags are ignored: no stored response has them.
#[must_use]
pub fn purged(fields: &Fields<'_>, authority: &str) -> Vec<String> {
    let groups = fields.get("cache-group-invalidation").and_then(structured::strings).unwrap_or_default();
    let named = fields.get("purge-cache-tag").unwrap_or_default().split(',').map(str::trim).map(str::to_owned);
    let mut tags: Vec<String> =
        groups.iter().map(|group| format!("{authority}|{}", group_tag(group))).chain(named).collect();
    tags.retain(|tag| is_good(tag));
    sort::ascending(&mut tags);
    tags.dedup();
    tags
}

fn group_tag(group: &str) -> String {
    let mut tag = String::with_capacity(group.len());
    for c in group.chars() {
        match c {
            ' ' => tag.push_str("%20"),
            ',' => tag.push_str("%2C"),
            '%' => tag.push_str("%25"),
            c => tag.push(c),
        }
    }
    tag
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::head::response;
    use proptest::prelude::*;

    fn of(fields: &str) -> Result<Vec<String>, Unstored> {
        let packed = format!("200\n{fields}\n");
        tags(&response(&packed).1, &["site".into()], "h")
    }

    #[test]
    fn tags_come_from_the_route_and_from_four_fields() {
        let found = of("cache-tag:a, b ,,a\nsurrogate-key:c d\nxkey:e\ncache-groups:\"f\", \"g h\"").expect("tags");
        assert_eq!(found, ["a", "b", "c", "d", "e", "f", "g%20h", "h|f", "h|g%20h", "site"]);
        assert_eq!(of("cache-groups:nonsense,"), Ok(vec!["site".to_owned()]));
    }

    #[test]
    fn a_response_with_an_invalid_tag_or_too_many_tags_is_not_stored() {
        let count = |n: usize| (0..n).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
        assert!(of(&format!("cache-tag:{}", count(127))).is_ok());
        for bad in ["a b", "caf\u{e9}", &count(128), &"x".repeat(257)] {
            assert_eq!(of(&format!("cache-tag:{bad}")), Err(Unstored::Tags), "{bad}");
        }
    }

    #[test]
    fn a_response_of_the_origin_purges_groups_and_tags() {
        let packed = "200\ncache-group-invalidation:\"g h\", \"f\";x\npurge-cache-tag:a, b,,a b\n";
        assert_eq!(purged(&response(packed).1, "h"), ["a", "b", "h|f", "h|g%20h"]);
        assert!(purged(&response("200\n").1, "h").is_empty());
    }

    proptest! {
        #[test]
        fn no_field_causes_a_panic_and_every_tag_can_be_purged(value in "\\PC{0,60}|[a-z,\" ]{0,60}") {
            let value = value.replace('\n', " ");
            if let Ok(tags) = of(&format!("cache-tag:{value}\nxkey:{value}\ncache-groups:{value}")) {
                prop_assert!(tags.iter().all(|tag| is_good(tag)));
            }
            let packed = format!("200\ncache-group-invalidation:{value}\npurge-cache-tag:{value}\n");
            prop_assert!(purged(&response(&packed).1, "h").iter().all(|tag| is_good(tag)));
        }
    }
}
