//! The identity of a file that is read or written, independent of the name that it was opened by.

/// The file that an end of a pipeline reads or writes, independent of its name: two of them are
/// equal if they are one file, also by a hard or a symbolic link.
///
/// A pipeline that would write a file which it reads, or write one file twice, fails before it
/// begins. Only files that keep what is written to them have an identity here, and FIFOs: to read a
/// terminal or a socket and to write to it is nothing wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileId {
    /// The device on which it is, or which it is.
    device: u64,
    /// Its number there. A device is its own file.
    number: Option<u64>,
}

#[cfg(unix)]
impl FileId {
    /// The identity of an open file, by its metadata. None if it is neither a regular file, nor a
    /// block device, nor a FIFO.
    ///
    /// # Examples
    ///
    /// ```
    /// use highwater::zero_copy::FileId;
    ///
    /// let id = |path| Ok::<_, std::io::Error>(FileId::of(&std::fs::metadata(path)?));
    /// assert!(id("Cargo.toml")?.is_some());
    /// assert_eq!(id("Cargo.toml")?, id("./src/../Cargo.toml")?);
    /// assert_ne!(id("Cargo.toml")?, id("README.md")?);
    /// assert_eq!(id("/dev/null")?, None);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn of(metadata: &std::fs::Metadata) -> Option<Self> {
        use std::os::unix::fs::{FileTypeExt, MetadataExt};

        let kind = metadata.file_type();
        if kind.is_block_device() {
            // Two nodes in the file system can be one device.
            return Some(Self {
                device: metadata.rdev(),
                number: None,
            });
        }
        (kind.is_file() || kind.is_fifo()).then(|| Self {
            device: metadata.dev(),
            number: Some(metadata.ino()),
        })
    }
}
