//! How is JSON (RFC 8259) read and written? By one strict reader, for which a repeated member name is an error: two
//! readers of a repeated name may use different values (RFC 7515 4, RFC 7519 4).
//!
//! Types say how by [`Json`], most of them by the macro `json_struct`. serde's derives would be compiled for each type
//! once more, at ten times the weight: they are the build's, which reads `usher.toml`.

mod reader;
mod types;
mod writer;

pub use reader::{Json, Malformed, Reader, required};
pub use writer::{Object, ToJson, pretty, text};

use serde_json::{Map, Value};

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

/// Implements [`Json`] and [`ToJson`], or one of them, for a struct whose members are named as its
/// fields. A field with `= optional` may be missing and is not written when it is empty; one with `= default` may be
/// missing; one with `= members` is a list of names and values, which are written as members; `strict` refuses other members; the fields after `skip` are left alone.
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
    (@put $object:ident $self:ident $field:ident members) => {
        for (name, value) in $self.$field {
            $object.member(name, value);
        }
    };
    (@put $object:ident $self:ident $field:ident optional) => { $object.optional(stringify!($field), &$self.$field) };
    (@put $object:ident $self:ident $field:ident $($mode:ident)?) => { $object.member(stringify!($field), &$self.$field) };
}
pub(crate) use json_struct;

/// A JSON object from names and values.
macro_rules! json_object {
    ({ $($name:literal: $value:expr),* $(,)? }) => {
        $crate::http::json::members(&mut [$(($name, serde_json::Value::from($value))),*])
    };
}
pub(crate) use json_object;

/// An object of these members.
pub fn members(all: &mut [(&str, Value)]) -> Value {
    let mut members = Map::new();
    members.extend(all.iter_mut().map(|(name, value)| ((*name).to_owned(), value.take())));
    Value::Object(members)
}

#[cfg(test)]
mod tests;
