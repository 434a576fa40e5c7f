// SPDX-License-Identifier: MIT OR Apache-2.0
//! The driver's control device: one command after the other, each waited for.

use super::abi::{CONTROL, ControlCommand, DeviceInfo, Parameters, command};
use io_uring::{IoUring, cqueue, opcode, squeue, types};
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use zerocopy::{FromBytes, IntoBytes};

/// `/dev/ublk-control`, opened.
pub(super) struct Driver {
    ring: IoUring<squeue::Entry128, cqueue::Entry>,
    control: File,
}

impl Driver {
    /// Opens it, or says what is missing on this machine.
    pub(super) fn open() -> Result<Self, String> {
        let control = File::options().read(true).write(true).open(CONTROL);
        let control = control.map_err(|error| match error.kind() {
            ErrorKind::NotFound => format!(
                "{CONTROL} is not there: the kernel has no ublk driver loaded; `modprobe ublk_drv` \
                 loads it (Linux 6.5 or later, CONFIG_BLK_DEV_UBLK)"
            ),
            ErrorKind::PermissionDenied => {
                format!("{CONTROL}: {error}; block devices are made by root")
            }
            _ => format!("{CONTROL}: {error}"),
        })?;
        let ring = IoUring::builder().build(4).map_err(refused)?;
        Ok(Self { ring, control })
    }

    /// The features that the driver has, as a mask.
    pub(super) fn features(&mut self) -> io::Result<u64> {
        let mut bytes = [0; 8];
        self.run(command::GET_FEATURES, NONE, 0, &mut bytes)?;
        Ok(u64::from_ne_bytes(bytes))
    }

    /// Adds a device; the driver fills in what it chose.
    pub(super) fn add(&mut self, info: &mut DeviceInfo) -> io::Result<()> {
        self.run(command::ADD_DEV, info.device, 0, info.as_mut_bytes())
    }

    /// What the driver says of a device.
    pub(super) fn info(&mut self, device: u32) -> io::Result<DeviceInfo> {
        let mut info = DeviceInfo::default();
        self.run(command::GET_DEV_INFO, device, 0, info.as_mut_bytes())?;
        Ok(info)
    }

    pub(super) fn set_parameters(&mut self, device: u32, told: &Parameters) -> io::Result<()> {
        self.run(command::SET_PARAMS, device, 0, &mut told.as_bytes().to_vec())
    }

    pub(super) fn parameters(&mut self, device: u32) -> io::Result<Parameters> {
        let asked = Parameters { len: Parameters::LEN, ..Parameters::default() };
        let mut bytes = asked.as_bytes().to_vec();
        self.run(command::GET_PARAMS, device, 0, &mut bytes)?;
        Parameters::read_from_bytes(&bytes).map_err(|_| ErrorKind::InvalidData.into())
    }

    /// Removes a device. One that somebody has open still, such as a mount of it, goes once that is closed; where
    /// the kernel is too old for that it is waited for.
    pub(super) fn delete(&mut self, device: u32) -> io::Result<()> {
        match self.order(command::DEL_DEV_ASYNC, device, 0) {
            Err(error) if error.raw_os_error().is_some_and(is_unknown) => {
                self.order(command::DEL_DEV, device, 0)
            }
            deleted => deleted,
        }
    }

    /// A command that has no buffer; `data` is what it takes beside.
    pub(super) fn order(&mut self, operation: u32, device: u32, data: u64) -> io::Result<()> {
        self.run(operation, device, data, &mut [])
    }

    /// Carries out a command on `buffer`, and waits for its end.
    fn run(&mut self, operation: u32, device: u32, data: u64, buffer: &mut [u8]) -> io::Result<()> {
        // The driver's own copy: it outlives the command whatever happens here.
        let mut own = buffer.to_vec();
        let order = ControlCommand {
            device,
            // No command here is for a queue.
            queue: u16::MAX,
            len: own.len() as u16,
            address: if own.is_empty() { 0 } else { own.as_mut_ptr() as u64 },
            data,
            ..ControlCommand::default()
        };
        let mut bytes = [0; 80];
        bytes[..size_of::<ControlCommand>()].copy_from_slice(order.as_bytes());
        let fd = types::Fd(self.control.as_raw_fd());
        let entry = opcode::UringCmd80::new(fd, operation).cmd(bytes).build();
        // SAFETY: the only memory that the entry names is that of `own`, `len` bytes that nobody else uses. It is
        // freed only after the completion of this entry, the only one in the ring, was taken; where that is not
        // reached it is leaked.
        let pushed = unsafe { self.ring.submission().push(&entry) };
        let result = pushed.map_err(|_| ErrorKind::WouldBlock.into()).and_then(|()| self.wait());
        match result {
            Ok(result) => {
                buffer.copy_from_slice(&own);
                match result {
                    error @ ..0 => Err(io::Error::from_raw_os_error(-error)),
                    _ => Ok(()),
                }
            }
            Err(error) => {
                std::mem::forget(own);
                Err(error)
            }
        }
    }

    /// The result of the one command that is under way.
    fn wait(&mut self) -> io::Result<i32> {
        loop {
            match self.ring.submit_and_wait(1) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            if let Some(done) = self.ring.completion().next() {
                return Ok(done.result());
            }
        }
    }
}

/// How drivers refuse a command that they do not know: EOPNOTSUPP, and a number that is the kernel's own.
const fn is_unknown(error: i32) -> bool {
    matches!(error, 95 | 524)
}

/// No device: the command is for the driver.
const NONE: u32 = u32::MAX;

/// Why there is no ring.
pub(super) fn refused(error: io::Error) -> String {
    let hint = match error.kind() {
        ErrorKind::PermissionDenied => "; see the sysctl kernel.io_uring_disabled, and seccomp",
        ErrorKind::Unsupported => "; the kernel has no io_uring",
        _ => "",
    };
    format!("io_uring: {error}{hint}")
}
