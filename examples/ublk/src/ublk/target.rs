// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a device is made of: an array that runs, or one that is only read.

use raid_array::engine::Request;
use raid_array::service::{Service, ServiceError};
use raid_core::array::Geometry;

/// Takes the answer to a request, on any thread.
pub(crate) type Done = Box<dyn FnOnce(Result<Vec<u8>, ServiceError>) + Send>;

/// What a device is, known before the array runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    /// Its shape.
    pub(crate) geometry: Geometry,
    /// Its bytes.
    pub(crate) size: u64,
    /// Bytes that its members write as a whole.
    pub(crate) physical_block_size: u32,
    /// Whether writes are refused.
    pub(crate) read_only: bool,
}

/// An array that requests go to.
pub(crate) trait Target: Sync {
    /// Bytes of its blocks.
    fn block_size(&self) -> u32;
    /// Carries out a request; `done` takes the answer.
    fn submit(&self, request: Request, done: Done);
}

impl Target for Service {
    fn block_size(&self) -> u32 {
        self.geometry().block_size
    }

    fn submit(&self, request: Request, done: Done) {
        self.submit(request, done);
    }
}
