//! `Accept-Encoding`: RFC 9110, sections 12.4.2 and 12.5.3.

use highwater::http::files::coding::prefers_gzip;

use crate::http_files::kit::headers;

#[test]
fn gzip_is_sent_to_those_who_like_it_no_less_than_the_file_itself() {
    let table: [(&[&str], bool); 31] = [
        (&[], false),
        (&[""], false),
        (&["gzip"], true),
        (&["GZip"], true),
        (&["x-gzip"], true),
        (&["gzip, deflate, br, zstd"], true),
        (&["deflate,gzip;q=1.0"], true),
        (&["br", "gzip"], true),
        (&["br"], false),
        (&["gzipped"], false),
        (&["*"], true),
        (&["*;q=0"], false),
        (&["*;q=0, gzip"], true),
        (&["gzip;q=0, *"], false),
        (&["gzip;q=0"], false),
        (&["gzip;q=0.0"], false),
        (&["gzip;q=0.000"], false),
        (&["gzip;q=0.001"], true),
        (&["gzip ; q=0.5"], true),
        (&["gzip;Q=0"], false),
        (&["identity"], false),
        (&["identity, gzip"], true),
        (&["identity;q=1, gzip;q=0.5"], false),
        (&["identity;q=0.5, gzip;q=0.5"], true),
        (&["identity;q=0"], false),
        (&["gzip;q=2"], false),
        (&["gzip;q=0.1234"], false),
        (&["gzip;q=-1"], false),
        (&["gzip;q="], false),
        (&["gzip;level=9"], false),
        (&[",, ,gzip,"], true),
    ];
    for (values, gzip) in table {
        let values: Vec<_> = values
            .iter()
            .map(|value| ("accept-encoding", *value))
            .collect();
        assert_eq!(prefers_gzip(&headers(&values)), gzip, "{values:?}");
    }
}
