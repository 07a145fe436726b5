//! A stable sort that is compiled once: the standard library's is compiled for each type and order, at 3 KB each.

use std::cmp::Ordering;

/// Sorts in ascending order.
pub fn ascending<T: Ord>(items: &mut [T]) {
    by(items, Ord::cmp);
}

/// Sorts by a comparison.
pub fn by<T>(items: &mut [T], compare: impl Fn(&T, &T) -> Ordering) {
    let greater =
        |a: usize, b: usize| items.get(a).zip(items.get(b)).is_some_and(|(a, b)| compare(a, b) == Ordering::Greater);
    let mut places = places(items.len(), &greater);
    // Each item moves to its place; no item moves twice.
    for at in 0..places.len() {
        while let Some(place) = places.get(at).copied().filter(|place| *place != at) {
            items.swap(at, place);
            places.swap(at, place);
        }
    }
}

/// Of each item the place that it gets (merge sort, bottom up).
fn places(count: usize, greater: &dyn Fn(usize, usize) -> bool) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    let mut merged = Vec::with_capacity(count);
    let mut width = 1;
    while width < count {
        for both in order.chunks(2 * width) {
            let (left, right) = both.split_at(width.min(both.len()));
            let (mut left, mut right) = (left.iter().copied().peekable(), right.iter().copied().peekable());
            while let (Some(a), Some(b)) = (left.peek().copied(), right.peek().copied()) {
                merged.extend(if greater(a, b) { right.next() } else { left.next() });
            }
            merged.extend(left);
            merged.extend(right);
        }
        std::mem::swap(&mut order, &mut merged);
        merged.clear();
        width *= 2;
    }
    let mut places = vec![0; count];
    for (place, item) in order.into_iter().enumerate() {
        if let Some(of) = places.get_mut(item) {
            *of = place;
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_sorts_as_the_standard_library_does(items in prop::collection::vec((0..9_u8, any::<u16>()), 0..70)) {
            let (mut ours, mut theirs) = (items.clone(), items);
            by(&mut ours, |a, b| a.0.cmp(&b.0));
            theirs.sort_by_key(|item| item.0);
            prop_assert_eq!(&ours, &theirs);
            ascending(&mut ours);
            theirs.sort();
            prop_assert_eq!(ours, theirs);
        }
    }
}
