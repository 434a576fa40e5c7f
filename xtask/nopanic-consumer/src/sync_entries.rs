// SPDX-License-Identifier: MIT OR Apache-2.0
//! raid-sync: generic over its capacity, so compiled only here.

use crate::entries;
use raid_sync::SyncCore;

type Core = SyncCore<64, 4>;

entries!(SYNC:
    Core::new, Core::admit, Core::plan_read, Core::complete, Core::complete_flush, Core::poll,
    Core::deadline, Core::copied, Core::flushed, Core::persisted, Core::start, Core::pause,
    Core::resume, Core::abort, Core::set_limits, Core::set_range, Core::member_failed,
    Core::member_joined, Core::live, Core::owed, Core::marks, Core::snapshot, Core::status,
);
