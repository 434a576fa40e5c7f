// SPDX-License-Identifier: MIT OR Apache-2.0
//! The inspector against disks that other implementations wrote, against damaged ones, and as a
//! program.

mod apart;
mod bench;
mod block_map;
mod block_size;
mod damage;
mod device_mapper;
mod diff;
mod disk_list;
mod facts;
mod force;
mod guess;
mod layout_file;
mod mutations;
mod on_disk;
mod program;
mod readiness;
mod recovery_page;
mod serve;
mod twice;
mod verdicts;
mod verify;
mod volumes;
mod written_here;
