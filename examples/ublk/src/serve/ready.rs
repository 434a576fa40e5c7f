// SPDX-License-Identifier: MIT OR Apache-2.0
//! Says to the service manager that the array is served: systemd's `sd_notify(3)`, for units of `Type=notify`.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Says so, where the environment names somebody who waits for it.
pub(super) fn tell(environment: Option<&OsStr>) -> io::Result<()> {
    let Some(name) = environment.filter(|name| !name.is_empty()) else { return Ok(()) };
    let address = match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(name)?,
    };
    UnixDatagram::unbound()?.send_to_addr(b"READY=1", &address).map(drop)
}
