//! Whose keys are known here: read from the issuer, kept for when it is down, asked for anew when they
//! age or when a token names one that is not among them.

use super::{Gateway, visit::Visit};
use crate::config::{Algorithm, Config, Issuer, KeySource, Millis};
use crate::jwt::{Key, Keys, MOST_BYTES};
use crate::observe;
use crate::oidc::Provider;
use crate::platform::{After, Down, Platform, Question};
use crate::session::digest;
use std::cell::RefCell;
use std::rc::Rc;

/// An unknown key makes an issuer be asked again at most so often.
const AGAIN: Millis = 30_000;
/// Unknown keys that are remembered as asked for at one time.
const MOST_WANTED: usize = 16;
/// After a failure an issuer whose keys are not known is left alone for this long.
const PAUSE: Millis = 2_000;
/// How long an issuer may take to answer.
pub(super) const DEADLINE: Millis = 3_000;
/// How long its last good keys are kept in the store, in seconds.
const KEPT: u64 = 30 * 86_400;

/// What is known of one issuer.
#[derive(Debug, Default)]
struct Ring {
    keys: Option<Rc<Keys>>,
    provider: Option<Rc<Provider>>,
    /// When the keys were asked for; 0 where they cannot change.
    read: Millis,
    /// When they were last asked for because a token named an unknown one, and which.
    again: Option<(Millis, Vec<String>)>,
    /// Keys that it had before, and no longer.
    withdrawn: Vec<String>,
    /// When asking in the background began, or failed.
    tried: Option<Millis>,
    /// Whether it gave none when it was last asked.
    failed: bool,
    /// When its last good keys were put into the store.
    kept: Millis,
    /// What is to be said of them once: none that the operator gave can be used.
    fault: Option<String>,
    /// When it last failed to say what it is.
    silent: Option<Millis>,
}

/// What is known of all of them, by their places in the configuration.
#[derive(Debug, Default)]
pub(super) struct Keyrings(Vec<RefCell<Ring>>);

impl Keyrings {
    /// The keys that the operator gave.
    ///
    /// # Errors
    /// A sentence: whose are wrong, and how.
    pub(super) fn new(issuers: &[Issuer]) -> Result<Self, String> {
        let ring = |issuer: &Issuer| {
            let keys = match &issuer.keys {
                KeySource::Set(text) => Some(Keys::trusted(text.text(), &issuer.algorithms)),
                KeySource::Secret(text) => Some(secret(text.text(), &issuer.algorithms).map(Keys::one)),
                KeySource::Url(_) | KeySource::Discovered => None,
            };
            let keys = keys
                .transpose()
                .map_err(|why| format!("the keys of issuer {:?} cannot be used: {why}", issuer.name))?;
            let fault = keys.as_ref().and_then(Keys::useless);
            Ok(RefCell::new(Ring { keys: keys.map(Rc::new), fault, ..Ring::default() }))
        };
        issuers.iter().map(ring).collect::<Result<_, String>>().map(Self)
    }
}

/// A shared secret as text, or as `base64url:` and its bytes.
fn secret(text: &str, algorithms: &[Algorithm]) -> Result<Key, String> {
    match text.strip_prefix("base64url:") {
        Some(encoded) => {
            let bytes = crate::jwt::decode(encoded).ok_or("it is no base64url without padding")?;
            Key::secret(&bytes, algorithms)
        }
        None => Key::secret(text.as_bytes(), algorithms),
    }
}

impl Gateway {
    /// An issuer's keys, from memory, else from the store, else from itself.
    pub(super) async fn keys<P: Platform>(
        &self,
        platform: &P,
        visit: &mut Visit<'_>,
        place: usize,
        issuer: &Issuer,
    ) -> Result<Rc<Keys>, Down> {
        let ring = self.keyrings.0.get(place).ok_or(Down)?;
        let fault = ring.borrow_mut().fault.take();
        if let Some(why) = fault {
            let sentence = format!("the keys of issuer {:?} hold no token: {why}", issuer.name);
            platform.log(&observe::event("error", &sentence));
        }
        let fixed = matches!(issuer.keys, KeySource::Set(_) | KeySource::Secret(_));
        if ring.borrow().keys.is_none() && !fixed {
            let text = platform.record_read(&stored_as(issuer), DEADLINE).await.ok().flatten();
            let stored = text.as_deref().and_then(|text| text.split_once('\n'));
            if let Some((Ok(read), Ok(keys))) = stored.map(|(read, text)| (read.parse(), Keys::published(text))) {
                let mut ring = ring.borrow_mut();
                ring.keys.get_or_insert_with(|| Rc::new(keys));
                ring.read = ring.read.max(read);
            }
        }
        let now = platform.now();
        let (known, read, tried) = {
            let ring = ring.borrow();
            (ring.keys.clone(), ring.read, ring.tried)
        };
        match known {
            Some(keys) => {
                let aged = !fixed && now.saturating_sub(read) >= issuer.refresh;
                let very = aged && now.saturating_sub(read) >= 2 * issuer.refresh;
                if aged && tried.is_none_or(|tried| now.saturating_sub(tried) >= AGAIN) {
                    ring.borrow_mut().tried = Some(now);
                    if very {
                        // Nobody was here to ask behind an answer: what was withdrawn must not hold.
                        return Ok(self.read_keys(platform, place, issuer).await.unwrap_or(keys));
                    }
                    visit.after.push(After::Keys(place));
                }
                Ok(keys)
            }
            None if tried.is_some_and(|tried| now.saturating_sub(tried) < PAUSE) => Err(Down),
            None => self.read_keys(platform, place, issuer).await,
        }
    }

    /// The keys of an issuer whose token names one (`kid`) that is not among those known: asked for anew,
    /// if that did not happen lately. Nobody can say that there is no such key while the issuer is down,
    /// nor when it was asked because of another and may have made this one since.
    pub(super) async fn keys_again<P: Platform>(
        &self,
        platform: &P,
        place: usize,
        issuer: &Issuer,
        known: Rc<Keys>,
        kid: Option<&str>,
    ) -> Result<Rc<Keys>, Down> {
        let ring = self.keyrings.0.get(place).ok_or(Down)?;
        if matches!(issuer.keys, KeySource::Set(_) | KeySource::Secret(_)) {
            return Ok(known);
        }
        let now = platform.now();
        let (again, read, tried, failed) = {
            let ring = ring.borrow();
            (ring.again.clone(), ring.read, ring.tried, ring.failed)
        };
        // What the answer says of every key that was wanted when it was asked for.
        let withdrawn = kid.is_some_and(|kid| ring.borrow().withdrawn.iter().any(|known| known == kid));
        let known_of = |wanted: &[String]| withdrawn || kid.is_none_or(|kid| wanted.iter().any(|known| known == kid));
        match again.filter(|(again, _)| now.saturating_sub(*again) < AGAIN) {
            None => {}
            Some((again, _)) if failed && tried.is_some_and(|tried| tried >= again) => return Err(Down),
            // It has answered since, or whoever asked is gone.
            Some((again, wanted)) if read >= again || now.saturating_sub(again) >= DEADLINE => {
                let keys = ring.borrow().keys.clone().unwrap_or(known);
                return if known_of(&wanted) { Ok(keys) } else { Err(Down) };
            }
            // It is being asked at this moment: the answer is shared.
            Some((_, wanted)) => {
                if let Some((_, wanted)) = ring.borrow_mut().again.as_mut().filter(|_| !known_of(&wanted)) {
                    wanted.extend(kid.filter(|_| wanted.len() < MOST_WANTED).map(str::to_owned));
                }
                return self.read_keys(platform, place, issuer).await;
            }
        }
        ring.borrow_mut().again = Some((now, kid.map(str::to_owned).into_iter().collect()));
        self.read_keys(platform, place, issuer).await
    }

    /// Asks an issuer for its keys behind an answer.
    pub(super) async fn keys_later<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        place: usize,
    ) -> Result<(), Down> {
        let issuer = config.issuers.get(place).ok_or(Down)?;
        self.read_keys(platform, place, issuer).await.map(|_| ())
    }

    /// Asks an issuer for its keys. The last good ones stay where it does not give any.
    async fn read_keys<P: Platform>(&self, platform: &P, place: usize, issuer: &Issuer) -> Result<Rc<Keys>, Down> {
        let asked = platform.now();
        let ring = self.keyrings.0.get(place).ok_or(Down)?;
        // A page that cannot be read is an outage; a set that can be, and has none, withdraws them all.
        let read = self.asked_keys(platform, place, issuer).await;
        self.counters.borrow_mut().keys_read(&issuer.name, read.is_ok());
        match read {
            Ok((keys, text)) => {
                if let Some(why) = keys.useless() {
                    let sentence = format!("the keys of issuer {:?} hold no token: {why}", issuer.name);
                    platform.log(&observe::event("error", &sentence));
                }
                let keys = Rc::new(keys);
                {
                    let mut ring = ring.borrow_mut();
                    let before = ring.keys.replace(Rc::clone(&keys));
                    ring.withdrawn.retain(|kid| !keys.name(kid));
                    let gone = before.iter().flat_map(|before| before.kids()).filter(|kid| !keys.name(kid));
                    ring.withdrawn.extend(gone.map(str::to_owned));
                    let much = ring.withdrawn.len().saturating_sub(MOST_WANTED);
                    ring.withdrawn.drain(..much);
                    ring.read = asked;
                    ring.tried = None;
                    ring.failed = false;
                }
                // Another isolate may begin with them; where they cannot be kept it asks for itself. The
                // store takes one write a second.
                if asked.saturating_sub(ring.borrow().kept) < AGAIN {
                    return Ok(keys);
                }
                ring.borrow_mut().kept = asked;
                let _ = platform.record_write(&stored_as(issuer), &format!("{asked}\n{text}"), KEPT).await;
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
                let sentence = format!("the keys of issuer {:?} cannot be read: {why}; {then}", issuer.name);
                platform.log(&observe::event("error", &sentence));
                Err(Down)
            }
        }
    }

    async fn asked_keys<P: Platform>(
        &self,
        platform: &P,
        place: usize,
        issuer: &Issuer,
    ) -> Result<(Keys, String), String> {
        let url = match &issuer.keys {
            KeySource::Url(url) => url.text().to_owned(),
            _ => self.read_provider(platform, place, issuer).await?.jwks_uri.clone(),
        };
        let text = document(platform, &url).await?;
        Keys::published(&text).map(|keys| (keys, text)).map_err(|why| format!("{url}: {why}"))
    }

    /// What an issuer says of itself (OpenID Connect Discovery 1.0).
    pub(super) async fn provider<P: Platform>(
        &self,
        platform: &P,
        place: usize,
        issuer: &Issuer,
    ) -> Result<Rc<Provider>, String> {
        let ring = self.keyrings.0.get(place).ok_or("it is unknown")?;
        let (known, silent) = (ring.borrow().provider.clone(), ring.borrow().silent);
        match known {
            Some(known) => Ok(known),
            None if silent.is_some_and(|silent| platform.now().saturating_sub(silent) < PAUSE) => {
                Err("it did not answer a moment ago".into())
            }
            None => self.read_provider(platform, place, issuer).await.inspect_err(|_| {
                ring.borrow_mut().silent = Some(platform.now());
            }),
        }
    }

    /// Asks an issuer what it says of itself; it may move its pages.
    async fn read_provider<P: Platform>(
        &self,
        platform: &P,
        place: usize,
        issuer: &Issuer,
    ) -> Result<Rc<Provider>, String> {
        let ring = self.keyrings.0.get(place).ok_or("it is unknown")?;
        let url = format!("{}/.well-known/openid-configuration", issuer.iss.text().trim_end_matches('/'));
        let text = document(platform, &url).await?;
        let provider = Rc::new(Provider::read(&text, issuer.iss.text()).map_err(|why| format!("{url}: {why}"))?);
        ring.borrow_mut().provider = Some(Rc::clone(&provider));
        Ok(provider)
    }
}

/// A document of an issuer's.
async fn document<P: Platform>(platform: &P, url: &str) -> Result<String, String> {
    let question = Question { url, form: None, authorization: None, deadline: DEADLINE, most: MOST_BYTES };
    match platform.consult(&question).await {
        Ok(word) if word.status == 200 => Ok(word.text),
        Ok(word) => Err(format!("{url} answered {}", word.status)),
        Err(_) => Err(format!("{url} did not answer, or not in time, or too much")),
    }
}

/// Where its last good keys are in the store.
fn stored_as(issuer: &Issuer) -> String {
    let of = match &issuer.keys {
        KeySource::Url(url) => url.text(),
        _ => issuer.iss.text(),
    };
    format!("keys:{}", digest(of))
}
