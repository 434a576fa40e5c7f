// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a device is made of: an array that runs, or one that is only read.

use raid_array::engine::Request;
use raid_array::service::{Service, ServiceError};
use raid_core::array::Geometry;

/// Takes the answer to a request, on any thread.
pub(crate) type Done = Box<dyn FnOnce(Result<Vec<u8>, ServiceError>) + Send>;

/// An array that requests go to.
pub(crate) trait Target: Sync {
    /// Its shape.
    fn geometry(&self) -> &Geometry;
    /// Its bytes.
    fn size(&self) -> u64;
    /// Bytes that its members write as a whole.
    fn physical_block_size(&self) -> u32;
    /// Whether writes are refused.
    fn is_read_only(&self) -> bool;
    /// Carries out a request; `done` takes the answer.
    fn submit(&self, request: Request, done: Done);
}

impl Target for Service {
    fn geometry(&self) -> &Geometry {
        self.geometry()
    }

    fn size(&self) -> u64 {
        self.size()
    }

    fn physical_block_size(&self) -> u32 {
        self.physical_block_size()
    }

    fn is_read_only(&self) -> bool {
        false
    }

    fn submit(&self, request: Request, done: Done) {
        self.submit(request, done);
    }
}
