//! How is a decided configuration written as bytes by the build, and read by an isolate?
//!
//! The values follow each other without names: numbers as LEB128, texts and lists with their length before them. What
//! grows with the configuration ([`super::list::List`], [`super::names::Names`]) is read in place, item by item, when it
//! is first used. The bytes come from the same build as the reader ([`FORMAT`] says so), so reading never fails: beyond
//! the end everything is zero and empty.

use super::super::http::json;
use serde_json::Value;
use std::rc::Rc;

/// Names the sources of this format; the build sets it for what writes and for what reads.
pub(super) const FORMAT: &str = match option_env!("USHER_FORMAT") {
    Some(format) => format,
    None => "",
};

/// Something that is written as data.
pub trait Data {
    /// Appends it.
    #[cfg(not(target_arch = "wasm32"))]
    fn write(&self, to: &mut Writer);

    /// Reads what [`Data::write`] wrote.
    fn read(from: &mut Reader) -> Self;
}

/// Writes data.
#[cfg(not(target_arch = "wasm32"))]
#[derive(Debug, Default)]
pub struct Writer {
    pub(super) bytes: Vec<u8>,
    /// The settings that vars and secrets decide, each once, as data.
    pub(super) open: Vec<Vec<u8>>,
}

#[cfg(not(target_arch = "wasm32"))]
impl Writer {
    pub(super) fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }

    pub(super) fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.bytes.extend_from_slice(text.as_bytes());
    }

    /// Appends items of different lengths so that each is found by its place: how many they are, how long all of them
    /// are, where each begins (32 bits), the items.
    pub(super) fn table<T>(&mut self, items: impl ExactSizeIterator<Item = T>, write: impl Fn(&T, &mut Self)) {
        let mut own = Self { open: std::mem::take(&mut self.open), bytes: Vec::new() };
        let mut starts = Vec::with_capacity(items.len());
        for item in items {
            starts.push(own.bytes.len() as u32);
            write(&item, &mut own);
        }
        self.open = own.open;
        self.number(starts.len() as u64);
        self.number(own.bytes.len() as u64);
        for start in starts {
            self.bytes.extend_from_slice(&start.to_le_bytes());
        }
        self.bytes.append(&mut own.bytes);
    }
}

/// Reads data from a place on.
#[derive(Debug, Clone)]
pub struct Reader {
    bytes: Rc<[u8]>,
    at: usize,
    /// The values of the settings that vars and secrets decide, in the order of `Writer::open`.
    pub(super) values: Rc<[String]>,
}

impl Reader {
    pub(super) fn new(bytes: Rc<[u8]>) -> Self {
        Self { bytes, at: 0, values: Rc::default() }
    }

    #[inline(never)]
    pub(super) fn byte(&mut self) -> u8 {
        let byte = self.bytes.get(self.at).copied().unwrap_or_default();
        self.at += 1;
        byte
    }

    #[inline(never)]
    pub(super) fn number(&mut self) -> u64 {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte();
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        number
    }

    /// A number of items or bytes that follow: never more than are left.
    #[inline(never)]
    pub(super) fn length(&mut self) -> usize {
        let left = self.bytes.len().saturating_sub(self.at);
        usize::try_from(self.number()).unwrap_or(usize::MAX).min(left)
    }

    /// Passes some bytes.
    pub(super) fn skip(&mut self, bytes: usize) {
        self.at += bytes;
    }

    /// Bytes at a distance from here, without passing them.
    pub(super) fn fixed<const N: usize>(&self, distance: usize) -> Option<[u8; N]> {
        self.bytes.get(self.at + distance..)?.first_chunk::<N>().copied()
    }

    pub(super) fn text(&mut self) -> &str {
        let length = self.length();
        let from = self.at;
        self.at += length;
        self.bytes.get(from..self.at).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
    }

    /// Passes a [`Writer::table`]: how many items it has, and a reader at its starts.
    pub(super) fn table(&mut self) -> (usize, Self) {
        let (count, size) = (self.length(), self.length());
        let starts = self.clone();
        self.at += 4 * count + size;
        (count, starts)
    }

    /// A reader at an item of the table whose starts this reader is at.
    pub(super) fn item(&self, count: usize, place: usize) -> Self {
        let start = self.bytes.get(self.at + 4 * place..).and_then(|bytes| bytes.first_chunk::<4>());
        let start = start.map_or(0, |bytes| u32::from_le_bytes(*bytes) as usize);
        Self { at: self.at + 4 * count + start, ..self.clone() }
    }
}

/// Implements [`Data`] for a struct by its fields, or for an enum by the number of each variant.
macro_rules! data {
    (struct $name:ident { $($field:ident),* $(,)? }) => {
        impl super::data::Data for $name {
            #[cfg(not(target_arch = "wasm32"))]
            fn write(&self, to: &mut super::data::Writer) {
                $(super::data::Data::write(&self.$field, to);)*
            }

            fn read(from: &mut super::data::Reader) -> Self {
                Self { $($field: super::data::Data::read(from)),* }
            }
        }
    };
    (enum $name:ident {
        $first:ident $(($($first_item:ident),*))?
        $(, $number:literal = $variant:ident $(($($item:ident),*))? $({ $($field:ident),* })?)* $(,)?
    }) => {
        impl super::data::Data for $name {
            #[cfg(not(target_arch = "wasm32"))]
            fn write(&self, to: &mut super::data::Writer) {
                match self {
                    Self::$first $(($($first_item),*))? => {
                        to.bytes.push(0);
                        $($(super::data::Data::write($first_item, to);)*)?
                    }
                    $(Self::$variant $(($($item),*))? $({ $($field),* })? => {
                        to.bytes.push($number);
                        $($(super::data::Data::write($item, to);)*)?
                        $($(super::data::Data::write($field, to);)*)?
                    })*
                }
            }

            fn read(from: &mut super::data::Reader) -> Self {
                match from.byte() {
                    $($number => {
                        $($(let $item = super::data::Data::read(from);)*)?
                        $($(let $field = super::data::Data::read(from);)*)?
                        Self::$variant $(($($item),*))? $({ $($field),* })?
                    })*
                    _ => {
                        $($(let $first_item = super::data::Data::read(from);)*)?
                        Self::$first $(($($first_item),*))?
                    }
                }
            }
        }
    };
}
pub(super) use data;

macro_rules! numbers {
    ($($type:ty),*) => {$(
        impl Data for $type {
            #[cfg(not(target_arch = "wasm32"))]
            fn write(&self, to: &mut Writer) {
                to.number(*self as u64);
            }

            fn read(from: &mut Reader) -> Self {
                from.number() as $type
            }
        }
    )*};
}
numbers!(u16, u32, u64, usize);

/// Zigzag: small negative numbers stay small.
impl Data for i64 {
    #[cfg(not(target_arch = "wasm32"))]
    fn write(&self, to: &mut Writer) {
        to.number(((self << 1) ^ (self >> 63)) as u64);
    }

    fn read(from: &mut Reader) -> Self {
        let number = from.number();
        (number >> 1) as i64 ^ -((number & 1) as i64)
    }
}

impl Data for i32 {
    #[cfg(not(target_arch = "wasm32"))]
    fn write(&self, to: &mut Writer) {
        i64::from(*self).write(to);
    }

    fn read(from: &mut Reader) -> Self {
        i64::read(from) as i32
    }
}

impl Data for bool {
    #[cfg(not(target_arch = "wasm32"))]
    fn write(&self, to: &mut Writer) {
        to.bytes.push(u8::from(*self));
    }

    fn read(from: &mut Reader) -> Self {
        from.byte() == 1
    }
}

impl Data for String {
    #[cfg(not(target_arch = "wasm32"))]
    fn write(&self, to: &mut Writer) {
        to.text(self);
    }

    fn read(from: &mut Reader) -> Self {
        from.text().to_owned()
    }
}

impl<T: Data> Data for Vec<T> {
    #[cfg(not(target_arch = "wasm32"))]
    fn write(&self, to: &mut Writer) {
        to.number(self.len() as u64);
        self.iter().for_each(|item| item.write(to));
    }

    #[inline(never)]
    fn read(from: &mut Reader) -> Self {
        let length = from.length();
        let mut items = Self::with_capacity(length);
        items.extend((0..length).map(|_| T::read(from)));
        items
    }
}

impl<T: Data> Data for Option<T> {
    #[cfg(not(target_arch = "wasm32"))]
    fn write(&self, to: &mut Writer) {
        self.is_some().write(to);
        self.iter().for_each(|item| item.write(to));
    }

    #[inline(never)]
    fn read(from: &mut Reader) -> Self {
        bool::read(from).then(|| T::read(from))
    }
}

impl<A: Data, B: Data> Data for (A, B) {
    #[cfg(not(target_arch = "wasm32"))]
    fn write(&self, to: &mut Writer) {
        self.0.write(to);
        self.1.write(to);
    }

    fn read(from: &mut Reader) -> Self {
        (A::read(from), B::read(from))
    }
}

/// A value of a claim that a route requires, as JSON.
impl Data for Value {
    #[cfg(not(target_arch = "wasm32"))]
    fn write(&self, to: &mut Writer) {
        to.text(&json::text(self));
    }

    fn read(from: &mut Reader) -> Self {
        json::read(from.text()).unwrap_or_default()
    }
}
