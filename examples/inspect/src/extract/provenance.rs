// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where each run of bytes came from, as lines of a file.

use crate::reader::{ArrayReader, From, Trace};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// The file, and lines that are not written yet.
#[derive(Debug)]
pub(super) struct Provenance {
    file: File,
    runs: Vec<Trace>,
    lines: String,
}

impl Provenance {
    /// Goes on behind what a run before has written.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::options().append(true).create(true).open(path)?;
        let lines = match file.metadata()?.len() {
            0 => "# first byte of the array, bytes, where they came from\n".to_owned(),
            _ => String::new(),
        };
        Ok(Self { file, runs: Vec::new(), lines })
    }

    /// Takes in what was read.
    pub(super) fn take(&mut self, runs: Vec<Trace>, reader: &ArrayReader<'_>) {
        for run in runs {
            match self.runs.last_mut() {
                Some(last) if last.goes_on_with(&run) => last.len += run.len,
                _ => self.runs.push(run),
            }
        }
        // The last one may go on.
        let last = self.runs.pop();
        self.put(reader);
        self.runs.extend(last);
    }

    fn put(&mut self, reader: &ArrayReader<'_>) {
        for run in self.runs.drain(..) {
            let from = match &run.from {
                From::Disk { disk, byte } => format!("{} at {byte}", reader.disk_name(*disk)),
                From::Computed(disks) => {
                    let names: Vec<&str> = disks.iter().map(|d| reader.disk_name(*d)).collect();
                    format!("computed from {}", names.join(", "))
                }
            };
            self.lines += &format!("{}\t{}\t{from}\n", run.offset, run.len);
        }
    }

    /// Writes what there is, to the last run.
    pub(super) fn write(&mut self, reader: &ArrayReader<'_>) -> io::Result<()> {
        self.put(reader);
        self.file.write_all(self.lines.as_bytes())?;
        self.lines.clear();
        self.file.sync_data()
    }
}
