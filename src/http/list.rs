//! What are the members of a list field?

use super::search;

/// The members of a list field (RFC 9110 5.6.1), trimmed, without empty members. Commas inside quoted strings do
/// not separate.
pub fn members(value: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(value);
    let next = move || {
        let text = rest?;
        let (mut quoted, mut escaped) = (false, false);
        let comma = text.bytes().position(|byte| {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                _ => return byte == b',' && !quoted,
            }
            false
        });
        rest = comma.and_then(|comma| text.get(comma + 1..));
        Some(search::trim(comma.and_then(|comma| text.get(..comma)).unwrap_or(text)))
    };
    std::iter::from_fn(next).filter(|member| !member.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_list_separates_at_commas_outside_quotes() {
        let found: Vec<&str> = members(r#" a , "b,c" ,, d="e\",f""#).collect();
        assert_eq!(found, ["a", r#""b,c""#, r#"d="e\",f""#]);
    }

    proptest! {
        #[test]
        fn no_input_can_panic_the_parser(value in "\\PC{0,120}") {
            let _ = members(&value).count();
        }
    }
}
