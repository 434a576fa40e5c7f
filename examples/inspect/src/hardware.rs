// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a disk calls itself: model, serial number, world wide name, as Linux has them in sysfs.
//!
//! | | SCSI, SATA | NVMe | virtio |
//! |---|---|---|---|
//! | model | `device/model` | `device/model` | |
//! | serial number | `device/vpd_pg80`, from byte 4 on | `device/serial` | `serial` |
//! | world wide name | `device/wwid` | `wwid` | |

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Names of a disk; nothing of files, and where the kernel has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hardware {
    pub(crate) model: Option<String>,
    pub(crate) serial: Option<String>,
    pub(crate) wwn: Option<String>,
}

impl Hardware {
    /// Of the block device with this path.
    pub(crate) fn of(path: &Path) -> Self {
        let Ok(metadata) = fs::metadata(path) else { return Self::default() };
        if !metadata.file_type().is_block_device() {
            return Self::default();
        }
        // As glibc's major() and minor() take it apart.
        let device = metadata.rdev();
        let major = (device >> 8 & 0xFFF) | (device >> 32 & !0xFFF);
        let minor = (device & 0xFF) | (device >> 12 & !0xFF);
        Self::in_folder(&PathBuf::from(format!("/sys/dev/block/{major}:{minor}")))
    }

    /// Of the block device with this folder in sysfs; a partition has the names of its disk.
    fn in_folder(folder: &Path) -> Self {
        let real = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_path_buf());
        let disk = match real.parent() {
            Some(parent) if real.join("partition").exists() => parent,
            _ => real.as_path(),
        };
        let first = |names: &[&str]| names.iter().find_map(|name| text(&disk.join(name), 0));
        Self {
            model: first(&["device/model"]),
            serial: text(&disk.join("device/vpd_pg80"), 4)
                .or_else(|| first(&["device/serial", "serial"])),
            wwn: first(&["device/wwid", "wwid"]),
        }
    }
}

/// What a file says after `skip` bytes, if it is text.
fn text(file: &Path, skip: usize) -> Option<String> {
    let bytes = fs::read(file).ok()?;
    let bytes = bytes.get(skip..)?;
    let shown = bytes.iter().filter(|byte| (0x20..0x7F).contains(*byte));
    let text = String::from_utf8(shown.copied().collect()).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_where_each_driver_has_them() {
        let folder =
            std::env::temp_dir().join(format!("raid-inspect-sysfs-{}", std::process::id()));
        let put = |file: &str, bytes: &[u8]| {
            let path = folder.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        };
        put("sda/device/model", b"ST8000NM0055    \n");
        put("sda/device/vpd_pg80", b"\0\x80\0\x08ZA1BC2DE");
        put("sda/device/wwid", b"naa.5000c500a1b2c3d4\n");
        put("sda/sda1/partition", b"1\n");
        put("nvme0n1/device/model", b"Some NVMe\n");
        put("nvme0n1/device/serial", b"S4EV\n");
        put("nvme0n1/wwid", b"eui.0025\n");
        put("vda/serial", b"disk0");
        let named = |names: [&str; 3]| {
            let [model, serial, wwn] =
                names.map(|name| (!name.is_empty()).then(|| name.to_owned()));
            Hardware { model, serial, wwn }
        };
        let of = |name: &str| Hardware::in_folder(&folder.join(name));
        let sda = named(["ST8000NM0055", "ZA1BC2DE", "naa.5000c500a1b2c3d4"]);
        assert_eq!((of("sda"), of("sda/sda1")), (sda.clone(), sda));
        assert_eq!(of("nvme0n1"), named(["Some NVMe", "S4EV", "eui.0025"]));
        assert_eq!(of("vda"), named(["", "disk0", ""]));
        assert_eq!(of("loop0"), Hardware::default());
        assert_eq!(Hardware::of(Path::new("/dev/null")), Hardware::default());
        fs::remove_dir_all(&folder).unwrap();
    }
}
