//! The writer: members in the order in which they are given, without white space unless it is for an operator.

use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write;

/// Something that is written as JSON.
pub trait ToJson {
    /// Appends it.
    fn write(&self, to: &mut String);

    /// Whether it is zero, empty, false or null: an optional member is not written then.
    fn is_empty(&self) -> bool {
        false
    }
}

/// A value as text.
#[must_use]
pub fn text(value: &dyn ToJson) -> String {
    let mut text = String::new();
    value.write(&mut text);
    text
}

/// A value as text for people: a member or item a line, indented by two spaces for each level.
#[must_use]
pub fn pretty(value: &Value) -> String {
    let mut text = String::new();
    self::value(&mut text, value, Some(0));
    text
}

/// Writes an object.
pub struct Object<'t> {
    to: &'t mut String,
    first: bool,
}

impl<'t> Object<'t> {
    /// Begins it.
    #[must_use]
    pub fn new(to: &'t mut String) -> Self {
        to.push('{');
        Self { to, first: true }
    }

    /// Writes a member.
    pub fn member(&mut self, name: &str, value: &dyn ToJson) {
        if !std::mem::take(&mut self.first) {
            self.to.push(',');
        }
        string(self.to, name);
        self.to.push(':');
        value.write(self.to);
    }

    /// Writes a member, unless it is empty.
    pub fn optional(&mut self, name: &str, value: &dyn ToJson) {
        if !value.is_empty() {
            self.member(name, value);
        }
    }

    /// Ends it.
    pub fn end(self) {
        self.to.push('}');
    }
}

/// Writes a list.
fn list<'v, T: ToJson + 'v>(to: &mut String, items: impl Iterator<Item = &'v T>) {
    to.push('[');
    for (place, item) in items.enumerate() {
        if place > 0 {
            to.push(',');
        }
        item.write(to);
    }
    to.push(']');
}

/// Writes a string (RFC 8259 7).
fn string(to: &mut String, string: &str) {
    to.push('"');
    let mut rest = string;
    loop {
        let plain = rest.bytes().take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..0x20)).count();
        let Some((before, after)) = rest.split_at_checked(plain) else { break };
        to.push_str(before);
        let mut after = after.chars();
        match after.next() {
            None => break,
            Some('\n') => to.push_str("\\n"),
            Some('\t') => to.push_str("\\t"),
            Some('\r') => to.push_str("\\r"),
            Some(c @ ('"' | '\\')) => to.extend(['\\', c]),
            Some(c) => {
                let _ = write!(to, "\\u{:04x}", u32::from(c));
            }
        }
        rest = after.as_str();
    }
    to.push('"');
}

/// Writes any value; with a level, a member or item a line.
fn value(to: &mut String, value: &Value, level: Option<usize>) {
    let inner = level.map(|level| level + 1);
    let line = |to: &mut String, level: Option<usize>| {
        if let Some(level) = level {
            to.push('\n');
            (0..level).for_each(|_| to.push_str("  "));
        }
    };
    match value {
        Value::Null => to.push_str("null"),
        Value::Bool(flag) => flag.write(to),
        Value::Number(number) => {
            let _ = write!(to, "{number}");
        }
        Value::String(text) => string(to, text),
        Value::Array(items) => {
            to.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    to.push(',');
                }
                line(to, inner);
                self::value(to, item, inner);
            }
            line(to, level.filter(|_| !items.is_empty()));
            to.push(']');
        }
        Value::Object(members) => {
            to.push('{');
            for (place, (name, member)) in members.iter().enumerate() {
                if place > 0 {
                    to.push(',');
                }
                line(to, inner);
                string(to, name);
                to.push_str(if level.is_some() { ": " } else { ":" });
                self::value(to, member, inner);
            }
            line(to, level.filter(|_| !members.is_empty()));
            to.push('}');
        }
    }
}

macro_rules! numbers {
    ($($type:ty),*) => {$(
        impl ToJson for $type {
            fn write(&self, to: &mut String) {
                let _ = write!(to, "{self}");
            }

            fn is_empty(&self) -> bool {
                *self == 0
            }
        }
    )*};
}
numbers!(u16, u32, u64, usize);

impl ToJson for bool {
    fn write(&self, to: &mut String) {
        to.push_str(if *self { "true" } else { "false" });
    }

    fn is_empty(&self) -> bool {
        !*self
    }
}

impl ToJson for String {
    fn write(&self, to: &mut String) {
        string(to, self);
    }
}

impl ToJson for &str {
    fn write(&self, to: &mut String) {
        string(to, self);
    }
}

impl<T: ToJson> ToJson for Option<T> {
    fn write(&self, to: &mut String) {
        match self {
            Some(value) => value.write(to),
            None => to.push_str("null"),
        }
    }

    fn is_empty(&self) -> bool {
        self.is_none()
    }
}

impl<T: ToJson> ToJson for Vec<T> {
    fn write(&self, to: &mut String) {
        list(to, self.iter());
    }

    fn is_empty(&self) -> bool {
        Self::is_empty(self)
    }
}

impl<T: ToJson> ToJson for VecDeque<T> {
    fn write(&self, to: &mut String) {
        list(to, self.iter());
    }
}

impl<T: ToJson> ToJson for BTreeMap<String, T> {
    fn write(&self, to: &mut String) {
        let mut object = Object::new(to);
        self.iter().for_each(|(name, value)| object.member(name, value));
        object.end();
    }
}

impl ToJson for Value {
    fn write(&self, to: &mut String) {
        value(to, self, None);
    }

    fn is_empty(&self) -> bool {
        self.is_null()
    }
}
