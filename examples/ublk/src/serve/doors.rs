// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where an array is reached: sockets, ports, a block device.
//!
//! All that can be refused is opened before the first byte is written to a disk: a start that is short of a disk records
//! that the disk is gone, so a start that ends at a wrong path must not have begun.

use super::Options;
use crate::ublk;
use raid_array::nbd::{Address, Server, Socket};
use std::path::{Path, PathBuf};

/// What is open, and nobody is answered yet.
pub(super) struct Doors {
    /// Operators come here.
    pub(super) control: Socket,
    /// Clients of NBD.
    pub(super) nbd: Option<Server>,
    /// The block device, and what carries its requests.
    pub(super) device: Option<(ublk::Device, ublk::Queue)>,
}

impl Doors {
    /// Opens all that the options name, for an array like this; `number` is what its device is found by.
    pub(super) fn open(
        options: &Options,
        facts: &ublk::Facts,
        number: u64,
    ) -> Result<Self, String> {
        let path = &options.which.control;
        let control = Socket::listen(path);
        let control = control.map_err(|error| format!("control: {}: {error}", path.display()))?;
        let nbd = match options.socket.is_some() || options.port.is_some() {
            true => {
                let address = Address::of_this_machine(options.socket.as_deref(), options.port);
                let server = Server::listen(&address);
                Some(server.map_err(|error| format!("{}: {error}", address.uri("")))?)
            }
            false => None,
        };
        let device = match options.ublk {
            true => {
                let device = ublk::Device::of(facts, number, options.device)?;
                match device.queue() {
                    Ok(queue) => Some((device, queue)),
                    Err(why) => return Err(also(why, device.give_up())),
                }
            }
            false => None,
        };
        Ok(Self { control, nbd, device })
    }

    /// The block device.
    pub(super) fn path(&self) -> Option<PathBuf> {
        self.device.as_ref().map(|(device, _)| device.path())
    }

    /// Where operators come.
    pub(super) fn control(&self) -> &Path {
        self.control.path()
    }

    /// Closes all of it; nobody was served.
    pub(super) fn close(self) -> Result<(), String> {
        match self.device {
            Some((device, queue)) => {
                drop(queue);
                device.give_up()
            }
            None => Ok(()),
        }
    }
}

/// Why something failed, and what failed as well.
pub(super) fn also(why: String, then: Result<(), String>) -> String {
    match then {
        Ok(()) => why,
        Err(then) => format!("{why}; {then}"),
    }
}
