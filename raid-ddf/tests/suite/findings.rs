// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every kind of finding, told at least once: with disk, record, block, what was found, what was expected.

use crate::large;
use crate::support;
use crate::support::handmade::{
    BLOCK_COUNT, BLOCKS, Handmade, PRIMARY, Plan, RAID1, RAID5, SECOND_VOLUME, SECONDARY,
    section_lba,
};
use crate::support::{Told, assemble};
use raid_core::metadata::{Lookup, Severity};
use raid_ddf::finding::Fault;
use raid_ddf::{
    AnchorSearch, BadBlockLog, ByteOrder, CopyKind, CrcVariant, Ddf, DdfHeader, Guid, PdState,
    PdType, Record, Section, U16, U32, U64, VdCondition, VdConfiguration, VdFlags, seal,
};

const BIG: ByteOrder = ByteOrder::Big;
const GONE: PdState = PdState::FAILED.union(PdState::MISSING);

/// A mirror of two, edited and not sealed again.
fn mirror(edit: impl Fn(&mut Handmade)) -> Told {
    let mut made = RAID1.build();
    edit(&mut made);
    made.assemble()
}

/// A mirror of two, one header of disk 0 edited.
fn header(edit: impl Fn(&mut DdfHeader)) -> Told {
    mirror(|made| {
        edit(made.header(0, CopyKind::Primary));
        made.seal(0);
    })
}

/// All disks of a plan, both copies edited.
fn all(plan: Plan, edit: impl Fn(&mut Handmade, usize, CopyKind)) -> Told {
    let mut made = plan.build();
    let disks: Vec<usize> = (0..plan.disks).collect();
    made.on(&disks, edit);
    made.assemble()
}

/// A RAID-5 all of whose records are edited.
fn records(edit: impl Fn(&mut VdConfiguration)) -> Told {
    all(RAID5, |made, disk, kind| edit(made.record(disk, kind)))
}

/// Disks with an anchor that is `from_end` blocks before the end.
fn anchor_at(from_end: u64, window: u64) -> Told {
    let mut made = RAID1.build();
    for disk in 0..2 {
        let anchor = made.run(disk, BLOCKS - 1, 1).to_vec();
        made.run(disk, BLOCKS - 1, 1).fill(0);
        made.run(disk, BLOCKS - from_end, 1).copy_from_slice(&anchor);
    }
    let format = Ddf::new().with_search(AnchorSearch { window });
    let disks: Vec<_> = (0..2)
        .map(|disk| {
            support::read_disk_as(&format, made.shape(), |extent| {
                let bytes = extent.start.0 * 512..(extent.start.0 + extent.len.0) * 512;
                Some(made.disks[disk][bytes.start as usize..bytes.end as usize].to_vec())
            })
        })
        .collect();
    support::assemble_as(&format, &disks)
}

/// Volumes of a configuration with that many entries for disks, of which two are present.
fn large_volumes(disks: u16, volumes: &[large::Volume]) -> Told {
    let tables = large::Tables { disks, volumes: 15, partitions: 3, ..large::MDADM };
    let made = large::Large::new(2, tables, volumes);
    let shape = made.shape();
    let disks: Vec<_> = made
        .pieces()
        .iter()
        .map(|pieces| {
            let pieces = pieces.iter().map(|piece| (piece.at, piece.bytes.to_vec())).collect();
            support::Disk { shape, pieces, answer: Lookup::Complete }
        })
        .collect();
    support::assemble(&disks)
}

/// Two volumes of 255 disks that leave open how long their extents are: a thousand entries are passed over
/// for each slot to know.
fn many_extents() -> Told {
    let volume = |start| {
        let sets = vec![(0..255).collect()];
        large::Volume { level: (0x00, 0x00, 0xFF), sets, start, blocks: 0 }
    };
    large_volumes(1023, &[volume(0), volume(1 << 18)])
}

/// Two volumes of 255 sets of 255, of which two disks are present.
fn many_places() -> Told {
    let volume = |start| {
        let sets = (0..255).map(|set| vec![usize::from(set > 0) * 7; 255]).collect();
        large::Volume { level: (0x01, 0x00, 0x03), sets, start, blocks: 1 << 10 }
    };
    large_volumes(15, &[volume(0), volume(1 << 10)])
}

/// Disk 0 with blocks that cannot be read.
fn unreadable(bad: &[u64]) -> Told {
    let made = RAID1.build();
    assemble(&[made.read_with(0, bad), made.read_with(1, &[])])
}

/// Copies of disk 0 with these numbers, open or not.
fn numbers(primary: (u32, u8), secondary: (u32, u8)) -> Told {
    mirror(|made| {
        for (kind, (sequence, open)) in CopyKind::ALL.into_iter().zip([primary, secondary]) {
            made.header(0, kind).sequence_number = U32::new(BIG, sequence);
            made.header(0, kind).open_flag = open;
        }
        made.seal(0);
    })
}

/// A mirror of two, and a disk without a part that missed an update.
fn unused_behind() -> Told {
    let mut made = Plan { disks: 3, ..RAID1 }.build();
    made.on(&[0, 1, 2], |made, disk, kind| {
        made.record(disk, kind).primary_element_count = U16::new(BIG, 2);
        made.disk_records(disk, kind).entries[2].set_pd_type(BIG, PdType::empty());
    });
    made.on_disk(2, |made, kind| made.slot(2, kind, 0).fill(0xFF));
    made.set_sequence(&[0, 1], 11);
    made.assemble()
}

/// A RAID-5 of which disks 0 and 2 have gone on to `sequence`, and call disk 1 `state`.
fn gone_on(sequence: u32, state: PdState) -> Told {
    let mut made = RAID5.build();
    made.set_state(&[0, 2], 1, state);
    made.set_sequence(&[0, 2], sequence);
    made.assemble()
}

fn level(prl: u8, rlq: u8, srl: u8, guid: Guid) -> Told {
    Plan { disks: 4, level: (prl, rlq, srl), guid, ..RAID5 }.build().assemble()
}

/// What tells each kind.
fn one_copy() -> Vec<(Fault, Told)> {
    vec![
        (Fault::AnchorCrc, mirror(|made| made.run(0, BLOCKS - 1, 1)[500] ^= 1)),
        (
            Fault::AnchorType,
            mirror(|made| {
                made.anchor(0).header_type = 1;
                made.seal(0);
            }),
        ),
        (Fault::AnchorPlace, anchor_at(257, 0)),
        (Fault::LittleEndian, all(Plan { order: ByteOrder::Little, ..RAID1 }, |_, _, _| ())),
        (
            Fault::Revision,
            all(RAID1, |made, disk, kind| made.header(disk, kind).ddf_rev = *b"03.00.00"),
        ),
        (
            Fault::MinorRevision,
            all(RAID1, |made, disk, kind| made.header(disk, kind).ddf_rev = *b"02.99.99"),
        ),
        (
            Fault::HeaderLba,
            mirror(|made| {
                made.anchor(0).primary_header_lba = U64::new(BIG, BLOCKS);
                made.seal(0);
            }),
        ),
        (Fault::HeaderUnreadable, unreadable(&[PRIMARY])),
        (Fault::HeaderSignature, mirror(|made| made.run(0, PRIMARY, 1)[0] ^= 1)),
        (Fault::HeaderCrc, mirror(|made| made.run(0, PRIMARY, 1)[500] ^= 1)),
        (Fault::HeaderType, header(|header| header.header_type = 2)),
        (Fault::HeaderGuid, header(|header| header.ddf_header_guid.0[23] ^= 1)),
        (
            Fault::HeaderLbas,
            header(|header| header.secondary_header_lba = U64::new(BIG, SECONDARY + 1)),
        ),
        (
            Fault::RecordLength,
            header(|header| header.configuration_record_length = U16::new(BIG, 0)),
        ),
        (
            Fault::SectionPlace,
            header(|header| {
                header.section_mut(Section::PhysicalDiskData).offset = U32::new(BIG, 3);
            }),
        ),
        (Fault::SectionUnreadable, unreadable(&[PRIMARY + 1])),
        (Fault::SectionSignature, mirror(|made| made.run(0, PRIMARY + 2, 1)[0] ^= 1)),
        (Fault::SectionCrc, mirror(|made| made.run(0, PRIMARY + 3, 1)[99] ^= 1)),
        (
            Fault::OtherCrcVariant,
            mirror(|made| seal(CrcVariant::A, BIG, made.run(0, PRIMARY + 4, 2))),
        ),
        (
            Fault::LegacySignature,
            all(RAID1, |made, disk, kind| {
                made.disk_records(disk, kind).signature = U32::new(BIG, 0x3333_3333);
            }),
        ),
        (Fault::UnknownRecord, mirror(|made| made.run(0, PRIMARY + 6, 1)[0] ^= 1)),
        (Fault::CrcOverStruct, {
            let mut made = Plan { block_size: 4096, ..RAID1 }.build();
            seal(CrcVariant::B, BIG, &mut made.run(0, PRIMARY, 1)[..512]);
            made.assemble()
        }),
        (
            Fault::PopulatedCount,
            all(RAID1, |made, disk, kind| {
                made.disk_records(disk, kind).populated_pdes = U16::new(BIG, 9);
            }),
        ),
        (
            Fault::TableSize,
            all(RAID1, |made, disk, kind| {
                made.volume_records(disk, kind).max_vde_supported = U16::new(BIG, 255);
            }),
        ),
        (
            Fault::WorkspacePlace,
            header(|header| {
                header.workspace_lba = U64::new(BIG, 1 << 40);
                header.workspace_length = U32::new(BIG, 32768);
            }),
        ),
        (Fault::AnchorSearched, anchor_at(5, 5 * 512)),
        (Fault::Foreign, header(|header| header.foreign_flag = 1)),
        (Fault::NoUsableCopy, unreadable(&[PRIMARY, SECONDARY])),
        (Fault::UsedSecondary, unreadable(&[PRIMARY])),
        (Fault::UsedOpen, numbers((12, 1), (11, 1))),
        (Fault::CopiesOneApart, numbers((11, 0), (10, 0))),
        (Fault::CopiesApart, numbers((u32::MAX, 0), (10, 0))),
        (
            Fault::CopiesDiffer,
            mirror(|made| {
                let entry = &mut made.volume_records(0, CopyKind::Secondary).entries[0];
                entry.set_vd_flags(VdFlags::NOT_CONSISTENT);
                made.seal(0);
            }),
        ),
    ]
}

fn one_configuration() -> Vec<(Fault, Told)> {
    let twins = || {
        mirror(|made| {
            let clone = made.disks[1].clone();
            made.disks.push(clone);
        })
    };
    let split = || {
        mirror(|made| {
            made.set_state(&[0], 1, GONE);
            made.set_state(&[1], 0, GONE);
            made.set_sequence(&[1], 17);
        })
    };
    vec![
        (
            Fault::NotListed,
            mirror(|made| {
                made.on_disk(0, |made, kind| {
                    made.disk_records(0, kind).entries[1].pd_guid = Guid::UNUSED;
                });
                made.set_sequence(&[0], 11);
            }),
        ),
        (Fault::OneBehind, gone_on(11, PdState::ONLINE)),
        (Fault::UnusedBehind, unused_behind()),
        (Fault::Behind, gone_on(12, PdState::ONLINE)),
        (Fault::ExplainedBehind, gone_on(12, GONE)),
        (Fault::SameReference, twins()),
        (Fault::Twin, twins()),
        (
            Fault::EntryGuid,
            mirror(|made| made.on_disk(0, |made, kind| made.disk_data(0, kind).pd_guid.0[8] ^= 1)),
        ),
        (
            Fault::PredictedFailure,
            mirror(|made| {
                made.set_state(&[0, 1], 1, PdState::ONLINE | PdState::PREDICTED_FAILURE);
            }),
        ),
        (
            Fault::Relocated,
            all(RAID1, |made, disk, kind| {
                let address = made.header(disk, kind).section_mut(Section::BadBlockLog);
                address.offset = U32::new(BIG, 15);
                address.length = U32::new(BIG, 1);
                let at = section_lba(kind, Section::PhysicalDiskData).0 + 1;
                let bytes = made.run(disk, at, 1);
                bytes.fill(0xFF);
                BadBlockLog::view_mut(bytes).unwrap().signature =
                    U32::new(BIG, BadBlockLog::SIGNATURE);
                bytes[8..10].copy_from_slice(&[0, 1]);
                seal(CrcVariant::B, BIG, bytes);
            }),
        ),
        (
            Fault::ForeignDisk,
            all(RAID1, |made, disk, kind| {
                let entry = &mut made.disk_records(disk, kind).entries[1];
                entry.set_pd_type(BIG, PdType::PARTICIPATING | PdType::FOREIGN);
            }),
        ),
        (
            Fault::ReferenceTwice,
            all(RAID1, |made, disk, kind| {
                let records = made.disk_records(disk, kind);
                records.entries[7] = records.entries[1];
            }),
        ),
        (Fault::SplitBrain, split()),
        (
            Fault::HalfCreated,
            mirror(|made| {
                made.on_disk(1, |made, kind| {
                    let records = made.volume_records(1, kind);
                    records.entries[1] = records.entries[0];
                    records.entries[1].vd_guid = SECOND_VOLUME;
                });
                made.set_sequence(&[1], 11);
            }),
        ),
        (
            Fault::ListedTwice,
            all(RAID1, |made, disk, kind| {
                let records = made.volume_records(disk, kind);
                records.entries[4] = records.entries[0];
            }),
        ),
        (
            Fault::DeletedArray,
            all(RAID1, |made, disk, kind| {
                made.volume_records(disk, kind).entries[0].set_condition(VdCondition::Deleted);
            }),
        ),
        (
            Fault::UnlistedArray,
            all(RAID1, |made, disk, kind| {
                made.volume_records(disk, kind).entries[0].vd_guid = Guid::UNUSED;
            }),
        ),
        (
            Fault::NeverInitialised,
            all(RAID1, |made, disk, kind| {
                made.volume_records(disk, kind).entries[0].init_state = 0;
            }),
        ),
    ]
}

fn one_array() -> Vec<(Fault, Told)> {
    let mdadm = Guid(*b"Linux-MD configuration 1");
    let graid = Guid(*b"FreeBSD 12345678abcdefgh");
    let sequences = |number: u32| {
        let mut made = RAID5.build();
        made.on(&[0, 2], |made, disk, kind| {
            made.record(disk, kind).sequence_number = U32::new(BIG, number);
        });
        made.assemble()
    };
    let mirrors = Plan { disks: 4, sets: 2, level: (0x01, 0x00, 0x00), ..RAID5 };
    vec![
        (Fault::NoRecord, {
            let mut made = RAID1.build();
            made.on(&[0, 1], |made, disk, kind| made.slot(disk, kind, 0).fill(0xFF));
            made.assemble()
        }),
        (Fault::Contradiction, {
            let mut made = RAID5.build();
            made.on_disk(2, |made, kind| made.record(2, kind).strip_size = 5);
            made.assemble()
        }),
        (Fault::RecordsOfSets, {
            let mut made = mirrors.build();
            made.on(&[2, 3], |made, disk, kind| made.record(disk, kind).strip_size = 6);
            made.assemble()
        }),
        (Fault::MissingSet, assemble(&mirrors.build().read(&[0, 1]))),
        (Fault::RecordBehind, sequences(5)),
        (Fault::RecordOneBehind, sequences(4)),
        (Fault::RecordAbsent, {
            let mut made = RAID5.build();
            made.on_disk(1, |made, kind| made.slot(1, kind, 0).fill(0xFF));
            made.assemble()
        }),
        (Fault::Level, records(|record| record.primary_raid_level = 0x42)),
        (Fault::Qualifier, records(|record| record.raid_level_qualifier = 9)),
        (Fault::SecondaryLevel, Plan { level: (0x01, 0x00, 0x42), ..mirrors }.build().assemble()),
        (Fault::ElementCount, records(|record| record.primary_element_count = U16::new(BIG, 17))),
        (Fault::SetNumber, records(|record| record.secondary_element_seq = 7)),
        (Fault::BlockSize, records(|record| record.block_size = U16::new(BIG, 4096))),
        (
            Fault::Polynomial,
            records(|record| {
                record.primary_raid_level = 0x07;
                record.mdf_parity_disks = 1;
                record.mdf_parity_generator_polynomial = U16::new(BIG, 0x0187);
            }),
        ),
        (Fault::NotMappable, records(|record| record.strip_size = 255)),
        (
            Fault::SizeTooLarge,
            records(|record| record.vd_size = U64::new(BIG, BLOCK_COUNT * 2 + 1)),
        ),
        (Fault::SizeUnset, records(|record| record.vd_size = U64::ALL_ONES)),
        (
            Fault::ExtentOutside,
            records(|record| {
                record.elements_mut(16).unwrap().starting_blocks[1] = U64::new(BIG, 280);
            }),
        ),
        (
            Fault::ExtentTooLong,
            all(RAID5, |made, disk, kind| {
                made.disk_records(disk, kind).entries[1].configured_size = U64::new(BIG, 100);
            }),
        ),
        (
            Fault::ExtentsOverlap,
            records(|record| {
                let lists = record.elements_mut(16).unwrap();
                lists.references[1] = lists.references[0];
            }),
        ),
        (Fault::ManyExtents, many_extents()),
        (Fault::ManyPlaces, many_places()),
        (Fault::BlockCountUnset, records(|record| record.block_count = U64::new(BIG, 0))),
        (Fault::FarLayout, level(0x11, 1, 0xFF, mdadm)),
        (Fault::GraidQualifier, level(0x06, 0, 0xFF, graid)),
        (Fault::Unverified, level(0x15, 0, 0xFF, mdadm)),
        (Fault::OneUnconfirmed, level(0x05, 1, 0xFF, graid)),
        (Fault::StateDiffers, assemble(&RAID5.build().read(&[0, 1]))),
        (Fault::WriteHole, {
            let mut made = RAID5.build();
            made.on(&[0, 1, 2], |made, disk, kind| {
                made.volume_records(disk, kind).entries[0].set_vd_flags(VdFlags::NOT_CONSISTENT);
            });
            assemble(&made.read(&[0, 1]))
        }),
        (
            Fault::UnlistedElement,
            records(|record| {
                record.elements_mut(16).unwrap().references[1] = U32::new(BIG, 0xABCD);
            }),
        ),
        (Fault::RecordTwice, {
            let mut made = RAID5.build();
            made.on_disk(1, |made, kind| {
                let record = made.slot(1, kind, 0).to_vec();
                let old = made.slot(1, kind, 2);
                old.copy_from_slice(&record);
                VdConfiguration::view_mut(old).unwrap().sequence_number = U32::new(BIG, 1);
            });
            made.assemble()
        }),
        (Fault::SpannedAsStriped, Plan { level: (0x01, 0x00, 0x03), ..mirrors }.build().assemble()),
    ]
}

/// What is found and expected stands in every finding, but for the kinds that [`Told`] excepts with the
/// reason: `assemble` insists.
#[test]
fn every_kind_of_finding_is_told_with_its_place_and_what_was_expected() {
    let mut told = one_copy();
    told.extend(one_configuration());
    told.extend(one_array());
    for (fault, told) in &told {
        let row = fault.kind();
        let mut found = told.findings.iter().filter(|finding| finding.code == row.code);
        let finding = found.next().unwrap_or_else(|| panic!("{fault:?}: {:#?}", told.findings));
        assert_eq!((finding.severity, finding.what), (row.severity, row.what));
        if row.severity >= Severity::Warning {
            assert_ne!(finding.found, finding.expected, "{finding:?}");
        }
    }
    for fault in Fault::ALL {
        assert!(told.iter().any(|(known, _)| known == fault), "{fault:?} is told by no case");
    }
}
