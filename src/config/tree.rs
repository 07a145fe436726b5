//! Which routes match a host and a path? The build makes a tree of their hosts and segments, so that a look-up does not
//! grow with the number of routes.

use super::data::data;
use super::list::List;
use super::names::Names;
#[cfg(not(target_arch = "wasm32"))]
use super::{
    pattern::{Host, Segment},
    route::Route,
};

/// The routes of a configuration by host and path.
#[cfg_attr(not(target_arch = "wasm32"), derive(Debug, Default))]
pub struct Tree {
    /// Hosts and their nodes.
    exact: Names,
    /// `.example.com` for every host below it, and its node.
    suffix: Names,
    /// The node of routes for any host.
    any: Option<usize>,
    nodes: List<Node>,
}
data!(struct Tree { exact, suffix, any, nodes });

/// Where routes end, and what may follow.
#[cfg_attr(not(target_arch = "wasm32"), derive(Debug))]
struct Node {
    literals: Names,
    parameter: Option<usize>,
    /// Indices of the routes that end here, in their order.
    end: Vec<usize>,
    /// Indices of the routes after whose segments anything may follow (`/*`).
    rest: Vec<usize>,
}
data!(struct Node { literals, parameter, end, rest });

impl Tree {
    /// The most specific routes for a host (without port, in lower case) and a path in normal form: those of one host
    /// and of the same paths, as indices in [`super::Config::routes`]. See [`super::Host::specificity`] and
    /// [`super::Pattern::specificity`].
    #[must_use]
    pub fn find(&self, host: &str, path: &str) -> Option<&[usize]> {
        let body = path.strip_prefix('/')?;
        // A trailing slash makes no difference.
        let segments = (!body.is_empty()).then(|| body.strip_suffix('/').unwrap_or(body));
        let suffixes = host.match_indices('.').filter(|(dot, _)| *dot > 0).filter_map(|(dot, _)| host.get(dot..));
        let suffixes = suffixes.filter_map(|suffix| self.suffix.get(suffix));
        let roots = self.exact.get(host).into_iter().chain(suffixes).chain(self.any);
        roots.into_iter().find_map(|root| self.below(root, segments))
    }

    /// The most specific routes below a node, for the segments that are left; `None` = none are.
    fn below(&self, node: usize, left: Option<&str>) -> Option<&[usize]> {
        let node = self.nodes.get(node)?;
        let found = match left {
            None => Some(node.end.as_slice()).filter(|routes| !routes.is_empty()),
            Some(left) => {
                let (segment, rest) =
                    left.split_once('/').map_or((left, None), |(segment, rest)| (segment, Some(rest)));
                let literal = node.literals.get(segment).and_then(|node| self.below(node, rest));
                let parameter = node.parameter.filter(|_| !segment.is_empty());
                literal.or_else(|| self.below(parameter?, rest))
            }
        };
        found.or(Some(node.rest.as_slice()).filter(|routes| !routes.is_empty()))
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod native {
    use super::{Host, Node, Route, Segment, Tree};
    use std::collections::BTreeMap;

    #[derive(Default)]
    struct Growing {
        literals: BTreeMap<String, usize>,
        parameter: Option<usize>,
        end: Vec<usize>,
        rest: Vec<usize>,
    }

    impl Tree {
        /// The tree of these routes, in their order.
        #[must_use]
        pub fn new<'r>(routes: impl IntoIterator<Item = &'r Route>) -> Self {
            let (mut exact, mut suffix, mut any) = (BTreeMap::new(), BTreeMap::new(), None);
            let mut nodes: Vec<Growing> = Vec::new();
            let add = |nodes: &mut Vec<Growing>| {
                nodes.push(Growing::default());
                nodes.len() - 1
            };
            for (place, route) in routes.into_iter().enumerate() {
                let mut at = match &route.host {
                    Host::Exact(name) => *exact.entry(name.clone()).or_insert_with(|| add(&mut nodes)),
                    Host::Suffix(name) => *suffix.entry(name.clone()).or_insert_with(|| add(&mut nodes)),
                    Host::Any => *any.get_or_insert_with(|| add(&mut nodes)),
                };
                for segment in &route.path.segments {
                    let known = nodes.get(at).and_then(|node| match segment {
                        Segment::Literal(text) => node.literals.get(text).copied(),
                        Segment::Parameter(_) => node.parameter,
                    });
                    let next = known.unwrap_or_else(|| add(&mut nodes));
                    if let Some(node) = nodes.get_mut(at).filter(|_| known.is_none()) {
                        match segment {
                            Segment::Literal(text) => drop(node.literals.insert(text.clone(), next)),
                            Segment::Parameter(_) => node.parameter = Some(next),
                        }
                    }
                    at = next;
                }
                if let Some(node) = nodes.get_mut(at) {
                    if route.path.rest { node.rest.push(place) } else { node.end.push(place) }
                }
            }
            let grown = nodes.into_iter().map(|Growing { literals, parameter, end, rest }| Node {
                literals: literals.into_iter().collect(),
                parameter,
                end,
                rest,
            });
            Self {
                exact: exact.into_iter().collect(),
                suffix: suffix.into_iter().collect(),
                any,
                nodes: grown.collect::<Vec<_>>().into(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::source;
    use proptest::prelude::*;

    proptest! {
        /// The tree finds what comparing every route finds: the first that matches, and those of its host and paths.
        #[test]
        fn it_finds_the_most_specific_routes(
            routes in prop::collection::vec(("(/(a|b|cc|\\{x\\}|\\{y\\})){0,3}(/\\*)?", 0..5_usize, 0..3_usize), 1..12),
            host in "(a\\.|b\\.|)(x|y)\\.example",
            path in "(/(a|b|cc|d|)){0,5}/?",
        ) {
            let text: String = routes.iter().enumerate().map(|(place, (path, host, method))| {
                let path = if path.is_empty() { "/" } else { path };
                let host = ["", "host = \"x.example\"\n", "host = \"*.x.example\"\n", "host = \"*.example\"\n", "host = \"b.y.example\"\n"][*host];
                let methods = ["", "methods = [\"GET\"]\n", "methods = [\"PUT\"]\n"][*method];
                format!("[[route]]\nname = \"{place}\"\npath = \"{path}\"\necho = true\n{host}{methods}")
            }).collect();
            let Ok((_, config)) = source::read(&text, "test.toml") else { return Ok(()) };
            let all: Vec<_> = config.routes.iter().filter(|route| route.host.matches(&host) && route.path.matches(&path).is_some()).collect();
            let first = all.first();
            let same = all.iter().filter(|route| first.is_some_and(|first| route.host == first.host && route.path.same_paths(&first.path)));
            let expected: Vec<usize> = same.map(|route| route.place).collect();
            prop_assert_eq!(config.tree.find(&host, &path).unwrap_or_default(), expected, "{} {} {}", text, host, path);
        }
    }
}
