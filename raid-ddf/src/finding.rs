// SPDX-License-Identifier: MIT OR Apache-2.0
//! Everything that discovery can notice, with its number, severity and words: one table.
//!
//! | codes | about |
//! |---|---|
//! | 101 … 199 | one copy on one disk |
//! | 201 … 299 | the copies of one disk against each other |
//! | 301 … 399 | disks of one configuration |
//! | 401 … 499 | one array |

use raid_core::metadata::{Finding, FindingKind, Severity};

macro_rules! faults {
    ($( $name:ident = $code:literal, $severity:ident, $what:literal; )*) => {
        /// What was noticed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Fault { $( #[doc = $what] $name, )* }

        impl Fault {
            /// Its number, how bad it is, and what is wrong.
            #[must_use]
            pub const fn kind(self) -> FindingKind {
                match self {
                    $( Self::$name => {
                        FindingKind { code: $code, severity: Severity::$severity, what: $what }
                    } )*
                }
            }

            /// Every one.
            pub const ALL: &'static [Self] = &[$( Self::$name, )*];
        }

        /// Every kind.
        pub const ALL: &[FindingKind] = &[$( Fault::$name.kind(), )*];
    };
}

faults! {
    // 1xx: one copy on one disk.
    AnchorCrc = 101, Damage, "crc";
    AnchorType = 102, Warning, "header type";
    AnchorPlace = 103, Note, "anchor 257 blocks before the end, as Adaptec puts it";
    LittleEndian = 104, Note, "little-endian, as Adaptec writes";
    Revision = 105, Refusal, "unknown major revision";
    HeaderLba = 106, Damage, "address outside the disk";
    HeaderUnreadable = 107, Damage, "unreadable: blocks at hand";
    HeaderSignature = 108, Damage, "signature";
    HeaderCrc = 109, Damage, "crc";
    HeaderType = 110, Damage, "header type";
    HeaderGuid = 111, Damage, "configuration guid differs from the anchor's";
    HeaderLbas = 112, Warning, "header addresses differ from the anchor's";
    RecordLength = 113, Damage, "configuration record length";
    SectionPlace = 114, Damage, "section outside the disk, overlapping another or too large";
    SectionUnreadable = 116, Damage, "unreadable: blocks at hand";
    SectionSignature = 117, Damage, "signature";
    SectionCrc = 118, Damage, "crc";
    OtherCrcVariant = 119, Warning, "crc variant differs from the anchor's";
    LegacySignature = 120, Note, "signature of mdadm before 2010";
    UnknownRecord = 121, Warning, "slot holds no known record";
    CrcOverStruct = 122, Note, "crc not over the padding of larger blocks";
    PopulatedCount = 123, Note, "number of used entries differs from the count";
    TableSize = 124, Note, "number of entries differs from what the header says or the section holds";
    WorkspacePlace = 125, Note, "workspace outside the disk: the number has another meaning";
    AnchorSearched = 126, Warning, "anchor found by a search, not where the standard puts it";
    MinorRevision = 128, Warning, "unknown minor revision: read only until writing it is confirmed";
    Foreign = 127, Note, "foreign: not yet taken over by its controller";
    // 2xx: the copies of one disk.
    NoUsableCopy = 201, Refusal, "usable copies of the structure";
    UsedSecondary = 202, Warning, "used instead of the primary structure";
    UsedOpen = 203, Warning, "no closed copy: an interrupted update is used";
    CopiesOneApart = 205, Note, "sequence number differs between the copies, as after an interrupted update";
    CopiesApart = 206, Damage, "sequence number differs between the copies";
    CopiesDiffer = 207, Damage, "section differs between closed copies of one sequence number";
    // 3xx: disks of one configuration.
    NotListed = 301, Warning, "disk not in the newest physical disk records: stale";
    OneBehind = 302, Warning, "sequence number one behind the newest, as after an interrupted update";
    Behind = 303, Damage, "sequence number behind the newest though these call the disk online: stale";
    ExplainedBehind = 304, Note, "sequence number behind the newest, which say why";
    SameReference = 305, Refusal, "two disks have the same reference";
    EntryGuid = 306, Warning, "guid differs between physical disk data and records";
    Relocated = 307, Warning, "bad block log has entries: some blocks are relocated";
    UnusedBehind = 312, Note, "unused disk missed updates: it holds no data that could be old";
    Twin = 309, Warning, "another disk has the same reference";
    ForeignDisk = 310, Note, "foreign: not yet taken over by its controller";
    ReferenceTwice = 311, Warning, "two entries have the same reference: the first counts";
    PredictedFailure = 308, Warning, "the disk reports a predicted failure or unrecovered errors";
    // 4xx: one array.
    NoRecord = 401, Refusal, "configuration records at hand";
    UnlistedArray = 402, Warning, "configuration record of a virtual disk that is not listed";
    DeletedArray = 403, Note, "marked as deleted";
    SplitBrain = 404, Refusal, "two disks have each gone on without the other: the volume forked";
    Contradiction = 405, Refusal, "configuration records of one sequence number differ";
    RecordsOfSets = 406, Refusal, "configuration records of the sets do not fit together";
    MissingSet = 407, Warning, "no configuration record at hand for a set";
    RecordBehind = 408, Damage, "configuration record behind the newest: stale";
    RecordAbsent = 409, Damage, "member without a configuration record: stale";
    Level = 410, Refusal, "raid level";
    Qualifier = 411, Refusal, "raid level qualifier";
    SecondaryLevel = 412, Refusal, "secondary raid level";
    ElementCount = 413, Refusal, "primary element count";
    SetNumber = 414, Refusal, "secondary element number";
    BlockSize = 415, Refusal, "block size of the volume differs from the disk's";
    Polynomial = 416, Refusal, "generator polynomial or method";
    NotMappable = 417, Refusal, "layout that gives no addresses";
    SizeTooLarge = 418, Refusal, "volume larger than its members";
    SizeUnset = 419, Note, "volume size not set: computed from its members";
    ExtentOutside = 420, Damage, "extent reaches past the end of the disk or into its metadata";
    ExtentTooLong = 421, Warning, "extent reaches past the configured size";
    ExtentsOverlap = 422, Refusal, "extents of two volumes overlap";
    BlockCountUnset = 423, Note, "block count 0, as Adaptec leaves it: configured size taken";
    FarLayout = 424, Note, "offset qualifier of mdadm: really md's far layout";
    GraidQualifier = 425, Note, "raid-6 qualifier as graid counts it";
    Unverified = 426, Refusal, "mapping that no other implementation confirmed";
    StateDiffers = 427, Note, "stored state differs from the members at hand";
    WriteHole = 428, Warning, "not consistent and without full redundancy: parity may not fit the data";
    OneUnconfirmed = 429, Warning, "written by one implementation only, not checked on data";
    HalfCreated = 431, Warning, "tells of an array whose creation did not finish: the update before it counts";
    UnlistedElement = 436, Warning, "element that the physical disk records do not list";
    ListedTwice = 432, Warning, "virtual disk listed twice: the first entry counts";
    RecordTwice = 433, Warning, "two configuration records of one set on one disk: the newest counts";
    SpannedAsStriped = 434, Note, "equal sets under the code for spanning, as mdadm stores RAID-10: striped";
    NeverInitialised = 435, Note, "initialisation never recorded, as LSI leaves volumes in use";
    ManyExtents = 437, Refusal, "extents on one disk: more than are compared";
    ManyPlaces = 438, Refusal, "places of the volumes: more than are reported";
    RecordOneBehind = 430, Warning, "configuration record one behind the newest, as after an interrupted update";
}

impl Fault {
    /// The finding, about `disk` if given; the caller fills in the rest.
    pub(crate) const fn on(self, disk: Option<usize>) -> Finding {
        let FindingKind { code, severity, what } = self.kind();
        Finding {
            severity,
            code,
            disk,
            array: None,
            copy: "",
            at: None,
            what,
            found: None,
            expected: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_is_used_twice() {
        for (index, fault) in ALL.iter().enumerate() {
            for other in &ALL[..index] {
                assert_ne!(fault.code, other.code, "{fault:?} and {other:?}");
            }
        }
    }
}
