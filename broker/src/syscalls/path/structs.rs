//! The kernel's structs as bytes, for the guest.

use rustix::fs::{Stat, StatFs, Statx, StatxFlags, StatxTimestamp};

/// A struct being put together field by field.
struct Bytes {
    bytes: Vec<u8>,
    len: usize,
}

impl Bytes {
    fn new(len: usize) -> Self {
        Self { bytes: Vec::with_capacity(len), len }
    }

    fn put<const N: usize>(mut self, field: [u8; N]) -> Self {
        self.bytes.extend(field);
        self
    }

    fn all<const N: usize>(self, fields: impl IntoIterator<Item = [u8; N]>) -> Self {
        fields.into_iter().fold(self, Self::put)
    }

    /// The struct, its unused tail zero.
    fn done(mut self) -> Vec<u8> {
        self.bytes.resize(self.len, 0);
        self.bytes
    }
}

/// `struct stat` of x86_64.
pub(super) fn stat(of: &Stat) -> Vec<u8> {
    Bytes::new(144)
        .all([of.st_dev, of.st_ino, of.st_nlink].map(u64::to_ne_bytes))
        .all([of.st_mode, of.st_uid, of.st_gid, 0].map(u32::to_ne_bytes))
        .put(of.st_rdev.to_ne_bytes())
        .all([of.st_size, of.st_blksize, of.st_blocks, of.st_atime].map(i64::to_ne_bytes))
        .put(of.st_atime_nsec.to_ne_bytes())
        .put(of.st_mtime.to_ne_bytes())
        .put(of.st_mtime_nsec.to_ne_bytes())
        .put(of.st_ctime.to_ne_bytes())
        .put(of.st_ctime_nsec.to_ne_bytes())
        .done()
}

/// `struct statfs` of x86_64; `fsid` is its field of that name.
pub(super) fn statfs(of: &StatFs, fsid: u64) -> Vec<u8> {
    Bytes::new(120)
        .all([of.f_type, of.f_bsize].map(i64::to_ne_bytes))
        .all([of.f_blocks, of.f_bfree, of.f_bavail, of.f_files, of.f_ffree, fsid].map(u64::to_ne_bytes))
        .all([of.f_namelen, of.f_frsize, of.f_flags].map(i64::to_ne_bytes))
        .done()
}

/// `struct statx`. Fields younger than the ones nurse knows are not passed on, and the mask says so.
pub(super) fn statx(of: &Statx) -> Vec<u8> {
    let time = |time: &StatxTimestamp| (time.tv_sec.to_ne_bytes(), u64::from(time.tv_nsec).to_ne_bytes());
    let times = [&of.stx_atime, &of.stx_btime, &of.stx_ctime, &of.stx_mtime].map(time);
    let mask = of.stx_mask & (StatxFlags::all().bits() | YOUNGER);
    Bytes::new(256)
        .all([mask, of.stx_blksize].map(u32::to_ne_bytes))
        .put(of.stx_attributes.bits().to_ne_bytes())
        .all([of.stx_nlink, of.stx_uid, of.stx_gid].map(u32::to_ne_bytes))
        .all([of.stx_mode, 0].map(u16::to_ne_bytes))
        .all([of.stx_ino, of.stx_size, of.stx_blocks, of.stx_attributes_mask.bits()].map(u64::to_ne_bytes))
        .all(times.into_iter().flat_map(|(sec, nsec)| [sec, nsec]))
        .all([of.stx_rdev_major, of.stx_rdev_minor, of.stx_dev_major, of.stx_dev_minor].map(u32::to_ne_bytes))
        .put(of.stx_mnt_id.to_ne_bytes())
        .all([of.stx_dio_mem_align, of.stx_dio_offset_align].map(u32::to_ne_bytes))
        .put(of.stx_subvol.to_ne_bytes())
        .all(
            [
                of.stx_atomic_write_unit_min,
                of.stx_atomic_write_unit_max,
                of.stx_atomic_write_segments_max,
                of.stx_dio_read_offset_align,
                of.stx_atomic_write_unit_max_opt,
            ]
            .map(u32::to_ne_bytes),
        )
        .done()
}

/// MNT_ID_UNIQUE, SUBVOL, WRITE_ATOMIC, DIO_READ_ALIGN: bits whose fields are copied above.
const YOUNGER: u32 = 0x4000 | 0x8000 | 0x10000 | 0x20000;
