// SPDX-License-Identifier: MIT OR Apache-2.0
//! An array that is only read, as raid-inspect reads it: its disks are opened for reading, no engine runs.

use crate::failure::Failure;
use crate::find;
use crate::ublk::{Done, Facts, Target};
use raid_array::discover::FoundArray;
use raid_array::engine::Request;
use raid_array::nbd::{Export, Shape};
use raid_array::service::ServiceError;
use raid_array::trust::Accept;
use raid_core::array::Place;
use raid_core::layout::Layout;
use raid_core::units::Slot;
use raid_inspect::{Inspection, ReadOnlyExport};
use serde_json::{Value, json};
use std::fs::File;
use std::io;

/// An array that is only read.
pub(crate) struct ReadOnly<'i> {
    array: &'i FoundArray,
    export: ReadOnlyExport<'i>,
    physical_block_size: u32,
}

/// Bytes that a disk writes as a whole, as the engine takes them: of a file, what file systems write.
fn physical_block_size(path: &str) -> u32 {
    let of_device = |disk: File| rustix::fs::ioctl_blkpbszget(disk).ok();
    File::open(path).ok().and_then(of_device).filter(|size| size.is_power_of_two()).unwrap_or(4096)
}

impl<'i> ReadOnly<'i> {
    /// The array that is meant, with these risks accepted.
    pub(crate) fn of(
        inspection: &'i Inspection,
        wanted: Option<&str>,
        accept: Accept,
    ) -> Result<Self, Failure> {
        let array = find::choose(inspection, wanted)?;
        let mut last = String::new();
        let mut say = |line: String| {
            if !last.is_empty() {
                eprintln!("raid-ublk: {last}");
            }
            last = Self::without_force(&line);
        };
        let opened = raid_inspect::open(inspection, array, accept, &mut say);
        let reader = match opened {
            Ok(reader) => reader,
            // The last line is the reason.
            Err(code) => return Err(Failure { code, why: last }),
        };
        if !last.is_empty() {
            eprintln!("raid-ublk: {last}");
        }
        let name = array.descriptor.name.to_string();
        let complain = |line: &str| eprintln!("raid-ublk: {line}");
        let export = ReadOnlyExport::new(name, array, reader, complain);
        let disks = array.members.iter().filter_map(|member| member.descriptor.disk);
        let sizes = disks.map(|disk| physical_block_size(inspection.disk_name(disk)));
        let logical = array.descriptor.geometry.block_size;
        let physical_block_size = sizes.max().unwrap_or(logical).max(logical);
        Ok(Self { array, export, physical_block_size })
    }

    /// As raid-inspect says it, without the option that there is not here.
    pub(crate) fn without_force(line: &str) -> String {
        line.replace(", --force accepts every risk", "")
    }

    /// What it is as a block device.
    pub(crate) fn facts(&self) -> Facts {
        let geometry = self.array.descriptor.geometry;
        let (size, physical_block_size) = (self.export.shape().size, self.physical_block_size);
        Facts { geometry, size, physical_block_size, read_only: true }
    }

    /// Its descriptor and where it was found.
    pub(crate) const fn found(&self) -> &'i FoundArray {
        self.array
    }

    /// What `status` says: it stays as it is.
    pub(crate) fn status(&self, inspection: &Inspection) -> Value {
        let descriptor = &self.array.descriptor;
        let geometry = &descriptor.geometry;
        let gaps = &self.export.reader().readiness().gaps;
        let is_read = |place| !gaps.iter().any(|gap| gap.member.place == place);
        let sets = (0..geometry.sets).map(|set| {
            let places = (0..geometry.slots).map(|slot| Place { set, slot: Slot(slot as u8) });
            let whole = places.clone().all(is_read);
            let members = places.map(|place| {
                let at = |member: &&raid_array::discover::FoundMember| {
                    member.descriptor.place == place && member.descriptor.disk.is_some()
                };
                let disk = self.array.members.iter().find(at).and_then(|m| m.descriptor.disk);
                json!({
                    "slot": place.slot.0,
                    "state": if is_read(place) { "in_sync" } else { "failed" },
                    "disk": disk,
                    "path": disk.map(|disk| inspection.disk_name(disk)),
                })
            });
            json!({
                "set": set,
                "state": if whole { "optimal" } else { "degraded" },
                "clean": descriptor.clean,
                "recorded": true,
                "operation": null,
                "paused": false,
                "row": null,
                "rows": Layout::new(geometry).map_or(0, |layout| layout.rows()),
                "rows_per_second": null,
                "scrub": null,
                "mismatches": 0,
                "unreadable": 0,
                "owed_regions": 0,
                "members": members.collect::<Vec<_>>(),
            })
        });
        json!({
            "format": "raid-status/1",
            "array": descriptor.id.to_string(),
            "name": descriptor.name.to_string(),
            "read_only": true,
            "device": null,
            "level": geometry.level_name(),
            "sets": sets.collect::<Vec<_>>(),
            "spares": [],
            "unused": [],
            "metadata_commits": 0,
            "journal_bytes": 0,
        })
    }

    fn read_blocks(&self, at: u64, blocks: u64) -> io::Result<Vec<u8>> {
        let block = u64::from(self.array.descriptor.geometry.block_size);
        let mut bytes = vec![0; (blocks * block) as usize];
        self.export.read(at * block, &mut bytes).map(|()| bytes)
    }
}

impl Export for ReadOnly<'_> {
    fn shape(&self) -> Shape {
        self.export.shape()
    }

    fn read(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.export.read(offset, into)
    }
}

impl Target for ReadOnly<'_> {
    fn block_size(&self) -> u32 {
        self.array.descriptor.geometry.block_size
    }

    fn submit(&self, request: Request, done: Done) {
        done(match request {
            Request::Read(extent) => {
                // Why not was said by the reader.
                self.read_blocks(extent.start.0, extent.len.0).map_err(|_| ServiceError::Stopped)
            }
            Request::Flush => Ok(Vec::new()),
            _ => Err(ServiceError::Stopped),
        });
    }
}
