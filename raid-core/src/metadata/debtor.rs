// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whose debt a record keeps by region: a member that left, and the writes that it has missed.

use super::Generation;
use crate::units::Slot;
use core::num::NonZeroU64;

/// Slots whose debt can be kept at a time.
pub const DEBTORS: usize = 4;

/// Who a disk is, as far as a format can tell: any digest of its identity but 0. A format may store 0 where
/// nobody knows it.
///
/// ```
/// use raid_core::metadata::MemberKey;
///
/// assert_eq!(MemberKey::new(7).map(MemberKey::get), Some(7));
/// assert_eq!(MemberKey::new(0), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberKey(pub NonZeroU64);

impl MemberKey {
    /// The key with this digest; `None` for 0.
    #[must_use]
    pub const fn new(digest: u64) -> Option<Self> {
        match NonZeroU64::new(digest) {
            Some(digest) => Some(Self(digest)),
            None => None,
        }
    }

    /// The digest.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0.get()
    }
}

/// A slot whose debt is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Debtor {
    /// Which slot.
    pub slot: Slot,
    /// The disk that owes; `None` if nobody knows which it is.
    pub id: Option<MemberKey>,
    /// The oldest generation that its own record may show.
    pub since: Generation,
    /// The generation in which it left; its own record can show none that is newer.
    pub left: Generation,
}
