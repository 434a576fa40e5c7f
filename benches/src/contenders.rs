// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who takes part in a comparison: our backends, the limits of the machine, and others' libraries.

use crate::stripes::{Operation, Stripe};
use raid_core::backend::Locality;
use std::fmt;

mod limits;
mod ours;

#[cfg(feature = "peers")]
mod crates;
#[cfg(all(feature = "peers", isal))]
mod isal;

/// What a contender is to the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A backend of ours.
    Ours,
    /// The best that another library has for this machine.
    Peer,
    /// A kernel of another library for one instruction set, to compare with ours for the same.
    PeerOf(&'static str),
    /// The loads and stores of the operation without its arithmetic.
    Limit,
}

/// What a contender does to a row; whether it found what it should.
pub type Run = Box<dyn FnMut(&mut Stripe<'_>) -> bool>;

/// How a result is verified before anything is timed.
pub enum Proof {
    /// It is the P and Q of RAID-6 by data disk: compared byte by byte with arithmetic of our own.
    Raid6,
    /// It is something else, by which lost blocks come back: told by this, of the row just worked on.
    Own(Run),
    /// There is no result.
    Nothing,
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Raid6 => "Raid6",
            Self::Own(_) => "Own",
            Self::Nothing => "Nothing",
        })
    }
}

/// One who takes part.
pub struct Contender {
    /// Its name in tables.
    pub name: String,
    /// What it is.
    pub role: Role,
    /// What its result must be.
    pub proof: Proof,
    /// Does the operation.
    pub run: Run,
}

impl fmt::Debug for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Contender({}, {:?})", self.name, self.role)
    }
}

impl Contender {
    fn new(name: impl Into<String>, role: Role, run: Run) -> Self {
        Self { name: name.into(), role, proof: Proof::Raid6, run }
    }

    /// Runs it on a row and says whether its result is right.
    pub fn verify(&mut self, operation: Operation, row: &mut Stripe<'_>) -> bool {
        match &mut self.proof {
            Proof::Raid6 => row.verify(operation, &mut self.run),
            Proof::Own(proof) => (self.run)(row) && proof(row),
            Proof::Nothing => (self.run)(row),
        }
    }
}

/// All that take part in an operation on rows of `disks` data disks in blocks of `len` bytes, which are
/// there.
#[must_use]
pub fn all(operation: Operation, disks: usize, len: usize, locality: Locality) -> Vec<Contender> {
    let mut all = ours::contenders(operation, locality);
    all.extend(limits::contenders(operation));
    #[cfg(all(feature = "peers", isal))]
    all.extend(isal::contenders(operation, disks, len));
    #[cfg(feature = "peers")]
    all.extend(crates::contenders(operation, disks, len));
    let _ = (disks, len);
    all
}

/// Who was compared, and who could not be and why.
#[must_use]
pub fn attendance() -> Vec<String> {
    vec![
        #[cfg(all(feature = "peers", isal))]
        format!("ISA-L {}, through pkg-config", env!("ISAL_VERSION")),
        #[cfg(all(feature = "peers", not(isal)))]
        String::from("ISA-L: SKIPPED, pkg-config did not find libisal when this was built"),
        #[cfg(feature = "peers")]
        String::from(
            "crates rusty_erasure 0.4, reed-solomon-erasure 6 (simd-accel), reed-solomon-simd 3",
        ),
        #[cfg(not(feature = "peers"))]
        String::from("other libraries: SKIPPED, built without feature `peers`"),
        String::from("Linux lib/raid6 and SnapRAID: SKIPPED, no way to build them from here yet"),
    ]
}
