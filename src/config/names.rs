//! A table from names to places in a list, looked up in the configuration's data as it is.

#[cfg(not(target_arch = "wasm32"))]
use super::data::Writer;
use super::data::{Data, Reader};

/// Names in byte order, each with a place in some list.
#[derive(Clone, Default)]
pub struct Names {
    count: usize,
    /// At the table's starts.
    table: Option<Reader>,
}

impl Names {
    /// The place of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<usize> {
        let table = self.table.as_ref()?;
        let (mut from, mut to) = (0, self.count);
        while from < to {
            let middle = usize::midpoint(from, to);
            let mut item = table.item(self.count, middle);
            match item.text().cmp(name) {
                std::cmp::Ordering::Less => from = middle + 1,
                std::cmp::Ordering::Greater => to = middle,
                std::cmp::Ordering::Equal => return Some(Data::read(&mut item)),
            }
        }
        None
    }
}

impl Data for Names {
    #[cfg(not(target_arch = "wasm32"))]
    fn write(&self, to: &mut Writer) {
        to.table(self.all().into_iter(), |(name, place), to| {
            to.text(name);
            place.write(to);
        });
    }

    fn read(from: &mut Reader) -> Self {
        let (count, table) = from.table();
        Self { count, table: Some(table) }
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod native {
    use super::{Data, Names, Reader, Writer};
    use std::collections::BTreeMap;
    use std::fmt;

    impl Names {
        pub(super) fn all(&self) -> Vec<(String, usize)> {
            let table = self.table.iter();
            let items = table.flat_map(|table| (0..self.count).map(|place| table.item(self.count, place)));
            items.map(|mut item| (item.text().to_owned(), Data::read(&mut item))).collect()
        }
    }

    impl FromIterator<(String, usize)> for Names {
        fn from_iter<I: IntoIterator<Item = (String, usize)>>(names: I) -> Self {
            let sorted: BTreeMap<String, usize> = names.into_iter().collect();
            let mut to = Writer::default();
            to.table(sorted.into_iter(), |(name, place), to| {
                to.text(name);
                place.write(to);
            });
            Self::read(&mut Reader::new(to.bytes.into()))
        }
    }

    impl fmt::Debug for Names {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_map().entries(self.all()).finish()
        }
    }
}
