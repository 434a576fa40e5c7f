// SPDX-License-Identifier: MIT OR Apache-2.0
//! The end: the array is deleted, and nothing of the format is left on its disks.

use super::{CREATED, Life};
use raid_array::backplane::{Backplane, IoId, MemberIo, Transfer};
use raid_array::store::{CommitStep, Store};
use raid_array::workload::Rig;
use raid_core::metadata::{ChangeError, Stamp, Step};
use raid_core::units::Extent;

impl Life<'_> {
    pub(super) fn remove(&mut self, rig: &mut Rig) -> Result<String, String> {
        let discovery = self.discover()?;
        let found = (discovery.arrays.iter())
            .find(|array| array.descriptor.id == self.array)
            .ok_or("the array is not found on its disks")?;
        let mut store = Store::from_discovery(&discovery, found);
        let (format, array) = (self.format, self.array);
        let stamp = Stamp { unix_seconds: CREATED, random: self.random.u64(..) };
        let mut read = |disk: usize, run: Extent| {
            let block = discovery.disks.get(disk)?.shape.block_size as usize;
            let read = Transfer::Read { at: run.start, len: run.len.0 as usize * block };
            self.transfer(rig, disk, read).ok()
        };
        match store.change(format, &mut read, |disks| format.delete_array(disks, array, stamp)) {
            Err(ChangeError::Unsupported(what)) => return Ok(format!("not supported: {what}")),
            edited => edited.map_err(|error| error.to_string())?,
        }
        let live = |store: &Store, disk: usize| store.disks[disk].live;
        let all = 0..store.disks.len();
        for disk in all.clone().filter(|disk| live(&store, *disk)).collect::<Vec<_>>() {
            for step in store.commit_steps(format, disk) {
                self.carry_out(rig, disk, step)?;
            }
        }
        if self.discover()?.arrays.iter().any(|found| found.descriptor.id == array) {
            return Err("the array is still found".into());
        }
        for disk in all.filter(|disk| live(&store, *disk)).collect::<Vec<_>>() {
            for step in self.erasure(&mut store, disk) {
                self.carry_out(rig, disk, step)?;
            }
        }
        let left = self.discover()?;
        let claimed = left.disks.iter().zip(&store.disks).enumerate();
        let mut claimed = claimed.filter(|(_, (found, own))| own.live && !found.claims.is_empty());
        match claimed.next() {
            Some((disk, _)) => Err(format!("disk {disk} still carries metadata")),
            None => Ok("nothing of it is found any more".into()),
        }
    }

    fn erasure(&self, store: &mut Store, disk: usize) -> Vec<CommitStep> {
        store.edit(|disks| {
            let disk = &disks[disk];
            let mut block = vec![0; disk.shape.block_size as usize];
            let mut steps = Vec::new();
            while let Some(step) = self.format.erase_step(disk, steps.len(), &mut block) {
                steps.push(match step {
                    Step::Write { at, bytes } => CommitStep::Write(at, bytes.to_vec()),
                    Step::Flush => CommitStep::Flush,
                });
            }
            steps
        })
    }

    /// Carries out a step on the disk that discovery found as number `found`.
    fn carry_out(&self, rig: &mut Rig, found: usize, step: CommitStep) -> Result<(), String> {
        let transfer = match step {
            CommitStep::Write(at, bytes) => Transfer::Write { at, bytes },
            CommitStep::Flush => Transfer::Flush,
        };
        self.transfer(rig, found, transfer).map(drop)
    }

    /// One I/O of the disk that discovery found as number `found`.
    fn transfer(&self, rig: &mut Rig, found: usize, transfer: Transfer) -> Result<Vec<u8>, String> {
        let left = (0..self.present.len()).filter(|disk| self.files[self.present[*disk]].is_some());
        let disk = left.clone().nth(found).ok_or("no such disk")?;
        rig.backplane.submit(MemberIo { id: IoId(u64::MAX), disk, transfer });
        let done = rig.backplane.next().ok_or("nothing in flight")?;
        done.result.map_err(|error| error.to_string())
    }
}
