// SPDX-License-Identifier: MIT OR Apache-2.0
//! An array that is read over NBD, by many requests at a time.

use crate::reader::ArrayReader;
use raid_array::discover::FoundArray;
use raid_array::nbd::{Export, Shape};
use std::io;
use std::sync::{Mutex, PoisonError};

/// An array that many requests read at a time, each with a reader of its own.
#[derive(Debug)]
pub struct ReadOnlyExport<'a> {
    name: String,
    shape: Shape,
    first: ArrayReader<'a>,
    idle: Mutex<Vec<ArrayReader<'a>>>,
    complain: fn(&str),
}

impl<'a> ReadOnlyExport<'a> {
    /// An array under this name. Members that fail to read are named to `complain`.
    #[must_use]
    pub fn new(
        name: String,
        array: &FoundArray,
        first: ArrayReader<'a>,
        complain: fn(&str),
    ) -> Self {
        let block = array.descriptor.geometry.block_size;
        let shape = Shape {
            size: first.size(),
            minimum: 1,
            preferred: if block.is_power_of_two() { block.max(4096) } else { 4096 },
            readonly: true,
            description: format!("{} array, read only", array.format_name),
        };
        Self { name, shape, first, idle: Mutex::default(), complain }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is read, and what of that is computed.
    #[must_use]
    pub fn reader(&self) -> &ArrayReader<'a> {
        &self.first
    }
}

impl Export for ReadOnlyExport<'_> {
    fn shape(&self) -> Shape {
        self.shape.clone()
    }

    fn read(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let reader = idle().pop();
        let mut reader = reader.unwrap_or_else(|| self.first.twin());
        let read = reader.read_at(offset, into);
        for complaint in reader.complaints.drain(..) {
            (self.complain)(&format!("{complaint}; computed from the other members"));
        }
        idle().push(reader);
        read.map_err(|error| {
            (self.complain)(&format!("array {}, byte {offset}: {error}", self.name));
            io::Error::other(error)
        })
    }
}
