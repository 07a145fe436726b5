//! One request's facts as they are found out, and its line in the log.

use super::identify;
use crate::cache;
use crate::config::{Auth, Authenticator, Config, Millis, Route};
use crate::cookie;
use crate::error::{Blame, Error};
use crate::head::Head;
use crate::headers::{self, Told, trace::Trace};
use crate::identity::Identity;
use crate::ledger::Moment;
use crate::locale::{self, Choice, Wishes};
use crate::observe::{self, Line};
use crate::platform::{After, Platform};
use crate::route::Place;
use crate::session::{Absence, Note};
use crate::steer;
use crate::visitor::Visitor;

/// What is known of one request.
pub(super) struct Visit<'a> {
    pub(super) head: &'a Head<'a>,
    pub(super) visitor: Visitor<'a>,
    pub(super) request_id: String,
    pub(super) trace: Trace<'a>,
    /// Random, for picking; no secret.
    pub(super) dice: u64,
    pub(super) started: Millis,
    pub(super) route: Option<&'a Route>,
    pub(super) region: Option<(usize, steer::Reason)>,
    pub(super) identity: Identity,
    pub(super) choice: Option<Choice>,
    /// Whether the answer is in the language that was chosen.
    pub(super) speaks: bool,
    pub(super) cache: cache::Status,
    /// The URL in the store, for the operator.
    pub(super) cache_key: Option<String>,
    pub(super) origin: Option<&'a str>,
    pub(super) pool: Option<&'a str>,
    pub(super) shard: Option<&'a str>,
    /// Why this origin, where it is not the balance's choice.
    pub(super) steered: Option<&'static str>,
    pub(super) attempts: u32,
    /// Whether the visitor is among those who get the canary.
    pub(super) canary: bool,
    /// What is stored serves only if it was made since, for they wrote before.
    pub(super) shows_from: Millis,
    /// When what is asked for was last purged, as far as is known: a replica has to be newer.
    pub(super) stamped: Moment,
    /// `Set-Cookie` values for what the visitor is to remember.
    pub(super) hints: Vec<String>,
    /// Whether what is stored serves, because the pool that is down says so.
    pub(super) serves_stale: bool,
    pub(super) identity_ms: Millis,
    pub(super) origin_ms: Millis,
    pub(super) error: Option<Error>,
    /// What went wrong although something stale served.
    pub(super) outage: Option<Error>,
    pub(super) after: Vec<After>,
}

impl<'a> Visit<'a> {
    pub(super) fn new<P: Platform>(platform: &P, head: &'a Head<'a>) -> Self {
        let (id, rest) = split::<16, 32>(platform.random::<48>());
        let (trace, dice) = split::<24, 8>(rest);
        Self {
            head,
            visitor: Visitor::of(head),
            request_id: headers::request_id(head.fields.get("x-request-id"), &id),
            trace: Trace::of(head.fields.get("traceparent"), head.fields.get("tracestate"), &trace),
            dice: u64::from_le_bytes(dice),
            started: platform.now(),
            route: None,
            region: None,
            identity: Identity::Anonymous(Absence::NotAsked),
            choice: None,
            speaks: false,
            cache: cache::Status::Generated,
            cache_key: None,
            origin: None,
            pool: None,
            shard: None,
            steered: None,
            attempts: 0,
            canary: false,
            shows_from: 0,
            stamped: 0,
            hints: Vec::new(),
            serves_stale: false,
            identity_ms: 0,
            origin_ms: 0,
            error: None,
            outage: None,
            after: Vec::new(),
        }
    }

    /// The locale, with everything that may decide it.
    pub(super) fn negotiate(&self, config: &Config, prefix: Option<usize>) -> Choice {
        let session = self.identity.record().and_then(|record| record.locale.as_deref());
        negotiate(config, self.head, &self.visitor, session, prefix)
    }

    /// Whether the visitor came by https.
    pub(super) fn is_https(&self) -> bool {
        self.head.url.scheme == "https"
    }

    /// Leaves the record of an ended session to be removed, with its line in the user's list, and
    /// writes it back no more.
    pub(super) fn gone(&mut self, user: Option<&str>, key: &str) {
        self.after.retain(|task| !matches!(task, After::Renew { key: renewed, .. } if *renewed == key));
        self.after.extend(user.map(|user| After::Delete { key: Note::name(user, key) }));
        self.after.push(After::Delete { key: key.to_owned() });
    }

    /// The negotiated locale's tag.
    pub(super) fn language<'c>(&self, config: &'c Config) -> Option<&'c str> {
        config.locales.supported.get(self.choice?.locale).map(String::as_str)
    }

    /// The locale prefix that the path came with, `/ja`, or nothing.
    pub(super) fn prefix_of(&self, config: &Config, place: &Place<'_, '_>) -> String {
        let tag = place.prefix.and_then(|place| config.locales.supported.get(place));
        tag.map(|tag| format!("/{tag}")).unwrap_or_default()
    }

    /// The locale prefix that the origin does not get, `/ja`, or nothing.
    pub(super) fn stripped(&self, config: &Config, place: &Place<'_, '_>) -> String {
        if place.kept_prefix().is_some() { String::new() } else { self.prefix_of(config, place) }
    }

    /// The region's name.
    pub(super) fn region_name<'c>(&self, config: &'c Config) -> Option<&'c str> {
        config.regions.get(self.region?.0).map(|region| region.name.as_str())
    }

    /// The fields whose credentials were for the gateway, and go no further.
    fn spent<'c>(&self, config: &'c Config, route: &Route) -> Vec<&'c str> {
        let mut fields = Vec::new();
        if route.auth != Auth::None && !route.forward_token {
            if route.by.contains(&Authenticator::Jwt) && identify::bearer(&self.head.fields).is_some() {
                fields.push("authorization");
            }
            if route.by.contains(&Authenticator::ApiKey) {
                fields.push(config.api_key.as_str());
            }
        }
        fields
    }

    /// Whether the origin gets credentials of the visitor's own, and so may answer them alone.
    pub(super) fn hands_on_credentials(&self, config: &Config, route: &Route) -> bool {
        let spent = self.spent(config, route);
        let key = route.by.contains(&Authenticator::ApiKey).then_some(config.api_key.as_str());
        let names = ["authorization"].into_iter().chain(key);
        names.filter(|name| !spent.contains(name)).any(|name| self.head.fields.get(name).is_some())
    }

    /// The changes that turn the request into what the origin receives.
    pub(super) fn to_origin(
        &self,
        config: &Config,
        place: &Place<'_, '_>,
        shared: Option<&cache::Partition>,
    ) -> crate::head::Edits {
        let prefix = Some(self.stripped(config, place)).filter(|prefix| !prefix.is_empty());
        let credentials = self.route.map(|route| self.spent(config, route)).unwrap_or_default();
        let told = Told {
            identity: &self.identity,
            shared,
            locale: self.language(config),
            prefix: prefix.as_deref(),
            visitor: &self.visitor,
            region: self.region_name(config),
            request_id: &self.request_id,
            trace: &self.trace,
            cookie: &config.session.cookie,
            credentials: &credentials,
        };
        headers::to_origin(self.head, &told)
    }

    /// The log's line.
    pub(super) fn line<'l>(&'l self, config: &'l Config, log_key: &str, status: u16, ms: Millis) -> Line<'l> {
        Line {
            id: &self.request_id,
            trace: self.trace.id(),
            method: self.head.method,
            host: self.head.url.authority,
            path: self.head.url.path,
            route: self.route.map(|route| route.name.as_str()),
            status,
            identity: self.identity.word(),
            user: self.identity.record().map(|record| observe::user(log_key, &record.user)),
            locale: self.language(config),
            locale_by: self.choice.map(|choice| choice.reason.word()),
            country: self.visitor.country,
            region: self.region_name(config),
            region_by: self.region.map(|(_, reason)| reason.word()),
            origin: self.origin,
            pool: self.pool,
            shard: self.shard,
            steered: self.steered,
            attempts: self.attempts,
            cache: self.cache.word(),
            cache_why: self.cache.why(),
            error: self.error.as_ref().or(self.outage.as_ref()).map(ToString::to_string),
            blame: self.error.as_ref().or(self.outage.as_ref()).map(|error| match error.blame() {
                Blame::Visitor => "visitor",
                Blame::Operator => "operator",
                Blame::Origin => "origin",
                Blame::Platform => "platform",
                Blame::Usher => "usher",
            }),
            ms,
            identity_ms: self.identity_ms,
            origin_ms: self.origin_ms,
        }
    }
}

/// The locale of a request, for an answer or for an error.
pub(super) fn negotiate(
    config: &Config,
    head: &Head<'_>,
    visitor: &Visitor<'_>,
    session: Option<&str>,
    prefix: Option<usize>,
) -> Choice {
    let wishes = Wishes {
        path: prefix,
        query: head.url.parameter(&config.locales.query),
        cookie: cookie::find(head.fields.get("cookie"), &config.locales.cookie).one(),
        session,
        header: head.fields.get("accept-language"),
        country: visitor.country,
    };
    locale::choose(&config.locales, &wishes)
}

fn split<const A: usize, const B: usize>(bytes: impl AsRef<[u8]>) -> ([u8; A], [u8; B]) {
    let bytes = bytes.as_ref();
    let first = bytes.first_chunk::<A>().copied().unwrap_or([0; A]);
    let last = bytes.last_chunk::<B>().copied().unwrap_or([0; B]);
    (first, last)
}
