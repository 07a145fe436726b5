//! Which origins stand together, and on what terms are they asked?

use super::super::http::date::Millis;
use super::raw::{Addressed, Algorithm, Down};
use super::setting::Setting;

/// Checked `[[pool]]`.
#[derive(Debug, Clone)]
pub struct Pool {
    /// Unique name.
    pub name: String,
    /// Place in [`super::Config::regions`].
    pub region: Option<usize>,
    /// At least one.
    pub origins: Vec<Origin>,
    /// Path for the health page and the prober.
    pub health: String,
    /// What `Usher-Assertion` calls it.
    pub service: String,
    /// Which address origins see.
    pub host: Addressed,
    /// Whether answers that name an origin's own address name the visitor's instead.
    pub rewrite: bool,
    /// How one of the origins is picked.
    pub balance: Algorithm,
    /// What is hashed, where hashing decides.
    pub hash: HashBy,
    /// Whether a visitor stays with an origin.
    pub affinity: bool,
    /// How far apart isolates tell one another of their origins.
    pub sync: Millis,
    /// How long an origin that is back gets less than its share.
    pub slow_start: Millis,
    /// How the origins are asked how they are.
    pub probe: Option<Probe>,
    /// When an origin that fails is left alone.
    pub ejection: Ejection,
    /// What happens when no origin is fit.
    pub down: Down,
    /// Place in [`super::Config::pools`] of the pool that serves then.
    pub fallback: Option<usize>,
    /// What is asked a second time.
    pub retry: Retry,
    /// How long one origin may take until its answer begins.
    pub first_byte: Option<Millis>,
    /// How long nothing may come of an answer that has begun; 0 = for ever.
    pub idle: Millis,
    /// Requests that an origin is given at one time.
    pub max_in_flight: Option<u32>,
    /// How replicas are read from.
    pub replicas: Replicas,
}

impl Pool {
    /// Whether some of its origins are only read from.
    #[must_use]
    pub fn is_replicated(&self) -> bool {
        self.origins.iter().any(|origin| origin.replica)
    }

    /// Whether its prober has anything to say: alone and unprobed an origin is asked whatever happens.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        self.origins.len() > 1 || self.probe.is_some()
    }
}

/// One origin.
#[derive(Debug, Clone)]
pub struct Origin {
    /// Unique in its pool.
    pub name: String,
    /// Base URL without a trailing slash, or `service:BINDING`.
    pub url: Setting,
    /// Its share beside the others', 0 to 1000.
    pub weight: u32,
    /// Whether it is only read from.
    pub replica: bool,
    /// Place in [`super::Config::regions`].
    pub region: Option<usize>,
}

/// What is hashed to find an origin.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum HashBy {
    /// The visitor's address; of IPv6 the first 64 bits, which are one household's.
    #[default]
    Ip,
    /// Who is signed in.
    User,
    /// The path.
    Path,
    /// A cookie's value.
    Cookie(String),
    /// A field's value.
    Header(String),
}

/// Checked `probe`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// How far apart.
    pub every: Millis,
    /// How long an origin may take.
    pub timeout: Millis,
    /// So many good ones and an origin is up.
    pub rise: u32,
    /// So many bad ones and it is down.
    pub fall: u32,
    /// Method.
    pub method: String,
    /// Fields that go along.
    pub headers: Vec<(String, String)>,
    /// Ranges of good statuses, both ends included.
    pub expect: Vec<(u16, u16)>,
    /// What the body has to contain.
    pub body: Option<String>,
    /// Location hints to ask from.
    pub locations: Vec<String>,
    /// From how many of them an origin has to be good.
    pub quorum: usize,
}

/// Checked `ejection`.
#[derive(Debug, Clone, Copy)]
pub struct Ejection {
    /// So many failures one after the other; 0 = never.
    pub failures: u32,
    /// For this long, times how often it was.
    pub base: Millis,
    /// For this long at most.
    pub max: Millis,
}

/// Checked `retry`.
#[derive(Debug, Clone)]
pub struct Retry {
    /// Origins that one request is sent to.
    pub attempts: u32,
    /// Second attempts in a hundred requests.
    pub budget: u32,
    /// Statuses that another origin is asked after.
    pub on: Vec<u16>,
    /// Bytes of the largest request body that is held.
    pub max_body: u64,
    /// Whether slow ones are hedged.
    pub hedge: bool,
}

/// Checked `replicas`.
#[derive(Debug, Clone, Copy)]
pub struct Replicas {
    /// So long after a write whoever wrote reads from the primary, without positions.
    pub window: Millis,
    /// A replica further behind is not read from.
    pub max_lag: Millis,
    /// How long a read may wait for a replica.
    pub wait: Millis,
}
