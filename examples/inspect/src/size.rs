// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sizes for people.

use raid_core::array::{Geometry, Level, Placement};

/// A size in the largest unit that says it without a fraction, or with one digit after the point.
pub(crate) fn human(bytes: u64) -> String {
    let units = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let mut unit = 0;
    while unit + 1 < units.len() && bytes >> (10 * (unit + 1)) > 0 {
        unit += 1;
    }
    let scale = 10 * unit as u32;
    let (whole, rest) = (bytes >> scale, bytes & ((1u64 << scale) - 1));
    match rest {
        0 => format!("{whole} {}", units[unit]),
        // The product stays below 2^64: `rest` is below 2^60.
        _ => format!("{whole}.{} {}", (rest * 10) >> scale, units[unit]),
    }
}

/// Bytes of a chunk; 0 where the level has none.
pub(crate) fn chunk_bytes(geometry: &Geometry) -> u64 {
    geometry.strip.bytes(geometry.block_size).unwrap_or(u64::MAX)
}

/// The level's customary name; `unknown` where no member at hand tells the shape.
pub(crate) fn level_name(geometry: &Geometry) -> &'static str {
    if geometry.slots == 0 { "unknown" } else { geometry.level_name() }
}

/// The placement's name at Linux md, where that is another one.
pub(crate) fn md_name(geometry: &Geometry) -> Option<&'static str> {
    Some(match (geometry.level, geometry.placement) {
        (Level::Raid5, Placement::ZeroRestart) => "right-asymmetric",
        (Level::Raid5, Placement::ZeroContinue) => "right-symmetric",
        (Level::Raid5, Placement::NRestart) => "left-asymmetric",
        (Level::Raid5, Placement::NContinue) => "left-symmetric",
        (Level::Raid1E, Placement::Adjacent) => "raid10 near-2",
        (Level::Raid1E, Placement::Offset) => "raid10 offset-2",
        (Level::Raid1E, Placement::Far) => "raid10 far-2",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::human;

    #[test]
    fn sizes_are_short_and_not_rounded_up() {
        let cases = [
            (0, "0 bytes"),
            (1023, "1023 bytes"),
            (1024, "1 KiB"),
            (1536, "1.5 KiB"),
            (65536, "64 KiB"),
            ((1 << 20) - 1, "1023.9 KiB"),
            (3 << 40, "3 TiB"),
            (u64::MAX, "15.9 EiB"),
        ];
        for (bytes, text) in cases {
            assert_eq!(human(bytes), text);
        }
    }
}
