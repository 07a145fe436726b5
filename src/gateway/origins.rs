//! What the operator sees of origins, and orders: `/.usher/origins`.

use super::{Gateway, admin::read, visit::Visit};
use crate::balance::View;
use crate::config::{Config, Millis, Pool, Route, Shards};
use crate::error::Error;
use crate::head::Fields;
use crate::health::letter::{Action, Letter, Order, Report};
use crate::platform::Platform;
use crate::respond::Generated;
use crate::shard::Heat;
use crate::trial::Trial;
use serde::Deserialize;
use serde_json::{Value, json};

/// How long a prober may take to answer an operator.
const DEADLINE: Millis = 5_000;

/// The longest time that an origin may be drained for, in seconds.
const LONGEST_DRAIN: u64 = 366 * 86_400;
/// How often an order for any version is tried again.
const TURNS: u32 = 3;

/// What is sent to `/.usher/origins`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    pool: String,
    origin: String,
    action: Action,
    #[serde(default)]
    weight: Option<u32>,
    #[serde(default)]
    seconds: Option<u64>,
}

impl Gateway {
    /// Every pool with its origins: what this isolate knows, and what the pool's prober does.
    pub(super) async fn origins<P: Platform>(&self, platform: &P, config: &Config, visit: &Visit<'_>) -> Generated {
        let only = visit.head.url.parameter("pool").map(crate::path::decode);
        let mut pools = Vec::new();
        let mut version = None;
        for (place, pool) in config.pools.iter().enumerate().filter(|(_, p)| only.as_ref().is_none_or(|o| *o == p.name))
        {
            let report = self.shown(platform, pool).await;
            version = report.as_ref().map(|report| report.version);
            pools.push(self.described(platform, pool, place, report.as_ref()));
        }
        let heats = config.shards.iter().zip(&self.crews.heats);
        let shards: Vec<Value> = heats.map(|(shards, heat)| heat_of(shards, &heat.borrow())).collect();
        let trials = config.routes.iter().zip(&self.crews.trials);
        let canaries: Vec<Value> =
            trials.filter_map(|(route, trial)| canary_of(config, route, &trial.borrow())).collect();
        let mut answer = Generated::json(200, &json!({ "pools": pools, "shards": shards, "canaries": canaries }));
        if let Some(version) = version.filter(|_| only.is_some()) {
            answer.edits.set("etag", &format!("\"{version}\""));
        }
        answer
    }

    async fn shown<P: Platform>(&self, platform: &P, pool: &Pool) -> Option<Report> {
        let letter = serde_json::to_string(&Letter::Show).ok().filter(|_| pool.is_watched())?;
        serde_json::from_str(&platform.prober(&pool.name, &letter, DEADLINE).await.ok()?).ok()
    }

    fn described<P: Platform>(&self, platform: &P, pool: &Pool, place: usize, report: Option<&Report>) -> Value {
        let now = platform.now();
        let Some(crew) = self.crews.of(place) else { return Value::Null };
        let fleet = &mut crew.borrow_mut().fleet;
        fleet.at(now);
        let origins: Vec<Value> = pool
            .origins
            .iter()
            .enumerate()
            .map(|(origin, said)| {
                let told = report.and_then(|report| report.origins.iter().find(|told| told.name == said.name));
                let left = told.and_then(|told| told.drained_until).map(|until| until.saturating_sub(now) / 1_000);
                json!({
                    "name": said.name,
                    "role": if said.replica { "replica" } else { "primary" },
                    "state": fleet.fitness(origin).word(),
                    "share": fleet.share(origin) as f64 / 1_000.0,
                    "weight": fleet.weight(origin),
                    "in_flight": fleet.everywhere(origin),
                    "latency_ms": fleet.latency(origin).map(f64::round),
                    "load": fleet.load(origin).map(|load| f64::from(load) / 1_000.0),
                    "drain_ends_in_s": left,
                    "prober": told,
                })
            })
            .collect();
        json!({
            "name": pool.name,
            "version": report.map(|report| report.version),
            "isolates": report.map(|report| report.isolates),
            "probes": report.map(|report| report.probes),
            "origins": origins,
            "history": report.map(|report| &report.history),
        })
    }

    /// Does what an operator orders, if they have seen how things are (`If-Match`).
    pub(super) async fn ordered<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        fields: &Fields<'_>,
        body: &str,
    ) -> Result<Generated, Error> {
        let bad = |sentence: String| Err(Error::Malformed(sentence));
        let Wish { pool: name, origin, action, weight, seconds } = read(body)?;
        let order = Order { origin, action, weight, seconds };
        let Some((place, pool)) = config.pools.iter().enumerate().find(|(_, pool)| pool.name == name) else {
            return bad(format!("\"pool\": there is no {name:?}"));
        };
        if !pool.origins.iter().any(|origin| origin.name == order.origin) {
            let names: Vec<&str> = pool.origins.iter().map(|origin| origin.name.as_str()).collect();
            return bad(format!("\"origin\": {name:?} has no {:?}, but {}", order.origin, names.join(", ")));
        }
        if !pool.is_watched() {
            return bad(format!("\"pool\": {name:?} has one origin and no `probe`: nothing watches over it"));
        }
        if order.weight.is_some_and(|weight| weight > 1_000)
            || (order.weight.is_some() && order.action != Action::Weight)
        {
            return bad("\"weight\": 0 to 1000 is allowed, with \"action\": \"weight\"".into());
        }
        if order.seconds.is_some() && order.action != Action::Drain {
            return bad("\"seconds\": allowed with \"action\": \"drain\"".into());
        }
        if order.seconds.is_some_and(|seconds| seconds > LONGEST_DRAIN) {
            return bad(format!("\"seconds\": at most {LONGEST_DRAIN} are allowed, which are 366 days"));
        }
        // Any version will do for `*` (RFC 9110 13.1.1), so another order in between is no reason to refuse.
        let any = fields.get("if-match").is_some_and(|tag| tag.trim() == "*");
        let mut turns = if any { TURNS } else { 1 };
        let report = loop {
            turns -= 1;
            let seen = match any {
                true => Some(self.shown(platform, pool).await.ok_or(Error::StoreDown)?.version),
                false => fields.get("if-match").and_then(|tag| tag.trim().trim_matches('"').parse().ok()),
            };
            let Some(version) = seen else {
                return bad(
                    "If-Match: say which version of the pool you have seen, as GET /.usher/origins?pool= gives it in ETag, or * for any"
                        .into(),
                );
            };
            let letter = Letter::Order { version, order: order.clone(), isolate: self.isolate(platform) };
            let letter = serde_json::to_string(&letter).map_err(|_| Error::Internal)?;
            let said = platform.prober(&pool.name, &letter, DEADLINE).await.map_err(|_| Error::StoreDown)?;
            let report: Report = serde_json::from_str(&said).map_err(|_| Error::StoreDown)?;
            if !report.refused || turns == 0 {
                break report;
            }
        };
        let status = if report.refused { 412 } else { 200 };
        // What was ordered here holds here at once.
        if let (200, Some(crew)) = (status, self.crews.of(place)) {
            let fleet = &mut crew.borrow_mut().fleet;
            fleet.at(platform.now());
            fleet.learn(pool, &report, platform.now());
        }
        let mut answer = Generated::json(status, &self.described(platform, pool, place, Some(&report)));
        answer.edits.set("etag", &format!("\"{}\"", report.version));
        Ok(answer)
    }
}

/// How busy the shards of a map are here, and with which keys.
fn heat_of(shards: &Shards, heat: &Heat) -> Value {
    let shard = |(name, requests, ms, mean): (&str, u64, Millis, u64)| {
        let of_mean = mean as f64 / 100.0;
        json!({ "name": name, "requests": requests, "ms": ms, "of_mean": of_mean, "hot": mean >= 200 })
    };
    let key = |(key, count): (String, u64)| json!({ "sha256_64": key, "requests_at_most": count });
    json!({
        "name": shards.name,
        "version": shards.version,
        "phase": shards.phase().map(|phase| format!("{phase:?}")),
        "shards": heat.shards().into_iter().map(shard).collect::<Vec<_>>(),
        "top_keys": heat.keys().into_iter().map(key).collect::<Vec<_>>(),
    })
}

/// How a route's canary does here, if it has one.
fn canary_of(config: &Config, route: &Route, trial: &Trial) -> Option<Value> {
    let canary = route.canary.as_ref()?;
    let pool = config.pools.get(canary.pool).map(|pool| pool.name.as_str());
    Some(json!({ "route": route.name, "pool": pool, "percent": canary.percent.text(), "given_up": trial.why() }))
}
