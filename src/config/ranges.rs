//! Ranges of addresses, looked up in the configuration's data as they are.

use super::super::http::visitor::number;
use super::data::{Data, Reader};
use std::net::IpAddr;

/// The bytes of a range: its first and its last address.
const SIZE: usize = 32;

/// Ranges of addresses in order, without gaps or overlaps between neighbours. An IPv4 address is the IPv6 address that maps
/// it (RFC 4291 2.5.5.2).
#[derive(Clone, Default)]
pub struct Ranges {
    count: usize,
    /// At the first range.
    source: Option<Reader>,
}

impl Ranges {
    /// Whether an address is in one of them.
    #[must_use]
    pub fn contains(&self, ip: IpAddr) -> bool {
        let ip = number(ip);
        let (mut from, mut to) = (0, self.count);
        while from < to {
            let middle = usize::midpoint(from, to);
            let (first, last) = self.range(middle);
            if ip < first {
                to = middle;
            } else if ip > last {
                from = middle + 1;
            } else {
                return true;
            }
        }
        false
    }

    /// The first and the last address of a range.
    fn range(&self, place: usize) -> (u128, u128) {
        let bytes = self.source.as_ref().and_then(|source| source.fixed::<SIZE>(place * SIZE)).unwrap_or([0; SIZE]);
        let half = |bytes: Option<&[u8; 16]>| u128::from_be_bytes(bytes.copied().unwrap_or_default());
        (half(bytes.first_chunk()), half(bytes.last_chunk()))
    }
}

impl Data for Ranges {
    #[cfg(not(target_arch = "wasm32"))]
    fn write(&self, to: &mut super::data::Writer) {
        native::write((0..self.count).map(|place| self.range(place)), to);
    }

    fn read(from: &mut Reader) -> Self {
        let count = from.length();
        let source = from.clone();
        from.skip(count * SIZE);
        Self { count, source: Some(source) }
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod native {
    use super::super::data::Writer;
    use super::{Data, Ranges, Reader, number};
    use ipnet::IpNet;
    use std::fmt;
    use std::net::IpAddr;

    impl FromIterator<IpNet> for Ranges {
        fn from_iter<I: IntoIterator<Item = IpNet>>(networks: I) -> Self {
            let mut ranges: Vec<(u128, u128)> = networks.into_iter().flat_map(ends).flatten().collect();
            ranges.sort_unstable();
            ranges.dedup_by(|next, known| {
                let joined = next.0 <= known.1.saturating_add(1);
                if joined {
                    known.1 = known.1.max(next.1);
                }
                joined
            });
            let mut to = Writer::default();
            write(ranges.into_iter(), &mut to);
            Self::read(&mut Reader::new(to.bytes.into()))
        }
    }

    /// How many there are, and each with its first and its last address.
    pub(super) fn write(ranges: impl ExactSizeIterator<Item = (u128, u128)>, to: &mut Writer) {
        to.number(ranges.len() as u64);
        for (first, last) in ranges {
            to.bytes.extend_from_slice(&first.to_be_bytes());
            to.bytes.extend_from_slice(&last.to_be_bytes());
        }
    }

    /// The first and the last address of a network. One of IPv6 has no IPv4 address, unless it is a network of addresses
    /// that map them.
    fn ends(network: IpNet) -> [Option<(u128, u128)>; 2] {
        let (first, last) = (number(network.network()), number(network.broadcast()));
        let mapped = (0xffff_0000_0000, 0xffff_ffff_ffff);
        if matches!(network, IpNet::V6(_)) && first < mapped.0 && last > mapped.1 {
            [Some((first, mapped.0 - 1)), Some((mapped.1 + 1, last))]
        } else {
            [Some((first, last)), None]
        }
    }

    /// Reads an address, or a network in CIDR notation (RFC 4632 3.1), whose host bits are zero.
    ///
    /// # Errors
    /// What is allowed.
    pub fn network(text: &str) -> Result<IpNet, String> {
        let network = match text.parse::<IpAddr>() {
            Ok(ip) => IpNet::from(ip),
            Err(_) => text.parse().map_err(|_| {
                format!("found {text:?}; allowed: an address or a network, such as \"192.0.2.1\", \"192.0.2.0/24\", \"2001:db8::/32\"")
            })?,
        };
        if network.addr() == network.network() {
            Ok(network)
        } else {
            Err(format!("found {text:?}, which has bits behind its prefix; allowed: \"{}\"", network.trunc()))
        }
    }

    impl fmt::Debug for Ranges {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_list().entries((0..self.count).map(|place| self.range(place))).finish()
        }
    }
}
#[cfg(not(target_arch = "wasm32"))]
pub use native::network;

#[cfg(test)]
mod tests {
    use super::*;
    use ipnet::IpNet;
    use proptest::prelude::*;

    #[test]
    fn an_address_is_in_the_networks_that_have_it() {
        let networks = ["192.0.2.0/24", "198.51.100.7", "2001:db8::/32", "192.0.3.0/25", "10.0.0.0/8", "10.1.0.0/16"];
        let ranges: Ranges = networks.iter().map(|text| network(text).expect(text)).collect();
        assert_eq!(ranges.count, 4, "neighbours are one range: {ranges:?}");
        for (ip, found) in [
            ("192.0.2.0", true),
            ("192.0.3.127", true),
            ("192.0.3.128", false),
            ("192.0.1.255", false),
            ("198.51.100.7", true),
            ("198.51.100.8", false),
            ("::ffff:192.0.2.1", true),
            ("2001:db8:ffff::1", true),
            ("2001:db9::", false),
            ("10.255.255.255", true),
            ("::", false),
        ] {
            assert_eq!(ranges.contains(ip.parse().expect(ip)), found, "{ip}");
        }
        let whole: Ranges = [network("::/0").expect("a network")].into_iter().collect();
        assert!(
            whole.contains("::1".parse().expect("an address")) && whole.contains("2001::".parse().expect("an address"))
        );
        assert!(!whole.contains("192.0.2.1".parse().expect("an address")), "IPv6 is not IPv4");
        let mapped: Ranges = [network("::ffff:0:0/96").expect("a network")].into_iter().collect();
        assert!(mapped.contains("192.0.2.1".parse().expect("an address")));
        assert!(!Ranges::default().contains("::1".parse().expect("an address")));
    }

    #[test]
    fn a_network_has_no_bits_behind_its_prefix() {
        assert_eq!(
            network("192.0.2.1/24"),
            Err("found \"192.0.2.1/24\", which has bits behind its prefix; allowed: \"192.0.2.0/24\"".into())
        );
        for text in
            ["", "192.0.2", "192.0.2.0/33", "192.0.2.0/-1", "192.0.2.01", "::/129", "fe80::1%eth0", "a.example", " ::1"]
        {
            assert!(network(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn ranges_have_what_their_networks_have(
            networks in prop::collection::vec((any::<u32>(), 8_u8..=32), 0..40),
            asked in prop::collection::vec(any::<u32>(), 1..40),
        ) {
            let networks: Vec<IpNet> = networks.iter().map(|(ip, length)| {
                IpNet::new(IpAddr::V4((*ip).into()), *length).expect("a prefix length").trunc()
            }).collect();
            let ranges: Ranges = networks.iter().copied().collect();
            let edges = networks.iter().flat_map(|network| [network.network(), network.broadcast()]);
            for ip in asked.into_iter().map(|ip| IpAddr::V4(ip.into())).chain(edges) {
                prop_assert_eq!(ranges.contains(ip), networks.iter().any(|network| network.contains(&ip)));
            }
        }
    }
}
