// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which disk is to blame: the verdicts of all byte columns of a block, folded into one.

use super::locate_column;
use core::ops::ControlFlow;

/// Which block of a row contradicts the others.
///
/// A verdict other than [`Several`](Self::Several) explains every byte of the block by *one* wrong
/// block. It is proof only if no more than one block is wrong: two wrong blocks can look like a third
/// one, in a single byte column by chance in about one case of 255 per entry of the list; over a whole block hardly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Located {
    /// P and Q agree with the data.
    Clean,
    /// The data block with this exponent is wrong.
    Data(u8),
    /// Only P is wrong.
    P,
    /// Only Q is wrong.
    Q,
    /// No single block explains what was found.
    Several,
}

/// The verdicts of the columns seen so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Suspects(Located);

impl Suspects {
    pub(crate) const fn none() -> Self {
        Self(Located::Clean)
    }

    /// Takes in the columns of which `dp` and `dq` are the differences. Breaks when the verdict can
    /// no longer change.
    #[cold]
    pub(crate) fn columns<const N: usize>(
        &mut self,
        dp: &[u8; N],
        dq: &[u8; N],
    ) -> ControlFlow<()> {
        for (dp, dq) in dp.iter().zip(dq) {
            self.0 = match (self.0, locate_column(*dp, *dq)) {
                (so_far, Located::Clean) => so_far,
                (Located::Clean, here) => here,
                (so_far, here) if so_far == here => so_far,
                _ => Located::Several,
            };
        }
        if self.0 == Located::Several { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// The verdict, whether or not there is a block that it names.
    pub(crate) const fn found(self) -> Located {
        self.0
    }

    /// The verdict on a row with this data list: a block that is not there cannot be wrong.
    pub(crate) fn verdict(self, data: &[Option<&[u8]>]) -> Located {
        match self.0 {
            Located::Data(exponent)
                if !matches!(data.get(usize::from(exponent)), Some(Some(_))) =>
            {
                Located::Several
            }
            verdict => verdict,
        }
    }
}
