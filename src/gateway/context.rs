//! What travels with a request: set on its way through `gateway.rs`, once each, and read by all. Usher's own pages and a
//! sign-in find out by themselves who is asking.

use super::reply::After;
use crate::config::{Config, Millis, Route, Sizes, USES};
use crate::error::Error;
use crate::headers;
use crate::http::cookie;
use crate::http::head::Head;
use crate::http::trace::Trace;
use crate::http::visitor::Visitor;
use crate::identity::{Absence, Identity};
use crate::limit::{Charge, size};
use crate::locale::{self, Choice, Inputs};
use crate::origin::steer;
use crate::platform::Platform;
use crate::route::Place;
use std::cell::RefCell;

/// One request, and what was decided about it so far.
pub(super) struct Context<'a, P> {
    pub(super) platform: &'a P,
    pub(super) config: &'a Config,
    pub(super) head: &'a Head<'a>,
    pub(super) visitor: Visitor<'a>,
    pub(super) request_id: String,
    pub(super) trace: Trace<'a>,
    /// Random bits, for selections; not a secret.
    pub(super) random: u64,
    /// When the request came (milliseconds since 1970).
    pub(super) started: Millis,
    pub(super) route: Option<&'a Route>,
    /// Place in [`Config::regions`], and why.
    pub(super) region: Option<(usize, steer::Reason)>,
    pub(super) identity: Identity,
    pub(super) locale: Option<Choice>,
    /// Whether the visitor gets the route's canary.
    pub(super) canary: bool,
    /// Tags that rules gave it.
    pub(super) tags: Vec<&'a str>,
    /// Whether a rule lets it pass whatever else protects the origin.
    pub(super) allowed: bool,
    /// What it was counted by limits.
    pub(super) charges: RefCell<Vec<Charge>>,
    /// `Set-Cookie` values of signed cookies: see [`crate::http::signed_cookie`].
    cookies: RefCell<Vec<String>>,
    /// Work that the visitor does not wait for.
    after: RefCell<Vec<After>>,
}

impl<'a, P: Platform> Context<'a, P> {
    pub(super) fn new(platform: &'a P, config: &'a Config, head: &'a Head<'a>) -> Self {
        let (id, rest) = split::<16, 32>(platform.random::<48>());
        let (trace, random) = split::<24, 8>(rest);
        Self {
            platform,
            config,
            head,
            visitor: Visitor::of(head),
            request_id: headers::request_id(head.fields.get("x-request-id"), &id),
            trace: Trace::of(head.fields.get("traceparent"), head.fields.get("tracestate"), &trace),
            random: u64::from_le_bytes(random),
            started: platform.now(),
            route: None,
            region: None,
            identity: Identity::Anonymous(Absence::NotAsked),
            locale: None,
            canary: false,
            tags: Vec::new(),
            allowed: false,
            charges: RefCell::default(),
            cookies: RefCell::default(),
            after: RefCell::default(),
        }
    }

    /// The time (milliseconds since 1970).
    pub(super) fn now(&self) -> Millis {
        self.platform.now()
    }

    /// Sets a signed cookie with the reply.
    pub(super) fn set_cookie(&self, line: String) {
        self.cookies.borrow_mut().push(line);
    }

    /// Whether the reply sets a signed cookie, and so is this visitor's alone.
    pub(super) fn sets_cookie(&self) -> bool {
        !self.cookies.borrow().is_empty()
    }

    /// Leaves work to be done after the reply.
    pub(super) fn defer(&self, work: After) {
        self.after.borrow_mut().push(work);
    }

    /// Drops deferred work that is no longer wanted.
    pub(super) fn cancel(&self, is_unwanted: impl Fn(&After) -> bool) {
        self.after.borrow_mut().retain(|work| !is_unwanted(work));
    }

    /// The cookies to set and the deferred work, for the reply.
    pub(super) fn into_effects(self) -> (Vec<String>, Vec<After>) {
        (self.cookies.into_inner(), self.after.into_inner())
    }

    /// How large the request may be. Not to be kept while something is awaited: where the part is not used, the compiler
    /// sees only here that there is nothing.
    #[inline]
    pub(super) fn sizes(&self) -> Option<&'a Sizes> {
        if !USES.sizes {
            return None;
        }
        let protection = self.config.protection.get();
        let place = match self.route {
            Some(route) => protection.routes.get(route.place)?.sizes?,
            None => protection.request?,
        };
        protection.sizes.get(place)
    }

    /// Refuses a request that is too large, as far as is known before its body arrives.
    ///
    /// # Errors
    /// [`Error::Oversized`]
    pub(super) fn check_size(&self) -> Result<(), Error> {
        match self.sizes() {
            Some(sizes) => size::check(sizes, self.head),
            None => Ok(()),
        }
    }

    /// Whether the visitor came by https.
    pub(super) fn is_https(&self) -> bool {
        self.head.url.scheme == "https"
    }

    /// The locale, by everything that may decide it: `prefix` is the one in the path, `session` the user's own.
    pub(super) fn negotiate(&self, prefix: Option<usize>, session: Option<&str>) -> Choice {
        let wishes = Inputs {
            path: prefix,
            query: self.head.url.parameter(&self.config.locales.query),
            cookie: cookie::find(self.head.fields.get("cookie"), &self.config.locales.cookie).one(),
            session,
            header: self.head.fields.get("accept-language"),
            country: self.visitor.country,
        };
        locale::choose(&self.config.locales, &wishes)
    }

    /// The negotiated locale's tag.
    pub(super) fn language(&self) -> Option<&'a str> {
        self.config.locales.supported.get(self.locale?.locale).map(String::as_str)
    }

    /// The locale prefix of the path, `/ja`, or an empty string.
    pub(super) fn locale_prefix(&self, place: &Place<'_, '_>) -> String {
        let tag = place.prefix.and_then(|place| self.config.locales.supported.get(place));
        tag.map(|tag| format!("/{tag}")).unwrap_or_default()
    }

    /// The locale prefix that the origin does not get, `/ja`, or an empty string.
    pub(super) fn stripped_prefix(&self, place: &Place<'_, '_>) -> String {
        if place.kept_prefix().is_some() { String::new() } else { self.locale_prefix(place) }
    }

    /// The region's name.
    pub(super) fn region_name(&self) -> Option<&'a str> {
        self.config.regions.get(self.region?.0).map(|region| region.name.as_str())
    }
}

fn split<const A: usize, const B: usize>(bytes: impl AsRef<[u8]>) -> ([u8; A], [u8; B]) {
    let bytes = bytes.as_ref();
    let first = bytes.first_chunk::<A>().copied().unwrap_or([0; A]);
    let last = bytes.last_chunk::<B>().copied().unwrap_or([0; B]);
    (first, last)
}
