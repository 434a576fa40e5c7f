// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whose debt a record keeps by region: a member that left, and the writes that it has missed.

use super::Generation;
use crate::units::Slot;

/// Slots whose debt can be kept at a time.
pub const DEBTORS: usize = 4;

/// Who a disk is, as far as a format can tell: any digest of its identity. 0 stands for "not told".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberKey(pub u64);

/// A slot whose debt is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Debtor {
    /// Which slot.
    pub slot: Slot,
    /// The disk that owes.
    pub id: MemberKey,
    /// The oldest generation that its own record may show.
    pub since: Generation,
    /// The generation in which it left; its own record can show none that is newer.
    pub left: Generation,
}
