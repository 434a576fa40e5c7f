// SPDX-License-Identifier: MIT OR Apache-2.0
//! Both formats, discovered and written, all that the planner does, and the sync engine.
#![no_std]
#![no_main]

use raid_core::backend::Backend;
use raid_core::layout::Layout;
use raid_core::metadata::Format;
use raid_core::stripe::{self, Health, Passes, ReadSteps, RowPlan, Writes};
use raid_sync::SyncCore;
use size_consumer as _;

type Core = SyncCore<64, 4>;

#[repr(transparent)]
pub struct Table<const N: usize>([*const (); N]);

// SAFETY: addresses of functions, never read through.
unsafe impl<const N: usize> Sync for Table<N> {}

#[unsafe(no_mangle)]
pub static FORMATS: [&dyn Format; 2] = [&raid_ddf::Ddf::new(), &raid_asr::Asr::new()];

#[unsafe(no_mangle)]
pub static BACKEND: Backend = Backend::portable();

macro_rules! table {
    ($name:ident: $($function:expr),+ $(,)?) => {
        #[unsafe(no_mangle)]
        pub static $name: Table<{ [$(stringify!($function)),+].len() }> =
            Table([$($function as *const ()),+]);
    };
}

table!(PLANNER:
    Layout::new, stripe::read::<Health>, stripe::write::<Health>, stripe::rebuild::<Health>,
    stripe::resync::<Health>, stripe::scrub::<Health>, ReadSteps::next, Writes::next, Passes::next,
    RowPlan::compute, RowPlan::extract, RowPlan::verify, RowPlan::repair,
);

table!(SYNC:
    Core::restore, Core::admit, Core::plan_read, Core::complete, Core::complete_flush, Core::poll,
    Core::deadline, Core::copied, Core::flushed, Core::persisted, Core::start, Core::pause,
    Core::resume, Core::abort, Core::set_limits, Core::set_range, Core::member_failed,
    Core::member_joined, Core::live, Core::owed, Core::marks, Core::snapshot, Core::status,
);

#[unsafe(no_mangle)]
pub fn _start(entry: usize) -> *const () {
    let formats = (&raw const FORMATS).cast();
    let tables = [
        formats,
        (&raw const BACKEND).cast(),
        (&raw const PLANNER).cast(),
        (&raw const SYNC).cast(),
    ];
    tables.get(entry).copied().unwrap_or(formats)
}
