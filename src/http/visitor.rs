//! What does the network report about the visitor: address, place, data centre?

use super::head::Head;
use std::net::IpAddr;

/// A location in millionths of a degree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coordinates {
    /// North is positive.
    pub latitude: i32,
    /// East is positive.
    pub longitude: i32,
}

/// What the network reports about a visitor. A malformed value counts as unknown.
#[derive(Debug, Clone, Copy)]
pub struct Visitor<'a> {
    /// The client address that Cloudflare reports (`CF-Connecting-IP`).
    pub ip: Option<&'a str>,
    /// ISO 3166-1 code of the country.
    pub country: Option<&'a str>,
    /// AF, AN, AS, EU, NA, OC or SA.
    pub continent: Option<&'a str>,
    /// Approximate location: latitude and longitude as received, see [`Visitor::coordinates`].
    pub location: (&'a str, &'a str),
    /// IATA code of the data centre that handles the request.
    pub colo: Option<&'a str>,
}

impl<'a> Visitor<'a> {
    /// The visitor of a request, from its head.
    #[must_use]
    pub fn of(head: &Head<'a>) -> Self {
        let letters = |text: &'a str, count: usize| {
            (text.len() == count && text.bytes().all(|b| b.is_ascii_uppercase())).then_some(text)
        };
        let edge = &head.edge;
        Self {
            ip: head.fields.get("cf-connecting-ip").filter(|ip| ip.parse::<IpAddr>().is_ok()),
            country: letters(edge.country, 2).filter(|country| *country != "XX"),
            continent: letters(edge.continent, 2),
            location: (edge.latitude, edge.longitude),
            colo: letters(edge.colo, 3),
        }
    }
}

impl Visitor<'_> {
    /// The approximate location.
    #[must_use]
    pub fn coordinates(&self) -> Option<Coordinates> {
        let (latitude, longitude) = self.location;
        Some(Coordinates { latitude: millionths(latitude, 90)?, longitude: millionths(longitude, 180)? })
    }

    /// The stable part of the address: all of IPv4, the first 64 bits of IPv6, because clients change the rest at
    /// will.
    #[must_use]
    pub fn network(&self) -> Option<String> {
        network(self.ip?)
    }
}

/// See [`Visitor::network`]; `None` when `ip` is not an address.
#[must_use]
pub fn network(ip: &str) -> Option<String> {
    if ip.parse::<std::net::Ipv4Addr>().is_ok() {
        return Some(ip.to_owned());
    }
    // `::ffff:192.0.2.1` is the IPv4 address 192.0.2.1 (RFC 4291 2.5.5.2).
    match ip.parse::<IpAddr>().ok()?.to_canonical() {
        IpAddr::V4(ip) => Some(ip.to_string()),
        IpAddr::V6(ip) => Some(format!("{:x}::/64", u128::from(ip) >> 64)),
    }
}

/// An address as a number; one of IPv4 is the IPv6 address that maps it (RFC 4291 2.5.5.2).
#[must_use]
pub fn number(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().to_bits(),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

/// Decimal degrees as millionths, without floats, which cost 20 KB of wasm; `None` when malformed or above `most`.
fn millionths(text: &str, most: i32) -> Option<i32> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let good =
        (1..=3).contains(&whole.len()) && [whole, fraction].iter().all(|s| s.bytes().all(|b| b.is_ascii_digit()));
    if !good {
        return None;
    }
    let mut value: i32 = whole.parse().ok()?;
    let mut places = fraction.bytes();
    for _ in 0..6 {
        value = value * 10 + i32::from(places.next().unwrap_or(b'0') - b'0');
    }
    (value <= most * 1_000_000).then_some(sign * value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn degrees_are_parsed_as_millionths() {
        for (text, found) in [
            ("50.11552", Some(50_115_520)),
            ("-77.4874", Some(-77_487_400)),
            ("0", Some(0)),
            ("180.0000001", Some(180_000_000)),
            ("181", None),
            ("", None),
            ("-", None),
            (".5", None),
            ("1e3", None),
            ("NaN", None),
            ("9999", None),
        ] {
            assert_eq!(millionths(text, 180), found, "{text}");
        }
    }

    #[test]
    fn malformed_values_are_unknown() {
        let head = "http://a/\nGET\n0\ncf-connecting-ip:1.2.3.4, 5.6.7.8\n\nJp\nASIA\n91\n0\nnrt\n";
        let head = Head::parse(head).expect("a head");
        let visitor = Visitor::of(&head);
        assert!(visitor.ip.is_none() && visitor.country.is_none() && visitor.continent.is_none());
        assert!(visitor.coordinates().is_none() && visitor.colo.is_none());
    }

    proptest! {
        #[test]
        fn no_text_can_panic_the_parser(text in "[-0-9.]{0,16}|\\PC{0,8}") {
            let _ = millionths(&text, 180);
        }
    }
}
