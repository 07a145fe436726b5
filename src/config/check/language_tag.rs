//! Is a language tag well-formed?

/// Canonical case of a language tag (RFC 5646 2.1.1); `None` when it is not well-formed.
pub(in super::super) fn canonical_tag(tag: &str) -> Option<String> {
    let mut out = String::with_capacity(tag.len());
    let mut extended = false;
    for (place, part) in tag.split('-').enumerate() {
        // `x-pirate` is private use, `i-klingon` is grandfathered (RFC 5646 2.2.7, 2.2.8).
        let alone = place == 0 && tag.len() > 2 && matches!(part, "x" | "X" | "i" | "I");
        extended |= alone;
        let well_formed = (1..=8).contains(&part.len())
            && if alone {
                true
            } else if place == 0 {
                part.len() > 1 && part.bytes().all(|b| b.is_ascii_alphabetic())
            } else {
                part.bytes().all(|b| b.is_ascii_alphanumeric())
            };
        if !well_formed {
            return None;
        }
        if place > 0 {
            out.push('-');
        }
        let lower = part.to_ascii_lowercase();
        extended |= place > 0 && part.len() == 1;
        match part.len() {
            _ if extended => out.push_str(&lower),
            2 if place > 0 => out.push_str(&part.to_ascii_uppercase()),
            4 if place > 0 && part.bytes().all(|b| b.is_ascii_alphabetic()) => {
                let (first, others) = lower.split_at_checked(1)?;
                out.push_str(&first.to_ascii_uppercase());
                out.push_str(others);
            }
            _ => out.push_str(&lower),
        }
    }
    Some(out)
}
