//! `/.usher/switches` and `/.usher/lists`: the operator turns switches on and off, and changes lists of addresses. Both
//! are states of the ledger; who changed what, and why, is kept in the store for a year.

use super::Admin;
use super::body::{read, text};
use super::receipt::receipt;
use crate::config::{Config, LONGEST_ENDED, Millis, units};
use crate::error::Error;
use crate::gateway::context::Context;
use crate::gateway::operator::require_operator;
use crate::http::json::{self, json_object};
use crate::http::path;
use crate::identity::session::ListEntry;
use crate::ledger::{Moment, subject};
use crate::limit::{Lists, Network, Switch};
use crate::platform::Platform;
use crate::respond::Generated;
use crate::sort;
use serde_json::{Map, Value};

/// How many networks one order may name, and how many a list may have.
const MOST: usize = 1_000;
const MOST_LISTED: usize = 10_000;
/// By how much a stamp that turns off outlives the other, in milliseconds.
const MARGIN: Millis = 60_000;
/// How long the history is kept, in seconds.
const KEPT: u64 = 366 * 86_400;
/// The most bytes of who and of why: a line of the history has 1,024.
const LONGEST: [usize; 2] = [100, 300];
/// What the store's names of the history begin with.
const HISTORY: &str = "operator:";

/// What an operator wants to be so.
struct Change {
    /// What the history calls it.
    what: String,
    /// What the names of states of its kind begin with.
    prefix: String,
    /// The states, by their names.
    states: Vec<String>,
    on: bool,
    lifetime: Millis,
    who: String,
    why: String,
}

impl Admin {
    /// Shows the switches that are on, and the history.
    pub(super) async fn show_switches<P: Platform>(&self, ctx: &Context<'_, P>) -> Result<Generated, Error> {
        require_operator(ctx)?;
        self.ledger.present(ctx.platform).await.map_err(|_| Error::LedgerDown)?;
        let on = |switch: Switch| self.shown(ctx, &format!("{}:", switch.as_str()));
        let (maintenance, attack) = (on(Switch::Maintenance), on(Switch::Attack));
        let history = history(ctx).await;
        let body = json_object!({ "maintenance": maintenance, "attack": attack, "history": history });
        Ok(Generated::json(200, &body))
    }

    /// Shows a list, and the history.
    pub(super) async fn show_list<P: Platform>(&self, ctx: &Context<'_, P>) -> Result<Generated, Error> {
        require_operator(ctx)?;
        let list = ctx.head.url.parameter("list").map(path::decode).unwrap_or_default();
        check_list(ctx.config, &list)?;
        self.ledger.present(ctx.platform).await.map_err(|_| Error::LedgerDown)?;
        let addresses = self.shown(ctx, &Lists::prefix(&list));
        let history = history(ctx).await;
        Ok(Generated::json(200, &json_object!({ "list": list, "addresses": addresses, "history": history })))
    }

    /// The states that are on and whose names begin with `prefix`: the rest of the name, since when and until when.
    fn shown<P: Platform>(&self, ctx: &Context<'_, P>, prefix: &str) -> Value {
        let view = self.ledger.view();
        let mut on: Vec<(&str, Moment, Moment)> = view.states(prefix, view.moment(ctx.now())).collect();
        sort::ascending(&mut on);
        let shown = |(rest, since, until)| json_object!({ "what": rest, "since": since, "until": until });
        on.into_iter().map(shown).collect()
    }

    /// Turns a switch on or off.
    pub(super) async fn turn_switch<P: Platform>(&self, ctx: &Context<'_, P>) -> Result<Generated, Error> {
        require_operator(ctx)?;
        let body: Map<String, Value> = read(&text(ctx.platform).await?)?;
        let change = switch_change(ctx.config, &body).map_err(Error::Malformed)?;
        self.ledger.present(ctx.platform).await.map_err(|_| Error::LedgerDown)?;
        self.carry_out_change(ctx, change).await
    }

    /// Adds networks to a list, or removes some.
    pub(super) async fn change_list<P: Platform>(&self, ctx: &Context<'_, P>) -> Result<Generated, Error> {
        require_operator(ctx)?;
        let body: Map<String, Value> = read(&text(ctx.platform).await?)?;
        let list = body.get("list").and_then(Value::as_str).unwrap_or_default();
        check_list(ctx.config, list)?;
        let change = list_change(list, &body).map_err(Error::Malformed)?;
        self.ledger.present(ctx.platform).await.map_err(|_| Error::LedgerDown)?;
        let known = {
            let view = self.ledger.view();
            view.states(&Lists::prefix(list), view.moment(ctx.now())).count()
        };
        if change.on && known + change.states.len() > MOST_LISTED {
            let sentence = format!("\"add\": {list:?} has {known} networks; at most {MOST_LISTED} are allowed");
            return Err(Error::Malformed(sentence));
        }
        self.carry_out_change(ctx, change).await
    }

    /// Stamps a change, and keeps it in the history. The ledger was read up to the present.
    async fn carry_out_change<P: Platform>(&self, ctx: &Context<'_, P>, change: Change) -> Result<Generated, Error> {
        let Change { what, prefix, states, on, lifetime, who, why } = change;
        // What turns something off lasts longer than what it turns off.
        let left = self.left(ctx, &states);
        let lifetime = if on { lifetime } else { left + MARGIN };
        let subjects: Vec<String> = states.iter().map(|state| subject::state(state)).collect();
        if on && lifetime < left {
            // An isolate that reads the ledger again when the new stamp is gone must not go by the old one.
            let off = self.ledger.stamp(ctx.platform, subjects.clone(), true, left + MARGIN).await;
            off.map_err(|_| Error::LedgerDown)?;
        }
        let stamped = self.ledger.stamp(ctx.platform, subjects.clone(), !on, lifetime).await;
        let moment = stamped.map_err(|_| Error::LedgerDown)?;
        let until = on.then_some(moment + lifetime);
        let line = json_object!({ "at": moment, "what": what, "on": on, "until": until, "who": who, "why": why });
        // The newest first.
        let name = format!("{HISTORY}{:016x}", u64::MAX - moment);
        let entry = ListEntry { name, text: json::text(&line) };
        let recorded = ctx.platform.put_entry(&entry, KEPT).await.is_ok();
        if !recorded {
            ctx.platform.error(&format!("the history does not have a change that holds: {}", entry.text));
        }
        let mut body = receipt(ctx, moment, &subjects, !on);
        if let Some(members) = body.as_object_mut() {
            members.extend([("until".to_owned(), until.into()), ("recorded".to_owned(), recorded.into())]);
            // What is on beside it.
            members.insert("on".to_owned(), self.shown(ctx, &prefix));
        }
        Ok(Generated::json(200, &body))
    }

    /// How long the states that are on among these last yet, in milliseconds.
    fn left<P: Platform>(&self, ctx: &Context<'_, P>, states: &[String]) -> Millis {
        let view = self.ledger.view();
        let now = view.moment(ctx.now());
        let until = states.iter().filter_map(|state| view.state(state, now)).max().unwrap_or(now);
        until.saturating_sub(now)
    }
}

/// What operators changed, the newest first, at most 1,000; null while the store is down.
async fn history<P: Platform>(ctx: &Context<'_, P>) -> Value {
    let Ok(found) = ctx.platform.list(HISTORY, None).await else { return Value::Null };
    found.entries.iter().filter_map(|(_, text)| json::read::<Value>(text).ok()).collect()
}

/// Refuses a name that no list has that changes.
fn check_list(config: &Config, list: &str) -> Result<(), Error> {
    let known = &config.protection.get().dynamic_lists;
    if known.iter().any(|known| known == list) {
        return Ok(());
    }
    let sentence =
        format!("\"list\": no [[list]] with `dynamic = true` is called {list:?}; allowed: {}", known.join(", "));
    Err(Error::Malformed(sentence))
}

/// `{"switch":"maintenance","on":true,"host":"..","for":"2h","who":"ada","why":".."}`
fn switch_change(config: &Config, body: &Map<String, Value>) -> Result<Change, String> {
    check_members(body, &["switch", "on", "host", "route", "for", "who", "why"])?;
    let [name, host, route] = ["switch", "host", "route"].map(|name| string(body, name));
    let name = name?;
    let switch = Switch::ALL.into_iter().find(|switch| Some(switch.as_str()) == name);
    let switch = switch.ok_or("\"switch\": allowed: \"maintenance\", \"attack\"")?;
    let Some(on) = body.get("on").and_then(Value::as_bool) else {
        return Err("\"on\": allowed: true, false".into());
    };
    if switch == Switch::Attack && config.protection.get().challenge.get().is_none() {
        return Err("\"switch\": \"attack\" challenges everybody, and there is no [challenge] that says how".into());
    }
    let (host, route) = (host?, route?);
    if host.is_some() && route.is_some() {
        return Err("\"route\": allowed: one of \"host\" and \"route\", or neither for all requests".into());
    }
    // What is on for a route that is no more can be turned off.
    if let Some(route) = route.filter(|route| on && config.routes.iter().all(|known| known.name != **route)) {
        return Err(format!("\"route\": no route is called {route:?}"));
    }
    let host = host.map(|host| host.trim_end_matches('.'));
    let is_name =
        |host: &str| !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    if !host.is_none_or(is_name) {
        return Err("\"host\": allowed: one host's name without port, such as \"www.example.com\", in ASCII".into());
    }
    let state = switch.state(host, route);
    change([state.clone(), format!("{}:", switch.as_str())], vec![state], on, body)
}

/// `{"list":"bad","add":["192.0.2.0/24"],"for":"1h","who":"ada","why":".."}`, or `"remove"`.
fn list_change(list: &str, body: &Map<String, Value>) -> Result<Change, String> {
    check_members(body, &["list", "add", "remove", "for", "who", "why"])?;
    let (on, name) = match (body.get("add"), body.get("remove")) {
        (Some(_), None) => (true, "add"),
        (None, Some(_)) => (false, "remove"),
        _ => return Err("\"add\": allowed: one of \"add\" and \"remove\"".into()),
    };
    let wrong = || format!("\"{name}\": allowed: a list of 1 to {MOST} addresses and networks");
    let named = body.get(name).and_then(Value::as_array).filter(|named| (1..=MOST).contains(&named.len()));
    let mut states = Vec::new();
    for text in named.ok_or_else(wrong)? {
        let network = Network::parse(text.as_str().ok_or_else(wrong)?).map_err(|why| format!("\"{name}\": {why}"))?;
        states.push(Lists::state(list, &network));
    }
    let what = match states.as_slice() {
        [one] => one.clone(),
        all => format!("{} and {} more", all.first().map_or("", String::as_str), all.len() - 1),
    };
    change([what, Lists::prefix(list)], states, on, body)
}

/// What both have in common. Who and why must be said.
fn change(
    [what, prefix]: [String; 2],
    states: Vec<String>,
    on: bool,
    body: &Map<String, Value>,
) -> Result<Change, String> {
    let required = |name: &str, most: usize| match string(body, name)?.map(str::trim) {
        Some(text) if !text.is_empty() && text.len() <= most => Ok(text.to_owned()),
        _ => Err(format!("\"{name}\": the history wants it; allowed: 1 to {most} bytes")),
    };
    let lifetime = match string(body, "for")? {
        None => LONGEST_ENDED,
        Some(_) if !on => return Err("\"for\": allowed where something begins".into()),
        Some(text) => {
            units::duration(text).filter(|lifetime| (1_000..=LONGEST_ENDED).contains(lifetime)).ok_or_else(|| {
                format!("\"for\": {text:?} is no time; allowed: a whole number and a unit (s, m, h, d), 1s to 366d")
            })?
        }
    };
    Ok(Change {
        what,
        prefix,
        states,
        on,
        lifetime,
        who: required("who", LONGEST[0])?,
        why: required("why", LONGEST[1])?,
    })
}

/// The member of this name, a string if it is there.
fn string<'b>(body: &'b Map<String, Value>, name: &str) -> Result<Option<&'b str>, String> {
    match body.get(name) {
        None => Ok(None),
        Some(value) => value.as_str().map(Some).ok_or_else(|| format!("\"{name}\" must be a string")),
    }
}

fn check_members(body: &Map<String, Value>, known: &[&str]) -> Result<(), String> {
    match body.keys().find(|name| !known.contains(&name.as_str())) {
        Some(unknown) => Err(format!("\"{unknown}\" is unknown; allowed: {}", known.join(", "))),
        None => Ok(()),
    }
}
