//! Which load does an origin report? Reads ORCA's field `endpoint-load-metrics` (Open Request Cost Aggregation, Envoy
//! and gRFC A51), as text (`TEXT cpu_utilization=0.3, ...`) or JSON (`JSON {"cpu_utilization": 0.3, ...}`).

use crate::config::Millis;
use crate::http::json;
use serde_json::{Map, Value};

/// The response field with the load.
pub const FIELD: &str = "endpoint-load-metrics";
/// A reported load is valid for so many milliseconds.
const VALID: Millis = 30_000;

/// An origin's utilization in thousandths: that of the application, else of the CPU (gRFC A58), or of the memory where
/// that is higher. It may exceed 1000. `None` without any of these metrics.
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
    let all: Map<String, Value> = json::read(text).ok()?;
    thousandths(all.get(name)?.as_f64()?)
}

fn thousandths(load: f64) -> Option<u32> {
    (load.is_finite() && load >= 0.0).then(|| (load.min(1_000.0) * 1_000.0).round() as u32)
}

/// A smoothed load that expires without new reports.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Load {
    smooth: f64,
    at: Millis,
}

impl Load {
    /// The mean of the load so far, if it is still valid, and of the reported one, in thousandths.
    #[must_use]
    pub fn merged(before: Option<Self>, reported: u32, now: Millis) -> Self {
        let reported = f64::from(reported);
        let known = before.filter(|before| now.saturating_sub(before.at) < VALID);
        Self { smooth: known.map_or(reported, |known| (known.smooth + reported) / 2.0), at: now }
    }

    /// The load in thousandths, while it is valid.
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
        for field in [
            "TEXT cpu_utilization=0.3,mem_utilization=0.2,rps_fractional=10.5,named_metrics.queue=7",
            "TEXT  cpu_utilization:0.3, mem_utilization:0.2",
            "cpu_utilization=0.3",
            r#"JSON {"cpu_utilization": 0.3, "mem_utilization": 0.2, "named_metrics": {"queue": 7}}"#,
            r#"{"cpu_utilization": 0.3}"#,
            "TEXT application_utilization=0,cpu_utilization=0.3",
            "TEXT application_utilization=0.3,cpu_utilization=0.9",
            "TEXT cpu_utilization=0.1,mem_utilization=0.3",
        ] {
            assert_eq!(utilization(field), Some(300), "{field}");
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
    fn a_load_is_smoothed_and_expires() {
        let first = Load::merged(None, 800, 0);
        assert_eq!(first.now(29_999), Some(800));
        assert_eq!(first.now(30_000), None);
        assert_eq!(Load::merged(Some(first), 400, 10).now(10), Some(600));
        assert_eq!(Load::merged(Some(first), 400, 40_000).now(40_000), Some(400), "what was known is too old");
    }

    proptest! {
        #[test]
        fn any_field_is_read_without_panic(field in ".{0,200}") {
            let _ = utilization(&field);
        }
    }
}
