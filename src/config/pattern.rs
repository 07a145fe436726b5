//! Which hosts and paths does a route match, and which of two patterns is more specific?

use super::super::http::path;
use super::data::data;
use std::cmp::Ordering;

/// A route's `host`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// This host, in lower case.
    Exact(String),
    /// Any subdomain: `.example.com` for `*.example.com`.
    Suffix(String),
    /// Any host.
    Any,
}

impl Host {
    /// Parses `www.example.com` or `*.example.com`.
    ///
    /// # Errors
    /// A sentence when it is neither.
    pub fn parse(text: &str) -> Result<Self, String> {
        let lower = text.to_ascii_lowercase();
        let (wild, name) = match lower.strip_prefix("*.") {
            Some(name) => (true, name),
            None => (false, lower.as_str()),
        };
        let good = !name.is_empty()
            && name.split('.').all(|label| {
                !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            });
        match (good, wild) {
            (false, _) => Err(format!(
                "found {text:?}; allowed: a host name without port, such as \"www.example.com\", or \"*.example.com\" for every host below it"
            )),
            (true, true) => Ok(Self::Suffix(format!(".{name}"))),
            (true, false) => Ok(Self::Exact(name.to_owned())),
        }
    }

    /// Whether it matches `host` (without port, in lower case).
    #[must_use]
    pub fn matches(&self, host: &str) -> bool {
        match self {
            Self::Exact(name) => name == host,
            Self::Suffix(suffix) => host.len() > suffix.len() && host.ends_with(suffix),
            Self::Any => true,
        }
    }

    /// `Less` = more specific: exact, then the longest suffix, then any host.
    #[must_use]
    pub fn specificity(&self, other: &Self) -> Ordering {
        let rank = |host: &Self| match host {
            Self::Exact(_) => usize::MAX,
            Self::Suffix(suffix) => suffix.len(),
            Self::Any => 0,
        };
        rank(other).cmp(&rank(self))
    }
}

/// One segment of a path pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// Exactly this segment, in normal form.
    Literal(String),
    /// Any one non-empty segment, captured under this name.
    Parameter(String),
}

/// A route's `path`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// From left to right.
    pub segments: Vec<Segment>,
    /// Whether any segments may follow (`/*`).
    pub rest: bool,
}

impl Pattern {
    /// Parses `/exact`, `/prefix/*` or `/users/{id}/posts`.
    ///
    /// # Errors
    /// A sentence when it is none of them.
    pub fn parse(text: &str) -> Result<Self, String> {
        let allowed = "allowed: \"/exact\", \"/prefix/*\", \"/users/{id}/posts\"";
        let bad = |why: &str| format!("found {text:?}: {why}; {allowed}");
        let body = text.strip_prefix('/').ok_or_else(|| bad("a path begins with '/'"))?;
        let (body, rest) = match body.strip_suffix('*') {
            Some("") => return Ok(Self { segments: Vec::new(), rest: true }),
            Some(prefix) => {
                (prefix.strip_suffix('/').ok_or_else(|| bad("'*' stands alone, as the last segment"))?, true)
            }
            None => (body, false),
        };
        let mut segments: Vec<Segment> = Vec::new();
        // A trailing slash makes no difference: see `matches`.
        for part in body.strip_suffix('/').unwrap_or(body).split('/').filter(|_| !body.is_empty()) {
            let segment = match part.strip_prefix('{').map(|name| name.strip_suffix('}')) {
                Some(Some(name)) if is_name(name) => Segment::Parameter(name.to_owned()),
                Some(_) => return Err(bad("a parameter is {name}, of letters, digits and '_'")),
                None if part.contains(['{', '}', '*', '?', '#']) => {
                    return Err(bad("'{', '}', '*', '?' and '#' have no place inside a segment"));
                }
                None if part.is_empty() => return Err(bad("a segment is not empty")),
                None => {
                    let slashed = format!("/{part}");
                    let literal = path::normal(&slashed).map_err(|e| bad(&e.to_string()))?;
                    if path::otherwise(&literal).is_some() {
                        return Err(bad("a segment must be readable in one way only"));
                    }
                    Segment::Literal(literal.trim_start_matches('/').to_owned())
                }
            };
            if segments.contains(&segment) && matches!(segment, Segment::Parameter(_)) {
                return Err(bad("a parameter's name is used once"));
            }
            segments.push(segment);
        }
        Ok(Self { segments, rest })
    }

    /// The parameters of `path` (in normal form) when it matches. A trailing slash is ignored, so a route that
    /// guards `/account` also guards `/account/`.
    #[must_use]
    pub fn matches<'p>(&self, path: &'p str) -> Option<Vec<(&str, &'p str)>> {
        let body = path.strip_prefix('/')?;
        let mut parts = body.strip_suffix('/').unwrap_or(body).split('/').filter(|_| !body.is_empty());
        let mut parameters = Vec::new();
        for segment in &self.segments {
            let part = parts.next()?;
            match segment {
                Segment::Literal(literal) if literal == part => {}
                Segment::Parameter(name) if !part.is_empty() => parameters.push((name.as_str(), part)),
                _ => return None,
            }
        }
        (self.rest || parts.next().is_none()).then_some(parameters)
    }

    /// `Less` = more specific: from the left, a literal before a parameter before `*`.
    #[must_use]
    pub fn specificity(&self, other: &Self) -> Ordering {
        let ranks = |pattern: &Self| -> Vec<u8> {
            pattern
                .segments
                .iter()
                .map(|segment| match segment {
                    Segment::Literal(_) => 0,
                    Segment::Parameter(_) => 2,
                })
                .chain([if pattern.rest { 3 } else { 1 }])
                .collect()
        };
        ranks(self).cmp(&ranks(other))
    }

    /// Whether both match the same paths, ignoring the names of parameters.
    #[must_use]
    pub fn same_paths(&self, other: &Self) -> bool {
        self.rest == other.rest
            && self.segments.len() == other.segments.len()
            && self.segments.iter().zip(&other.segments).all(|pair| match pair {
                (Segment::Literal(a), Segment::Literal(b)) => a == b,
                (Segment::Parameter(_), Segment::Parameter(_)) => true,
                _ => false,
            })
    }

    /// The paths that it matches, as text: equal for patterns that match the same paths.
    #[must_use]
    pub fn shape(&self) -> String {
        let mut shape = String::new();
        for segment in &self.segments {
            shape.push('/');
            shape.push_str(match segment {
                Segment::Literal(literal) => literal,
                Segment::Parameter(_) => "{}",
            });
        }
        if self.rest { shape + "/*" } else { shape }
    }

    /// Whether it captures a parameter of this name.
    #[must_use]
    pub fn captures(&self, name: &str) -> bool {
        self.segments.iter().any(|segment| matches!(segment, Segment::Parameter(known) if known == name))
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

data!(enum Host { Any, 1 = Exact(name), 2 = Suffix(name) });
data!(enum Segment { Literal(text), 1 = Parameter(name) });
data!(struct Pattern { segments, rest });
