//! How is JSON (RFC 8259) read and written? By one strict reader, for which a repeated member name is an error: two
//! readers of a repeated name may use different values (RFC 7515 4, RFC 7519 4).
//!
//! Types say how by [`Json`], most of them by the macro `json_struct`. serde's derives would be compiled for each type
//! once more, at ten times the weight: they are the build's, which reads `usher.toml`.

mod reader;
mod writer;

pub use reader::Reader;
pub use writer::{Object, pretty, text};

use serde_json::{Map, Value};
use std::collections::{BTreeMap, VecDeque};

/// Why a text is not the JSON that is wanted: a sentence for its author.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub String);

/// Something that is read from JSON.
pub trait Json: Sized {
    /// Reads it.
    ///
    /// # Errors
    /// What comes next is something else, or no JSON.
    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed>;

    /// What it is where its member is missing; `None` when it must not be.
    fn missing() -> Option<Self> {
        None
    }
}

/// Something that is written as JSON.
pub trait ToJson {
    /// Appends it.
    fn write(&self, to: &mut String);

    /// Whether it is zero, empty, false or null: an optional member is not written then.
    fn is_empty(&self) -> bool {
        false
    }
}

/// Reads a text.
///
/// # Errors
/// It is no JSON (RFC 8259), is something else than wanted, or repeats a member name.
pub fn read<T: Json>(text: &str) -> Result<T, Malformed> {
    let mut reader = Reader::new(text);
    let value = T::read(&mut reader)?;
    reader.end()?;
    Ok(value)
}

/// Reads an object in which no object, at any depth, repeats a member name.
///
/// # Errors
/// The text is not UTF-8, not JSON, not an object, or repeats a name.
pub fn object(bytes: &[u8]) -> Result<Map<String, Value>, Malformed> {
    let text = std::str::from_utf8(bytes).map_err(|_| Malformed("it is no UTF-8".into()))?;
    read(text)
}

/// Implements [`Json`] and [`ToJson`], or one of them, for a struct whose members are named as its fields. A field with `= optional` may
/// be missing and is not written when it is empty; one with `= default` may be missing; `strict` refuses other members;
/// the fields after `skip` are left alone.
macro_rules! json_struct {
    ($(($how:ident))? $name:ident { $($field:ident $(= $mode:ident)?),* $(,)? } $(skip { $($left:ident),* })?) => {
        $crate::http::json::json_struct!(read $(($how))? $name { $($field $(= $mode)?),* } $(skip { $($left),* })?);
        $crate::http::json::json_struct!(write $name { $($field $(= $mode)?),* });
    };
    (read $(($how:ident))? $name:ident { $($field:ident $(= $mode:ident)?),* $(,)? } $(skip { $($left:ident),* })?) => {
        impl $crate::http::json::Json for $name {
            fn read(from: &mut $crate::http::json::Reader<'_>) -> Result<Self, $crate::http::json::Malformed> {
                $(let mut $field = None;)*
                from.object(&mut |name, from| match name {
                    $(stringify!($field) => from.member(&mut $field),)*
                    _ => $crate::http::json::json_struct!(@other from $($how)?),
                })?;
                Ok(Self {
                    $($field: $crate::http::json::json_struct!(@take $field $($mode)?),)*
                    $($($left: Default::default(),)*)?
                })
            }
        }
    };
    (write $name:ident $(<$life:lifetime>)? { $($field:ident $(= $mode:ident)?),* $(,)? }) => {
        impl $crate::http::json::ToJson for $name $(<$life>)? {
            fn write(&self, to: &mut String) {
                let mut object = $crate::http::json::Object::new(to);
                $($crate::http::json::json_struct!(@put object self $field $($mode)?);)*
                object.end();
            }
        }
    };
    (@other $from:ident strict) => { Err($from.unknown()) };
    (@other $from:ident) => { $from.skip() };
    (@take $field:ident) => { $crate::http::json::required($field, stringify!($field))? };
    (@take $field:ident $mode:ident) => { $field.unwrap_or_default() };
    (@put $object:ident $self:ident $field:ident optional) => { $object.optional(stringify!($field), &$self.$field) };
    (@put $object:ident $self:ident $field:ident $($mode:ident)?) => { $object.member(stringify!($field), &$self.$field) };
}
pub(crate) use json_struct;

/// A JSON object from names and values.
macro_rules! json_object {
    ({ $($name:literal: $value:expr),* $(,)? }) => {{
        let mut members = serde_json::Map::new();
        $(members.insert($name.to_owned(), serde_json::Value::from($value));)*
        serde_json::Value::Object(members)
    }};
}
pub(crate) use json_object;

/// The value of a member that may be missing only where its type says so.
///
/// # Errors
/// It is missing.
pub fn required<T: Json>(found: Option<T>, name: &str) -> Result<T, Malformed> {
    found.or_else(T::missing).ok_or_else(|| Malformed(format!("\"{name}\" is missing")))
}

macro_rules! numbers {
    ($($type:ty),*) => {$(
        impl Json for $type {
            fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
                let number = from.number()?;
                number.parse().map_err(|_| Malformed(format!("{number} is no whole number in the range of {}", stringify!($type))))
            }
        }

        impl ToJson for $type {
            fn write(&self, to: &mut String) {
                writer::number(to, u64::from(*self));
            }

            fn is_empty(&self) -> bool {
                *self == 0
            }
        }
    )*};
}
numbers!(u16, u32, u64);

impl Json for usize {
    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        u32::read(from).map(|number| number as Self)
    }
}

impl ToJson for usize {
    fn write(&self, to: &mut String) {
        writer::number(to, *self as u64);
    }
}

impl Json for bool {
    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        from.boolean()
    }
}

impl ToJson for bool {
    fn write(&self, to: &mut String) {
        to.push_str(if *self { "true" } else { "false" });
    }

    fn is_empty(&self) -> bool {
        !*self
    }
}

impl Json for String {
    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        from.string()
    }
}

impl ToJson for String {
    fn write(&self, to: &mut String) {
        writer::string(to, self);
    }
}

impl ToJson for &str {
    fn write(&self, to: &mut String) {
        writer::string(to, self);
    }
}

impl<T: Json> Json for Option<T> {
    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        if from.null()? { Ok(None) } else { T::read(from).map(Some) }
    }

    fn missing() -> Option<Self> {
        Some(None)
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

impl<T: Json> Json for Vec<T> {
    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut all = Self::new();
        from.list(&mut |from| {
            all.push(T::read(from)?);
            Ok(())
        })?;
        Ok(all)
    }
}

impl<T: ToJson> ToJson for Vec<T> {
    fn write(&self, to: &mut String) {
        writer::list(to, self.iter());
    }

    fn is_empty(&self) -> bool {
        Self::is_empty(self)
    }
}

impl<T: Json> Json for VecDeque<T> {
    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Vec::read(from).map(Self::from)
    }
}

impl<T: ToJson> ToJson for VecDeque<T> {
    fn write(&self, to: &mut String) {
        writer::list(to, self.iter());
    }
}

impl<T: Json> Json for BTreeMap<String, T> {
    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut all = Self::new();
        from.object(&mut |name, from| {
            let value = T::read(from)?;
            if all.insert(name.to_owned(), value).is_some() { Err(from.repeated()) } else { Ok(()) }
        })?;
        Ok(all)
    }
}

impl<T: ToJson> ToJson for BTreeMap<String, T> {
    fn write(&self, to: &mut String) {
        let mut object = Object::new(to);
        self.iter().for_each(|(name, value)| object.member(name, value));
        object.end();
    }
}

/// A pair is a list of two.
impl<A: Json, B: Json> Json for (A, B) {
    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (mut first, mut second, mut more) = (None, None, false);
        from.list(&mut |from| {
            match (&first, &second) {
                (None, _) => first = Some(A::read(from)?),
                (_, None) => second = Some(B::read(from)?),
                _ => more = true,
            }
            if more { Err(Malformed("a list of two is wanted".into())) } else { Ok(()) }
        })?;
        first.zip(second).ok_or_else(|| Malformed("a list of two is wanted".into()))
    }
}

impl Json for Map<String, Value> {
    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut all = Self::new();
        from.object(&mut |name, from| {
            let value = Value::read(from)?;
            if all.insert(name.to_owned(), value).is_some() { Err(from.repeated()) } else { Ok(()) }
        })?;
        Ok(all)
    }
}

impl Json for Value {
    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        from.value()
    }
}

impl ToJson for Value {
    fn write(&self, to: &mut String) {
        writer::value(to, self, None);
    }

    fn is_empty(&self) -> bool {
        self.is_null()
    }
}

#[cfg(test)]
mod tests;
