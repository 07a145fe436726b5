//! How much of what it can take does an origin say is taken? ORCA's `endpoint-load-metrics`, as text
//! (`TEXT cpu_utilization=0.3, ...`) or JSON (`JSON {"cpu_utilization": 0.3, ...}`): the Open Request
//! Cost Aggregation of Envoy and gRFC A51.

use crate::config::Millis;

/// The field in which it is said.
pub const FIELD: &str = "endpoint-load-metrics";
/// What is said counts for this long.
const VALID: Millis = 30_000;

/// Thousandths of what an origin can take: what its application says, else its processor (gRFC A58),
/// or its memory where that is fuller. More than all is possible. `None` when nothing of it is said.
#[must_use]
pub fn utilization(value: &str) -> Option<u32> {
    let value = value.trim();
    let (form, rest) = value.split_once(char::is_whitespace).unwrap_or(("", value));
    let read = |name: &str| match form {
        "JSON" => of_json(rest, name),
        "TEXT" => of_text(rest, name),
        _ if value.starts_with('{') => of_json(value, name),
        _ => of_text(value, name),
    };
    let busy = read("application_utilization").filter(|load| *load > 0).or_else(|| read("cpu_utilization"));
    let full = read("mem_utilization");
    busy.max(full)
}

fn of_text(list: &str, name: &str) -> Option<u32> {
    list.split(',').find_map(|pair| {
        let (key, value) = pair.split_once(['=', ':'])?;
        (key.trim() == name).then(|| thousandths(value.trim().parse().ok()?))?
    })
}

fn of_json(text: &str, name: &str) -> Option<u32> {
    let all: serde_json::Value = serde_json::from_str(text).ok()?;
    thousandths(all.get(name)?.as_f64()?)
}

fn thousandths(load: f64) -> Option<u32> {
    (load.is_finite() && load >= 0.0).then(|| (load.min(1_000.0) * 1_000.0).round() as u32)
}

/// A load that follows what is said, and is forgotten when nothing is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Load {
    smooth: f64,
    at: Millis,
}

impl Load {
    /// What was known before and what is said now, thousandths: half of each.
    #[must_use]
    pub fn merged(before: Option<Self>, said: u32, now: Millis) -> Self {
        let said = f64::from(said);
        let known = before.filter(|before| now.saturating_sub(before.at) < VALID);
        Self { smooth: known.map_or(said, |known| (known.smooth + said) / 2.0), at: now }
    }

    /// Thousandths, while it counts.
    #[must_use]
    pub fn now(self, now: Millis) -> Option<u32> {
        (now.saturating_sub(self.at) < VALID).then_some(self.smooth.round() as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_and_json_are_read_alike() {
        for said in [
            "TEXT cpu_utilization=0.3,mem_utilization=0.2,rps_fractional=10.5,named_metrics.queue=7",
            "TEXT  cpu_utilization:0.3, mem_utilization:0.2",
            "cpu_utilization=0.3",
            r#"JSON {"cpu_utilization": 0.3, "mem_utilization": 0.2, "named_metrics": {"queue": 7}}"#,
            r#"{"cpu_utilization": 0.3}"#,
            "TEXT application_utilization=0,cpu_utilization=0.3",
            "TEXT application_utilization=0.3,cpu_utilization=0.9",
            "TEXT cpu_utilization=0.1,mem_utilization=0.3",
        ] {
            assert_eq!(utilization(said), Some(300), "{said}");
        }
        assert_eq!(utilization("TEXT cpu_utilization=1.7"), Some(1_700));
        for nothing in [
            "",
            "TEXT",
            "BIN Cg==",
            "JSON {",
            "JSON []",
            "TEXT cpu_utilization=-1",
            "TEXT cpu_utilization=NaN",
            "TEXT rps=3",
        ] {
            assert_eq!(utilization(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn a_load_follows_what_is_said_and_is_forgotten() {
        let first = Load::merged(None, 800, 0);
        assert_eq!(first.now(29_999), Some(800));
        assert_eq!(first.now(30_000), None);
        assert_eq!(Load::merged(Some(first), 400, 10).now(10), Some(600));
        assert_eq!(Load::merged(Some(first), 400, 40_000).now(40_000), Some(400), "what was known is too old");
    }

    proptest! {
        #[test]
        fn whatever_an_origin_says_is_read_or_is_not(said in ".{0,200}") {
            let _ = utilization(&said);
        }
    }
}
