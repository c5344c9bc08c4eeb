use highwater::*;
use std::time::Instant;
use std::thread;
fn ours(high: usize, n: usize, chunk: Bytes) -> f64 {
    let (mut w, r) = channel(HighWaterMark::bytes(high));
    let t = Instant::now();
    let h = thread::spawn(move || { for _ in 0..n { let _ = w.write(chunk.clone()).unwrap(); } w.end(); w });
    let mut c = 0;
    for x in r { c += 1; std::hint::black_box(x.unwrap()); }
    let e = t.elapsed().as_nanos() as f64 / n as f64;
    assert_eq!(c, n);
    drop(h.join());
    e
}
fn cb(cap: usize, n: usize, chunk: Bytes) -> f64 {
    let (w, r) = crossbeam_channel::bounded(cap);
    let t = Instant::now();
    let h = thread::spawn(move || { for _ in 0..n { w.send(chunk.clone()).unwrap(); }  });
    let mut c = 0;
    for x in r { c += 1; std::hint::black_box(x); }
    let e = t.elapsed().as_nanos() as f64 / n as f64;
    assert_eq!(c, n);
    h.join().unwrap();
    e
}
fn main() {
    static BIG: [u8; 65536] = [0; 65536];
    for (size, high) in [(64, 65536), (64, 1<<20), (1024, 65536), (1024, 1<<20), (65536, 65536), (65536, 1<<20)] {
        let n = if size == 65536 { 300_000 } else { 3_000_000 };
        let mut a = vec![]; let mut b = vec![];
        for _ in 0..7 {
            a.push(ours(high, n, Bytes::from_static(&BIG[..size])));
            b.push(cb((high/size).max(1), n, Bytes::from_static(&BIG[..size])));
        }
        a.sort_by(f64::total_cmp); b.sort_by(f64::total_cmp);
        println!("{size:6} {high:8} ours {:7.1} ({:.0}..{:.0}) cb {:7.1} ({:.0}..{:.0}) ratio {:.2}", a[3], a[0], a[6], b[3], b[0], b[6], a[3]/b[3]);
    }
}
