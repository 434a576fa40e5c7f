// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why a command failed, and its exit code. The same one of every command:
//!
//! | code | when |
//! |---|---|
//! | 2 | an array, a disk or a server refuses: it holds something, is in use, too small, not in the state for it |
//! | 4 | the command line is wrong, something cannot be opened or read, nobody answers |
//! | 8 | two formats claim a disk |
//! | 16 | no such array was found |

use raid_array::member::{DiskError, Unowned};
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
    /// An array, a disk or a server that refuses.
    pub(crate) const fn refused(why: String) -> Self {
        Self { code: ExitCode::NotReadable, why }
    }
}

impl From<DiskError> for Failure {
    fn from(error: DiskError) -> Self {
        let code = match error.why {
            Unowned::InUse(_) | Unowned::Read(_) | Unowned::Written(_) => ExitCode::NotReadable,
            _ => ExitCode::Usage,
        };
        Self { code, why: error.to_string() }
    }
}

/// A wrong command line, or a disk or socket that does not answer.
impl From<String> for Failure {
    fn from(why: String) -> Self {
        Self { code: ExitCode::Usage, why }
    }
}
