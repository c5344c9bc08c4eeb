//! Properties over lists of operations. The fuzz targets run the same ones.

pub(crate) mod channel;
pub(crate) mod fanout;
#[cfg(all(feature = "gzip", target_os = "linux"))]
pub(crate) mod gzip;
#[cfg(all(feature = "http", unix))]
pub(crate) mod http;
#[cfg(all(feature = "http", target_os = "linux"))]
pub(crate) mod http_files;
pub(crate) mod lines;
pub(crate) mod readable;
pub(crate) mod relay;
#[cfg(target_os = "linux")]
pub(crate) mod wire;
pub(crate) mod writable;
