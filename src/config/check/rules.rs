//! Are the rules and the lists of addresses valid?

use super::super::{Challenge, Conditions, Host, Limit, Pattern, Ranges, Rule, RuleAction, Text, network, raw};
use super::challenge::difficulty_at;
use super::countries::country;
use super::problems::{CONTINENTS, Problems};
use ipnet::IpNet;
use std::fs;

/// Versions of TLS and HTTP as Cloudflare reports them.
const TLS: [&str; 4] = ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"];
const HTTP: [&str; 4] = ["HTTP/1.0", "HTTP/1.1", "HTTP/2", "HTTP/3"];

/// A checked list.
pub(super) struct List {
    name: String,
    networks: Vec<IpNet>,
    dynamic: bool,
}

pub(super) fn lists(raw: &[raw::AddressList], problems: &mut Problems) -> Vec<List> {
    let mut lists: Vec<List> = Vec::with_capacity(raw.len());
    for (place, written) in raw.iter().enumerate() {
        let key = |name: &str| format!("list[{place}].{name}");
        problems.name(key("name"), &written.name, lists.iter().any(|list| list.name == written.name));
        let mut networks = Vec::new();
        for (number, text) in written.addresses.iter().enumerate() {
            match network(text) {
                Ok(network) => networks.push(network),
                Err(sentence) => problems.add(key(&format!("addresses[{number}]")), sentence),
            }
        }
        if let Some(file) = &written.file {
            match fs::read_to_string(file) {
                Ok(text) => match lines(&text) {
                    Ok(more) => networks.extend(more),
                    Err((line, sentence)) => problems.add(key("file"), format!("{file}:{line}: {sentence}")),
                },
                Err(error) => problems.add(key("file"), format!("found {file:?}, which cannot be read: {error}")),
            }
        }
        if written.addresses.is_empty() && written.file.is_none() && !written.dynamic {
            problems.add(
                format!("list[{place}]"),
                "found neither `addresses` nor `file` nor `dynamic = true`; allowed: at least one of them",
            );
        }
        lists.push(List { name: written.name.clone(), networks, dynamic: written.dynamic });
    }
    lists
}

/// The names of the lists that change without a deployment.
pub(super) fn dynamic(lists: &[List]) -> Vec<String> {
    lists.iter().filter(|list| list.dynamic).map(|list| list.name.clone()).collect()
}

/// The networks of a file.
///
/// # Errors
/// The first line that is none, and why.
fn lines(text: &str) -> Result<Vec<IpNet>, (usize, String)> {
    let bare = |line: &'_ str| line.split('#').next().unwrap_or_default().trim().to_owned();
    let lines = text.lines().map(bare).enumerate().filter(|(_, line)| !line.is_empty());
    lines.map(|(place, line)| network(&line).map_err(|sentence| (place + 1, sentence))).collect()
}

pub(super) fn rules(
    raw: &[raw::Rule],
    lists: &[List],
    limits: &[Limit],
    challenge: Option<&Challenge>,
    problems: &mut Problems,
) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::with_capacity(raw.len());
    for (place, written) in raw.iter().enumerate() {
        let at = format!("rule[{place}]");
        problems.name(format!("{at}.name"), &written.name, rules.iter().any(|rule| rule.name == written.name));
        let conditions = conditions(written, &at, lists, problems);
        let action = action(written, &at, (limits, challenge), problems);
        let (name, log_name) = (written.name.clone(), format!("rule.{}", written.name));
        rules.push(Rule { name, log_name, conditions, action, shadow: written.shadow });
    }
    rules
}

fn conditions(raw: &raw::Rule, at: &str, lists: &[List], problems: &mut Problems) -> Conditions {
    let key = |name: &str, number: usize| format!("{at}.{name}[{number}]");
    for (number, code) in raw.country.all().iter().enumerate() {
        country(key("country", number), code, problems);
    }
    let named: [(&str, &[String], &[&str]); 3] = [
        ("continent", raw.continent.all(), &CONTINENTS),
        ("tls", raw.tls.all(), &TLS),
        ("http", raw.http.all(), &HTTP),
    ];
    for (name, written, known) in named {
        for (number, text) in written.iter().enumerate() {
            problems.place(key(name, number), text, known.iter().copied());
        }
    }
    problems.methods(&format!("{at}.method"), raw.method.all());
    let hosts = raw.host.all().iter().enumerate();
    let hosts = hosts.filter_map(|(number, host)| problems.accept(key("host", number), Host::parse(host))).collect();
    let paths = raw.path.all().iter().enumerate();
    let paths = paths.filter_map(|(number, path)| problems.accept(key("path", number), Pattern::parse(path))).collect();
    let mut headers = Vec::new();
    for (name, value) in &raw.header {
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)) {
            problems.add(format!("{at}.header"), format!("found {name:?}; allowed: names of request fields"));
        }
        let value = match value {
            raw::HeaderValue::There(true) => Text::Present,
            raw::HeaderValue::There(false) => Text::Absent,
            raw::HeaderValue::Is(text) => Text::parse(text),
        };
        let inner = |text: &str| text.contains('*');
        if matches!(&value, Text::Is(text) | Text::Begins(text) | Text::Ends(text) | Text::Contains(text) if inner(text))
        {
            problems
                .add(format!("{at}.header.{name}"), "found '*' inside a text; allowed: at its beginning and its end");
        }
        headers.push((name.to_ascii_lowercase(), value));
    }
    if raw.bot_score.is_some_and(|score| !(1..=99).contains(&score)) {
        problems.add(format!("{at}.bot_score"), "found a score that Cloudflare does not give; allowed: 1 to 99");
    }
    let (addresses, lists) = addresses(raw.address.all(), at, lists, problems);
    Conditions {
        addresses,
        lists,
        countries: raw.country.all().to_vec(),
        continents: raw.continent.all().to_vec(),
        asns: raw.asn.all().to_vec(),
        methods: raw.method.all().to_vec(),
        hosts,
        paths,
        headers,
        tls: raw.tls.all().to_vec(),
        http: raw.http.all().to_vec(),
        bot_score: raw.bot_score,
        verified_bot: raw.verified_bot,
    }
}

fn addresses(raw: &[String], at: &str, lists: &[List], problems: &mut Problems) -> (Option<Ranges>, Vec<String>) {
    let (mut networks, mut dynamic) = (Vec::new(), Vec::new());
    for (number, text) in raw.iter().enumerate() {
        let key = format!("{at}.address[{number}]");
        match text.strip_prefix("list:") {
            Some(name) => {
                let place = problems.find(key, name, lists.iter().map(|list| list.name.as_str()));
                let known = place.and_then(|place| lists.get(place));
                networks.extend(known.into_iter().flat_map(|list| &list.networks));
                dynamic.extend(known.filter(|list| list.dynamic).map(|list| list.name.clone()));
            }
            None => networks.extend(problems.accept(key, network(text))),
        }
    }
    ((!raw.is_empty()).then(|| networks.into_iter().collect()), dynamic)
}

fn action(
    raw: &raw::Rule,
    at: &str,
    (limits, challenge): (&[Limit], Option<&Challenge>),
    problems: &mut Problems,
) -> RuleAction {
    let key = |name: &str| format!("{at}.{name}");
    let blocks = raw.action == raw::Action::Block;
    let mut only = |name: &str, there: bool, action: raw::Action, allowed: &str| {
        if there && raw.action != action {
            problems.add(
                key(name),
                format!("found one on a rule that does something else; allowed: with `action = {allowed:?}`"),
            );
        }
    };
    only("status", raw.status.is_some(), raw::Action::Block, "block");
    only("blocked_by", raw.blocked_by.is_some(), raw::Action::Block, "block");
    only("tag", raw.tag.is_some(), raw::Action::Tag, "tag");
    only("difficulty", raw.difficulty.is_some(), raw::Action::Challenge, "challenge");
    only("limit", raw.limit.is_some(), raw::Action::Limit, "limit");
    let status = raw.status.unwrap_or(403);
    if blocks && !matches!(status, 403 | 404 | 410 | 451) {
        problems.add(key("status"), format!("found {status}; allowed: 403, 404, 410, 451"));
    }
    let url = raw.blocked_by.as_deref().unwrap_or_default();
    let good = url.is_empty() || (url.starts_with("https://") && !url.contains(['<', '>', '"', ' ']));
    if !good || (status != 451 && raw.blocked_by.is_some()) {
        problems.add(key("blocked_by"), format!("found {url:?}; allowed: an https:// URL, with `status = 451`"));
    }
    match raw.action {
        raw::Action::Block => RuleAction::Block { status, blocked_by: url.to_owned() },
        raw::Action::Allow => RuleAction::Allow,
        raw::Action::Tag => {
            let tag = raw.tag.as_deref().unwrap_or(&raw.name);
            problems.name(key("tag"), tag, false);
            RuleAction::Tag(tag.to_owned())
        }
        raw::Action::Challenge => {
            if challenge.is_none() {
                problems
                    .add(key("action"), "found \"challenge\" without a [challenge] that says how; allowed: beside one");
            }
            let turnstile = challenge.is_some_and(|challenge| challenge.turnstile.is_some());
            if turnstile && raw.difficulty.is_some() {
                problems
                    .add(key("difficulty"), "found one beside `turnstile`, which has none; allowed: one of the two");
            }
            let bits = raw.difficulty.or(challenge.map(|challenge| challenge.difficulty)).unwrap_or_default();
            if let Some(bits) = raw.difficulty {
                difficulty_at(&key("difficulty"), bits, problems);
            }
            RuleAction::Challenge(bits)
        }
        raw::Action::Limit => {
            let name = raw.limit.as_deref().unwrap_or_default();
            let place = problems.find(key("limit"), name, limits.iter().map(|limit| limit.name.as_str()));
            let limit = place.and_then(|place| limits.get(place));
            if limit.is_some_and(|limit| !limit.is_early() || limit.key.iter().any(|part| part.is_chosen_by_clients()))
            {
                problems.add(
                    key("limit"),
                    format!("found {name:?}, whose key is a visitor's or a client's choice; allowed: a limit by address, country, asn"),
                );
            }
            RuleAction::Limit(place.unwrap_or_default())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_a_network_on_each_line() {
        let text = "# blocked\n192.0.2.0/24\n\n  2001:db8::/32 # an example\n198.51.100.7\n";
        assert_eq!(lines(text).map(|networks| networks.len()), Ok(3));
        assert_eq!(lines("192.0.2.0/24\nx\n").map_err(|(line, _)| line), Err(2));
    }
}
