//! `/.usher/origins`: the operator reads the state of origins, and orders changes.

use super::Admin;
use super::body::{read, text};
use crate::config::{Config, Millis, Pool, Route, Shards};
use crate::error::Error;
use crate::gateway::context::Context;
use crate::gateway::operator::require_operator;
use crate::http::json::{self, ToJson, json_object, json_struct};
use crate::http::path;
use crate::origin::balance::View;
use crate::origin::canary::Analysis;
use crate::origin::health::protocol::{Action, Order, Ordered, Report, Request};
use crate::origin::shard::Heat;
use crate::platform::{Platform, Prober};
use crate::respond::Generated;
use serde_json::Value;

/// How long a prober may take to answer an operator, in milliseconds.
const DEADLINE: Millis = 5_000;
/// The longest time that an origin may be drained for, in seconds.
const LONGEST_DRAIN: u64 = 366 * 86_400;
/// How often an order for any version is tried.
const TURNS: u32 = 3;

/// The body of a `POST` to `/.usher/origins`.
struct Wanted {
    pool: String,
    origin: String,
    action: Action,
    weight: Option<u32>,
    seconds: Option<u64>,
}
json_struct!(read (strict) Wanted { pool, origin, action, weight, seconds });

impl Admin {
    /// Every pool with its origins: this isolate's state, and the report of the pool's prober.
    pub(super) async fn show_origins<P: Platform>(&self, ctx: &Context<'_, P>) -> Result<Generated, Error> {
        require_operator(ctx)?;
        let only = ctx.head.url.parameter("pool").map(path::decode);
        let wanted = |pool: &Pool| only.as_ref().is_none_or(|only| *only == pool.name);
        let mut pools = Vec::new();
        let mut version = None;
        for (place, pool) in ctx.config.pools.iter().enumerate().filter(|(_, pool)| wanted(pool)) {
            let report = show(ctx.platform, pool).await;
            version = report.as_ref().map(|report| report.version);
            pools.push(self.describe(ctx, place, report.as_ref()));
        }
        let heats = ctx.config.shards.iter().zip(self.origins.heats());
        let shards: Vec<Value> = heats.map(|(shards, heat)| describe_heat(shards, &heat.borrow())).collect();
        let analyses = self.origins.analyses().borrow();
        let canary = |route: &Route| describe_canary(ctx.config, route, analyses.get(&route.place));
        let canaries: Vec<Value> = ctx.config.routes.iter().filter_map(canary).collect();
        let mut answer =
            Generated::json(200, &json_object!({ "pools": pools, "shards": shards, "canaries": canaries }));
        if let Some(version) = version.filter(|_| only.is_some()) {
            answer.edits.set("etag", &format!("\"{version}\""));
        }
        Ok(answer)
    }

    fn describe<P: Platform>(&self, ctx: &Context<'_, P>, place: usize, report: Option<&Report>) -> Value {
        let now = ctx.now();
        let Some((state, pool)) = self.origins.pool(place).zip(ctx.config.pools.get(place)) else { return Value::Null };
        let health = &mut state.borrow_mut().health;
        health.at(now);
        let origins: Vec<Value> = pool
            .origins
            .iter()
            .enumerate()
            .map(|(place, origin)| {
                let reported = report.and_then(|report| report.origins.iter().find(|one| one.name == origin.name));
                let left = reported.and_then(|one| one.drained_until).map(|until| until.saturating_sub(now) / 1_000);
                json_object!({
                    "name": origin.name.as_str(),
                    "role": if origin.replica { "replica" } else { "primary" },
                    "state": health.state(place).as_str(),
                    "share": health.share(place) as f64 / 1_000.0,
                    "weight": health.weight(place),
                    "in_flight": health.in_flight_everywhere(place),
                    "latency_ms": health.latency(place).map(f64::round),
                    "load": health.load(place).map(|load| f64::from(load) / 1_000.0),
                    "drain_ends_in_s": left,
                    "prober": reported.map(described),
                })
            })
            .collect();
        json_object!({
            "name": pool.name.as_str(),
            "version": report.map(|report| report.version),
            "isolates": report.map(|report| report.isolates),
            "probes": report.map(|report| report.probes),
            "origins": origins,
            "history": report.map(|report| report.history.iter().map(described).collect::<Vec<_>>()),
        })
    }

    /// Carries out an operator's order, if its `If-Match` names the pool's current version.
    pub(super) async fn order<P: Platform>(&self, ctx: &Context<'_, P>) -> Result<Generated, Error> {
        require_operator(ctx)?;
        let body = &text(ctx.platform).await?;
        let Wanted { pool: name, origin, action, weight, seconds } = read(body)?;
        let order = Order { origin, action, weight, seconds };
        let Some((place, pool)) = ctx.config.pools.iter().enumerate().find(|(_, pool)| pool.name == name) else {
            return Err(Error::Malformed(format!("\"pool\": there is no {name:?}")));
        };
        check(pool, &order).map_err(Error::Malformed)?;
        let sent = ctx.head.fields.get("if-match").map(str::trim);
        // `*` matches any version (RFC 9110 13.1.1), so another order in between must not refuse this one.
        let any = sent == Some("*");
        let mut turns = if any { TURNS } else { 1 };
        let report = loop {
            turns -= 1;
            let seen = match any {
                true => Some(show(ctx.platform, pool).await.ok_or(Error::StoreDown)?.version),
                false => sent.and_then(|tag| tag.trim_matches('"').parse().ok()),
            };
            let Some(version) = seen else {
                let sentence = "If-Match: say which version of the pool you have seen, as GET /.usher/origins?pool= gives it in ETag, or * for any";
                return Err(Error::Malformed(sentence.into()));
            };
            let isolate = self.origins.isolate(ctx.platform);
            let request = json::text(&Request::Order(Ordered { version, order: order.clone(), isolate }));
            let response = ctx.platform.prober(&pool.name, &request, DEADLINE).await.map_err(|_| Error::StoreDown)?;
            let report: Report = json::read(&response).map_err(|_| Error::StoreDown)?;
            if !report.refused || turns == 0 {
                break report;
            }
        };
        let status = if report.refused { 412 } else { 200 };
        // The order holds in this isolate at once.
        if let (200, Some(state)) = (status, self.origins.pool(place)) {
            let health = &mut state.borrow_mut().health;
            health.at(ctx.now());
            health.learn(pool, &report, ctx.now());
        }
        let mut answer = Generated::json(status, &self.describe(ctx, place, Some(&report)));
        answer.edits.set("etag", &format!("\"{}\"", report.version));
        Ok(answer)
    }
}

/// The report of a pool's prober; `None` when it has none or cannot be reached.
async fn show(platform: &impl Prober, pool: &Pool) -> Option<Report> {
    let request = pool.is_watched().then(|| json::text(&Request::Show))?;
    json::read(&platform.prober(&pool.name, &request, DEADLINE).await.ok()?).ok()
}

/// Something that is written as JSON, as a member of an answer.
fn described(value: &impl ToJson) -> Value {
    json::read(&json::text(value)).unwrap_or_default()
}

/// Whether an order is valid for this pool.
///
/// # Errors
/// A sentence: what is wrong with the order.
fn check(pool: &Pool, order: &Order) -> Result<(), String> {
    let name = &pool.name;
    if !pool.origins.iter().any(|origin| origin.name == order.origin) {
        let names: Vec<&str> = pool.origins.iter().map(|origin| origin.name.as_str()).collect();
        return Err(format!("\"origin\": {name:?} has no {:?}, but {}", order.origin, names.join(", ")));
    }
    if !pool.is_watched() {
        return Err(format!("\"pool\": {name:?} has one origin and no `probe`: nothing watches over it"));
    }
    if order.weight.is_some_and(|weight| weight > 1_000) || (order.weight.is_some() && order.action != Action::Weight) {
        return Err("\"weight\": 0 to 1000 is allowed, with \"action\": \"weight\"".into());
    }
    if order.seconds.is_some() && order.action != Action::Drain {
        return Err("\"seconds\": allowed with \"action\": \"drain\"".into());
    }
    if order.seconds.is_some_and(|seconds| seconds > LONGEST_DRAIN) {
        return Err(format!("\"seconds\": at most {LONGEST_DRAIN} are allowed, which are 366 days"));
    }
    Ok(())
}

/// The load of a map's shards in this isolate, and their busiest keys.
fn describe_heat(shards: &Shards, heat: &Heat) -> Value {
    let shard = |(name, requests, ms, mean): (&str, u64, Millis, u64)| {
        let of_mean = mean as f64 / 100.0;
        json_object!({ "name": name, "requests": requests, "ms": ms, "of_mean": of_mean, "hot": mean >= 200 })
    };
    let key = |(key, count): (String, u64)| json_object!({ "sha256_64": key, "requests_at_most": count });
    json_object!({
        "name": shards.name.as_str(),
        "version": shards.version,
        "phase": shards.phase().map(|phase| format!("{phase:?}")),
        "shards": heat.shards().into_iter().map(shard).collect::<Vec<_>>(),
        "top_keys": heat.keys().into_iter().map(key).collect::<Vec<_>>(),
    })
}

/// The state of a route's canary in this isolate, if it has one.
fn describe_canary(config: &Config, route: &Route, analysis: Option<&Analysis>) -> Option<Value> {
    let canary = route.canary.as_ref()?;
    let pool = config.pools.get(canary.pool).map(|pool| pool.name.as_str());
    let (name, percent) = (route.name.as_str(), canary.percent.text());
    Some(
        json_object!({ "route": name, "pool": pool, "percent": percent, "given_up": analysis.and_then(Analysis::reason) }),
    )
}
