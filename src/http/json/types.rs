//! The types that are read.

use super::reader::{Json, Malformed, Reader};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, VecDeque};

macro_rules! numbers {
    ($($type:ty),*) => {$(
        impl Json for $type {
            fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
                let number = from.number()?;
                let wrong = || Malformed(format!("{number} is no whole number in the range of {}", stringify!($type)));
                number.parse().map_err(|_| wrong())
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

impl Json for bool {
    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        from.boolean()
    }
}

impl Json for String {
    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        from.string()
    }
}

impl<T: Json> Json for Option<T> {
    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        if from.null() { Ok(None) } else { T::read(from).map(Some) }
    }

    fn missing() -> Option<Self> {
        Some(None)
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

impl<T: Json> Json for VecDeque<T> {
    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Vec::read(from).map(Self::from)
    }
}

impl<T: Json> Json for BTreeMap<String, T> {
    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut all = Self::new();
        members(from, &mut |name, value| all.insert(name, value).is_none())?;
        Ok(all)
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
        members(from, &mut |name, value| all.insert(name, value).is_none())?;
        Ok(all)
    }
}

/// Reads the members of an object; `insert` returns whether a name is new.
fn members<T: Json>(from: &mut Reader<'_>, insert: &mut dyn FnMut(String, T) -> bool) -> Result<(), Malformed> {
    from.object(&mut |name, from| {
        let value = T::read(from)?;
        if insert(name.to_owned(), value) { Ok(()) } else { Err(from.repeated()) }
    })
}

impl Json for Value {
    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        from.value()
    }
}
