//! Which region is the visitor's, and which origins are tried, in which order?

use crate::config::{Config, Coordinates, Region};
use crate::http::visitor::Visitor;
use crate::sort;
use std::cmp::Ordering;

/// The reason for the choice of a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The nearest by great-circle distance.
    Distance,
    /// The region names the country.
    Country,
    /// The region names the continent.
    Continent,
    /// The visitor's place is not known, or no region names it.
    Default,
}

impl Reason {
    /// Its name in logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Distance => "distance",
            Self::Country => "country",
            Self::Continent => "continent",
            Self::Default => "default",
        }
    }
}

/// The visitor's region: a place in [`Config::regions`], and why. `None` without regions.
#[must_use]
pub fn region(regions: &[Region], visitor: &Visitor<'_>) -> Option<(usize, Reason)> {
    let nearest = || {
        let here = visitor.coordinates()?;
        let far = |region: &Region| region.at.map(|there| distance(here, there));
        let measured = regions.iter().enumerate().filter_map(|(place, region)| Some((place, far(region)?)));
        measured
            .min_by(|a, b| a.1.partial_cmp(&b.1).unwrap_or(Ordering::Equal))
            .map(|(place, _)| (place, Reason::Distance))
    };
    let listed = |code: Option<&str>, codes: fn(&Region) -> &[String], reason| {
        let code = code?;
        regions.iter().position(|region| codes(region).iter().any(|known| known == code)).map(|place| (place, reason))
    };
    nearest()
        .or_else(|| listed(visitor.country, |region| &region.countries, Reason::Country))
        .or_else(|| listed(visitor.continent, |region| &region.continents, Reason::Continent))
        .or_else(|| regions.iter().position(|region| region.default).map(|place| (place, Reason::Default)))
        .or_else(|| (!regions.is_empty()).then_some((0, Reason::Default)))
}

/// Pools from near to far: those of the visitor's region, then by distance from the visitor (or from that region), then
/// those of regions without coordinates, last those without a region.
#[must_use]
pub fn pools(config: &Config, pools: &[usize], visitor: &Visitor<'_>, region: Option<usize>) -> Vec<usize> {
    let mut order = pools.to_vec();
    if order.len() > 1 {
        let rank = |place: &usize| {
            let own = config.pools.get(*place).and_then(|pool| pool.region);
            rank(config, own, visitor, region)
        };
        sort::by(&mut order, |a, b| rank(a).partial_cmp(&rank(b)).unwrap_or(Ordering::Equal));
    }
    order
}

/// The distance from a visitor to the region `there` as a sort key: less is nearer.
#[must_use]
pub fn rank(config: &Config, there: Option<usize>, visitor: &Visitor<'_>, region: Option<usize>) -> (u8, f64) {
    let here = || visitor.coordinates().or_else(|| config.regions.get(region?)?.at);
    match there {
        own if own.is_some() && own == region => (0, 0.0),
        Some(other) => match (here(), config.regions.get(other).and_then(|region| region.at)) {
            (Some(here), Some(there)) => (1, distance(here, there)),
            _ => (2, 0.0),
        },
        None => (3, 0.0),
    }
}

/// Great-circle distance as its haversine, which grows with it: 0 here, 1 at the other side of the earth.
fn distance(a: Coordinates, b: Coordinates) -> f64 {
    // The half of a difference, -90 to 90 degrees: what is a half turn more has the same square of its sine.
    let half = |a: i32, b: i32| match (i64::from(b) - i64::from(a)) / 2 {
        half if half > RIGHT => half - 2 * RIGHT,
        half if half < -RIGHT => half + 2 * RIGHT,
        half => half,
    };
    let squared = |angle: i64| sine(angle) * sine(angle);
    let cosine = |latitude: i32| sine(RIGHT - i64::from(latitude).abs());
    let across = cosine(a.latitude) * cosine(b.latitude) * squared(half(a.longitude, b.longitude));
    squared(half(a.latitude, b.latitude)) + across
}

/// A right angle in millionths of a degree.
const RIGHT: i64 = 90_000_000;

/// The sine of an angle of -90 to 90 degrees, given in millionths, to nine digits (Taylor series). The standard library's
/// brings 4 KiB gzipped of tables and reductions for all angles.
fn sine(millionths: i64) -> f64 {
    let x = millionths as f64 * (std::f64::consts::PI / (2 * RIGHT) as f64);
    let square = x * x;
    let terms = [13 * 12, 11 * 10, 9 * 8, 7 * 6, 5 * 4, 3 * 2];
    x * terms.iter().fold(1.0, |sum, term| 1.0 - square / f64::from(*term) * sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::source;
    use proptest::prelude::*;

    fn config() -> Config {
        let text = r#"
            [[region]]
            name = "eu"
            latitude = 50.11
            longitude = 8.68
            countries = ["DE"]
            continents = ["EU", "AF"]
            default = true
            [[region]]
            name = "us"
            latitude = 39.04
            longitude = -77.49
            countries = ["US", "MX"]
            continents = ["NA", "SA"]
            [[region]]
            name = "ap"
            latitude = 35.68
            longitude = 139.69
            continents = ["AS", "OC"]
            [[pool]]
            name = "eu"
            region = "eu"
            origins = ["https://eu1", "https://eu2", "https://eu3"]
            [[pool]]
            name = "us"
            region = "us"
            origins = ["https://us1"]
            [[pool]]
            name = "ap"
            region = "ap"
            origins = ["https://ap1"]
            [[pool]]
            name = "anywhere"
            origins = ["https://any1"]
            [[route]]
            name = "all"
            path = "/*"
            pool = ["anywhere", "eu", "us", "ap"]
        "#;
        source::read(text, "test.toml").expect("a configuration").1
    }

    fn visitor<'v>(
        country: Option<&'v str>,
        continent: Option<&'v str>,
        at: Option<(&'v str, &'v str)>,
    ) -> Visitor<'v> {
        Visitor { ip: None, country, continent, location: at.unwrap_or_default(), colo: None }
    }

    #[test]
    fn distances_are_those_of_the_haversine_formula() {
        let at = |latitude: i32, longitude: i32| Coordinates { latitude, longitude };
        let places = [
            at(0, 0),
            at(90_000_000, 0),
            at(-90_000_000, 180_000_000),
            at(0, 180_000_000),
            at(0, -179_999_999),
            at(50_110_000, 8_680_000),
            at(39_040_000, -77_490_000),
            at(35_680_000, 139_690_000),
            at(-33_870_000, 151_210_000),
        ];
        let radians = |millionths: i32| f64::from(millionths).to_radians() / 1e6;
        let exact = |a: Coordinates, b: Coordinates| {
            let half = |a: i32, b: i32| ((radians(b) - radians(a)) / 2.0).sin().powi(2);
            let across = radians(a.latitude).cos() * radians(b.latitude).cos() * half(a.longitude, b.longitude);
            half(a.latitude, b.latitude) + across
        };
        for a in places {
            for b in places {
                assert!((distance(a, b) - exact(a, b)).abs() < 1e-8, "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn the_nearest_region_is_found_by_distance_country_continent_default() {
        let config = config();
        for (who, found) in [
            (visitor(Some("DE"), Some("EU"), Some(("35.0", "135.0"))), (2, Reason::Distance)),
            (visitor(None, None, Some(("19.4", "-99.1"))), (1, Reason::Distance)),
            (visitor(None, None, Some(("-36.8", "174.7"))), (2, Reason::Distance)),
            (visitor(None, None, Some(("21.3", "-157.8"))), (2, Reason::Distance)),
            (visitor(Some("MX"), Some("EU"), None), (1, Reason::Country)),
            (visitor(Some("NZ"), Some("OC"), None), (2, Reason::Continent)),
            (visitor(Some("AQ"), Some("AN"), None), (0, Reason::Default)),
            (visitor(None, None, None), (0, Reason::Default)),
        ] {
            assert_eq!(region(&config.regions, &who), Some(found), "{who:?}");
        }
        assert_eq!(region(&[], &visitor(None, None, None)), None);
    }

    #[test]
    fn pools_are_sorted_from_near_to_far() {
        let config = config();
        let tokyo = visitor(Some("JP"), Some("AS"), Some(("35.6", "139.7")));
        assert_eq!(pools(&config, &[3, 0, 1, 2], &tokyo, Some(2)), [2, 0, 1, 3]);
        let unknown = visitor(None, None, None);
        assert_eq!(pools(&config, &[1, 0], &unknown, Some(0)), [0, 1]);
        assert_eq!(pools(&config, &[3], &unknown, None), [3]);
    }

    #[test]
    fn distances_are_great_circles() {
        let at = |lat: f64, lon: f64| Coordinates { latitude: (lat * 1e6) as i32, longitude: (lon * 1e6) as i32 };
        let km = |a, b| 2.0 * distance(a, b).sqrt().asin() * 6371.0;
        assert!((km(at(52.52, 13.405), at(35.68, 139.69)) - 8917.0).abs() < 20.0);
        assert!((km(at(0.0, 179.0), at(0.0, -179.0)) - 222.4).abs() < 1.0);
    }

    proptest! {
        #[test]
        fn every_pool_is_in_the_order_exactly_once(lat in -90.0..90.0f64, lon in -180.0..180.0f64) {
            let config = config();
            let (lat, lon) = (format!("{lat:.4}"), format!("{lon:.4}"));
            let who = visitor(None, None, Some((&lat, &lon)));
            let place = region(&config.regions, &who).map(|(place, _)| place);
            let mut order = pools(&config, &[0, 1, 2, 3], &who, place);
            order.sort_unstable();
            prop_assert_eq!(order, [0, 1, 2, 3]);
        }
    }
}
