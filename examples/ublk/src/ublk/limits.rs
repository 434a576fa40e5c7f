// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the block layer is told of an array, so that it cuts requests where stripes end.
//!
//! | parameter | value | why |
//! |---|---|---|
//! | `chunk_sectors` | the full stripe | a request never crosses one; the strip there would cut every full stripe to pieces |
//! | `io_opt` | the full stripe, or the largest power of two that divides it | ublk carries a power of two |
//! | `io_min` | the strip | below it more than one request goes to one member |
//! | `max_sectors` | the largest number of whole stripes up to 1 MiB, at least one | full stripes arrive whole |
//! | blocks | logical: the array's; physical: the members' | |
//! | cache | volatile, with FUA | members have one; without it no flush would come |

use super::Facts;
use super::abi::{MAX_IO, PAGE, Parameters, SECTOR, attribute};
use raid_core::array::{Geometry, Secondary};

/// What a request is made of at most, where stripes do not ask for more.
const MOST: u32 = 1 << 20;

/// The parameters of an array's device.
pub(super) fn of(facts: &Facts) -> Parameters {
    let told = parameters(&facts.geometry, facts.size, facts.physical_block_size);
    match facts.read_only {
        true => Parameters { attributes: attribute::READ_ONLY, ..told },
        false => told,
    }
}

fn parameters(geometry: &Geometry, size: u64, physical: u32) -> Parameters {
    let logical = geometry.block_size;
    // A block of a member may be larger than what the driver takes.
    let physical = physical.clamp(logical, PAGE.max(logical));
    let (stripe, strip) = match full_stripe(geometry, size) {
        Some(stripe) => (stripe, geometry.strip.0 as u32 * logical),
        None => (0, physical),
    };
    let most = match stripe {
        0 => MOST,
        stripe => stripe.max(MOST / stripe * stripe),
    };
    Parameters {
        len: Parameters::LEN,
        types: Parameters::BASIC,
        attributes: attribute::VOLATILE_CACHE | attribute::FUA,
        logical_shift: shift(logical),
        physical_shift: shift(physical),
        io_opt_shift: shift(if stripe == 0 { physical } else { stripe }),
        io_min_shift: shift(strip.max(physical)),
        max_sectors: most / SECTOR,
        chunk_sectors: stripe / SECTOR,
        device_sectors: size / u64::from(SECTOR),
        virt_boundary: 0,
    }
}

/// Bytes of data in a row of all sets that a request goes to together; `None` where rows mean nothing to users, or
/// are larger than a request can be.
fn full_stripe(geometry: &Geometry, size: u64) -> Option<u32> {
    let strip = geometry.strip.0 * u64::from(geometry.block_size);
    let member = geometry.member_blocks.0 * u64::from(geometry.block_size);
    let striped = match geometry.secondary {
        Secondary::None | Secondary::Striped | Secondary::Mirrored => size,
        Secondary::Concatenated => size / u64::from(geometry.sets),
        _ => return None,
    };
    // Members of data, as many as their sizes make up.
    let stripe = striped.checked_mul(strip)?.checked_div(member)?;
    let whole = strip != 0 && stripe.is_multiple_of(strip) && stripe <= u64::from(MAX_IO);
    whole.then_some(stripe as u32)
}

/// The exponent of the largest power of two that divides it.
const fn shift(bytes: u32) -> u8 {
    bytes.trailing_zeros() as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::{ChosenLevel, geometry};

    fn told(level: ChosenLevel, members: u16, chunk: u64, data: u64) -> Parameters {
        let geometry = geometry(level, members, chunk, 64 << 20, 512).unwrap();
        parameters(&geometry, data * (64 << 20), 4096)
    }

    #[test]
    fn requests_are_cut_at_full_stripes_and_nowhere_else() {
        for (level, members, chunk, data, stripe, opt, most) in [
            // Kilobytes: chunk_sectors, io_opt, max_sectors.
            (ChosenLevel::Raid0, 3, 64, 3, 192, 64, 960),
            (ChosenLevel::Raid5, 3, 64, 2, 128, 128, 1024),
            (ChosenLevel::Raid5, 4, 64, 3, 192, 64, 960),
            (ChosenLevel::Raid6, 5, 64, 3, 192, 64, 960),
            (ChosenLevel::Raid10, 4, 64, 2, 128, 128, 1024),
            // Larger than 1 MiB: one stripe.
            (ChosenLevel::Raid5, 4, 512, 3, 1536, 512, 1536),
            // No stripes.
            (ChosenLevel::Raid1, 2, 64, 1, 0, 4, 1024),
        ] {
            let told = told(level, members, chunk << 10, data);
            assert_eq!(told.chunk_sectors, stripe * 2, "{level:?} {members} {chunk}");
            assert_eq!(1 << told.io_opt_shift, opt * 1024, "{level:?} {members} {chunk}");
            assert_eq!(told.max_sectors, most * 2, "{level:?} {members} {chunk}");
        }
    }

    #[test]
    fn blocks_are_the_arrays_and_the_members() {
        let told = told(ChosenLevel::Raid5, 3, 64 << 10, 2);
        assert_eq!((told.logical_shift, told.physical_shift, told.io_min_shift), (9, 12, 16));
        assert_eq!(told.device_sectors, 2 * (64 << 20) / 512);
    }
}
