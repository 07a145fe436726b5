//! The reader: one pass over the text, without a tree unless one is wanted.

use serde_json::{Map, Value};

/// Why a text is not the JSON that is wanted: a sentence for its author.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub String);

/// Something that is read from JSON.
pub trait Json: Sized {
    /// Reads it.
    ///
    /// # Errors
    /// What comes next is something else, or no JSON.
    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed>;

    /// What it is where its member is missing; `None` when it must not be.
    fn missing() -> Option<Self> {
        None
    }
}

/// The value of a member that may be missing only where its type says so.
///
/// # Errors
/// It is missing.
pub fn required<T: Json>(found: Option<T>, name: &str) -> Result<T, Malformed> {
    found.or_else(T::missing).ok_or_else(|| Malformed(format!("\"{name}\" is missing")))
}

/// How deep objects and lists may be in one another.
const DEEPEST: u32 = 127;

/// The most digits before the decimal point, exponent included: beyond it no f64 has the number.
const LARGEST: usize = 309;

/// Reads an alternative, by its name and, where it has one, from its value.
type Alternative<'f, 't, T> = dyn FnMut(&str, Option<&mut Reader<'t>>) -> Result<T, Malformed> + 'f;

/// Reads JSON from a place on.
pub struct Reader<'t> {
    text: &'t str,
    at: usize,
    depth: u32,
}

impl<'t> Reader<'t> {
    /// A reader at the beginning of a text.
    #[must_use]
    pub fn new(text: &'t str) -> Self {
        Self { text, at: 0, depth: 0 }
    }

    /// What is left of the text.
    fn rest(&self) -> &'t [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// The next byte after white space.
    fn next(&mut self) -> Option<u8> {
        let rest = self.rest();
        let space = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
        self.at += space;
        rest.get(space).copied()
    }

    fn error(&self, why: &str) -> Malformed {
        Malformed(format!("{why} at byte {}", self.at + 1))
    }

    /// Passes a byte, if it is the next one after white space.
    fn pass(&mut self, byte: u8) -> bool {
        let found = self.next() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Passes a literal, if it is next.
    fn literal(&mut self, literal: &str) -> bool {
        self.next();
        let found = self.rest().starts_with(literal.as_bytes());
        self.at += if found { literal.len() } else { 0 };
        found
    }

    /// Passes the end of the text.
    pub(super) fn end(&mut self) -> Result<(), Malformed> {
        if self.next().is_none() { Ok(()) } else { Err(self.error("the JSON goes on after its end")) }
    }

    /// Passes `null`, if it is next.
    pub fn null(&mut self) -> bool {
        self.literal("null")
    }

    /// Reads `true` or `false`.
    ///
    /// # Errors
    /// Neither is next.
    pub fn boolean(&mut self) -> Result<bool, Malformed> {
        if self.literal("true") {
            return Ok(true);
        }
        if self.literal("false") { Ok(false) } else { Err(self.error("true or false is wanted")) }
    }

    /// Reads a number, as its text.
    ///
    /// # Errors
    /// No number is next (RFC 8259 6), or one that no f64 has.
    pub fn number(&mut self) -> Result<&'t str, Malformed> {
        self.next();
        let rest = self.rest();
        let digits = |from: usize| rest.iter().skip(from).take_while(|byte| byte.is_ascii_digit()).count();
        let mut end = usize::from(rest.first() == Some(&b'-'));
        let whole = digits(end);
        if whole == 0 || (whole > 1 && rest.get(end) == Some(&b'0')) {
            return Err(self.error("a number is wanted"));
        }
        end += whole;
        if rest.get(end) == Some(&b'.') {
            let fraction = digits(end + 1);
            if fraction == 0 {
                return Err(self.error("a number is wanted"));
            }
            end += 1 + fraction;
        }
        let mut largest = whole;
        if let Some(b'e' | b'E') = rest.get(end) {
            let sign = usize::from(matches!(rest.get(end + 1), Some(b'+' | b'-')));
            let from = end + 1 + sign;
            let exponent = digits(from);
            let text = self.text.get(self.at + from..self.at + from + exponent).unwrap_or_default();
            if exponent == 0 {
                return Err(self.error("a number is wanted"));
            }
            end = from + exponent;
            if rest.get(from - 1) != Some(&b'-') {
                largest = largest.saturating_add(text.parse().unwrap_or(usize::MAX));
            }
        }
        if largest > LARGEST {
            return Err(self.error("the number is too large"));
        }
        let number = self.text.get(self.at..self.at + end).unwrap_or_default();
        self.at += end;
        Ok(number)
    }

    /// Reads a string.
    ///
    /// # Errors
    /// No string is next (RFC 8259 7).
    pub fn string(&mut self) -> Result<String, Malformed> {
        if !self.pass(b'"') {
            return Err(self.error("a string is wanted"));
        }
        let mut string = String::new();
        loop {
            let rest = self.rest();
            let plain = rest.iter().take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..0x20)).count();
            string.push_str(self.text.get(self.at..self.at + plain).unwrap_or_default());
            self.at += plain + 1;
            match rest.get(plain) {
                Some(b'"') => return Ok(string),
                Some(b'\\') => string.push(self.escaped()?),
                _ => return Err(self.error("the string does not end, or has a control character")),
            }
        }
    }

    /// The character of an escape sequence, after its `\`.
    fn escaped(&mut self) -> Result<char, Malformed> {
        let byte = self.rest().first().copied();
        self.at += 1;
        Ok(match byte {
            Some(b'n') => '\n',
            Some(b't') => '\t',
            Some(b'r') => '\r',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'u') => {
                let unit = self.unit();
                // A character beyond the first 65,536 is a pair of surrogates.
                let code = match unit {
                    Some(high @ 0xd800..0xdc00) if self.rest().starts_with(b"\\u") => {
                        self.at += 2;
                        let low = self.unit().filter(|low| (0xdc00..0xe000).contains(low));
                        low.map(|low| 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00))
                    }
                    unit => unit,
                };
                code.and_then(char::from_u32).ok_or_else(|| self.error("the escape sequence is no character"))?
            }
            _ => return Err(self.error("the escape sequence is unknown")),
        })
    }

    /// The four hexadecimal digits of a UTF-16 code unit.
    fn unit(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        self.at += 4;
        let good = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        good.then(|| u32::from_str_radix(digits, 16).ok())?
    }

    /// Reads a list; `item` reads each item.
    ///
    /// # Errors
    /// No list is next, or an item is not as wanted.
    pub fn list(&mut self, item: &mut dyn FnMut(&mut Self) -> Result<(), Malformed>) -> Result<(), Malformed> {
        if !self.pass(b'[') {
            return Err(self.error("a list is wanted"));
        }
        self.deeper()?;
        if !self.pass(b']') {
            loop {
                item(self)?;
                if !self.pass(b',') {
                    break;
                }
            }
            if !self.pass(b']') {
                return Err(self.error("',' or ']' is wanted"));
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// Reads an object; `member` reads the value of each member, whose name it gets.
    ///
    /// # Errors
    /// No object is next, or a member is not as wanted.
    pub fn object(
        &mut self,
        member: &mut dyn FnMut(&str, &mut Self) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        if !self.pass(b'{') {
            return Err(self.error("an object is wanted"));
        }
        self.deeper()?;
        if !self.pass(b'}') {
            loop {
                let name = self.string()?;
                if !self.pass(b':') {
                    return Err(self.error("':' is wanted"));
                }
                member(&name, self).map_err(|Malformed(why)| Malformed(format!("\"{name}\": {why}")))?;
                if !self.pass(b',') {
                    break;
                }
            }
            if !self.pass(b'}') {
                return Err(self.error("',' or '}' is wanted"));
            }
        }
        self.depth -= 1;
        Ok(())
    }

    fn deeper(&mut self) -> Result<(), Malformed> {
        self.depth += 1;
        if self.depth > DEEPEST { Err(self.error("objects and lists are too deep in one another")) } else { Ok(()) }
    }

    /// Reads the value of a member whose place is `found`.
    ///
    /// # Errors
    /// The member was there before, or its value is not as wanted.
    pub fn member<T: Json>(&mut self, found: &mut Option<T>) -> Result<(), Malformed> {
        if found.is_some() {
            return Err(self.repeated());
        }
        *found = Some(T::read(self)?);
        Ok(())
    }

    /// Passes a value.
    ///
    /// # Errors
    /// It is no JSON.
    pub fn skip(&mut self) -> Result<(), Malformed> {
        self.value().map(drop)
    }

    /// The error of a member that is there twice.
    #[must_use]
    pub fn repeated(&self) -> Malformed {
        Malformed("it is said twice".into())
    }

    /// The error of a member that nobody knows.
    #[must_use]
    pub fn unknown(&self) -> Malformed {
        Malformed("it is unknown".into())
    }

    /// Reads one of several alternatives: a string is its name; an object with one member has its name and its value.
    ///
    /// # Errors
    /// Neither is next, or `alternative` knows no such name.
    pub fn alternative<T>(&mut self, alternative: &mut Alternative<'_, 't, T>) -> Result<T, Malformed> {
        if self.next() == Some(b'"') {
            let name = self.string()?;
            return alternative(&name, None).map_err(|Malformed(why)| Malformed(format!("\"{name}\": {why}")));
        }
        let mut found = None;
        self.object(&mut |name, from| {
            if found.is_some() {
                return Err(Malformed("one member alone is wanted".into()));
            }
            found = Some(alternative(name, Some(from))?);
            Ok(())
        })?;
        found.ok_or_else(|| self.error("one member is wanted"))
    }

    /// Reads any value.
    pub(super) fn value(&mut self) -> Result<Value, Malformed> {
        Ok(match self.next() {
            Some(b'"') => Value::String(self.string()?),
            Some(b'{') => Value::Object(Map::read(self)?),
            Some(b'[') => Value::Array(Vec::read(self)?),
            Some(b't' | b'f') => Value::Bool(self.boolean()?),
            Some(b'n') if self.null() => Value::Null,
            Some(b'-' | b'0'..=b'9') => {
                let number = self.number()?.parse();
                Value::Number(number.map_err(|_| self.error("the number is none"))?)
            }
            _ => return Err(self.error("a value is wanted")),
        })
    }
}
