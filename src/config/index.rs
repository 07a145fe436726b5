//! Which routes may match a path? A tree of their segments, so that a look-up does not grow with the number of routes.

use super::pattern::{Pattern, Segment};

/// The routes of a configuration by their paths.
#[derive(Debug, Clone, Default)]
pub struct Index {
    root: Node,
}

#[derive(Debug, Clone, Default)]
struct Node {
    /// By the segment, sorted.
    literals: Vec<(String, Node)>,
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
            root.add(&pattern.segments, pattern.rest, place);
        }
        Self { root }
    }

    /// The places of all patterns that match a path in normal form, in order: see [`Pattern::matches`].
    #[must_use]
    pub fn matching(&self, path: &str) -> Vec<usize> {
        let mut found = Vec::new();
        if let Some(body) = path.strip_prefix('/') {
            let segments = body.strip_suffix('/').unwrap_or(body);
            self.root.collect((!body.is_empty()).then_some(segments), &mut found);
        }
        found
    }
}

impl Node {
    fn find(&self, segment: &str) -> Result<usize, usize> {
        self.literals.binary_search_by(|(known, _)| known.as_str().cmp(segment))
    }

    fn add(&mut self, segments: &[Segment], rest: bool, place: usize) {
        match segments.split_first() {
            None if rest => self.rest.push(place),
            None => self.exact.push(place),
            Some((Segment::Parameter(_), left)) => self.parameter.get_or_insert_default().add(left, rest, place),
            Some((Segment::Literal(literal), left)) => match self.find(literal) {
                Ok(at) => self.literals.iter_mut().skip(at).take(1).for_each(|(_, node)| node.add(left, rest, place)),
                Err(at) => {
                    let mut node = Self::default();
                    node.add(left, rest, place);
                    self.literals.insert(at, (literal.clone(), node));
                }
            },
        }
    }

    /// Adds what matches the segments that are left; `None` = none are.
    fn collect(&self, left: Option<&str>, found: &mut Vec<usize>) {
        insert(&self.rest, found);
        let Some(left) = left else { return insert(&self.exact, found) };
        let (segment, left) = left.split_once('/').map_or((left, None), |(segment, left)| (segment, Some(left)));
        if let Some((_, node)) = self.find(segment).ok().and_then(|at| self.literals.get(at)) {
            node.collect(left, found);
        }
        if let Some(node) = self.parameter.as_ref().filter(|_| !segment.is_empty()) {
            node.collect(left, found);
        }
    }
}

/// Keeps the places in order; there are few, and a sort would weigh more.
fn insert(places: &[usize], found: &mut Vec<usize>) {
    for place in places {
        found.insert(found.partition_point(|known| known < place), *place);
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
