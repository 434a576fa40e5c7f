// SPDX-License-Identifier: MIT OR Apache-2.0
//! Everything that discovery may have to say, each with its stable number.
//!
//! | codes | about |
//! |---|---|
//! | 1 … 19 | one disk: reserved block, table, own line |
//! | 20 … 39 | an array's lines: counts, sizes, order, states |
//! | 40 … 49 | the copies of an array's table against each other |
//! | 50 … 69 | members and spares, and choices of the caller's |

use raid_core::array::ArrayId;
use raid_core::metadata::{Finding, FindingKind, Severity};
use raid_core::units::Lba;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $severity:ident, $what:literal;)*) => {
        $($(#[$doc])* pub const $name: FindingKind =
            FindingKind { code: $code, severity: Severity::$severity, what: $what };)*

        /// Every kind, in the order of the codes.
        pub const ALL: &[FindingKind] = &[$($name),*];
    };
}

kinds! {
    /// Found: the block size.
    BLOCK_SIZE = 1, Refusal, "the format is defined for 512-byte blocks only";
    /// Named after the field at fault.
    RESERVED_BLOCK = 2, Refusal, "reserved block is incomplete or of an unknown version";
    /// The table still stands at N-17.
    RESERVED_BLOCK_UNREADABLE = 3, Refusal, "reserved block cannot be read, so the disk is unknown";
    /// Found: `raidtbl`. Expected: the last block at which it fits.
    TABLE_POINTER = 4, Warning, "raidtbl points outside the disk, the table was looked for at its end";
    /// No table at `raidtbl`.
    TABLE_NOT_AT_POINTER = 5, Damage, "no table where raidtbl points, looked for at the disk's end";
    /// Named after the field at fault, if the table could be read.
    TABLE = 6, Damage, "no usable RAID table";
    /// Found and expected: the sums.
    CHECKSUM_NOT_MAINTAINED = 7, Note, "checksum is not maintained, or the last write was torn";
    /// Found and expected: the sums.
    CHECKSUM_SUSPECT = 8, Damage, "checksum is wrong in a table of version 0 or 1";
    /// `drivemagic` is all ones.
    NO_DRIVEMAGIC = 9, Refusal, "disk has no identity";
    /// Found: `drivemagic`.
    NOT_LISTED = 10, Refusal, "disk is not in its own table";
    /// Found: the first line. Expected: the last.
    LISTED_TWICE = 11, Refusal, "disk is in its own table more than once";
    /// Found: `drivemagic`.
    IN_NO_ARRAY = 12, Refusal, "the disk's line belongs to no array";
    /// Found: the line's `raidmagic`.
    STRAY_LINE = 13, Note, "line stands outside any array";
    /// Found: the other array's `raidmagic`.
    OTHER_ARRAY = 14, Note, "table lists another array as well";
    /// Blocks that were to be read are not among the pieces.
    UNREAD = 15, Refusal, "metadata was not read";
    /// Found: `rversion`. Expected: the version that is known.
    TABLE_VERSION = 16, Warning, "unknown table version: read only until writing it is confirmed";

    /// Found: disk lines. Expected: `raidcnt`.
    DISK_COUNT = 20, Refusal, "number of disk lines is not raidcnt";
    /// Found: array lines. Expected: `raidcnt`.
    SET_COUNT = 21, Refusal, "number of array lines below is not raidcnt";
    /// Found: `raidtype`.
    RAID_TYPE = 22, Refusal, "raidtype has no documented layout";
    /// Found: the top's `raidtype`. Expected: the type below.
    NESTING = 23, Refusal, "these two levels have no documented layout together";
    /// Found: the later set's value. Expected: the first set's.
    UNEQUAL_SETS = 24, Refusal, "arrays below differ in type, disks, stripe unit or capacity";
    /// `lcapcty` is 0.
    NO_CAPACITY = 25, Refusal, "lcapcty is 0";
    /// `strpsize` is 0 where data is striped.
    NO_STRIPE_UNIT = 26, Refusal, "strpsize is 0";
    /// Found: a disk's unit. Expected: the first disk's.
    UNEQUAL_UNITS = 27, Refusal, "disks differ in strpsize";
    /// Found: the array's `strpsize`. Expected: the sum of the units.
    FULL_STRIPE = 28, Warning, "array's strpsize is not the sum of its units";
    /// Found: the array's `lcapcty`. Expected: what the components give.
    CAPACITY_OVER = 29, Refusal, "array claims more than its components give";
    /// Found: the array's `lcapcty`. Expected: what the components give.
    CAPACITY_UNDER = 30, Warning, "array claims less than its components give";
    /// Found: `loffset`.
    OFFSET = 31, Refusal, "loffset of a disk line is not 0";
    /// Found: `loffset`.
    ARRAY_OFFSET = 32, Warning, "loffset of an array line is not 0";
    /// Found: the later line's id. Expected: at least the earlier line's.
    ORDER = 33, Refusal, "table order and address order of striped data differ";
    /// Found: the later line's id. Expected: at least the earlier line's.
    MIRROR_ORDER = 34, Warning, "table order and address order of mirrored disks differ";
    /// Found: the `raidmagic` that occurs twice.
    REPEATED_DISK = 35, Refusal, "one disk stands in two places";
    /// Found: the `raidmagic` that occurs twice.
    REPEATED_ARRAY = 36, Refusal, "table lists two arrays of one identity";
    /// Found: `raidstate`.
    ARRAY_STATE = 37, Refusal, "array line's state forbids use";
    /// Found: `raidstate`.
    ARRAY_STATE_NOTED = 38, Note, "array line's state";
    /// The array line says rebuilding, no disk line says which disk.
    NO_REBUILD_TARGET = 39, Refusal, "a copy is under way, and no disk line says which disk it fills";

    /// Found: `raidseq`, or `timestamp` if that decided. Expected: the newest copy's.
    STALE = 40, Damage, "copy is older than the newest";
    /// Found: the first line that differs.
    COPIES_DIFFER = 41, Damage, "copies of one generation differ";
    /// Found: the disk's state in the newest copy, 0xFFFF without a line. Expected: the reverse.
    SPLIT_BRAIN = 42, Refusal, "two members each declare the other failed";
    /// Found: `raidseq` of a copy with a wrong checksum. Expected: the newest trusted one.
    SUSPECT_NEWER = 43, Refusal, "a copy with a wrong checksum claims to be the newest";
    /// Found: `drivemagic`.
    NOT_IN_NEWEST = 44, Warning, "disk is not in the newest copy of its array's table";
    /// Found: `drivemagic`.
    TORN_UPDATE = 45, Damage, "copy is older by one update that was cut short; its data is used all the same";
    /// Found: the array's `raidmagic`.
    DELETED = 46, Damage, "array was deleted, this copy of its table was not reached";

    /// Found: `drivemagic`.
    DUPLICATE_DISK = 50, Refusal, "another disk carries the same identity";
    /// Found: `drivemagic`.
    IN_OTHER_ARRAY = 51, Warning, "disk belongs to another array by its own table";
    /// Found: `drivemagic`.
    NO_OWN_COPY = 52, Damage, "member does not carry its array's table";
    /// Found: the extent's blocks. Expected: at most this.
    TOO_SMALL = 53, Refusal, "member's extent does not fit on this disk";
    /// Found: `raidstate`.
    DISK_STATE = 54, Warning, "disk line's state";
    /// Found: `raidstate`.
    DISK_STATE_UNKNOWN = 55, Warning, "disk line's state is unknown, so the disk is not used";
    /// Found: `dirty`.
    DIRTY = 56, Warning, "array was open for writing: copies may differ";
    /// Found: `dirty`.
    DIRTY_UNKNOWN = 57, Warning, "dirty mark is unknown, taken for open";
    /// Found: `sparedrivemagic`.
    SPARE_ABSENT = 58, Note, "dedicated spare is not at hand";
    /// Found: the disk line's `raidtype`. Expected: the array line's.
    DISK_TYPE = 59, Warning, "raidtype of a disk line is not its array's";
    /// Found: `raidstate`.
    SPARE_STATE = 60, Warning, "spare is not usable";
    /// Found: the later line's id. Expected: at least the earlier line's.
    ORDER_DECIDED = 61, Warning, "table order and address order of striped data differ, the caller chose";
}

/// What a finding is about.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place {
    pub(crate) disk: Option<usize>,
    pub(crate) array: Option<ArrayId>,
    pub(crate) copy: &'static str,
    pub(crate) at: Option<Lba>,
}

impl Place {
    /// The finding of this kind here.
    pub(crate) fn finding(self, kind: FindingKind, found: impl Into<u64>) -> Finding {
        Finding {
            severity: kind.severity,
            code: kind.code,
            disk: self.disk,
            array: self.array,
            copy: self.copy,
            at: self.at,
            what: kind.what,
            found: Some(found.into()),
            expected: None,
        }
    }

    /// The finding of this kind here, with what was expected.
    pub(crate) fn mismatch(
        self,
        kind: FindingKind,
        found: impl Into<u64>,
        expected: impl Into<u64>,
    ) -> Finding {
        Finding { expected: Some(expected.into()), ..self.finding(kind, found) }
    }
}

#[cfg(test)]
mod tests {
    use super::ALL;

    #[test]
    fn codes_are_unique_and_ascending() {
        assert!(ALL.is_sorted_by(|a, b| a.code < b.code));
    }
}
