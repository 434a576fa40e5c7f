// SPDX-License-Identifier: MIT OR Apache-2.0
//! The parity operations, and the choice of the instructions that carry them out.
//!
//! ```text
//!   Backend::portable()      plain Rust, every target         \
//!   Backend::detect()        the best of this CPU  (std)        \    Backend: Copy, 16 bytes,
//!   Backend::avx2(), ...     one instruction set, by name        >   the proof that its kernels
//!   Backend::from_ops(..)    the embedder's: a kernel's RAID    /    may run here
//!                            library, an offload engine        /
//! ```
//!
//! What the operations compute, and what the data list is, stands in [`parity`](crate::parity).
//!
//! **Contract of all operations.** Blocks of any length, all the same, at any alignment; empty ones
//! too. Destinations first, sources second. An error leaves every destination as it was. A backend
//! holds no state: make it once, keep it with the array, copy it anywhere. 64-byte aligned blocks
//! are fast, not required; so are lengths that are multiples of 64.
//!
//! Firmware that calls a few operations takes them from [`portable`].
//!
//! **Say where the rows are**, if you know: [`Backend::with_locality`], or
//! [`Backend::with_bytes_in_use`] for a stripe cache of that size. It is worth a fifth.
//!
//! ```
//! use raid_core::backend::Backend;
//!
//! let backend = Backend::portable();
//! let (d0, d1, d2) = ([1u8; 512], [2u8; 512], [3u8; 512]);
//! let (mut p, mut q) = ([0; 512], [0; 512]);
//! backend.pq_generate(&mut p, &mut q, &[Some(&d0), Some(&d1), Some(&d2)])?;
//!
//! // Disks 0 and 2 are gone.
//! let (mut x, mut y) = ([0; 512], [0; 512]);
//! backend.recover_data_data((0, &mut x), (2, &mut y), &[None, Some(&d1), None], &p, &q)?;
//! assert_eq!((x, y), (d0, d2));
//! # Ok::<(), raid_core::parity::ParityError>(())
//! ```
#![allow(unsafe_code)] // the one module of the crate: calls of kernels, blocks checked once, each with its proof

#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
mod aarch64;
mod columns;
#[cfg(feature = "std")]
mod detect;
mod kernels;
mod locality;
#[cfg(any(
    all(target_arch = "x86_64", target_feature = "sse2"),
    all(target_arch = "aarch64", target_feature = "neon"),
    all(target_arch = "wasm32", target_feature = "simd128"),
))]
mod nibbles;
mod ops;
mod part;
pub mod portable;
mod row;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm;
// On soft-float targets the code generator aborts on these instructions.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
mod x86;

pub use locality::{Caches, Locality};
pub use ops::Ops;
pub use row::Row;

use crate::parity::{Change, Located, MAX_ENTRIES, ParityError, check_length, check_lost};
use core::fmt;

/// A choice of kernels that is known to run here.
///
/// # Invariant
///
/// The instructions behind `ops` may be used wherever this value is.
#[derive(Clone, Copy)]
pub struct Backend {
    ops: &'static Ops,
    locality: Locality,
    caches: Caches,
}

impl Backend {
    /// Plain Rust for every target: [`bytes`](Self::bytes) or [`words`](Self::words), whichever
    /// suits the target.
    #[must_use]
    pub const fn portable() -> Self {
        Self::new(portable::OPS)
    }

    /// Kernels of the embedder's own: a kernel's RAID library, an offload engine, assembly.
    ///
    /// # Safety
    ///
    /// - Every function of `ops` computes what its field says.
    /// - It may be called wherever the value is used, with the CPU state it needs.
    #[must_use]
    pub const unsafe fn from_ops(ops: &'static Ops) -> Self {
        Self::new(ops)
    }

    /// Callers have the instructions of `ops`.
    const fn new(ops: &'static Ops) -> Self {
        Self { ops, locality: Locality::Unknown, caches: Caches::USUAL }
    }

    /// The same kernels, for rows that are there.
    #[must_use]
    pub const fn with_locality(self, locality: Locality) -> Self {
        Self { locality, ..self }
    }

    /// The same kernels, for rows of which `bytes` are in use, over and over: a stripe cache, or the
    /// memory of one request. What the caller has said by [`with_locality`](Self::with_locality) stays.
    #[must_use]
    pub const fn with_bytes_in_use(self, bytes: usize) -> Self {
        match self.locality {
            Locality::Unknown => self.with_locality(self.caches.locality(bytes)),
            _ => self,
        }
    }

    /// The same kernels on a CPU with these caches.
    #[must_use]
    pub const fn with_caches(self, caches: Caches) -> Self {
        Self { caches, ..self }
    }

    /// The name of the kernels, for logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.ops.name
    }

    /// XORs every source into `dst`.
    ///
    /// # Errors
    ///
    /// [`ParityError::Length`].
    #[inline]
    pub fn xor_into(self, dst: &mut [u8], srcs: &[&[u8]]) -> Result<(), ParityError> {
        srcs.iter().try_for_each(|src| check_length(dst.len(), src))?;
        let locality = self.locality_of(srcs.len().saturating_add(1), dst.len());
        // SAFETY: the lengths agree, checked above; the type's invariant covers the instructions.
        unsafe { (self.ops.xor_into)(dst, srcs, locality) };
        Ok(())
    }

    /// Computes P of the data.
    ///
    /// # Errors
    ///
    /// [`ParityError::Length`], [`ParityError::TooManyEntries`].
    #[inline]
    pub fn p_generate(self, p: &mut [u8], data: &[Option<&[u8]>]) -> Result<(), ParityError> {
        let data = self.row(p.len(), data, 1)?;
        // SAFETY: the lengths agree, checked above; the type's invariant covers the instructions.
        unsafe { (self.ops.p_generate)(p, data) };
        Ok(())
    }

    /// Computes Q of the data.
    ///
    /// # Errors
    ///
    /// [`ParityError::Length`], [`ParityError::TooManyEntries`].
    #[inline]
    pub fn q_generate(self, q: &mut [u8], data: &[Option<&[u8]>]) -> Result<(), ParityError> {
        let data = self.row(q.len(), data, 1)?;
        // SAFETY: the lengths agree, checked above; the type's invariant covers the instructions.
        unsafe { (self.ops.q_generate)(q, data) };
        Ok(())
    }

    /// Computes P and Q of the data. If both are lost, this recovers them.
    ///
    /// # Errors
    ///
    /// [`ParityError::Length`], [`ParityError::TooManyEntries`].
    #[inline]
    pub fn pq_generate(
        self,
        p: &mut [u8],
        q: &mut [u8],
        data: &[Option<&[u8]>],
    ) -> Result<(), ParityError> {
        check_length(p.len(), q)?;
        let data = self.row(p.len(), data, 2)?;
        // SAFETY: the lengths agree, checked above; the type's invariant covers the instructions.
        unsafe { (self.ops.pq_generate)(p, q, data) };
        Ok(())
    }

    /// Compares P with the data: the offset of the first byte at which they disagree.
    ///
    /// # Errors
    ///
    /// [`ParityError::Length`], [`ParityError::TooManyEntries`].
    #[inline]
    pub fn p_check(self, p: &[u8], data: &[Option<&[u8]>]) -> Result<Option<usize>, ParityError> {
        let data = self.row(p.len(), data, 1)?;
        // SAFETY: the lengths agree, checked above; the type's invariant covers the instructions.
        Ok(unsafe { (self.ops.p_check)(p, data) })
    }

    /// Compares P and Q with the data: the offset of the first byte at which they disagree.
    ///
    /// # Errors
    ///
    /// [`ParityError::Length`], [`ParityError::TooManyEntries`].
    #[inline]
    pub fn pq_check(
        self,
        p: &[u8],
        q: &[u8],
        data: &[Option<&[u8]>],
    ) -> Result<Option<usize>, ParityError> {
        check_length(p.len(), q)?;
        let data = self.row(p.len(), data, 2)?;
        // SAFETY: the lengths agree, checked above; the type's invariant covers the instructions.
        Ok(unsafe { (self.ops.pq_check)(p, q, data) })
    }

    /// Says which block of the row is wrong, if one alone can be.
    ///
    /// # Errors
    ///
    /// [`ParityError::Length`], [`ParityError::TooManyEntries`].
    #[inline]
    pub fn locate(
        self,
        p: &[u8],
        q: &[u8],
        data: &[Option<&[u8]>],
    ) -> Result<Located, ParityError> {
        check_length(p.len(), q)?;
        let data = self.row(p.len(), data, 2)?;
        // SAFETY: the lengths agree, checked above; the type's invariant covers the instructions.
        Ok(unsafe { (self.ops.locate)(p, q, data) })
    }

    /// Judges each byte column by itself: offsets and verdicts of those that are not clean. For the
    /// block as a whole, and faster, see [`locate`](Self::locate).
    ///
    /// A verdict is never [`Located::Several`] but where it would blame a block that is not there: one
    /// column has too little to tell.
    ///
    /// # Errors
    ///
    /// [`ParityError::Length`], [`ParityError::TooManyEntries`].
    pub fn locate_columns<'a>(
        self,
        p: &'a [u8],
        q: &'a [u8],
        data: &'a [Option<&'a [u8]>],
    ) -> Result<impl Iterator<Item = (usize, Located)> + use<'a>, ParityError> {
        let from = self.pq_check(p, q, data)?.unwrap_or(p.len());
        let data = Row::new(p.len(), data)?;
        Ok(columns::locate_columns(p, q, data, from))
    }

    /// Carries the change of one data block from `old` to `new` into P and Q: read-modify-write.
    /// A parity that is lost is `None`.
    ///
    /// Results always go through the cache, where P and Q are already.
    ///
    /// # Errors
    ///
    /// [`ParityError::Length`]; [`ParityError::Exponent`] for 255.
    #[inline]
    pub fn pq_update(
        self,
        p: Option<&mut [u8]>,
        q: Option<&mut [u8]>,
        exponent: u8,
        old: &[u8],
        new: &[u8],
    ) -> Result<(), ParityError> {
        if usize::from(exponent) >= MAX_ENTRIES {
            return Err(ParityError::Exponent { found: exponent, entries: MAX_ENTRIES });
        }
        check_length(old.len(), new)?;
        [p.as_deref(), q.as_deref()]
            .into_iter()
            .flatten()
            .try_for_each(|parity| check_length(old.len(), parity))?;
        let locality = self.locality_of(4, old.len());
        // SAFETY: the lengths agree, checked above; the type's invariant covers the instructions.
        unsafe { (self.ops.pq_update)(p, q, exponent, old, new, locality) };
        Ok(())
    }

    /// Carries the changes of several data blocks into P and Q in one pass: read-modify-write. A
    /// parity that is lost is `None`.
    ///
    /// Changes add up: two of the same block are one after the other. Results always go through the
    /// cache, where P and Q are already.
    ///
    /// # Errors
    ///
    /// [`ParityError::Length`]; [`ParityError::Exponent`] for 255.
    pub fn pq_update_blocks(
        self,
        p: Option<&mut [u8]>,
        q: Option<&mut [u8]>,
        changes: &[Change<'_>],
    ) -> Result<(), ParityError> {
        let mut expected = None;
        let blocks = changes.iter().flat_map(|change| [change.old, change.new]);
        for block in [p.as_deref(), q.as_deref()].into_iter().chain(blocks).flatten() {
            check_length(*expected.get_or_insert(block.len()), block)?;
        }
        if let Some(found) =
            changes.iter().map(|change| change.exponent).find(|e| usize::from(*e) >= MAX_ENTRIES)
        {
            return Err(ParityError::Exponent { found, entries: MAX_ENTRIES });
        }
        let blocks = changes.len().saturating_mul(2).saturating_add(2);
        let locality = self.locality_of(blocks, expected.unwrap_or(0));
        // SAFETY: the lengths agree, checked above; the type's invariant covers the instructions.
        unsafe { (self.ops.pq_update_blocks)(p, q, changes, locality) };
        Ok(())
    }

    /// Recovers a lost data block from P.
    ///
    /// # Errors
    ///
    /// [`ParityError::Length`], [`ParityError::TooManyEntries`].
    #[inline]
    pub fn recover_data(
        self,
        x: &mut [u8],
        data: &[Option<&[u8]>],
        p: &[u8],
    ) -> Result<(), ParityError> {
        check_length(x.len(), p)?;
        let data = self.row(x.len(), data, 2)?;
        // SAFETY: the lengths agree, checked above; the type's invariant covers the instructions.
        unsafe { (self.ops.recover_data)(x, data, p) };
        Ok(())
    }

    /// Recovers the lost data block with exponent `x.0` from Q: P is lost too, and not wanted.
    ///
    /// # Errors
    ///
    /// Any [`ParityError`] but [`ParityError::SameBlock`].
    #[inline]
    pub fn recover_data_from_q(
        self,
        x: (u8, &mut [u8]),
        data: &[Option<&[u8]>],
        q: &[u8],
    ) -> Result<(), ParityError> {
        check_length(x.1.len(), q)?;
        let data = self.row(q.len(), data, 2)?;
        check_lost(x.0, data.blocks())?;
        // SAFETY: the lengths agree and x is lost, checked above; the type's invariant covers the
        // instructions.
        unsafe { (self.ops.recover_data_from_q)(x, data, q) };
        Ok(())
    }

    /// Recovers the two lost data blocks with exponents `x.0` and `y.0` from P and Q.
    ///
    /// # Errors
    ///
    /// Any [`ParityError`].
    #[inline]
    pub fn recover_data_data(
        self,
        x: (u8, &mut [u8]),
        y: (u8, &mut [u8]),
        data: &[Option<&[u8]>],
        p: &[u8],
        q: &[u8],
    ) -> Result<(), ParityError> {
        check_length(x.1.len(), y.1)?;
        check_length(x.1.len(), p)?;
        check_length(x.1.len(), q)?;
        let data = self.row(p.len(), data, 4)?;
        check_lost(x.0, data.blocks())?;
        check_lost(y.0, data.blocks())?;
        if x.0 == y.0 {
            return Err(ParityError::SameBlock { exponent: x.0 });
        }
        // SAFETY: the lengths agree, x and y are lost and are two, checked above; the type's
        // invariant covers the instructions.
        unsafe { (self.ops.recover_data_data)(x, y, data, p, q) };
        Ok(())
    }

    /// Recovers the lost data block with exponent `x.0`, and P, from Q.
    ///
    /// # Errors
    ///
    /// Any [`ParityError`] but [`ParityError::SameBlock`].
    #[inline]
    pub fn recover_data_p(
        self,
        x: (u8, &mut [u8]),
        p: &mut [u8],
        data: &[Option<&[u8]>],
        q: &[u8],
    ) -> Result<(), ParityError> {
        check_length(x.1.len(), p)?;
        check_length(x.1.len(), q)?;
        let data = self.row(q.len(), data, 3)?;
        check_lost(x.0, data.blocks())?;
        // SAFETY: the lengths agree and x is lost, checked above; the type's invariant covers the
        // instructions.
        unsafe { (self.ops.recover_data_p)(x, p, data, q) };
        Ok(())
    }

    /// Recovers the lost data block with exponent `x.0`, and Q, from P.
    ///
    /// # Errors
    ///
    /// Any [`ParityError`] but [`ParityError::SameBlock`].
    #[inline]
    pub fn recover_data_q(
        self,
        x: (u8, &mut [u8]),
        q: &mut [u8],
        data: &[Option<&[u8]>],
        p: &[u8],
    ) -> Result<(), ParityError> {
        check_length(x.1.len(), q)?;
        check_length(x.1.len(), p)?;
        let data = self.row(p.len(), data, 3)?;
        check_lost(x.0, data.blocks())?;
        // SAFETY: the lengths agree and x is lost, checked above; the type's invariant covers the
        // instructions.
        unsafe { (self.ops.recover_data_q)(x, q, data, p) };
        Ok(())
    }

    /// The row of a call over `data` and `others` more blocks.
    #[inline]
    fn row<'a>(
        self,
        len: usize,
        data: &'a [Option<&'a [u8]>],
        others: usize,
    ) -> Result<Row<'a>, ParityError> {
        Row::within(len, data, self.locality_of(data.len().saturating_add(others), len))
    }

    /// Where `blocks` blocks of `len` bytes are.
    #[inline]
    fn locality_of(self, blocks: usize, len: usize) -> Locality {
        match self.locality {
            Locality::Unknown => self.caches.of_row(blocks.saturating_mul(len)),
            known => known,
        }
    }
}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Backend({}, {:?})", self.ops.name, self.locality)
    }
}
