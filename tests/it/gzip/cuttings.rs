//! However the input is cut, and whatever it is, the same comes of it.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::properties::gzip::{
    Format, agrees_with_flate2, any_cutting_decompresses_alike, any_cutting_round_trips, done,
    threads_do_not_show, whole,
};
use crate::support::cases;

/// Text that can be compressed, noise, or both.
fn data(most: usize) -> impl Strategy<Value = Vec<u8>> {
    let text = (vec(b'a'..=b'e', 1..20), 1..most / 20);
    prop_oneof![
        text.prop_map(|(word, times)| word.repeat(times)),
        vec(any::<u8>(), 0..most),
        vec(b'a'..=b'd', 0..most),
    ]
}

fn sizes() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![vec(0..20_usize, 1..5), vec(0..5_000_usize, 1..5)]
}

/// A stream with some bits that fell over.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let damage = vec((any::<prop::sample::Index>(), any::<u8>()), 0..3);
    let format = prop::sample::select(&Format::ALL[..]);
    (data(2_000), 0..10_u32, format, damage, any::<u8>()).prop_map(
        |(data, level, format, damage, cut)| {
            let mut small = done(&mut format.compress(level), whole(&data));
            for (at, flip) in damage {
                let at = at.index(small.len());
                small[at] ^= flip;
            }
            match cut {
                0..100 => small.truncate(small.len() - usize::from(cut) % small.len()),
                100..120 => small.extend(vec![0; usize::from(cut)]),
                120..140 => small.push(cut),
                140..170 => small = small.repeat(2),
                _ => {}
            }
            small
        },
    )
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn any_cutting_of_any_data_round_trips(data in data(20_000), sizes in sizes(), level in 0..10_u32) {
        any_cutting_round_trips(&data, &sizes, level);
    }

    #[test]
    fn any_cutting_of_damaged_data_decompresses_alike(bytes in damaged(), sizes in sizes()) {
        any_cutting_decompresses_alike(&bytes, &sizes);
        agrees_with_flate2(&bytes);
    }

    #[test]
    fn any_cutting_of_noise_decompresses_alike(bytes in vec(any::<u8>(), 0..200), sizes in sizes()) {
        any_cutting_decompresses_alike(&bytes, &sizes);
        agrees_with_flate2(&bytes);
    }
}

proptest! {
    #![proptest_config(cases(8))]

    #[test]
    fn any_number_of_threads_makes_the_same(
        word in vec(any::<u8>(), 1..3_000),
        bytes in 0..1_200_000_usize,
        sizes in vec(1..300_000_usize, 1..4),
        level in 0..7_u32,
    ) {
        let data: Vec<u8> = word.iter().copied().cycle().take(bytes).collect();
        threads_do_not_show(&data, &sizes, level);
    }
}

#[test]
fn blocks_that_end_where_the_data_ends_are_whole() {
    let block = highwater::gzip::BLOCK_BYTES;
    for bytes in [0, 1, block - 1, block, block + 1, 2 * block, 5 * block] {
        let data: Vec<u8> = (0..bytes).map(|at| (at * 7 % 253) as u8).collect();
        threads_do_not_show(&data, &[100_000], 1);
    }
}

#[test]
fn a_block_knows_what_stands_before_it() {
    // Noise that comes again and again at a distance of less than the window: a block that did not
    // know it would be larger by what it has not seen.
    let data = crate::support::pattern(30_000).repeat(50);
    let alone = done(&mut highwater::gzip::compress(6), whole(&data)).len();
    let together = done(&mut highwater::gzip::compress_parallel(6, 2), whole(&data)).len();
    assert!(together < alone + alone / 20, "{together} and {alone}");
}
