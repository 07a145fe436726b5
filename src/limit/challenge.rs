//! How does a browser show that it is one? It finds numbers whose SHA-256 begins with zeros (proof of work), and gets a
//! signed cookie, or "pass", for it.
//!
//! Nothing is remembered here: a puzzle is signed, for one client and five minutes, and the pass for it ends at the same
//! time whenever, and however often, it is solved.

use crate::config::Millis;
use crate::http::head::Head;
use crate::http::signed_cookie::{Purpose, sign, verify};
use crate::http::visitor::Visitor;
use ct_codecs::{Base64UrlSafeNoPadding, Encoder};

/// A puzzle is many small ones, so that some take hardly longer than others.
pub const PIECES: u32 = 8;
/// How long a puzzle may take, in milliseconds.
const TIME: Millis = 300_000;

/// Who is challenged: a client on its network, with its name.
pub struct Client<'c> {
    /// `COOKIE_KEY`.
    key: &'c str,
    network: String,
    agent: &'c str,
}

impl<'c> Client<'c> {
    /// The client of a request.
    #[must_use]
    pub fn of(key: &'c str, head: &Head<'c>, visitor: &Visitor<'_>) -> Self {
        let network = visitor.network().unwrap_or_default();
        Self { key, network, agent: head.fields.get("user-agent").unwrap_or_default() }
    }

    /// A new puzzle of `bits` bits: about 2 to the power of `bits` hashes.
    #[must_use]
    pub fn puzzle(&self, bits: u32, now: Millis, random: &[u8; 16]) -> String {
        let random = Base64UrlSafeNoPadding::encode_to_string(random).unwrap_or_default();
        self.sign("puzzle", &format!("{now} {bits} {random}"))
    }

    /// Whether this client solves one of its puzzles: when it was made, and its bits.
    #[must_use]
    pub fn solved(&self, puzzle: &str, solution: &str, now: Millis) -> Option<(Millis, u32)> {
        let text = self.verify("puzzle", puzzle)?;
        let mut parts = text.split(' ');
        let made: Millis = parts.next()?.parse().ok()?;
        let bits: u32 = parts.next()?.parse().ok()?;
        let timely = now >= made && now - made <= TIME;
        (timely && is_solution(puzzle, bits, solution)).then_some((made, bits))
    }

    /// The value of the cookie with which this client passes up to a time.
    #[must_use]
    pub fn pass(&self, bits: u32, until: Millis) -> String {
        self.sign("pass", &format!("{until} {bits}"))
    }

    /// Whether a cookie's value lets this client pass where a puzzle of so many bits is wanted.
    #[must_use]
    pub fn passes(&self, value: &str, bits: u32, now: Millis) -> bool {
        let text = self.verify("pass", value);
        let parts = text.as_deref().and_then(|text| text.split_once(' '));
        let known = parts.and_then(|(until, bits)| Some((until.parse::<Millis>().ok()?, bits.parse::<u32>().ok()?)));
        known.is_some_and(|(until, solved)| now < until && solved >= bits)
    }

    fn sign(&self, what: &str, text: &str) -> String {
        sign(self.key, Purpose::Challenge, &self.binding(what), text)
    }

    fn verify(&self, what: &str, value: &str) -> Option<String> {
        verify(self.key, Purpose::Challenge, &self.binding(what), value)
    }

    fn binding(&self, what: &str) -> String {
        format!("{what}\n{}\n{}", self.network, self.agent)
    }
}

/// What the hashed texts of a puzzle begin with: its signature, so that a text fits one block of SHA-256.
#[must_use]
pub fn prefix(puzzle: &str) -> &str {
    puzzle.rsplit('.').next().unwrap_or_default()
}

/// How many zero bits each piece's hash begins with.
#[must_use]
pub fn zeros(bits: u32) -> u32 {
    bits.saturating_sub(PIECES.ilog2())
}

/// Whether a solution (a number for each piece, joined by commas) is right: the SHA-256 of `prefix.piece.number` begins with
/// enough zeros.
fn is_solution(puzzle: &str, bits: u32, solution: &str) -> bool {
    let numbers: Vec<&str> = solution.split(',').collect();
    let is_number = |text: &str| (1..=15).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_right = |(piece, number): (usize, &&str)| {
        let hash = hmac_sha256::Hash::hash(format!("{}.{piece}.{number}", prefix(puzzle)).as_bytes());
        let first = hash.first_chunk().copied().map_or(u32::MAX, u32::from_be_bytes);
        is_number(number) && first.leading_zeros() >= zeros(bits)
    };
    numbers.len() == PIECES as usize && numbers.iter().enumerate().all(is_right)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: &str = "0123456789abcdef0123456789abcdef";
    const NOW: Millis = 1_800_000_000_000;

    fn client<'c>(ip: &str, agent: &'c str) -> Client<'c> {
        Client { key: KEY, network: crate::http::visitor::network(ip).expect("an address"), agent }
    }

    fn solve(puzzle: &str, bits: u32) -> String {
        let find = |piece| {
            let good = |n: &u64| {
                let hash = hmac_sha256::Hash::hash(format!("{}.{piece}.{n}", prefix(puzzle)).as_bytes());
                u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]).leading_zeros() >= zeros(bits)
            };
            (0..).find(good).expect("a number").to_string()
        };
        (0..PIECES).map(find).collect::<Vec<_>>().join(",")
    }

    #[test]
    fn a_solution_passes_for_its_client_its_time_and_its_bits() {
        let me = client("192.0.2.1", "Firefox");
        let puzzle = me.puzzle(10, NOW, &[7; 16]);
        let solution = solve(&puzzle, 10);
        assert_eq!(me.solved(&puzzle, &solution, NOW + TIME), Some((NOW, 10)));
        assert_eq!(me.solved(&puzzle, &solution, NOW + TIME + 1), None, "too late");
        assert_eq!(me.solved(&puzzle, &solution, NOW - 1), None, "from the future");
        for (ip, agent) in [("192.0.2.2", "Firefox"), ("192.0.2.1", "curl")] {
            assert_eq!(client(ip, agent).solved(&puzzle, &solution, NOW), None, "another's");
        }
        let other = Client { key: "another key", ..client("192.0.2.1", "Firefox") };
        assert_eq!(other.solved(&puzzle, &solution, NOW), None);
        for wrong in
            ["", "0,0,0,0,0,0,0,0", &format!("{solution},1"), &solution.replace(',', ";"), &format!("+{solution}")]
        {
            assert_eq!(me.solved(&puzzle, wrong, NOW), None, "{wrong}");
        }
        assert!(prefix(&puzzle).len() + ".7.".len() + 15 <= 55, "one block");
    }

    #[test]
    fn a_pass_is_for_its_client_its_time_and_its_bits() {
        let me = client("2001:db8::1", "Firefox");
        let pass = me.pass(12, NOW);
        assert!(me.passes(&pass, 12, NOW - 1) && me.passes(&pass, 0, NOW - 1));
        assert!(client("2001:db8::ffff:1", "Firefox").passes(&pass, 12, NOW - 1), "the same network");
        assert!(!me.passes(&pass, 12, NOW) && !me.passes(&pass, 13, NOW - 1));
        assert!(!client("2001:db8:0:1::1", "Firefox").passes(&pass, 12, NOW - 1));
        assert!(!client("2001:db8::1", "Chrome").passes(&pass, 12, NOW - 1));
        assert!(!me.passes(&me.puzzle(12, NOW, &[0; 16]), 0, 0), "a puzzle is no pass");
        assert_eq!(me.solved(&pass, "", NOW), None, "a pass is no puzzle");
    }

    proptest! {
        #[test]
        fn no_text_passes(puzzle in "\\PC{0,60}", solution in "[0-9,]{0,60}|\\PC{0,30}") {
            let me = client("192.0.2.1", "a");
            prop_assert_eq!(me.solved(&puzzle, &solution, NOW), None);
            prop_assert!(!me.passes(&puzzle, 0, 0));
        }
    }
}
