//! Trace and span ids. Hexadecimal outside, bytes inside; all-zero means "none", as OTLP and W3C have it.

use std::fmt;

macro_rules! id {
    ($name:ident, $len:literal, $doc:literal) => {
        #[doc = $doc]
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            pub const LEN: usize = $len;

            /// `None` unless `bytes` has exactly the length of an id.
            pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }

            /// Reads hexadecimal of either case. Shorter input is padded with zeros on the left, as Jaeger and B3 clients send it;
            /// longer input, an empty string and other characters are `None`.
            pub fn from_hex(text: &str) -> Option<Self> {
                let digits = text.as_bytes();
                if digits.is_empty() || digits.len() > $len * 2 {
                    return None;
                }
                let mut id = [0u8; $len];
                for (place, digit) in digits.iter().rev().enumerate() {
                    let value = (*digit as char).to_digit(16)? as u8;
                    id[$len - 1 - place / 2] |= value << (4 * (place % 2));
                }
                Some(Self(id))
            }

            pub fn is_zero(&self) -> bool {
                self.0 == [0; $len]
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

id!(TraceId, 16, "Names one trace everywhere.");
id!(SpanId, 8, "Names one span within its trace.");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_round_trips_and_short_ids_are_padded() {
        let id = TraceId::from_hex("5B8EFFF798038103D269B633813FC60C").unwrap();
        assert_eq!(id.to_string(), "5b8efff798038103d269b633813fc60c");
        assert_eq!(SpanId::from_hex("7b").unwrap().to_string(), "000000000000007b");
        assert_eq!(SpanId::from_hex(""), None);
        assert_eq!(SpanId::from_hex("00000000000000001"), None);
        assert_eq!(SpanId::from_hex("zz"), None);
        assert_eq!(SpanId::from_bytes(&[1, 2]), None);
    }
}
