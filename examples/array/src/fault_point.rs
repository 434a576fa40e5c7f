// SPDX-License-Identifier: MIT OR Apache-2.0
//! A place where a test build ends itself: inside a metadata commit.
//!
//! `RAID_ARRAY_KILL_AT_COMMIT_WRITE=N` in the environment of a program that runs a
//! [`Service`](crate::service::Service) kills it in place of the N-th write of metadata since its start, counted from 1.
//! What was asked of the disks before that write is done, the write is not. A build without debug assertions, such
//! as any release, does not look at the variable.

/// The variable.
const VARIABLE: &str = "RAID_ARRAY_KILL_AT_COMMIT_WRITE";

/// Counts down to the end.
#[derive(Debug)]
pub(crate) struct FaultPoint {
    /// Writes of metadata up to and with the one that is not done.
    left: Option<u64>,
}

impl FaultPoint {
    /// As the environment says.
    pub(crate) fn from_environment() -> Self {
        let value = if cfg!(debug_assertions) { std::env::var(VARIABLE).ok() } else { None };
        Self { left: value.and_then(|value| value.parse().ok()) }
    }

    /// Whether this write of metadata is the one that is not done.
    pub(crate) fn is_here(&mut self) -> bool {
        let Some(left) = &mut self.left else { return false };
        *left = left.saturating_sub(1);
        *left == 0
    }

    /// Ends the process as `kill -9` does: nothing is tidied up.
    pub(crate) fn kill() {
        use rustix::process::{Signal, getpid, kill_process};
        // It cannot be refused to oneself; where it is, the process ends all the same.
        let _ = kill_process(getpid(), Signal::KILL);
        std::process::abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_write_of_that_number_is_the_one() {
        let mut point = FaultPoint { left: Some(3) };
        assert_eq!([0; 4].map(|_| point.is_here()), [false, false, true, true]);
        let mut never = FaultPoint { left: None };
        assert!(!never.is_here());
    }
}
