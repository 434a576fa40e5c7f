// SPDX-License-Identifier: MIT OR Apache-2.0
//! raid-core: parity, mirrors, layouts, the stripe planner.

use crate::entries;
use raid_core::array::Placement;
use raid_core::backend::Backend;
use raid_core::layout::{Elements, Layout, Pieces, RowMap, Split};
use raid_core::parity::TripleParity;
use raid_core::stripe::{HealthByRow, Passes, ReadSteps, RowPlan, SlabIo, WriteIo, Writes};
use raid_core::{gf256, mirror, parity, stripe};

entries!(BACKEND:
    Backend::xor_into, Backend::p_generate, Backend::q_generate, Backend::pq_generate,
    Backend::p_check, Backend::pq_check, Backend::locate, Backend::pq_update,
    Backend::recover_data, Backend::recover_data_from_q, Backend::recover_data_data,
    Backend::recover_data_p, Backend::recover_data_q,
);

/// Brings the kernels themselves in: a backend that is not known calls through its table.
#[unsafe(no_mangle)]
pub static PORTABLE: Backend = Backend::portable();

entries!(FIELD: gf256::mul, gf256::div, gf256::inverse, gf256::log2, gf256::pow2, parity::locate_column);

entries!(TRIPLE:
    TripleParity::generate, TripleParity::check, TripleParity::update, TripleParity::recover,
);

entries!(MIRROR: mirror::compare, mirror::majority);

#[unsafe(no_mangle)]
pub fn choose_source(
    readable: raid_core::units::SlotSet,
    at: raid_core::units::Lba,
    load: &dyn Fn(raid_core::units::Slot) -> mirror::Load,
) -> Option<raid_core::units::Slot> {
    mirror::choose_source(readable, at, load)
}

entries!(LAYOUT:
    Layout::new, Layout::concatenation, Layout::locate, Layout::role, Layout::row_map,
    Layout::locate_byte, Layout::byte_at,
    Layout::row_blocks, Layout::row_end, Layout::pieces, Pieces::next,
    Layout::rows_of, Layout::rows, Layout::split, Layout::set_copies, Layout::array_block,
    Elements::new, Elements::split, Elements::set_copies, Elements::array_block, Split::next,
    Placement::of_md_parity, Placement::of_md_raid10, Placement::md_name,
    RowMap::data_slot, RowMap::data_slots, RowMap::parity_slot, RowMap::parity_slots, RowMap::hot_slot, RowMap::role, RowMap::exponent,
    RowMap::slot_of_exponent,
);

type ByRow = HealthByRow<'static>;

entries!(STRIPE:
    stripe::read::<ByRow>, stripe::write::<ByRow>, stripe::rebuild::<ByRow>,
    stripe::resync::<ByRow>, stripe::scrub::<ByRow>, stripe::needs_row::<ByRow>,
    ReadSteps::next, Writes::next, Passes::next,
    ReadSteps::next_into, Writes::next_into, Passes::next_into,
    RowPlan::nth_read, RowPlan::nth_write, RowPlan::within,
    RowPlan::compute, RowPlan::extract, RowPlan::verify, RowPlan::repair,
);

#[unsafe(no_mangle)]
pub fn moves(plan: &RowPlan, reads: &mut dyn FnMut(SlabIo), writes: &mut dyn FnMut(WriteIo)) {
    plan.reads().for_each(reads);
    plan.writes().for_each(writes);
}
