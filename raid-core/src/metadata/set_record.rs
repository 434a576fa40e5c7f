// SPDX-License-Identifier: MIT OR Apache-2.0
//! The record of one redundancy set, as one side lends it to the other.

use super::{BadRows, DEBTORS, Debtor, Generation, RegionRecord, RuntimeState};

/// What a record says of one redundancy set: a view, lent by the sync engine to a format that stores it, and by a
/// format to the engine that starts from it.
///
/// A format stores what it has room for: every one the [state](Self::state), few the rest. A [`RuntimeState`] is a
/// record that holds nothing else: what a format has stored beside the state stays as it is.
///
/// ```
/// use raid_core::array::Initialisation;
/// use raid_core::metadata::{Generation, RuntimeState, SetRecord};
/// use raid_core::units::SlotSet;
///
/// let state = RuntimeState {
///     clean: true, failed: SlotSet::EMPTY, rebuilding: SlotSet::EMPTY,
///     initialisation: Initialisation::Full, progress: None,
/// };
/// let record: &dyn SetRecord = &state;
/// assert_eq!((record.state(), record.generation()), (state, Generation(0)));
/// assert!(!record.is_whole());
/// ```
pub trait SetRecord {
    /// The run-time state.
    fn state(&self) -> RuntimeState;

    /// Whether the record speaks of all that a format may store of the set. Where it does not, its generation,
    /// debtors, regions and bad rows are not to be stored: those that are there still hold.
    fn is_whole(&self) -> bool {
        true
    }

    /// The generation of the set.
    fn generation(&self) -> Generation {
        Generation(0)
    }

    /// Whose debt the regions speak of: the place of a debtor here is its bit there.
    fn debtors(&self) -> [Option<Debtor>; DEBTORS] {
        [None; DEBTORS]
    }

    /// Gives each region of the set, from the first on; none if the record holds no regions.
    fn regions(&self, to: &mut dyn FnMut(RegionRecord)) {
        let _ = to;
    }

    /// Gives the bad rows, sorted by slot and row.
    fn bad_rows(&self, to: &mut dyn FnMut(BadRows)) {
        let _ = to;
    }
}

impl SetRecord for RuntimeState {
    fn state(&self) -> RuntimeState {
        *self
    }

    fn is_whole(&self) -> bool {
        false
    }
}
