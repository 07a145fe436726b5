//! What are the members of a list field?

/// The members of a list field (RFC 9110 5.6.1), trimmed, without empty members. Commas inside quoted strings do
/// not separate.
pub fn members(value: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let mut escaped = false;
    value
        .split(move |c| {
            match c {
                _ if escaped => escaped = false,
                '\\' if quoted => escaped = true,
                '"' => quoted = !quoted,
                _ => return c == ',' && !quoted,
            }
            false
        })
        .map(|member| member.trim_matches([' ', '\t']))
        .filter(|member| !member.is_empty())
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
