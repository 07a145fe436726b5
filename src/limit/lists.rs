//! Which addresses are on a list that changes without a deployment?

use crate::http::visitor::number;
use crate::ledger::Moment;
use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// A network in CIDR notation (RFC 4632 3.1). One of IPv4 is the IPv6 network that maps it (RFC 4291 2.5.5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Network {
    first: u128,
    bits: u32,
}

impl Network {
    /// Reads an address, or a network whose host bits are zero.
    ///
    /// # Errors
    /// A sentence: what is allowed.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (ip, bits) = match text.split_once('/') {
            Some((ip, bits)) => (ip, Some(bits)),
            None => (text, None),
        };
        let wrong =
            || format!("{text:?} is no address or network, such as \"192.0.2.1\", \"192.0.2.0/24\", \"2001:db8::/32\"");
        let ip: IpAddr = ip.parse().map_err(|_| wrong())?;
        let shift = if ip.is_ipv4() { 96 } else { 0 };
        let known = |bits: &str| bits.len() <= 3 && bits.bytes().all(|b| b.is_ascii_digit());
        let bits = match bits {
            Some(bits) => bits.parse().ok().filter(|_| known(bits)).filter(|bits| *bits <= 128 - shift),
            None => Some(128 - shift),
        };
        let network = Self::around(ip, bits.ok_or_else(wrong)? + shift);
        if network.first == number(ip) {
            Ok(network)
        } else {
            Err(format!("{text:?} has bits behind its prefix: {network}"))
        }
    }

    /// The network of an address, with a prefix of so many bits.
    fn around(ip: IpAddr, bits: u32) -> Self {
        let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
        Self { first: number(ip) & mask, bits }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ip = Ipv6Addr::from_bits(self.first);
        match ip.to_ipv4_mapped().filter(|_| self.bits >= 96) {
            Some(ip) => write!(f, "{ip}/{}", self.bits - 96),
            None => write!(f, "{ip}/{}", self.bits),
        }
    }
}

/// The networks of all lists, each until it leaves its list.
#[derive(Debug, Default)]
pub struct Lists(BTreeMap<String, BTreeMap<u32, BTreeMap<u128, Moment>>>);

impl Lists {
    /// The name of the state that a network is on a list.
    #[must_use]
    pub fn state(list: &str, network: &Network) -> String {
        format!("{}{network}", Self::prefix(list))
    }

    /// What the names of a list's states begin with.
    #[must_use]
    pub fn prefix(list: &str) -> String {
        format!("list:{list}:")
    }

    /// What the names of all lists' states begin with.
    pub const ALL: &str = "list:";

    /// The lists by their states: names after [`Lists::ALL`], each until when it is on.
    pub fn read<'s>(states: impl Iterator<Item = (&'s str, Moment)>) -> Self {
        let mut lists = Self::default();
        for (name, until) in states {
            let Some((list, text)) = name.split_once(':') else { continue };
            if let Ok(network) = Network::parse(text) {
                let list = lists.0.entry(list.to_owned()).or_default();
                list.entry(network.bits).or_default().insert(network.first, until);
            }
        }
        lists
    }

    /// Whether an address is on a list.
    #[must_use]
    pub fn contains(&self, list: &str, ip: IpAddr, now: Moment) -> bool {
        let has = |(bits, networks): (&u32, &BTreeMap<u128, Moment>)| {
            networks.get(&Network::around(ip, *bits).first).is_some_and(|until| now <= *until)
        };
        self.0.get(list).is_some_and(|list| list.iter().any(has))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_network_has_one_text() {
        for (text, found) in [
            ("192.0.2.1", Some("192.0.2.1/32")),
            ("192.0.2.0/24", Some("192.0.2.0/24")),
            ("::ffff:192.0.2.0/120", Some("192.0.2.0/24")),
            ("0.0.0.0/0", Some("0.0.0.0/0")),
            ("::/0", Some("::/0")),
            ("2001:DB8::/32", Some("2001:db8::/32")),
            ("192.0.2.1/24", None),
            ("192.0.2.0/33", None),
            ("192.0.2.0/+24", None),
            ("2001:db8::/129", None),
            ("192.0.2.0/", None),
            ("example.com", None),
            ("", None),
        ] {
            assert_eq!(Network::parse(text).ok().map(|network| network.to_string()).as_deref(), found, "{text}");
        }
    }

    #[test]
    fn an_address_is_on_a_list_until_its_network_leaves_it() {
        let states = [
            ("bad:192.0.2.0/24", 10),
            ("bad:192.0.2.7/32", 20),
            ("bad:2001:db8::/32", 30),
            ("good:::/0", 9),
            ("bad:x", 9),
        ];
        let lists = Lists::read(states.into_iter());
        let on = |list, ip: &str, now| lists.contains(list, ip.parse().expect("an address"), now);
        assert!(on("bad", "192.0.2.1", 10) && !on("bad", "192.0.2.1", 11) && !on("bad", "192.0.3.1", 1));
        assert!(on("bad", "192.0.2.7", 20) && on("bad", "::ffff:192.0.2.7", 20) && !on("bad", "192.0.2.7", 21));
        assert!(on("bad", "2001:db8:1::1", 1) && on("good", "2001::1", 1) && !on("other", "192.0.2.1", 1));
    }

    proptest! {
        #[test]
        fn every_network_reads_back(first in any::<u128>(), bits in 0_u32..=128) {
            let network = Network::around(IpAddr::V6(Ipv6Addr::from_bits(first)), bits);
            prop_assert_eq!(Network::parse(&network.to_string()), Ok(network));
            let lists = Lists::read([(format!("a:{network}").as_str(), 1)].into_iter());
            prop_assert!(lists.contains("a", IpAddr::V6(Ipv6Addr::from_bits(first)), 1));
        }

        #[test]
        fn no_text_panics_the_reader(text in "\\PC{0,20}|[0-9a-f:./]{0,24}") {
            let _ = Network::parse(&text);
        }
    }
}
