// SPDX-License-Identifier: MIT OR Apache-2.0
//! raid-sync: generic over its capacity, so compiled only here.

use crate::entries;
use raid_sync::SyncCore;

type Core = SyncCore<64, 4>;
/// With a dirty log by region and lists of bad ranges.
type Logged = SyncCore<64, 4, 512, 32>;

entries!(SYNC:
    Core::clear, Core::admit, Core::plan_read, Core::regrant, Core::complete, Core::complete_flush, Core::poll,
    Core::deadline, Core::copied, Core::flushed, Core::persisted, Core::start, Core::pause,
    Core::resume, Core::abort, Core::set_limits, Core::set_range, Core::member_failed,
    Core::member_joined, Core::live, Core::owed, Core::marks, Core::snapshot, Core::status,
);

entries!(LOGGED:
    Logged::clear, Logged::restore, Logged::admit, Logged::plan_read, Logged::regrant,
    Logged::complete, Logged::give_up, Logged::complete_flush, Logged::next_wake, Logged::version,
    Logged::rewritten, Logged::poll, Logged::deadline, Logged::copied, Logged::flushed,
    Logged::persisted, Logged::start, Logged::start_over, Logged::owe_rows, Logged::abort,
    Logged::set_range, Logged::member_failed, Logged::member_joined, Logged::member_returned,
    Logged::distrust, Logged::unwritable, Logged::snapshot, Logged::record,
    Logged::debt, Logged::account, Logged::status,
);
