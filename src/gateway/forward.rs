//! Asking an origin, or the static files.

use super::{Gateway, addressed, attempt::Parcel, visit::Visit};
use crate::assertion::{Facts, Oath};
use crate::cache::Partition;
use crate::config::{Config, Target};
use crate::error::Error;
use crate::head::{self, Edits};
use crate::observe;
use crate::platform::{Answer, Platform};
use crate::respond::Generated;
use crate::route::Place;
use crate::session::Instruction;
use crate::{headers, locale, path, route};

/// What an origin can be asked with; TRACE would show it what a visitor must not see.
const METHODS: [&str; 7] = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];

/// What is asked of whoever the route's target is.
pub(super) struct Passage<'q, 'a> {
    pub(super) place: &'q Place<'a, 'a>,
    /// With its `?`, or empty.
    pub(super) query: &'q str,
    /// Among whom the answer is shared, when it passes the cache.
    pub(super) shared: Option<&'q Partition>,
    /// Whether what is stored is still good.
    pub(super) conditions: &'q Edits,
    /// See [`Ask::through`].
    pub(super) through: Option<&'q str>,
}

/// How Cloudflare says that it could not reach an origin, or not in time; and what is no answer.
pub(super) fn unreached(status: u16) -> Option<Error> {
    match status {
        520..=523 | 525..=527 | 530 => Some(Error::OriginUnreachable),
        // No status that could be passed on (RFC 9110 15); 101 is one where a web socket was asked for.
        0..=100 | 102..200 | 600.. => Some(Error::OriginUnreachable),
        524 => Some(Error::OriginTimeout),
        _ => None,
    }
}

/// An answer that was asked for, with changes that belong to it.
pub(super) struct Got<B> {
    pub(super) answer: Answer<B>,
    pub(super) edits: Edits,
    /// Whether it starts or ends a session, and so is nobody else's.
    pub(super) personal: bool,
}

impl<B> Got<B> {
    pub(super) fn status(&self) -> u16 {
        head::answer(&self.answer.packed).0
    }
}

impl Gateway {
    /// Asks whoever the route's target is.
    pub(super) async fn ask<'a, P: Platform>(
        &self,
        platform: &P,
        config: &'a Config,
        visit: &mut Visit<'a>,
        passage: &Passage<'_, 'a>,
    ) -> Result<Got<P::Body>, Error> {
        let asked = platform.now();
        let got = match &passage.place.route.target {
            Target::Static => self.file(platform, config, visit, passage.place).await,
            Target::Pools(_) | Target::Shards(_) => self.origin(platform, config, visit, passage).await,
            _ => Err(Error::Internal),
        };
        visit.origin_ms = platform.now().saturating_sub(asked);
        got
    }

    async fn origin<'a, P: Platform>(
        &self,
        platform: &P,
        config: &'a Config,
        visit: &mut Visit<'a>,
        passage: &Passage<'_, 'a>,
    ) -> Result<Got<P::Body>, Error> {
        let Passage { place, query, shared, conditions, through } = *passage;
        let mut edits = visit.to_origin(config, place, shared);
        edits.extend(conditions);
        let head = visit.head;
        if matches!(head.method, "TRACE" | "CONNECT") {
            return Err(Error::MethodNotAllowed(METHODS.map(str::to_owned).to_vec()));
        }
        if head.has_body && matches!(head.method, "GET" | "HEAD") {
            return Err(Error::Malformed("a GET or HEAD request has no body: send it without one".into()));
        }
        if place.route.throttle && !head.is_safe() {
            self.may_sign_in(platform, config, visit, None).await?;
        }
        let asked_path = format!("{}{query}", place.asked());
        if let Some(oath) = self.oath(platform, config, visit, place, (head.method, &asked_path), shared) {
            self.swear(platform, &oath, &mut edits).await?;
        }
        let until = platform.now() + place.route.deadline;
        let mut parcel = Parcel { path: &asked_path, through, until, hold: false };
        let answer = match &place.route.target {
            Target::Shards(shards) => {
                self.sharded(platform, config, visit, place, *shards, &mut parcel, &mut edits).await?
            }
            Target::Pools(pools) => {
                let pools = self.pools(config, visit, place.route, pools);
                self.tested(platform, config, visit, place, pools, &parcel, &mut edits).await?
            }
            _ => return Err(Error::Internal),
        };
        self.heard(platform, config, visit, place, (answer, shared.is_some())).await
    }

    /// What is to be sworn to the origins of a route, where there are keys for it.
    pub(super) fn oath<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        visit: &Visit<'_>,
        place: &Place<'_, '_>,
        (method, path): (&str, &str),
        shared: Option<&Partition>,
    ) -> Option<Oath> {
        if !matches!(place.route.target, Target::Pools(_) | Target::Shards(_)) {
            return None;
        }
        let signer = self.signer.as_ref()?;
        let service = |pool: &usize| config.pools.get(*pool).map(|pool| pool.service.as_str());
        let facts = Facts {
            issuer: &config.assertion,
            services: place.route.pools.iter().filter_map(service).collect(),
            method,
            path,
            request_id: &visit.request_id,
            record: visit.identity.record(),
            shared,
        };
        signer.oath(&facts, platform.now())
    }

    /// The keys that origins verify it with.
    pub(super) fn published(&self, method: &str) -> Result<Generated, Error> {
        if !matches!(method, "GET" | "HEAD") {
            return Err(Error::MethodNotAllowed(vec!["GET".into(), "HEAD".into()]));
        }
        let signer = self.signer.as_ref().ok_or(Error::NotFound)?;
        let mut answer = Generated::json(200, &signer.published());
        answer.edits.set("cache-control", "public, max-age=300");
        Ok(answer)
    }

    /// Signs it and puts it among what the origin is told.
    pub(super) async fn swear<P: Platform>(&self, platform: &P, oath: &Oath, edits: &mut Edits) -> Result<(), Error> {
        let signature = platform.sign(&oath.key, &oath.text).await.map_err(|_| {
            platform.log(&observe::event(
                "error",
                "a key of the secret SIGNING_KEYS cannot sign, and no origin is asked without",
            ));
            Error::IdentityDown
        })?;
        edits.set("usher-assertion", &format!("{}.{signature}", oath.text));
        Ok(())
    }

    /// Reads what the origin's answer asks of the gateway.
    async fn heard<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        visit: &mut Visit<'_>,
        place: &Place<'_, '_>,
        (answer, shared): (Answer<P::Body>, bool),
    ) -> Result<Got<P::Body>, Error> {
        let mut edits = Edits::new();
        let pool = config.pools.iter().find(|pool| visit.pool == Some(&pool.name)).zip(visit.origin);
        let answer = match pool {
            Some(pool) => {
                let prefix = visit.stripped(config, place);
                addressed::to_visitor(config, pool, (&visit.head.url, &prefix), (answer, shared), &mut edits)
            }
            None => answer,
        };
        let (_, fields) = head::answer(&answer.packed);
        // Whatever becomes of it, an answer that speaks of a session is nobody else's.
        let canary = place.route.canary.as_ref().filter(|_| visit.canary).and_then(|c| config.pools.get(c.pool));
        // Nor may what another pool answered for the canary be stored as the canary's.
        let personal =
            fields.get("usher-session").is_some() || canary.is_some_and(|pool| visit.pool != Some(&pool.name));
        if headers::sets_session(&fields, &config.session.cookie, &mut edits) {
            let sentence = format!(
                "route {:?}: the origin set the session's cookie itself, and it was taken out: start sessions by Usher-Session",
                place.route.name
            );
            platform.log(&observe::event("error", &sentence));
        }
        if let Some(value) = fields.get("usher-session").filter(|_| place.route.sessions) {
            match Instruction::parse(value) {
                Ok(instruction) => {
                    let instruction = self.attempted(platform, config, visit, place.route, instruction).await?;
                    let cookie = self.obey(platform, config, visit, instruction).await?;
                    if let Some(cookie) = cookie {
                        edits.append("set-cookie", &cookie);
                    }
                    edits.set("cache-control", "no-store");
                }
                Err(sentence) => {
                    platform.log(&observe::event("error", &format!("route {:?}: {sentence}", place.route.name)))
                }
            }
        }
        Ok(Got { answer, edits, personal })
    }
}

impl Gateway {
    /// A static file in the visitor's language, else in the default one, else as it is.
    async fn file<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        visit: &mut Visit<'_>,
        place: &Place<'_, '_>,
    ) -> Result<Got<P::Body>, Error> {
        visit.origin = Some("static");
        let default = config.locales.supported.get(config.locales.default).map(String::as_str);
        let mut languages: Vec<Option<&str>> = Vec::with_capacity(3);
        if let Some(language) = visit.language(config) {
            languages.push(Some(language));
            languages.extend([default].into_iter().filter(|default| *default != Some(language)));
        }
        // `/ja/x` as it stands is what `/x` guards in Japanese.
        if !(place.route.localized && route::names_locale(config, &place.path).is_some()) {
            languages.push(None);
        }
        for language in languages {
            let prefix = language.map(|tag| format!("/{tag}")).unwrap_or_default();
            visit.attempts += 1;
            let found = platform.file(&format!("{prefix}{}", place.path)).await;
            let answer = found.map_err(|_| Error::StoreDown)?;
            let (status, fields) = head::answer(&answer.packed);
            if status == 404 {
                continue;
            }
            let mut edits = Edits::new();
            edits.remove("cf-cache-status");
            // The store of files tidies paths by redirects; they must lead back through this door.
            if let Some(tidied) = fields.get("location").and_then(|location| location.strip_prefix(prefix.as_str())) {
                let location = if path::is_local(tidied) { tidied } else { "/" };
                let shown =
                    place.prefix.and_then(|place| config.locales.supported.get(place)).map(|tag| format!("/{tag}"));
                edits.set("location", &format!("{}{location}", shown.unwrap_or_default()));
            }
            let page = fields.get("content-type").is_some_and(|media| media.starts_with("text/html"));
            // What there is in one language only is the same for everybody.
            let locales = self.pages.get(place.path.as_ref());
            if visit.choice.is_some() && (page || locales.is_some()) {
                visit.speaks = locales.is_some();
                if let Some(language) = language.or(default).filter(|_| fields.get("content-language").is_none()) {
                    edits.set("content-language", language);
                }
                if let Some(locales) = locales.filter(|_| page && config.locales.prefix) {
                    edits.append("link", &locale::alternates(config, &visit.head.url, &place.path, locales));
                }
            }
            return Ok(Got { answer, edits, personal: false });
        }
        Err(Error::NotFound)
    }
}

/// What would have been forwarded, as JSON.
pub(super) fn echo(config: &Config, visit: &Visit<'_>, place: &Place<'_, '_>) -> Generated {
    // `Host` will be the origin's own.
    let mut edits = visit.to_origin(config, place, None);
    edits.remove("host");
    let fields = edits.applied(&visit.head.fields);
    let fields: serde_json::Map<String, serde_json::Value> =
        fields.into_iter().map(|(name, value)| (name, value.into())).collect();
    let query = visit.head.url.search();
    let visitor = &visit.visitor;
    let body = serde_json::json!({
        "forwarded": {
            "method": visit.head.method,
            "path": format!("{}{query}", place.asked()),
            "headers": fields,
        },
        "decided": {
            "route": place.route.name,
            "identity": visit.identity.word(),
            "locale": visit.language(config),
            "locale_by": visit.choice.map(|choice| choice.reason.word()),
            "region": visit.region_name(config),
            "region_by": visit.region.map(|(_, reason)| reason.word()),
            "country": visitor.country,
            "continent": visitor.continent,
            "colo": visitor.colo,
        },
    });
    let mut answer = Generated::json(200, &body);
    if let Some(language) = visit.language(config) {
        answer.edits.set("content-language", language);
    }
    answer
}
