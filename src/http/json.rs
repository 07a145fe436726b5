//! How is JSON parsed so that a repeated member name is an error? Two parsers of a repeated name may use
//! different values (RFC 7515 4, RFC 7519 4).

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::fmt;

/// Parses a JSON object in which no object, at any depth, repeats a member name.
///
/// # Errors
/// The text is not UTF-8, not JSON, not an object, or repeats a name.
pub fn object(bytes: &[u8]) -> Result<Map<String, Value>, serde_json::Error> {
    match serde_json::from_slice::<Strict>(bytes)?.0 {
        Value::Object(members) => Ok(members),
        _ => Err(serde_json::Error::custom("it is no object")),
    }
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number that is none"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            all.push(item);
        }
        Ok(Value::Array(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut all = Map::new();
        while let Some((name, Strict(value))) = members.next_entry::<String, Strict>()? {
            if all.contains_key(&name) {
                return Err(A::Error::custom(format_args!("{name:?} is said twice")));
            }
            all.insert(name, value);
        }
        Ok(Value::Object(all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_repeated_name_is_an_error_at_every_depth() {
        for (text, good) in [
            (r#"{"a":1,"b":[{"a":1},{"a":2}]}"#, true),
            (r#"{"a":1,"a":1}"#, false),
            (r#"{"a":1,"\u0061":1}"#, false),
            (r#"{"a":{"b":1,"b":2}}"#, false),
            (r#"{"a":[{"b":1,"b":2}]}"#, false),
            (r#"[{"a":1}]"#, false),
            (r#"{"a":1}{"#, false),
            (r#"{"a":1} x"#, false),
            (r#"{"a":1,}"#, false),
            (r#"{'a':1}"#, false),
            ("\u{feff}{\"a\":1}", false),
            (r#"{"a":1e999}"#, false),
            (r#"{"a":NaN}"#, false),
            ("", false),
        ] {
            assert_eq!(object(text.as_bytes()).is_ok(), good, "{text}");
        }
        assert!(object(b"{\"a\":\"\xff\"}").is_err());
        assert!(object("[".repeat(100_000).as_bytes()).is_err(), "depth is bounded");
    }

    proptest! {
        #[test]
        fn a_parsed_object_equals_that_of_serde_json(text in r#"\{("[a-c]":(1|-2\.5|"x"|null|true|\[1,\{\}\]),?){0,3}\}|\PC{0,30}"#) {
            if let Ok(read) = object(text.as_bytes()) {
                prop_assert_eq!(serde_json::from_str::<Value>(&text).ok(), Some(Value::Object(read)));
            }
        }
    }
}
