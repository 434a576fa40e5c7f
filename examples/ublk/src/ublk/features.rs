// SPDX-License-Identifier: MIT OR Apache-2.0
//! `features`: what the kernel's driver offers, and what of it is used.

use super::abi::feature;
use super::driver::Driver;

/// Without these no device is made.
pub(super) const NEEDED: u64 = feature::CMD_IOCTL_ENCODE | feature::USER_COPY;
/// With these a device outlives its server.
pub(super) const RECOVERY: u64 = feature::USER_RECOVERY | feature::USER_RECOVERY_REISSUE;
/// With it a server hands its device over with nothing under way.
pub(super) const HAND_OVER: u64 = feature::QUIESCE;

/// By bit.
const NAMES: [&str; 20] = [
    "zero copy",
    "completion in the server's task",
    "data on demand",
    "recovery by a new server",
    "recovery gives requests again",
    "devices without privilege",
    "encoded commands",
    "user copy",
    "zones",
    "recovery with errors meanwhile",
    "change of size",
    "automatic buffers",
    "quiesce",
    "a server thread for each request",
    "buffers of any thread",
    "batches",
    "integrity",
    "stop if nobody has it open",
    "no scan for partitions",
    "shared memory",
];

/// What of the features is used, of those that there are; or which one is missing.
pub(super) fn used(offered: u64) -> Result<u64, String> {
    match NEEDED & !offered {
        0 => Ok((NEEDED | RECOVERY | HAND_OVER) & offered),
        missing => Err(format!(
            "the kernel's ublk driver lacks {} (it offers {offered:#x}); Linux 6.5 has it",
            names(missing).join(", ")
        )),
    }
}

fn names(mask: u64) -> Vec<&'static str> {
    let bits = NAMES.iter().enumerate();
    bits.filter(|(bit, _)| mask >> bit & 1 == 1).map(|(_, name)| *name).collect()
}

/// A table of them.
pub(crate) fn table() -> Result<String, String> {
    let mut driver = Driver::open()?;
    let offered = driver.features().map_err(|error| {
        format!("the driver does not say what it offers: {error}; Linux 6.5 and later do")
    })?;
    let used = used(offered)?;
    let mut text = format!("Linux {}, ublk features {offered:#x}", release());
    for (bit, name) in NAMES.iter().enumerate().filter(|(bit, _)| offered >> bit & 1 == 1) {
        let use_of_it = if used >> bit & 1 == 1 { "used" } else { "-" };
        text += &format!("\n{bit:>4}  {name:<34} {use_of_it}");
    }
    let unknown = offered >> NAMES.len() << NAMES.len();
    if unknown != 0 {
        text += &format!("\nunknown here: {unknown:#x}");
    }
    Ok(text)
}

fn release() -> String {
    let text = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_driver_without_user_copy_is_refused_by_the_name_of_what_it_lacks() {
        // As Linux 6.1 has it.
        let why = used(0x1f).unwrap_err();
        assert!(why.contains("encoded commands, user copy") && why.contains("0x1f"), "{why}");
    }

    #[test]
    fn what_is_used_is_what_there_is() {
        // 6.12, a kernel without recovery, and one with bits that nobody knows yet.
        assert_eq!(used(0x1fe), Ok(0xd8));
        assert_eq!(used(0xc0), Ok(0xc0));
        assert_eq!(used(u64::MAX), Ok(0x10d8));
    }
}
