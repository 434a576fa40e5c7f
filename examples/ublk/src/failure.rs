// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why a command failed, and its exit code.

use raid_inspect::ExitCode;

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Failure {
    /// As raid-inspect's.
    pub(crate) code: ExitCode,
    /// For people.
    pub(crate) why: String,
}

impl Failure {
    /// An array that refuses.
    pub(crate) const fn refused(why: String) -> Self {
        Self { code: ExitCode::NotReadable, why }
    }
}

/// A wrong command line, or a disk or socket that does not answer.
impl From<String> for Failure {
    fn from(why: String) -> Self {
        Self { code: ExitCode::Usage, why }
    }
}
