use super::*;

const ALL: [Compression; 8] = [
    Compression::None,
    Compression::Gzip,
    Compression::Zstd,
    Compression::Snappy,
    Compression::Deflate,
    Compression::Lz4Block,
    Compression::Lz4Frame,
    Compression::SnappyFramed,
];

fn packed(compression: Compression, plain: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    compress(compression, None, plain, &mut out);
    out
}

fn samples() -> Vec<Vec<u8>> {
    let noise = (0..5000u64).flat_map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).to_le_bytes()).collect();
    vec![Vec::new(), b"x".to_vec(), b"telemetry ".repeat(20_000), noise]
}

#[test]
fn every_format_round_trips_behind_what_is_there() {
    for compression in ALL {
        for plain in samples() {
            let mut out = b"before".to_vec();
            decompress(compression, &packed(compression, &plain), plain.len(), &mut out).unwrap();
            assert!(out.strip_prefix(b"before") == Some(&plain), "{compression:?} of {} bytes", plain.len());
        }
    }
}

#[test]
fn the_cap_is_exact_and_bounds_memory() {
    let plain = vec![b'a'; 3 << 20];
    for compression in ALL {
        let small = packed(compression, &plain);
        let mut out = Vec::new();
        decompress(compression, &small, plain.len(), &mut out).unwrap();
        for limit in [0, 1, 1000, plain.len() - 1] {
            let mut out = Vec::new();
            let refused = decompress(compression, &small, limit, &mut out);
            assert_eq!(refused, Err(CompressError::TooLarge { limit }), "{compression:?} {limit}");
            assert!(out.is_empty() && out.capacity() <= 2 * limit + (5 << 20), "{compression:?} {limit}");
        }
    }
}

#[test]
fn truncated_and_corrupt_input_is_an_error_or_another_text_and_no_panic() {
    let plain = b"hello hello hello telemetry ".repeat(40);
    for compression in ALL.into_iter().filter(|compression| *compression != Compression::None) {
        let good = packed(compression, &plain);
        for cut in 0..good.len() {
            let mut out = Vec::new();
            let result = decompress(compression, &good[..cut], 1 << 20, &mut out);
            // Framed formats may end between frames, or before the first: a shorter stream.
            let shorter = match compression {
                Compression::SnappyFramed => out != plain,
                Compression::Lz4Frame => cut == 0 && out.is_empty(),
                _ => false,
            };
            assert!(result.is_err() || shorter, "{compression:?} {cut}");
            let mut bad = good.clone();
            bad[cut] ^= 0x55;
            let _ = decompress(compression, &bad, 1 << 20, &mut Vec::new());
        }
    }
}

#[test]
fn claims_are_not_believed() {
    // A snappy block that claims 100 MB and holds nothing.
    let mut lie = Vec::new();
    stdx::varint::put_u64(&mut lie, 100 << 20);
    let mut out = Vec::new();
    assert!(matches!(
        decompress(Compression::Snappy, &lie, 1 << 30, &mut out),
        Err(CompressError::Corrupt { .. })
    ));
    assert_eq!(out.capacity(), 0);
    let lie = [0xff, 0xff, 0xff, 0x3f, 0, 0];
    assert!(decompress(Compression::Lz4Block, &lie, 1 << 31, &mut out).is_err());
    assert_eq!(out.capacity(), 0);
    // A zstd frame header that claims 512 MiB of content.
    let lie = [0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0, 0x20, 0x03, 0, 0];
    assert!(decompress(Compression::Zstd, &lie, 1 << 30, &mut out).is_err());
    assert!(out.capacity() < 1 << 20);
}

#[test]
fn several_members_and_raw_deflate_are_read() {
    let twice = [packed(Compression::Gzip, b"one "), packed(Compression::Gzip, b"two")].concat();
    let mut out = Vec::new();
    decompress(Compression::Gzip, &twice, 7, &mut out).unwrap();
    assert_eq!(out, b"one two");
    assert!(decompress(Compression::Gzip, &twice, 6, &mut out).is_err());
    let frames = [packed(Compression::Zstd, b"one "), packed(Compression::Zstd, b"two")].concat();
    out.clear();
    decompress(Compression::Zstd, &frames, 7, &mut out).unwrap();
    assert_eq!(out, b"one two");
    let zlib = packed(Compression::Deflate, b"raw");
    out.clear();
    decompress(Compression::Deflate, &zlib[2..zlib.len() - 4], 100, &mut out).unwrap();
    assert_eq!(out, b"raw");
    let mut named = vec![0x1f, 0x8b, 8, 8 | 4, 0, 0, 0, 0, 0, 3, 2, 0, 9, 9];
    named.extend_from_slice(b"name\0");
    named.extend_from_slice(&packed(Compression::Gzip, b"x")[10..]);
    out.clear();
    decompress(Compression::Gzip, &named, 100, &mut out).unwrap();
    assert_eq!(out, b"x");
}

#[test]
fn errors_name_format_and_fault() {
    let check = |compression, input: &[u8], expect: &str| {
        let error = decompress(compression, input, 100, &mut Vec::new()).unwrap_err();
        assert_eq!(error.to_string(), expect);
    };
    check(Compression::Gzip, b"hello", "gzip: invalid header");
    check(Compression::Gzip, &packed(Compression::Gzip, b"abc")[..14], "gzip: unexpected EOF");
    check(Compression::Zstd, b"hello", "zstd: Unknown frame descriptor");
    check(Compression::Snappy, b"\x05hello", "snappy: corrupt input");
    check(Compression::None, &[0; 101], "decompressed body is larger than the limit of 100 bytes");
    assert_eq!(http_compression("GZIP"), Some(Compression::Gzip));
    assert_eq!(http_compression("br"), None);
    assert_eq!(grpc_compression("snappy"), Some(Compression::SnappyFramed));
}

#[test]
fn a_zstd_frame_that_does_not_say_its_size_meets_the_same_cap() {
    let plain = vec![b'a'; 3 << 20];
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
    encoder.include_contentsize(false).unwrap();
    encoder.write_all(&plain).unwrap();
    let frame = encoder.finish().unwrap();
    assert!(matches!(zstd::zstd_safe::get_frame_content_size(&frame), Ok(None)));
    let mut out = Vec::new();
    decompress(Compression::Zstd, &frame, plain.len(), &mut out).unwrap();
    assert!(out == plain);
    for limit in [0, 1, 70_000, plain.len() - 1] {
        let mut out = Vec::new();
        assert_eq!(
            decompress(Compression::Zstd, &frame, limit, &mut out),
            Err(CompressError::TooLarge { limit })
        );
        assert!(out.is_empty() && out.capacity() <= 2 * limit + (1 << 20), "{limit}");
    }
    for cut in 0..frame.len() {
        assert!(decompress(Compression::Zstd, &frame[..cut], plain.len(), &mut Vec::new()).is_err(), "{cut}");
    }
}
