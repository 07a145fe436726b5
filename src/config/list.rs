//! A list whose items are read from the configuration's data when they are first used, so that an isolate starts as
//! quickly with a thousand routes as with one.

use super::data::{Data, Reader};
use std::cell::OnceCell;

/// A list of the configuration.
pub struct List<T> {
    items: Vec<OnceCell<Box<T>>>,
    /// Where items are read from that are not here yet.
    source: Option<Reader>,
}

impl<T: Data> List<T> {
    /// An item.
    #[must_use]
    pub fn get(&self, place: usize) -> Option<&T> {
        let cell = self.items.get(place)?;
        let read = |source: &Reader| Box::new(T::read(&mut source.item(self.items.len(), place)));
        match &self.source {
            Some(source) => Some(cell.get_or_init(|| read(source))),
            None => cell.get().map(|item| &**item),
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// All items, in order; each is read.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        (0..self.items.len()).filter_map(|place| self.get(place))
    }
}

/// A part of the configuration that is read when it is first used.
#[derive(Clone)]
pub struct Lazy<T> {
    value: OnceCell<Box<T>>,
    source: Option<Reader>,
}

impl<T: Data + Default> Lazy<T> {
    /// The part.
    #[must_use]
    pub fn get(&self) -> &T {
        let read = |source: &Reader| Box::new(T::read(&mut source.item(1, 0)));
        self.value.get_or_init(|| self.source.as_ref().map(read).unwrap_or_default())
    }
}

impl<T> Default for Lazy<T> {
    fn default() -> Self {
        Self { value: OnceCell::new(), source: None }
    }
}

impl<T> From<T> for Lazy<T> {
    fn from(value: T) -> Self {
        Self { value: OnceCell::from(Box::new(value)), source: None }
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl<T: Data + Default + std::fmt::Debug> std::fmt::Debug for Lazy<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.get().fmt(f)
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl<T: Data + Default + PartialEq> PartialEq for Lazy<T> {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl<T: Data + Default + Eq> Eq for Lazy<T> {}

#[cfg(not(target_arch = "wasm32"))]
impl<T: Data + Default + serde::Serialize> serde::Serialize for Lazy<T> {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.get().serialize(to)
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl<'de, T: serde::Deserialize<'de>> serde::Deserialize<'de> for Lazy<T> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        T::deserialize(from).map(Self::from)
    }
}

impl<T: Data + Default> Data for Lazy<T> {
    #[cfg(not(target_arch = "wasm32"))]
    fn write(&self, to: &mut super::data::Writer) {
        to.table([self.get()].into_iter(), |item, to| item.write(to));
    }

    fn read(from: &mut Reader) -> Self {
        Self { value: OnceCell::new(), source: Some(from.table().1) }
    }
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self { items: Vec::new(), source: None }
    }
}

impl<T> From<Vec<T>> for List<T> {
    fn from(items: Vec<T>) -> Self {
        Self { items: items.into_iter().map(|item| OnceCell::from(Box::new(item))).collect(), source: None }
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl<T: Data> IntoIterator for List<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter().for_each(drop);
        self.items.into_iter().filter_map(OnceCell::into_inner).map(|item| *item).collect::<Vec<_>>().into_iter()
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl<T: Data + std::fmt::Debug> std::fmt::Debug for List<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<T: Data> Data for List<T> {
    #[cfg(not(target_arch = "wasm32"))]
    fn write(&self, to: &mut super::data::Writer) {
        to.table(self.iter().collect::<Vec<_>>().into_iter(), |item, to| item.write(to));
    }

    // The code is the same for all types: not inlined, it is there once.
    #[inline(never)]
    fn read(from: &mut Reader) -> Self {
        let (count, source) = from.table();
        let mut items = Vec::new();
        items.resize_with(count, OnceCell::new);
        Self { items, source: Some(source) }
    }
}
