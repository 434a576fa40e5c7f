// SPDX-License-Identifier: MIT OR Apache-2.0
//! A vendor's own record among a disk's configuration records (`ddf.md` 2.7).
//!
//! Nobody but its vendor reads it. It belongs to a virtual disk and goes with it; every other update
//! keeps it as it is.

use crate::guid::Guid;
use crate::integer::ByteOrder;
use crate::record::Record;
use crate::structure::{ConfigurationRecord, Structure};
use crate::update::rosters;
use crate::update::spread::{clear_slot, edit_slot, free_slot, spread};
use crate::update::survey::{Live, Survey, invalid};
use crate::vendor_unique_configuration::VendorUniqueConfiguration;
use raid_core::array::ArrayId;
use raid_core::metadata::{ChangeError, DiskBuffer, Stamp};

/// Writes the vendor unique configuration record of an array on one disk: a new one, or in place of
/// the one that is there. `data` is what stands behind its head, the rest is all ones; with no data
/// the record is taken away.
///
/// # Errors
/// An array that is not there, a disk that is not a live one of its configuration, more data than a
/// record has room for, no free slot. Nothing is changed then.
pub fn set_vendor_record(
    disks: &mut [DiskBuffer<'_, '_>],
    disk: usize,
    array: ArrayId,
    data: &[u8],
    stamp: Stamp,
) -> Result<(), ChangeError> {
    let guid = Guid::from(array);
    let live = Live(disks);
    let survey = Survey::of_array(&live, guid)?;
    let outside = ChangeError::Disk { disk, what: "not a live disk of the array's configuration" };
    let (bytes, _, structure) = survey.member(&live, disk).ok_or(outside)?;
    let record = structure.record_blocks().bytes(bytes.shape().block_size).unwrap_or(0);
    let room = usize::try_from(record).unwrap_or(usize::MAX);
    let room = room.saturating_sub(VendorUniqueConfiguration::FIXED_LEN);
    if data.len() > room {
        return Err(invalid("bytes of a vendor's record", data.len(), room));
    }
    let own = slot_of(&structure, &guid);
    let full = ChangeError::Disk { disk, what: "no room for a vendor's record" };
    let free = free_slot(&structure);
    if own.is_none() && data.is_empty() {
        return Ok(());
    }
    let slot = own.or(free).ok_or(full)?;
    let begun = rosters::begin(disks, &survey, Guid::UNUSED)?;
    match data.is_empty() {
        true => clear_slot(disks, &survey, disk, slot),
        false => {
            let order = survey.order;
            edit_slot(disks, &survey, disk, slot, |bytes| fill(bytes, order, guid, data));
        }
    }
    spread(disks, &survey, &begun, stamp);
    Ok(())
}

/// The slot that holds the record of array `guid`.
fn slot_of(structure: &Structure<'_>, guid: &Guid) -> Option<usize> {
    structure.records().find_map(|slot| match slot.record {
        ConfigurationRecord::VendorUnique(record) if record.vd_guid == *guid => Some(slot.index),
        _ => None,
    })
}

fn fill(bytes: &mut [u8], order: ByteOrder, guid: Guid, data: &[u8]) {
    bytes.fill(0xFF);
    let Some(record) = VendorUniqueConfiguration::view_mut(bytes) else { return };
    record.signature.set(order, VendorUniqueConfiguration::SIGNATURE);
    record.vd_guid = guid;
    record.vendor_data.iter_mut().zip(data).for_each(|(to, from)| *to = *from);
}
