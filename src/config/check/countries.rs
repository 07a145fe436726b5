//! Which codes name countries? (ISO 3166-1 alpha-2)

use super::problems::Problems;

/// Every assigned code, and Kosovo's (XK), which Cloudflare reports too.
const CODES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT \
    BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK \
    FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE \
    JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ \
    MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO \
    RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW \
    TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW";

/// Common mistakes and the code to suggest instead.
const MISTAKES: [(&str, &str); 5] = [
    ("UK", "\"GB\""),
    ("EN", "\"GB\""),
    ("EL", "\"GR\""),
    ("EU", "the continent \"EU\", in `continents`"),
    ("JA", "\"JP\""),
];

/// Adds a problem when a country's code is not assigned.
pub(super) fn country(key: String, code: &str, problems: &mut Problems) {
    if CODES.split(' ').any(|known| known == code) {
        return;
    }
    let upper = code.to_ascii_uppercase();
    let known = CODES.split(' ').find(|known| *known == upper).map(|known| format!("{known:?}"));
    let meant =
        known.or_else(|| MISTAKES.iter().find(|(found, _)| *found == upper).map(|(_, meant)| (*meant).to_owned()));
    let suggestion = meant.map(|meant| format!(" (did you mean {meant}?)")).unwrap_or_default();
    problems.add(key, format!("found {code:?}; allowed: a country's code (ISO 3166-1), such as \"JP\"{suggestion}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_code_is_refused_with_a_suggestion() {
        assert_eq!(CODES.split_whitespace().count(), 250);
        let mut sorted: Vec<&str> = CODES.split_whitespace().collect();
        sorted.sort_unstable();
        assert!(sorted.iter().eq(CODES.split_whitespace().collect::<Vec<_>>().iter()));
        for (code, expected) in [
            ("GB", None),
            ("XK", None),
            ("UK", Some("(did you mean \"GB\"?)")),
            ("EU", Some("`continents`?)")),
            ("jp", Some("(did you mean \"JP\"?)")),
            ("XX", Some("such as \"JP\"")),
            ("", Some("found \"\"")),
        ] {
            let mut problems = Problems::default();
            country("k".into(), code, &mut problems);
            let found = problems.0.first().map(|problem| problem.sentence.clone());
            assert_eq!(found.is_some(), expected.is_some(), "{code}");
            assert!(expected.is_none_or(|expected| found.is_some_and(|found| found.contains(expected))), "{code}");
        }
    }
}
