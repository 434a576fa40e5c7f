// SPDX-License-Identifier: MIT OR Apache-2.0
//! The map of damage, for people and for programs (format `raid-verify/1`).

use super::Checked;
use super::damage::{Run, What};
use crate::reader::ArrayReader;
use crate::size::human;
use crate::verdict::ExitCode;
use raid_core::array::MemberDescriptor;
use raid_core::units::Slot;
use serde::Serialize;
use std::io::{self, Write};

/// Runs that are printed for people.
const PRINTED: usize = 200;

/// All that is to be said.
pub(super) struct Report<'r, 'a> {
    pub(super) reader: &'r ArrayReader<'a>,
    pub(super) checked: &'r Checked,
    pub(super) code: ExitCode,
}

#[derive(Serialize)]
struct Json {
    format: &'static str,
    array: String,
    /// Rows of blocks of so many bytes, of all sets.
    block_bytes: u32,
    rows: u64,
    rows_without_redundancy: u64,
    rows_not_sampled: u64,
    rows_that_disagree: u64,
    damage: Vec<JsonRun>,
    more: u64,
    wrong_disks: Vec<JsonDisk>,
    exit_code: u8,
}

#[derive(Serialize)]
struct JsonRun {
    set: u16,
    first_row: u64,
    rows: u64,
    kind: &'static str,
    /// Slots that are wrong, or that cannot be read; empty: not known.
    slots: Vec<u8>,
    disks: Vec<String>,
}

#[derive(Serialize)]
struct JsonDisk {
    set: u16,
    slot: u8,
    disk: String,
    /// Byte of the disk from which on it is known to be wrong.
    wrong_from_bytes: u64,
}

impl Report<'_, '_> {
    fn block(&self) -> u32 {
        self.reader.descriptor().geometry.block_size
    }

    fn member(&self, set: u16, slot: Slot) -> Option<&MemberDescriptor> {
        self.reader.readiness().members.get(usize::from(set))?.get(slot.index())
    }

    pub(super) fn disk(&self, set: u16, slot: Slot) -> String {
        let disk = self.member(set, slot).and_then(|member| member.disk);
        disk.map_or("missing".to_owned(), |disk| self.reader.disk_name(disk).to_owned())
    }

    /// Whether the member is read.
    pub(super) fn is_read(&self, set: u16, slot: Slot) -> bool {
        let health = self.reader.readiness().health.get(usize::from(set));
        health.is_some_and(|health| !health.unavailable.contains(slot))
    }

    fn slots(run: &Run) -> (&'static str, Vec<Slot>) {
        match run.what {
            What::Differs(wrong) => ("differs", wrong.iter().collect()),
            What::Unreadable(slot) => ("unreadable", vec![slot]),
        }
    }

    /// Disks that are known to be wrong somewhere, and from where on.
    fn wrong(&self) -> Vec<JsonDisk> {
        let members = self.reader.readiness().members.iter().flatten();
        let wrong = |member: &MemberDescriptor| {
            let (set, slot) = (member.place.set, member.place.slot);
            let row = self.checked.damage.first_wrong(set, slot)?;
            let start = member.start.0.saturating_mul(self.reader.disk_block(member.disk?));
            let from = row.saturating_mul(u64::from(self.block()));
            let wrong_from_bytes = start.saturating_add(from);
            Some(JsonDisk { set, slot: slot.0, disk: self.disk(set, slot), wrong_from_bytes })
        };
        members.filter_map(wrong).collect()
    }

    pub(super) fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let (checked, block) = (self.checked, u64::from(self.block()));
        let size = |rows: u64| human(rows.saturating_mul(block));
        let name = self.reader.descriptor().name;
        writeln!(out, "array {name}: {} of each member compared", size(checked.rows))?;
        for (rows, why) in [
            (checked.bare, "have no redundancy with the members that are read"),
            (checked.unsampled, "were not sampled"),
        ] {
            if rows > 0 {
                writeln!(out, "  {} {why}", size(rows))?;
            }
        }
        for run in checked.damage.runs.iter().take(PRINTED) {
            let (from, end) = (run.rows.start.0, run.rows.end().0);
            let (kind, slots) = Self::slots(run);
            let disks: Vec<String> = slots.iter().map(|slot| self.disk(run.set, *slot)).collect();
            let what = match (kind, disks.is_empty()) {
                ("differs", true) => "do not agree; which is wrong cannot be told".to_owned(),
                ("differs", false) => format!("{} is wrong", disks.join(", ")),
                _ => format!("{} cannot be read", disks.join(", ")),
            };
            let (a, b) = (from.saturating_mul(block), end.saturating_mul(block));
            writeln!(out, "  set {} bytes {a} to {b} of the members: {what}", run.set)?;
        }
        let hidden = checked.damage.runs.len().saturating_sub(PRINTED) as u64 + checked.damage.more;
        if hidden > 0 {
            writeln!(out, "  and {hidden} more runs; --json has them")?;
        }
        for disk in self.wrong() {
            writeln!(
                out,
                "  {} is wrong from its byte {} on: in a layout file, \"stale_from_bytes\"",
                disk.disk, disk.wrong_from_bytes
            )?;
        }
        let verdict = match checked.damage.differing() {
            _ if checked.rows == 0 => "nothing can be compared: there is no redundancy".to_owned(),
            0 => "all that was compared agrees".to_owned(),
            rows => format!("{} of each member do not agree", size(rows)),
        };
        writeln!(out, "verdict: {verdict}")
    }

    pub(super) fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        let run = |run: &Run| {
            let (kind, slots) = Self::slots(run);
            JsonRun {
                set: run.set,
                first_row: run.rows.start.0,
                rows: run.rows.len,
                kind,
                disks: slots.iter().map(|slot| self.disk(run.set, *slot)).collect(),
                slots: slots.into_iter().map(|slot| slot.0).collect(),
            }
        };
        let json = Json {
            format: "raid-verify/1",
            array: self.reader.descriptor().name.to_string(),
            block_bytes: self.block(),
            rows: self.checked.rows,
            rows_without_redundancy: self.checked.bare,
            rows_not_sampled: self.checked.unsampled,
            rows_that_disagree: self.checked.damage.differing(),
            damage: self.checked.damage.runs.iter().map(run).collect(),
            more: self.checked.damage.more,
            wrong_disks: self.wrong(),
            exit_code: self.code as u8,
        };
        serde_json::to_writer_pretty(&mut *out, &json)?;
        writeln!(out)
    }
}
