// SPDX-License-Identifier: MIT OR Apache-2.0
//! Readers that asked once and look at the version since.

use super::*;

/// Whether all that a core has answered to readers still holds, if it says so by its version.
pub(crate) fn still_hold<const T: usize, const W: usize, const R: usize, const B: usize>(
    before: &SyncCore<T, W, R, B>,
    now: &SyncCore<T, W, R, B>,
    (rows, members): (u64, u16),
) -> Verdict {
    if before.version() != now.version() {
        return Ok(());
    }
    for failed in 0..1u16 << members {
        let not_from: SlotSet = (0..members)
            .filter(|slot| failed >> slot & 1 == 1)
            .map(|slot| Slot(slot as u8))
            .collect();
        let serve = |row| {
            let plan = now.plan_read(Rows::new(row, 1), not_from);
            plan.map_or(SlotSet::EMPTY, |plan| plan.from)
        };
        let serve: Vec<SlotSet> = (0..rows).map(serve).collect();
        for start in 0..rows {
            let Ok(plan) = before.plan_read(Rows::new(start, rows - start), not_from) else {
                continue;
            };
            let lost = (start..plan.rows.end().0)
                .find(|row| !serve[*row as usize].contains_all(plan.from));
            if let Some(row) = lost {
                return Err(format!(
                    "row {row} was to be read from {:?}, not from {not_from:?}; now from {:?}, and the \
                     version is the same",
                    plan.from, serve[row as usize]
                ));
            }
        }
    }
    Ok(())
}
