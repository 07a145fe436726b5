//! The keys of issuers: read from the issuer, kept in the store in case it is down, read again when they are older than
//! `refresh` or when a token names an unknown key.

use crate::config::{Algorithm, Config, Issuer, KeySource, List, Millis};
use crate::gateway::context::Context;
use crate::gateway::observe::Observer;
use crate::gateway::reply::After;
use crate::identity::jwt::{self, Key, Keys, MOST_BYTES};
use crate::identity::oidc::Provider;
use crate::identity::session::digest;
use crate::platform::{DocumentRequest, Platform, Unavailable};
use std::cell::RefCell;
use std::rc::Rc;

/// An unknown key makes Usher read an issuer's keys again at most this often.
const AGAIN: Millis = 30_000;
/// Maximum number of unknown and of withdrawn key names that are remembered.
const MOST_WANTED: usize = 16;
/// After a failure an issuer whose keys are not known is not asked for this long.
const PAUSE: Millis = 2_000;
/// How long an issuer may take to answer.
pub(super) const DEADLINE: Millis = 3_000;
/// How long the last good keys are kept in the store, in seconds.
const KEPT: u64 = 30 * 86_400;

/// What is known of one issuer.
#[derive(Debug, Default)]
struct Ring {
    keys: Option<Rc<Keys>>,
    provider: Option<Rc<Provider>>,
    /// When the keys were requested (milliseconds since 1970); 0 if they cannot change.
    read: Millis,
    /// When they were last read because a token named an unknown key, and the names of such keys.
    again: Option<(Millis, Vec<String>)>,
    /// Names of keys that the issuer had before and has no longer.
    withdrawn: Vec<String>,
    /// When a read after a reply began, or failed.
    tried: Option<Millis>,
    /// Whether the last read failed.
    failed: bool,
    /// When the last good keys were put into the store.
    kept: Millis,
    /// Why none of the operator's keys can be used, until that is logged once.
    fault: Option<String>,
    /// When reading the discovery document failed last.
    silent: Option<Millis>,
}

/// The keys of all issuers, by their index in [`Config::issuers`].
pub(super) struct KeyRings {
    rings: Vec<RefCell<Ring>>,
    observer: Rc<Observer>,
}

impl KeyRings {
    /// Reads the keys that the operator configured.
    ///
    /// # Errors
    /// The issuer whose keys cannot be used, and why.
    pub(super) fn new(issuers: &List<Issuer>, observer: Rc<Observer>) -> Result<Self, String> {
        let ring = |issuer: &Issuer| {
            let keys = match &issuer.keys {
                KeySource::Set(text) => Some(Keys::trusted(text.text(), &issuer.algorithms)),
                KeySource::Secret(text) => Some(secret(text.text(), &issuer.algorithms).map(Keys::one)),
                KeySource::Url(_) | KeySource::Discovered => None,
            };
            let keys = keys
                .transpose()
                .map_err(|why| format!("the keys of issuer {:?} cannot be used: {why}", issuer.name))?;
            let fault = keys.as_ref().and_then(Keys::why_unusable);
            Ok(RefCell::new(Ring { keys: keys.map(Rc::new), fault, ..Ring::default() }))
        };
        Ok(Self { rings: issuers.iter().map(ring).collect::<Result<_, String>>()?, observer })
    }

    /// No issuers.
    pub(super) fn none(observer: Rc<Observer>) -> Self {
        Self { rings: Vec::new(), observer }
    }

    /// An issuer's keys: from memory, else from the store, else from the issuer.
    pub(super) async fn keys<P: Platform>(&self, ctx: &Context<'_, P>, place: usize) -> Result<Rc<Keys>, Unavailable> {
        let (ring, issuer) = self.ring(ctx.config, place)?;
        let fault = ring.borrow_mut().fault.take();
        if let Some(why) = fault {
            ctx.platform.error(&format!("the keys of issuer {:?} hold no token: {why}", issuer.name));
        }
        let fixed = is_fixed(issuer);
        if ring.borrow().keys.is_none() && !fixed {
            let text = ctx.platform.get(&stored_as(issuer), DEADLINE).await.ok().flatten();
            let stored = text.as_deref().and_then(|text| text.split_once('\n'));
            if let Some((Ok(read), Ok(keys))) = stored.map(|(read, text)| (read.parse(), Keys::published(text))) {
                let mut ring = ring.borrow_mut();
                ring.keys.get_or_insert_with(|| Rc::new(keys));
                ring.read = ring.read.max(read);
            }
        }
        let now = ctx.now();
        let (known, read, tried) = {
            let ring = ring.borrow();
            (ring.keys.clone(), ring.read, ring.tried)
        };
        match known {
            Some(keys) => {
                let aged = !fixed && now.saturating_sub(read) >= issuer.refresh;
                let overdue = aged && now.saturating_sub(read) >= 2 * issuer.refresh;
                if aged && tried.is_none_or(|tried| now.saturating_sub(tried) >= AGAIN) {
                    ring.borrow_mut().tried = Some(now);
                    if overdue {
                        // No earlier request has read them after its reply: withdrawn keys must not stay in use.
                        return Ok(self.read(ctx.platform, ctx.config, place).await.unwrap_or(keys));
                    }
                    ctx.defer(After::ReadKeys(place));
                }
                Ok(keys)
            }
            None if tried.is_some_and(|tried| now.saturating_sub(tried) < PAUSE) => Err(Unavailable),
            None => self.read(ctx.platform, ctx.config, place).await,
        }
    }

    /// The keys of an issuer whose token names a key (`kid`) that is not among the `known` ones: read again, unless
    /// that happened within `AGAIN`.
    ///
    /// # Errors
    /// It is uncertain whether the key exists: the issuer is down, or was last asked because of another key and may
    /// have made this one since.
    pub(super) async fn keys_again<P: Platform>(
        &self,
        ctx: &Context<'_, P>,
        place: usize,
        known: Rc<Keys>,
        kid: Option<&str>,
    ) -> Result<Rc<Keys>, Unavailable> {
        let (ring, issuer) = self.ring(ctx.config, place)?;
        if is_fixed(issuer) {
            return Ok(known);
        }
        let now = ctx.now();
        let (again, read, tried, failed) = {
            let ring = ring.borrow();
            (ring.again.clone(), ring.read, ring.tried, ring.failed)
        };
        // A response answers for every key that was wanted when its request was sent.
        let withdrawn = kid.is_some_and(|kid| ring.borrow().withdrawn.iter().any(|known| known == kid));
        let known_of = |wanted: &[String]| withdrawn || kid.is_none_or(|kid| wanted.iter().any(|known| known == kid));
        match again.filter(|(again, _)| now.saturating_sub(*again) < AGAIN) {
            None => {}
            Some((again, _)) if failed && tried.is_some_and(|tried| tried >= again) => return Err(Unavailable),
            // The issuer has answered since, or the request that asked it is gone.
            Some((again, wanted)) if read >= again || now.saturating_sub(again) >= DEADLINE => {
                let keys = ring.borrow().keys.clone().unwrap_or(known);
                return if known_of(&wanted) { Ok(keys) } else { Err(Unavailable) };
            }
            // The issuer is being asked: the response is shared.
            Some((_, wanted)) => {
                if let Some((_, wanted)) = ring.borrow_mut().again.as_mut().filter(|_| !known_of(&wanted)) {
                    wanted.extend(kid.filter(|_| wanted.len() < MOST_WANTED).map(str::to_owned));
                }
                return self.read(ctx.platform, ctx.config, place).await;
            }
        }
        ring.borrow_mut().again = Some((now, kid.map(str::to_owned).into_iter().collect()));
        self.read(ctx.platform, ctx.config, place).await
    }

    /// Reads an issuer's keys from the issuer. If that fails, the last good ones stay.
    pub(super) async fn read<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        place: usize,
    ) -> Result<Rc<Keys>, Unavailable> {
        let asked = platform.now();
        let (ring, issuer) = self.ring(config, place)?;
        // A document that cannot be read is an outage; a key set that can be read and is empty withdraws all keys.
        let read = self.published(platform, config, place).await;
        self.observer.counters().keys_read(&issuer.name, read.is_ok());
        match read {
            Ok((keys, text)) => {
                if let Some(why) = keys.why_unusable() {
                    platform.error(&format!("the keys of issuer {:?} hold no token: {why}", issuer.name));
                }
                let keys = Rc::new(keys);
                {
                    let mut ring = ring.borrow_mut();
                    let before = ring.keys.replace(Rc::clone(&keys));
                    ring.withdrawn.retain(|kid| !keys.has_kid(kid));
                    let gone = before.iter().flat_map(|before| before.kids()).filter(|kid| !keys.has_kid(kid));
                    ring.withdrawn.extend(gone.map(str::to_owned));
                    let surplus = ring.withdrawn.len().saturating_sub(MOST_WANTED);
                    ring.withdrawn.drain(..surplus);
                    ring.read = asked;
                    ring.tried = None;
                    ring.failed = false;
                }
                // Another isolate may start with the stored keys; without them it asks the issuer. The store accepts
                // one write a second for one key.
                if asked.saturating_sub(ring.borrow().kept) < AGAIN {
                    return Ok(keys);
                }
                ring.borrow_mut().kept = asked;
                let _ = platform.put(&stored_as(issuer), &format!("{asked}\n{text}"), KEPT).await;
                Ok(keys)
            }
            Err(why) => {
                let known = ring.borrow().keys.clone();
                {
                    let mut ring = ring.borrow_mut();
                    ring.tried = Some(platform.now());
                    ring.failed = true;
                }
                let then = if known.is_some() { "the last good ones serve on" } else { "its tokens cannot be checked" };
                platform.error(&format!("the keys of issuer {:?} cannot be read: {why}; {then}", issuer.name));
                Err(Unavailable)
            }
        }
    }

    /// An issuer's discovery document (OpenID Connect Discovery 1.0).
    pub(super) async fn provider<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        place: usize,
    ) -> Result<Rc<Provider>, String> {
        let (ring, _) = self.ring(config, place).map_err(|_| "it is unknown")?;
        let (known, silent) = (ring.borrow().provider.clone(), ring.borrow().silent);
        match known {
            Some(known) => Ok(known),
            None if silent.is_some_and(|silent| platform.now().saturating_sub(silent) < PAUSE) => {
                Err("it did not answer a moment ago".into())
            }
            None => self.discover(platform, config, place).await.inspect_err(|_| {
                ring.borrow_mut().silent = Some(platform.now());
            }),
        }
    }

    async fn published<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        place: usize,
    ) -> Result<(Keys, String), String> {
        let (_, issuer) = self.ring(config, place).map_err(|_| "it is unknown")?;
        let url = match &issuer.keys {
            KeySource::Url(url) => url.text().to_owned(),
            _ => self.discover(platform, config, place).await?.jwks_uri.clone(),
        };
        let text = document(platform, &url).await?;
        Keys::published(&text).map(|keys| (keys, text)).map_err(|why| format!("{url}: {why}"))
    }

    /// Reads the discovery document again, because the issuer may move its endpoints.
    async fn discover<P: Platform>(&self, platform: &P, config: &Config, place: usize) -> Result<Rc<Provider>, String> {
        let (ring, issuer) = self.ring(config, place).map_err(|_| "it is unknown")?;
        let url = format!("{}/.well-known/openid-configuration", issuer.iss.text().trim_end_matches('/'));
        let text = document(platform, &url).await?;
        let provider = Rc::new(Provider::read(&text, issuer.iss.text()).map_err(|why| format!("{url}: {why}"))?);
        ring.borrow_mut().provider = Some(Rc::clone(&provider));
        Ok(provider)
    }

    fn ring<'c>(&self, config: &'c Config, place: usize) -> Result<(&RefCell<Ring>, &'c Issuer), Unavailable> {
        self.rings.get(place).zip(config.issuers.get(place)).ok_or(Unavailable)
    }
}

/// Whether the operator configured the keys, so that they cannot change.
fn is_fixed(issuer: &Issuer) -> bool {
    matches!(issuer.keys, KeySource::Set(_) | KeySource::Secret(_))
}

/// Reads a shared secret: plain text, or `base64url:` and the encoded bytes.
fn secret(text: &str, algorithms: &[Algorithm]) -> Result<Key, String> {
    match text.strip_prefix("base64url:") {
        Some(encoded) => {
            let bytes = jwt::decode(encoded).ok_or("it is no base64url without padding")?;
            Key::secret(&bytes, algorithms)
        }
        None => Key::secret(text.as_bytes(), algorithms),
    }
}

/// Fetches a document of an issuer.
async fn document<P: Platform>(platform: &P, url: &str) -> Result<String, String> {
    let request = DocumentRequest { url, form: None, authorization: None, deadline: DEADLINE, most: MOST_BYTES };
    match platform.fetch_document(&request).await {
        Ok(document) if document.status == 200 => Ok(document.text),
        Ok(document) => Err(format!("{url} answered {}", document.status)),
        Err(_) => Err(format!("{url} did not answer, or not in time, or too much")),
    }
}

/// The store key of an issuer's last good keys.
fn stored_as(issuer: &Issuer) -> String {
    let of = match &issuer.keys {
        KeySource::Url(url) => url.text(),
        _ => issuer.iss.text(),
    };
    format!("keys:{}", digest(of))
}
