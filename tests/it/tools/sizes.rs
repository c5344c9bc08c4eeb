//! How many bytes: one way of writing that, in every tool.

#[path = "../../../examples/shell/number.rs"]
pub(crate) mod number;

#[test]
fn a_size_has_a_unit_and_decimals() {
    const K: u64 = 1024;
    for (text, bytes) in [
        ("0", 0),
        ("1", 1),
        ("65536", 65536),
        ("10K", 10 * K),
        ("10k", 10 * K),
        ("10KiB", 10 * K),
        ("10KB", 10_000),
        ("10kb", 10_000),
        ("10B", 10),
        ("1.5M", K * K * 3 / 2),
        ("1.5MB", 1_500_000),
        ("10MB", 10_000_000),
        ("0.5K", 512),
        ("1.3K", 1331), // 1331.2
        ("2G", 2 * K * K * K),
        ("2GiB", 2 * K * K * K),
        ("1T", K * K * K * K),
        ("1TB", 1_000_000_000_000),
        ("1.000000000000000000000000001T", K * K * K * K),
        ("18446744073709551615", u64::MAX),
        ("16777215.9T", u64::MAX / 10 * 10 + 1),
    ] {
        let got = number::bytes::<u64>(text);
        if text.starts_with("16777215") {
            assert!(got.is_ok_and(|got| got > u64::MAX / 100 * 99), "{text}");
        } else {
            assert_eq!(got, Ok(bytes), "{text}");
        }
    }
}

#[test]
fn what_is_no_size_is_refused_with_what_would_be_one() {
    for text in [
        "", " ", "K", "-1", "+1", "1.5", "1.", "1.K", ".5K", "1..5K", "1.5.5K", "1X", "1KK", "1iB",
        "1KiBB", "0x10", "1e3", "many", "1 K", "1K ", "ü", "1ü", "1,5M", "NaN", "inf",
    ] {
        let refused = number::bytes::<u64>(text).unwrap_err();
        assert!(
            refused.starts_with(&format!("`{text}` is no number")),
            "{refused}"
        );
        assert!(refused.contains("64K, 1.5M"), "{refused}");
    }
    for text in [
        "18446744073709551616",
        "16777216T",
        "99999999999G",
        "99999999999999999999999",
    ] {
        let refused = number::bytes::<u64>(text).unwrap_err();
        assert_eq!(refused, format!("`{text}` is too large"));
    }
    assert!(
        number::bytes::<u16>("64K")
            .unwrap_err()
            .contains("too large")
    );
    assert!(
        number::some_bytes::<u64>("0K")
            .unwrap_err()
            .contains("nothing would ever move")
    );
}
