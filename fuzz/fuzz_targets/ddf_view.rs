// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every DDF record over arbitrary bytes: raw and checked views, accessors, lists, round trips.
//!
//! The first bytes choose the record, the byte order, and whether signature and CRC are put right.
#![no_main]

use libfuzzer_sys::fuzz_target;
use raid_core::units::Lba;
use raid_ddf::{
    BadBlockLog, ByteOrder, ControllerData, CrcVariant, DdfHeader, PhysicalDiskData,
    PhysicalDiskRecords, Record, Revision, Section, SpareAssignment, VdConfiguration, VendorLog,
    VendorUniqueConfiguration, VirtualDiskRecords, element_slots, is_reference, matching_crc, seal,
};
use raid_fuzz::input::Input;
use raid_fuzz::limits::bounded;

/// Views `bytes` as a record and, if it is whole, hands it to `look`.
fn views<T: Record + ?Sized>(
    bytes: &mut [u8],
    order: ByteOrder,
    variant: CrcVariant,
    flags: u8,
    look: impl Fn(&T),
) {
    let before = bytes.to_vec();
    if let Some(record) = T::view(bytes) {
        look(record);
    }
    let _ = T::view_mut(bytes);
    assert!(bytes == before, "a view changed its bytes");
    if flags & 4 != 0 && bytes.len() >= 8 {
        let signature = match order {
            ByteOrder::Big => T::SIGNATURE.to_be_bytes(),
            ByteOrder::Little => T::SIGNATURE.to_le_bytes(),
        };
        bytes[..4].copy_from_slice(&signature);
        seal(variant, order, bytes);
        let whole = T::view(bytes).is_some();
        let checked = T::check(bytes, order);
        assert_eq!(checked.is_ok(), whole, "a sealed record does not pass: {:?}", checked.err());
    }
    match T::check(bytes, order) {
        Ok(record) => {
            assert_eq!(record.order(), order);
            assert_eq!(
                matching_crc(record.crc_variant(), order, bytes),
                Some(record.crc_variant())
            );
            look(record.record());
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

fn header(header: &DdfHeader, order: ByteOrder) {
    let _ = (header.header_type(), header.open_state(), header.updated(order).to_unix());
    let _ = (header.revision().major(), header.revision().to_string());
    for section in Section::ALL {
        if let Some(extent) = header.section_extent(order, Lba(u64::MAX - 8), section) {
            assert!(extent.end().is_some() && extent.len.0 > 0, "{}", section.name());
        }
    }
    for bytes in [0, 511, 512, 1024, 131072] {
        assert!(element_slots(header, order, bytes) * 12 <= bytes.saturating_sub(512));
    }
}

fn configuration(record: &VdConfiguration, order: ByteOrder, slots: usize) {
    let _ = (record.strip_blocks(), record.cache_policies(order));
    if let Some(lists) = record.elements(slots) {
        assert_eq!((lists.references.len(), lists.starting_blocks.len()), (slots, slots));
        assert!(slots * 12 <= record.lists.len());
    } else {
        assert!(slots * 12 > record.lists.len());
    }
}

fuzz_target!(|data: &[u8]| bounded(|| {
    let mut input = Input(data);
    let (which, flags, slots) = (input.byte(), input.byte(), usize::from(input.pair()));
    let order = if flags & 1 == 0 { ByteOrder::Big } else { ByteOrder::Little };
    let variant = if flags & 2 == 0 { CrcVariant::A } else { CrcVariant::B };
    let revision = Revision(if flags & 8 == 0 { *b"01.02.00" } else { *b"02.00.00" });
    let mut body = input.0.to_vec();
    let bytes = &mut body[..];
    match which % 10 {
        0 => views::<DdfHeader>(bytes, order, variant, flags, |record| header(record, order)),
        1 => views::<ControllerData>(bytes, order, variant, flags, |_| ()),
        2 => views::<PhysicalDiskData>(bytes, order, variant, flags, |_| ()),
        3 => views::<PhysicalDiskRecords>(bytes, order, variant, flags, |records| {
            assert!(records.all(order).len() <= records.entries.len());
            for (index, entry) in records.used(order) {
                assert!(index < records.entries.len());
                let _ = (entry.pd_type(order), entry.pd_state(order).is_usable());
                let _ = entry.interface(order);
                let reference = entry.pd_reference.get(order);
                assert_eq!(records.find(order, reference).is_some(), is_reference(reference));
            }
        }),
        4 => views::<VirtualDiskRecords>(bytes, order, variant, flags, |records| {
            assert!(records.all(order).len() <= records.entries.len());
            for (index, entry) in records.used(order) {
                assert!(index < records.entries.len());
                let _ = (entry.vd_type(order), entry.condition(), entry.vd_flags());
                let _ = (entry.initialisation(), entry.access(), entry.name().to_string());
                assert!(records.find(order, &entry.vd_guid).is_some());
            }
        }),
        5 => views::<VdConfiguration>(bytes, order, variant, flags, |record| {
            configuration(record, order, slots);
        }),
        6 => views::<SpareAssignment>(bytes, order, variant, flags, |record| {
            assert!(record.used(order).count() <= record.entries.len());
            let _ = record.spare_type();
        }),
        7 => views::<BadBlockLog>(bytes, order, variant, flags, |record| {
            assert!(record.used(order, revision).len() <= record.entries.len());
            let _ = record.counts(order, revision);
        }),
        8 => views::<VendorLog>(bytes, order, variant, flags, |_| ()),
        _ => views::<VendorUniqueConfiguration>(bytes, order, variant, flags, |_| ()),
    }
}));
