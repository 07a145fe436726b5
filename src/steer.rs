//! Which region is the visitor's, and which origins are tried, in which order?

use crate::config::{Config, Coordinates, Region, Setting};
use crate::visitor::Visitor;
use std::cmp::Ordering;

/// What took the decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The nearest by great-circle distance.
    Distance,
    /// The region names the country.
    Country,
    /// The region names the continent.
    Continent,
    /// Nothing is known.
    Default,
}

impl Reason {
    /// One word for the log.
    #[must_use]
    pub fn word(self) -> &'static str {
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
        let here = visitor.coordinates?;
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

/// The base URLs to try, in order: one of the pool of the visitor's region, one of each pool that is
/// next nearest to the visitor (or to that region), one of each without a place; then the others of
/// each, for what stands together often falls together. Within a pool from a random start.
#[must_use]
pub fn origins<'c>(
    config: &'c Config,
    pools: &[usize],
    visitor: &Visitor<'_>,
    region: Option<usize>,
    random: u64,
) -> Vec<&'c str> {
    let here = visitor.coordinates.or_else(|| config.regions.get(region?)?.at);
    let rank = |place: usize| -> (u8, f64) {
        match config.pools.get(place).and_then(|pool| pool.region) {
            own if own.is_some() && own == region => (0, 0.0),
            Some(other) => match (here, config.regions.get(other).and_then(|region| region.at)) {
                (Some(here), Some(there)) => (1, distance(here, there)),
                _ => (2, 0.0),
            },
            None => (3, 0.0),
        }
    };
    let mut order = pools.to_vec();
    order.sort_by(|a, b| rank(*a).partial_cmp(&rank(*b)).unwrap_or(Ordering::Equal));
    let pools: Vec<&[Setting]> =
        order.iter().filter_map(|place| Some(config.pools.get(*place)?.origins.as_slice())).collect();
    let most = pools.iter().map(|origins| origins.len()).max().unwrap_or_default();
    let turns = (0..most).flat_map(|turn| pools.iter().map(move |origins| (turn, *origins)));
    turns
        .filter(|(turn, origins)| *turn < origins.len())
        .filter_map(|(turn, origins)| {
            let start = usize::try_from(random % origins.len() as u64).unwrap_or_default();
            match origins.get((start + turn) % origins.len())? {
                Setting::Is(url) => Some(url.as_str()),
                Setting::Var(_) => None,
            }
        })
        .collect()
}

/// Great-circle distance in radians (haversine formula).
fn distance(a: Coordinates, b: Coordinates) -> f64 {
    let radians = |millionths: i32| f64::from(millionths).to_radians() / 1e6;
    let half = |a: i32, b: i32| ((radians(b) - radians(a)) / 2.0).sin().powi(2);
    let across = radians(a.latitude).cos() * radians(b.latitude).cos() * half(a.longitude, b.longitude);
    2.0 * (half(a.latitude, b.latitude) + across).sqrt().min(1.0).asin()
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

    fn visitor(
        country: Option<&'static str>,
        continent: Option<&'static str>,
        at: Option<(f64, f64)>,
    ) -> Visitor<'static> {
        let millionths = |degrees: f64| (degrees * 1e6) as i32;
        let coordinates = at.map(|(lat, lon)| Coordinates { latitude: millionths(lat), longitude: millionths(lon) });
        Visitor { ip: None, country, continent, coordinates, colo: None }
    }

    #[test]
    fn the_nearest_region_is_found_by_distance_country_continent_default() {
        let config = config();
        for (who, found) in [
            (visitor(Some("DE"), Some("EU"), Some((35.0, 135.0))), (2, Reason::Distance)),
            (visitor(None, None, Some((19.4, -99.1))), (1, Reason::Distance)),
            (visitor(None, None, Some((-36.8, 174.7))), (2, Reason::Distance)),
            (visitor(None, None, Some((21.3, -157.8))), (2, Reason::Distance)),
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
    fn pools_are_tried_from_near_to_far_and_origins_from_a_random_start() {
        let config = config();
        let tokyo = visitor(Some("JP"), Some("AS"), Some((35.6, 139.7)));
        let order = origins(&config, &[3, 0, 1, 2], &tokyo, Some(2), 4);
        assert_eq!(order, ["https://ap1", "https://eu2", "https://us1", "https://any1", "https://eu3", "https://eu1"]);
        let unknown = visitor(None, None, None);
        assert_eq!(origins(&config, &[1, 0], &unknown, Some(0), 0)[0], "https://eu1");
        assert_eq!(origins(&config, &[3], &unknown, None, 9), ["https://any1"]);
    }

    #[test]
    fn distances_are_great_circles() {
        let at = |lat: f64, lon: f64| Coordinates { latitude: (lat * 1e6) as i32, longitude: (lon * 1e6) as i32 };
        let km = |a, b| distance(a, b) * 6371.0;
        assert!((km(at(52.52, 13.405), at(35.68, 139.69)) - 8917.0).abs() < 20.0);
        assert!((km(at(0.0, 179.0), at(0.0, -179.0)) - 222.4).abs() < 1.0);
    }

    proptest! {
        #[test]
        fn every_origin_is_tried_exactly_once(random: u64, lat in -90.0..90.0f64, lon in -180.0..180.0f64) {
            let config = config();
            let who = visitor(None, None, Some((lat, lon)));
            let place = region(&config.regions, &who).map(|(place, _)| place);
            let mut order = origins(&config, &[0, 1, 2, 3], &who, place, random);
            prop_assert_eq!(order.len(), 6);
            order.sort_unstable();
            order.dedup();
            prop_assert_eq!(order.len(), 6);
        }
    }
}
