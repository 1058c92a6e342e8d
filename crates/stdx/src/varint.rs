//! Unsigned LEB128 and zig-zag integers, as protobuf and our own files write them. At most ten bytes; longer or truncated input is `None`.

/// Appends `value` in 1 to 10 bytes.
pub fn put_u64(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends `value` zig-zag encoded, so that small negative numbers stay short.
pub fn put_i64(out: &mut Vec<u8>, value: i64) {
    put_u64(out, zigzag(value));
}

/// Takes one integer off the front of `input`.
#[inline]
pub fn take_u64(input: &mut &[u8]) -> Option<u64> {
    let first = *input.first()?;
    if first < 0x80 {
        *input = &input[1..];
        return Some(u64::from(first));
    }
    let mut value = u64::from(first & 0x7f);
    for (index, &byte) in input.iter().enumerate().take(10).skip(1) {
        let low = u64::from(byte & 0x7f);
        if index == 9 && byte > 1 {
            return None;
        }
        value |= low << (7 * index);
        if byte < 0x80 {
            *input = &input[index + 1..];
            return Some(value);
        }
    }
    None
}

/// Takes one zig-zag integer off the front of `input`.
#[inline]
pub fn take_i64(input: &mut &[u8]) -> Option<i64> {
    take_u64(input).map(unzigzag)
}

/// Takes a length-prefixed byte string off the front of `input`.
#[inline]
pub fn take_bytes<'a>(input: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = usize::try_from(take_u64(input)?).ok()?;
    let (head, tail) = input.split_at_checked(len)?;
    *input = tail;
    Some(head)
}

/// Appends a length-prefixed byte string.
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_u64(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

#[inline]
pub fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

#[inline]
pub fn unzigzag(value: u64) -> i64 {
    ((value >> 1) as i64) ^ -((value & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_round_trips() {
        for shift in 0..64 {
            for value in [1u64 << shift, (1u64 << shift).wrapping_sub(1), u64::MAX >> shift] {
                let mut out = Vec::new();
                put_u64(&mut out, value);
                let mut input = out.as_slice();
                assert_eq!(take_u64(&mut input), Some(value));
                assert!(input.is_empty());
                assert_eq!(unzigzag(zigzag(value as i64)), value as i64);
            }
        }
    }

    #[test]
    fn truncated_and_overlong_input_is_refused() {
        assert_eq!(take_u64(&mut [].as_slice()), None);
        assert_eq!(take_u64(&mut [0x80].as_slice()), None);
        assert_eq!(take_u64(&mut [0xff; 10].as_slice()), None);
        assert_eq!(take_u64(&mut [0xff; 11].as_slice()), None);
        assert_eq!(take_bytes(&mut [5, 1, 2].as_slice()), None);
    }
}
