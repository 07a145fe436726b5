//! Which routes may match a path? A tree of their segments, so that a look-up does not grow with the number of routes.

use super::pattern::{Pattern, Segment};
use std::collections::BTreeMap;

/// The routes of a configuration by their paths.
#[derive(Debug, Clone, Default)]
pub struct Index {
    root: Node,
}

#[derive(Debug, Clone, Default)]
struct Node {
    literals: BTreeMap<String, Node>,
    parameter: Option<Box<Node>>,
    /// Routes that end here.
    exact: Vec<usize>,
    /// Routes after whose segments anything may follow (`/*`).
    rest: Vec<usize>,
}

impl Index {
    /// An index of these patterns, each by its place.
    #[must_use]
    pub fn new<'p>(patterns: impl IntoIterator<Item = &'p Pattern>) -> Self {
        let mut root = Node::default();
        for (place, pattern) in patterns.into_iter().enumerate() {
            let mut node = &mut root;
            for segment in &pattern.segments {
                node = match segment {
                    Segment::Literal(literal) => node.literals.entry(literal.clone()).or_default(),
                    Segment::Parameter(_) => node.parameter.get_or_insert_default(),
                };
            }
            if pattern.rest { node.rest.push(place) } else { node.exact.push(place) }
        }
        Self { root }
    }

    /// The places of all patterns that match a path in normal form, in order: see [`Pattern::matches`].
    #[must_use]
    pub fn matching(&self, path: &str) -> Vec<usize> {
        let mut found = Vec::new();
        if let Some(body) = path.strip_prefix('/') {
            let body = body.strip_suffix('/').unwrap_or(body);
            self.root.collect((!path.is_empty() && path != "/").then_some(body), &mut found);
            found.sort_unstable();
        }
        found
    }
}

impl Node {
    /// Adds what matches the segments that are left; `None` = none are.
    fn collect(&self, left: Option<&str>, found: &mut Vec<usize>) {
        found.extend(&self.rest);
        let Some(left) = left else { return found.extend(&self.exact) };
        let (segment, rest) = left.split_once('/').map_or((left, None), |(segment, rest)| (segment, Some(rest)));
        if let Some(node) = self.literals.get(segment) {
            node.collect(rest, found);
        }
        if let Some(node) = self.parameter.as_ref().filter(|_| !segment.is_empty()) {
            node.collect(rest, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The tree finds what comparing every pattern finds.
        #[test]
        fn it_finds_the_patterns_that_match(
            patterns in prop::collection::vec("(/(a|b|cc|\\{x\\}|\\{y\\})){0,3}(/\\*)?", 0..12),
            path in "(/(a|b|cc|d|)){0,5}/?",
        ) {
            let parsed: Vec<Pattern> =
                patterns.iter().filter_map(|text| Pattern::parse(if text.is_empty() { "/" } else { text }).ok()).collect();
            let every = parsed.iter().enumerate().filter(|(_, pattern)| pattern.matches(&path).is_some());
            let every: Vec<usize> = every.map(|(place, _)| place).collect();
            prop_assert_eq!(Index::new(&parsed).matching(&path), every, "{:?} {}", patterns, path);
        }
    }
}
