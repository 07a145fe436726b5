//! Passing the cache: look up, ask when there is nothing good, store what may be stored.

use super::forward::{Got, Passage};
use super::{Gateway, dress, visit::Visit};
use crate::cache::control::Unstored;
use crate::cache::stored::{Lookup, Stored};
use crate::cache::{self, Key, Status, validate};
use crate::config::{self, Config, Target};
use crate::error::Error;
use crate::head::{self, Edits, Fields};
use crate::headers;
use crate::identity::Identity;
use crate::platform::{Answer, Content, Platform, Reply, Store};
use crate::route::Place;

impl Gateway {
    /// Answers from store, or asks, and says which in `Cache-Status`.
    pub(super) async fn cached<'a, P: Platform>(
        &self,
        platform: &P,
        config: &'a Config,
        visit: &mut Visit<'a>,
        place: &Place<'a, 'a>,
    ) -> Result<Reply<P::Body>, Error> {
        match cache::admits(place.route, visit.head, &visit.identity) {
            Err(bypass) => {
                visit.cache = Status::Bypass(bypass.word());
                let query = visit.head.url.query.map(|query| format!("?{query}")).unwrap_or_default();
                let passage = Passage { place, query: &query, shared: None };
                let got = self.ask(platform, config, visit, &passage).await?;
                Ok(passed(got, visit, false))
            }
            Ok((policy, partition)) => {
                let edition = if matches!(place.route.target, Target::Static) { self.edition.as_str() } else { "-" };
                // A pool's origin is told whether the path said the language; its links may say so too.
                let said = place.prefix.is_some() && matches!(place.route.target, Target::Pools(_));
                let locale = visit.language(config).map(|tag| if said { format!("{tag}~") } else { tag.to_owned() });
                let key = Key::new(&visit.head.url, &place.path, policy, edition, locale.as_deref(), &partition);
                let passage = Passage { place, query: &key.query, shared: Some(&partition) };
                self.looked_up(platform, config, visit, &passage, policy, &key).await
            }
        }
    }

    async fn looked_up<'a, P: Platform>(
        &self,
        platform: &P,
        config: &'a Config,
        visit: &mut Visit<'a>,
        passage: &Passage<'_, 'a>,
        policy: &config::Cache,
        key: &Key,
    ) -> Result<Reply<P::Body>, Error> {
        let place = passage.place;
        let readable = self.current(platform, config).await.is_ok();
        let found = if readable { platform.cache_read(&key.url).await } else { None };
        let now = platform.now();
        let lookup =
            found.as_ref().map(|answer| Stored::judge(&head::answer(&answer.packed).1, key, &self.view.borrow(), now));
        let (reason, detail, stale) = match (lookup, found) {
            (Some(Lookup::Fresh(stored)), Some(answer)) => {
                visit.cache = Status::Hit(stored.time_to_live(now));
                return Ok(hit(&stored, answer, visit, now));
            }
            (Some(Lookup::Stale(stored)), Some(answer)) => ("stale", None, Some((stored, answer))),
            (Some(Lookup::Void(why)), _) => ("miss", Some(why), None),
            _ => ("miss", None, None),
        };
        let unstored = |why| Status::Forward { reason, detail, stored: Err(why) };
        let made = self.view.borrow().as_of();
        let asked = self.ask(platform, config, visit, passage).await;
        let got = match (asked, stale) {
            (Ok(got), _) => got,
            (Err(Error::OriginUnreachable | Error::OriginTimeout), Some((stored, answer))) => {
                visit.cache = Status::HitStale(stored.time_to_live(now));
                return Ok(hit(&stored, answer, visit, now));
            }
            (Err(error), _) => {
                visit.cache = unstored(if error == Error::NotFound { "status" } else { "origin-down" });
                return Err(error);
            }
        };
        let (status, fields) = head::answer(&got.answer.packed);
        let fixed = matches!(place.route.target, Target::Static);
        let keyed: &[&str] = if place.route.localized {
            &["accept-encoding", "cookie", "x-locale", "accept-language"]
        } else {
            &["accept-encoding", "cookie"]
        };
        let now = platform.now();
        let stored = match () {
            () if visit.head.method != "GET" => Err(Unstored::Method),
            () if got.personal => Err(Unstored::SetCookie),
            () if !readable => Err(Unstored::Ledger),
            () => Stored::of(status, &fields, key, policy, &place.route.tags, fixed, keyed, made, now),
        };
        visit.cache = Status::Forward { reason, detail, stored: stored.as_ref().map(|_| ()).map_err(|why| why.word()) };
        let store = stored.ok().map(|stored| {
            let mut edits = got.edits.clone();
            headers::to_client(&fields, false, &mut edits);
            stored.edit(now, &mut edits);
            Store { key: key.url.clone(), edits }
        });
        let mut reply = passed(got, visit, true);
        reply.store = store;
        Ok(reply)
    }
}

/// An answer that was just asked for. `shared` says that it passed the cache.
fn passed<B>(got: Got<B>, visit: &Visit<'_>, shared: bool) -> Reply<B> {
    let Got { answer, mut edits, personal } = got;
    let (status, fields) = head::answer(&answer.packed);
    dress(&fields, visit, &mut edits);
    if !personal {
        ours(visit, fields.get("cache-control"), &mut edits);
    }
    let same = shared && status == 200 && visit.head.is_safe() && validate::not_modified(&visit.head.fields, &fields);
    reply(if same { 304 } else { status }, edits, answer.body, visit)
}

/// A stored answer.
fn hit<B>(stored: &Stored, answer: Answer<B>, visit: &Visit<'_>, now: config::Millis) -> Reply<B> {
    let (status, fields) = head::answer(&answer.packed);
    let mut edits = Edits::new();
    restore(stored, &fields, now, &mut edits);
    dress(&fields, visit, &mut edits);
    ours(visit, stored.control.as_deref(), &mut edits);
    let same = status == 200 && validate::not_modified(&visit.head.fields, &fields);
    reply(if same { 304 } else { status }, edits, answer.body, visit)
}

/// Undoes what was changed for the store.
fn restore(stored: &Stored, fields: &Fields<'_>, now: config::Millis, edits: &mut Edits) {
    match &stored.control {
        Some(control) => edits.set("cache-control", control),
        None => edits.remove("cache-control"),
    }
    for (name, _) in fields.iter().filter(|(name, _)| name.starts_with("cf-")) {
        edits.remove(name);
    }
    edits.set("age", &stored.age(now).to_string());
}

/// What is answered to somebody signed in is kept by no cache on the way.
fn ours(visit: &Visit<'_>, control: Option<&str>, edits: &mut Edits) {
    if matches!(visit.identity, Identity::User { .. }) {
        edits.set("cache-control", &headers::private(control));
    }
}

fn reply<B>(status: u16, edits: Edits, body: B, visit: &Visit<'_>) -> Reply<B> {
    let bare = visit.head.method == "HEAD" || status == 304;
    let content = if bare { Content::Bare(body) } else { Content::Whole(body) };
    Reply { status, edits, content, store: None, after: Vec::new() }
}
