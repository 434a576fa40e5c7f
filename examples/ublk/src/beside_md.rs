// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether this machine's udev gives disks to md: a rule starts `mdadm --incremental` for every disk with metadata
//! that md reads, and `mdmon` then writes to it.
//!
//! udev reads each file name once, from the first directory that has it: a file in `/etc`, or a link to `/dev/null`
//! there, masks the one of that name in `/usr/lib`.

use raid_array::member::Identity;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Where udev looks for rules, the first first.
const RULES: [&str; 5] = [
    "etc/udev/rules.d",
    "run/udev/rules.d",
    "usr/local/lib/udev/rules.d",
    "usr/lib/udev/rules.d",
    "lib/udev/rules.d",
];
/// What the example rules of `examples/ublk/system` make of the type of a disk that they keep off md.
const KEPT: &str = "raid_ublk_member";

/// What is to be said before a disk of these is served or made: those that md would take. `root` is `/`, but for
/// tests.
pub(crate) fn warning(root: &Path, format: &str, paths: &[PathBuf]) -> Option<String> {
    let devices = paths.iter().filter_map(|path| {
        match fs::metadata(path).ok().and_then(|found| Identity::of(&found)) {
            Some(Identity::Device(number)) => Some((path, number)),
            _ => None,
        }
    });
    let exposed = devices.filter(|(_, number)| !is_kept(root, *number)).map(|(path, _)| path);
    let exposed: Vec<String> = exposed.map(|path| path.display().to_string()).collect();
    let rule = active_rule(root, &member_type(format)).filter(|_| !exposed.is_empty())?;
    Some(format!(
        "{} gives {} to `mdadm --incremental` whenever they are not served, and md then writes to them; \
         docs/ublk.md says how to keep md off",
        rule.display(),
        exposed.join(", ")
    ))
}

/// What udev calls the contents of such disks.
fn member_type(format: &str) -> String {
    format!("{format}_raid_member")
}

/// The rules by which udev gives disks of this type to mdadm.
fn active_rule(root: &Path, member: &str) -> Option<PathBuf> {
    let mut files = BTreeMap::new();
    for directory in RULES {
        for entry in fs::read_dir(root.join(directory)).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|extension| extension == "rules") {
                files.entry(entry.file_name()).or_insert(path);
            }
        }
    }
    files.into_values().find(|path| {
        let text = fs::read_to_string(path).unwrap_or_default();
        let lines = || text.lines().filter(|line| !line.trim_start().starts_with('#'));
        let adds = |line: &str| line.contains("mdadm") && line.contains("--incremental");
        lines().any(|line| line.contains(member))
            && lines().any(|line| adds(line) || line.contains("mdadm -I"))
    })
}

/// Whether a rule told udev that md is to leave a device alone: its database says so.
fn is_kept(root: &Path, number: u64) -> bool {
    let (major, minor) = (rustix::fs::major(number), rustix::fs::minor(number));
    let known = fs::read_to_string(root.join(format!("run/udev/data/b{major}:{minor}")));
    known.unwrap_or_default().lines().any(|line| line.strip_prefix("E:ID_FS_TYPE=") == Some(KEPT))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As mdadm installs it, shortened.
    const OF_MDADM: &str = "# assemble md arrays\n\
        ENV{ID_FS_TYPE}==\"ddf_raid_member\", GOTO=\"md_inc\"\n\
        LABEL=\"md_inc\"\n\
        ACTION==\"add\", IMPORT{program}=\"/sbin/mdadm --incremental --export $devnode\"\n";

    /// A root with these files, removed at the end.
    struct Root(PathBuf);

    impl Root {
        fn with(test: &str, files: &[(&str, &str)]) -> Self {
            let root =
                std::env::temp_dir().join(format!("raid-ublk-{test}-{}", std::process::id()));
            for (path, text) in files {
                let path = root.join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            Self(root)
        }
    }

    impl Drop for Root {
        fn drop(&mut self) {
            // What stays lies among the temporary files.
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn the_rule_of_mdadm_is_found_unless_it_is_masked() {
        let name = "usr/lib/udev/rules.d/64-md-raid-assembly.rules";
        let masking = "etc/udev/rules.d/64-md-raid-assembly.rules";
        let root = Root::with("active", &[(name, OF_MDADM)]);
        let found = active_rule(&root.0, "ddf_raid_member");
        assert_eq!(found, Some(root.0.join(name)));
        assert_eq!(active_rule(&root.0, "other_raid_member"), None);
        for text in ["", "# masked\n# ddf_raid_member mdadm --incremental\n"] {
            let root = Root::with("masked", &[(name, OF_MDADM), (masking, text)]);
            assert_eq!(active_rule(&root.0, "ddf_raid_member"), None);
        }
        let root = Root::with("linked", &[(name, OF_MDADM), ("etc/udev/rules.d/x", "")]);
        std::os::unix::fs::symlink("/dev/null", root.0.join(masking)).unwrap();
        assert_eq!(active_rule(&root.0, "ddf_raid_member"), None);
        // Under another name it masks nothing.
        let other = Root::with("other", &[(name, OF_MDADM), ("etc/udev/rules.d/63-x.rules", "")]);
        assert!(active_rule(&other.0, "ddf_raid_member").is_some());
    }

    #[test]
    fn the_own_examples_are_no_rule_that_gives_disks_to_md() {
        let rules = include_str!("../system/63-raid-ublk.rules");
        let root = Root::with("own", &[("etc/udev/rules.d/63-raid-ublk.rules", rules)]);
        assert_eq!(active_rule(&root.0, "ddf_raid_member"), None);
        assert!(rules.contains(KEPT));
    }

    #[test]
    fn a_device_that_a_rule_keeps_off_md_is_known_by_the_database() {
        let root = Root::with(
            "kept",
            &[
                ("run/udev/data/b8:16", "S:disk/by-id/x\nE:ID_FS_TYPE=raid_ublk_member\n"),
                ("run/udev/data/b8:32", "E:ID_FS_TYPE=ddf_raid_member\n"),
            ],
        );
        let kept = [16, 32, 48].map(|minor| is_kept(&root.0, rustix::fs::makedev(8, minor)));
        assert_eq!(kept, [true, false, false]);
    }

    #[test]
    fn files_are_nothing_to_udev() {
        let root = Root::with("files", &[("usr/lib/udev/rules.d/a.rules", OF_MDADM), ("d0", "")]);
        assert_eq!(warning(&root.0, "ddf", &[root.0.join("d0")]), None);
        // A device that every machine of a test may have; its number is all that is looked at.
        let devices = fs::read_dir("/sys/class/block").into_iter().flatten().flatten();
        let mut devices = devices.map(|entry| Path::new("/dev").join(entry.file_name()));
        let is_device = |path: &PathBuf| {
            let found = fs::metadata(path).ok().and_then(|found| Identity::of(&found));
            matches!(found, Some(Identity::Device(_)))
        };
        let Some(device) = devices.find(is_device) else {
            return println!("SKIPPED: this machine shows no block device");
        };
        let said = warning(&root.0, "ddf", std::slice::from_ref(&device)).unwrap();
        assert!(said.contains("a.rules") && said.contains(device.to_str().unwrap()), "{said}");
        assert_eq!(warning(&root.0, "asr", &[device]), None);
    }
}
