// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the kernel's ublk driver and its server say to each other: `linux/ublk_cmd.h`, as far as it is used here.
//!
//! Names are those of the header without its prefixes. A test compares every number and offset with the header of
//! the machine that it runs on.

use std::mem::{offset_of, size_of};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The device that takes control commands.
pub(super) const CONTROL: &str = "/dev/ublk-control";
/// Bytes of a page, as far as the driver's sizes depend on one.
pub(super) const PAGE: u32 = 4096;
/// Bytes of the largest request.
pub(super) const MAX_IO: u32 = 32 << 20;
/// Bytes of a sector, in all numbers of sectors.
pub(super) const SECTOR: u32 = 512;

/// `_IOR('u', number, struct ublksrv_ctrl_cmd)`.
const fn read_command(number: u32) -> u32 {
    encoded(2, number, size_of::<ControlCommand>())
}

/// `_IOWR('u', number, struct ublksrv_ctrl_cmd)`.
const fn change_command(number: u32) -> u32 {
    encoded(3, number, size_of::<ControlCommand>())
}

/// `_IOWR('u', number, struct ublksrv_io_cmd)`.
const fn io_command(number: u32) -> u32 {
    encoded(3, number, size_of::<IoCommand>())
}

const fn encoded(direction: u32, number: u32, size: usize) -> u32 {
    direction << 30 | (size as u32) << 16 | (b'u' as u32) << 8 | number
}

/// Control commands.
pub(super) mod command {
    use super::{change_command, read_command};

    pub(in super::super) const GET_DEV_INFO: u32 = read_command(0x02);
    pub(in super::super) const ADD_DEV: u32 = change_command(0x04);
    pub(in super::super) const DEL_DEV: u32 = change_command(0x05);
    pub(in super::super) const START_DEV: u32 = change_command(0x06);
    pub(in super::super) const STOP_DEV: u32 = change_command(0x07);
    pub(in super::super) const SET_PARAMS: u32 = change_command(0x08);
    pub(in super::super) const GET_PARAMS: u32 = read_command(0x09);
    pub(in super::super) const START_USER_RECOVERY: u32 = change_command(0x10);
    pub(in super::super) const END_USER_RECOVERY: u32 = change_command(0x11);
    pub(in super::super) const GET_FEATURES: u32 = read_command(0x13);
    pub(in super::super) const DEL_DEV_ASYNC: u32 = read_command(0x14);
    pub(in super::super) const QUIESCE_DEV: u32 = change_command(0x16);
}

/// Commands of a queue.
pub(super) mod io {
    use super::io_command;

    pub(in super::super) const FETCH_REQ: u32 = io_command(0x20);
    pub(in super::super) const COMMIT_AND_FETCH_REQ: u32 = io_command(0x21);
    /// The result of a fetch that brings no request: the device is going.
    pub(in super::super) const RES_ABORT: i32 = -19;
}

/// What a device can do.
pub(super) mod feature {
    pub(in super::super) const USER_RECOVERY: u64 = 1 << 3;
    pub(in super::super) const USER_RECOVERY_REISSUE: u64 = 1 << 4;
    pub(in super::super) const CMD_IOCTL_ENCODE: u64 = 1 << 6;
    pub(in super::super) const USER_COPY: u64 = 1 << 7;
    pub(in super::super) const QUIESCE: u64 = 1 << 12;
}

/// States of a device.
pub(super) mod state {
    pub(in super::super) const LIVE: u16 = 1;
    pub(in super::super) const QUIESCED: u16 = 2;
}

/// What is asked by a request: the lowest byte of its flags.
pub(super) mod op {
    pub(in super::super) const READ: u32 = 0;
    pub(in super::super) const WRITE: u32 = 1;
    pub(in super::super) const FLUSH: u32 = 2;
    pub(in super::super) const MASK: u32 = 0xff;
    /// The write is on stable media when it is answered.
    pub(in super::super) const FUA: u32 = 1 << 13;
}

/// Attributes of a device.
pub(super) mod attribute {
    pub(in super::super) const READ_ONLY: u32 = 1 << 0;
    pub(in super::super) const VOLATILE_CACHE: u32 = 1 << 2;
    pub(in super::super) const FUA: u32 = 1 << 3;
}

/// `struct ublksrv_ctrl_cmd`.
#[derive(Clone, Copy, Debug, Default, IntoBytes, Immutable)]
#[repr(C)]
pub(super) struct ControlCommand {
    pub(super) device: u32,
    pub(super) queue: u16,
    /// Bytes at `address`.
    pub(super) len: u16,
    pub(super) address: u64,
    pub(super) data: u64,
    pub(super) path_len: u16,
    pub(super) pad: u16,
    pub(super) reserved: u32,
}

/// `struct ublksrv_ctrl_dev_info`.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct DeviceInfo {
    pub(super) queues: u16,
    pub(super) queue_depth: u16,
    pub(super) state: u16,
    pub(super) pad: u16,
    pub(super) max_io_bytes: u32,
    pub(super) device: u32,
    /// Process of the server.
    pub(super) server: i32,
    pub(super) pad_1: u32,
    pub(super) features: u64,
    /// The driver keeps it and does not look at it: which array the device is.
    pub(super) array: u64,
    pub(super) owner: [u32; 2],
    pub(super) reserved: [u64; 2],
}

/// `struct ublksrv_io_desc`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub(super) struct IoDescriptor {
    /// [`op`] and flags.
    pub(super) flags: u32,
    pub(super) sectors: u32,
    pub(super) start: u64,
    pub(super) address: u64,
}

/// `struct ublksrv_io_cmd`.
#[derive(Clone, Copy, Debug, Default, IntoBytes, Immutable)]
#[repr(C)]
pub(super) struct IoCommand {
    pub(super) queue: u16,
    pub(super) tag: u16,
    /// Of the request that is committed: bytes, or an error.
    pub(super) result: i32,
    pub(super) address: u64,
}

/// The beginning of `struct ublk_params`, with `struct ublk_param_basic`. The driver takes as much as is said to
/// be there.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub(super) struct Parameters {
    pub(super) len: u32,
    /// [`Self::BASIC`].
    pub(super) types: u32,
    pub(super) attributes: u32,
    pub(super) logical_shift: u8,
    pub(super) physical_shift: u8,
    pub(super) io_opt_shift: u8,
    pub(super) io_min_shift: u8,
    pub(super) max_sectors: u32,
    pub(super) chunk_sectors: u32,
    pub(super) device_sectors: u64,
    pub(super) virt_boundary: u64,
}

impl Parameters {
    /// The basic parameters are there.
    pub(super) const BASIC: u32 = 1;
    pub(super) const LEN: u32 = size_of::<Self>() as u32;
}

/// Where the data of a request is in `/dev/ublkcN`, of the first queue.
pub(super) const fn data_of(tag: u16) -> u64 {
    0x8000_0000 + ((tag as u64) << 25)
}

const _: () = {
    assert!(size_of::<ControlCommand>() == 32);
    assert!(offset_of!(ControlCommand, address) == 8);
    assert!(offset_of!(ControlCommand, data) == 16);
    assert!(size_of::<DeviceInfo>() == 64);
    assert!(offset_of!(DeviceInfo, state) == 4);
    assert!(offset_of!(DeviceInfo, max_io_bytes) == 8);
    assert!(offset_of!(DeviceInfo, device) == 12);
    assert!(offset_of!(DeviceInfo, server) == 16);
    assert!(offset_of!(DeviceInfo, features) == 24);
    assert!(offset_of!(DeviceInfo, array) == 32);
    assert!(size_of::<IoDescriptor>() == 24);
    assert!(offset_of!(IoDescriptor, start) == 8);
    assert!(size_of::<IoCommand>() == 16);
    assert!(offset_of!(IoCommand, result) == 4);
    assert!(size_of::<Parameters>() == 40);
    assert!(offset_of!(Parameters, max_sectors) == 16);
    assert!(offset_of!(Parameters, device_sectors) == 24);
};

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Error, ErrorKind, Write};
    use std::process::{Command, Stdio};

    /// A C program of nothing but claims about the header.
    fn claims() -> String {
        let mut text = String::from("#include <stddef.h>\n#include <linux/ublk_cmd.h>\n");
        // A header older than a name does not have it.
        let mut number = |name: &str, value: u64| {
            text += &format!(
                "#ifdef {name}\n_Static_assert((unsigned long long){name} == {value}ull, \"{name}\");\n#endif\n"
            );
        };
        for (name, value) in [
            ("UBLK_U_CMD_GET_DEV_INFO", command::GET_DEV_INFO),
            ("UBLK_U_CMD_ADD_DEV", command::ADD_DEV),
            ("UBLK_U_CMD_DEL_DEV", command::DEL_DEV),
            ("UBLK_U_CMD_START_DEV", command::START_DEV),
            ("UBLK_U_CMD_STOP_DEV", command::STOP_DEV),
            ("UBLK_U_CMD_SET_PARAMS", command::SET_PARAMS),
            ("UBLK_U_CMD_GET_PARAMS", command::GET_PARAMS),
            ("UBLK_U_CMD_START_USER_RECOVERY", command::START_USER_RECOVERY),
            ("UBLK_U_CMD_END_USER_RECOVERY", command::END_USER_RECOVERY),
            ("UBLK_U_CMD_GET_FEATURES", command::GET_FEATURES),
            ("UBLK_U_CMD_DEL_DEV_ASYNC", command::DEL_DEV_ASYNC),
            ("UBLK_U_CMD_QUIESCE_DEV", command::QUIESCE_DEV),
            ("UBLK_U_IO_FETCH_REQ", io::FETCH_REQ),
            ("UBLK_U_IO_COMMIT_AND_FETCH_REQ", io::COMMIT_AND_FETCH_REQ),
            ("UBLK_IO_OP_READ", op::READ),
            ("UBLK_IO_OP_WRITE", op::WRITE),
            ("UBLK_IO_OP_FLUSH", op::FLUSH),
            ("UBLK_IO_F_FUA", op::FUA),
            ("UBLK_ATTR_READ_ONLY", attribute::READ_ONLY),
            ("UBLK_ATTR_VOLATILE_CACHE", attribute::VOLATILE_CACHE),
            ("UBLK_ATTR_FUA", attribute::FUA),
            ("UBLK_PARAM_TYPE_BASIC", Parameters::BASIC),
            ("UBLK_S_DEV_LIVE", state::LIVE.into()),
            ("UBLK_S_DEV_QUIESCED", state::QUIESCED.into()),
            ("UBLK_IO_BUF_BITS", MAX_IO.ilog2()),
            // Numbers of the old encoding, the only one that the oldest headers have.
            ("UBLK_CMD_GET_DEV_INFO", command::GET_DEV_INFO & 0xff),
            ("UBLK_CMD_ADD_DEV", command::ADD_DEV & 0xff),
            ("UBLK_CMD_DEL_DEV", command::DEL_DEV & 0xff),
            ("UBLK_CMD_START_DEV", command::START_DEV & 0xff),
            ("UBLK_CMD_STOP_DEV", command::STOP_DEV & 0xff),
            ("UBLK_CMD_SET_PARAMS", command::SET_PARAMS & 0xff),
            ("UBLK_CMD_GET_PARAMS", command::GET_PARAMS & 0xff),
            ("UBLK_CMD_START_USER_RECOVERY", command::START_USER_RECOVERY & 0xff),
            ("UBLK_CMD_END_USER_RECOVERY", command::END_USER_RECOVERY & 0xff),
            ("UBLK_IO_FETCH_REQ", io::FETCH_REQ & 0xff),
            ("UBLK_IO_COMMIT_AND_FETCH_REQ", io::COMMIT_AND_FETCH_REQ & 0xff),
        ] {
            number(name, value.into());
        }
        for (name, value) in [
            ("UBLK_F_USER_RECOVERY", feature::USER_RECOVERY),
            ("UBLK_F_USER_RECOVERY_REISSUE", feature::USER_RECOVERY_REISSUE),
            ("UBLK_F_CMD_IOCTL_ENCODE", feature::CMD_IOCTL_ENCODE),
            ("UBLK_F_USER_COPY", feature::USER_COPY),
            ("UBLK_F_QUIESCE", feature::QUIESCE),
            ("UBLKSRV_IO_BUF_OFFSET", data_of(0)),
            ("UBLK_TAG_OFF", u64::from((data_of(1) - data_of(0)).ilog2())),
        ] {
            number(name, value);
        }
        let mut offset = |of: &str, field: &str, value: usize| {
            text += &format!("_Static_assert(offsetof({of}, {field}) == {value}, \"{field}\");\n");
        };
        let control = "struct ublksrv_ctrl_cmd";
        offset(control, "dev_id", offset_of!(ControlCommand, device));
        offset(control, "queue_id", offset_of!(ControlCommand, queue));
        offset(control, "len", offset_of!(ControlCommand, len));
        offset(control, "addr", offset_of!(ControlCommand, address));
        offset(control, "data", offset_of!(ControlCommand, data));
        let info = "struct ublksrv_ctrl_dev_info";
        offset(info, "nr_hw_queues", offset_of!(DeviceInfo, queues));
        offset(info, "queue_depth", offset_of!(DeviceInfo, queue_depth));
        offset(info, "state", offset_of!(DeviceInfo, state));
        offset(info, "max_io_buf_bytes", offset_of!(DeviceInfo, max_io_bytes));
        offset(info, "dev_id", offset_of!(DeviceInfo, device));
        offset(info, "ublksrv_pid", offset_of!(DeviceInfo, server));
        offset(info, "flags", offset_of!(DeviceInfo, features));
        offset(info, "ublksrv_flags", offset_of!(DeviceInfo, array));
        let descriptor = "struct ublksrv_io_desc";
        offset(descriptor, "op_flags", offset_of!(IoDescriptor, flags));
        offset(descriptor, "nr_sectors", offset_of!(IoDescriptor, sectors));
        offset(descriptor, "start_sector", offset_of!(IoDescriptor, start));
        offset(descriptor, "addr", offset_of!(IoDescriptor, address));
        let io = "struct ublksrv_io_cmd";
        offset(io, "q_id", offset_of!(IoCommand, queue));
        offset(io, "tag", offset_of!(IoCommand, tag));
        offset(io, "result", offset_of!(IoCommand, result));
        offset(io, "addr", offset_of!(IoCommand, address));
        let parameters = "struct ublk_params";
        offset(parameters, "types", offset_of!(Parameters, types));
        offset(parameters, "basic.attrs", offset_of!(Parameters, attributes));
        offset(parameters, "basic.logical_bs_shift", offset_of!(Parameters, logical_shift));
        offset(parameters, "basic.physical_bs_shift", offset_of!(Parameters, physical_shift));
        offset(parameters, "basic.io_opt_shift", offset_of!(Parameters, io_opt_shift));
        offset(parameters, "basic.io_min_shift", offset_of!(Parameters, io_min_shift));
        offset(parameters, "basic.max_sectors", offset_of!(Parameters, max_sectors));
        offset(parameters, "basic.chunk_sectors", offset_of!(Parameters, chunk_sectors));
        offset(parameters, "basic.dev_sectors", offset_of!(Parameters, device_sectors));
        offset(parameters, "basic.virt_boundary_mask", offset_of!(Parameters, virt_boundary));
        let mut size = |of: &str, value: usize| {
            text += &format!("_Static_assert(sizeof({of}) == {value}, \"{of}\");\n");
        };
        size(control, size_of::<ControlCommand>());
        size(info, size_of::<DeviceInfo>());
        size(descriptor, size_of::<IoDescriptor>());
        size(io, size_of::<IoCommand>());
        text
    }

    /// What the compiler says; `None` where there is no compiler.
    fn compile(program: &str) -> Result<Option<(bool, String)>, Error> {
        let mut compiler = Command::new("cc");
        compiler.args(["-fsyntax-only", "-xc", "-"]).stdin(Stdio::piped());
        let mut running = match compiler.stderr(Stdio::piped()).spawn() {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            running => running?,
        };
        // Taken, so that its end is seen.
        if let Some(mut input) = running.stdin.take() {
            input.write_all(program.as_bytes())?;
        }
        let output = running.wait_with_output()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Ok(Some((output.status.success(), said)))
    }

    #[test]
    fn numbers_sizes_and_offsets_are_those_of_the_kernels_header() {
        let there = compile("#include <linux/ublk_cmd.h>\n").unwrap();
        match there {
            None => return println!("SKIPPED: there is no C compiler"),
            Some((false, why)) => return println!("SKIPPED: no linux/ublk_cmd.h: {why}"),
            Some((true, _)) => {}
        }
        let (agrees, said) = compile(&claims()).unwrap().unwrap();
        assert!(agrees, "{said}");
        // A wrong claim is noticed.
        let wrong = claims().replace("sizeof(struct ublksrv_io_cmd) == 16", "sizeof(int) == 16");
        assert!(!compile(&wrong).unwrap().unwrap().0);
    }
}
