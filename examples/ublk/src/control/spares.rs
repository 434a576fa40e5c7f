// SPDX-License-Identifier: MIT OR Apache-2.0
//! Spares: they are taken in, given their places, and given back.

use super::{Desk, PATIENCE, refused};
use crate::create;
use crate::failure::Failure;
use raid_array::engine::CallError;
use raid_array::member::{FileMember, Identity, Member};
use raid_array::service::{Service, ServiceError};
use raid_core::array::Place;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::PoisonError;

impl Desk<'_> {
    /// Takes a disk in; it is a spare when this returns.
    pub(super) fn add_spare(
        &self,
        service: &Service,
        path: &str,
        overwrite: bool,
    ) -> Result<Value, Failure> {
        // Two that are asked for at a time would both look at the disk before either is in.
        let _alone = self.one_at_a_time.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = |set| matches!(service.call(move |engine, _| engine.state_of_set(set)), Ok(Ok(status)) if status.set_failed);
        if let Some(set) = (0..service.geometry().sets).find(|set| failed(*set)) {
            return Err(refused(format!(
                "set {set} has failed, and a spare does not bring it back: too few members are left to fill it from; \
                 stop the array, see to the disks that failed, and serve it again with all that work"
            )));
        }
        // It may be the one whose place a spare took.
        self.close_leaving(service);
        if self.disk_of(path).is_some() {
            return Err(refused(format!("{path} is a disk of this array already")));
        }
        let member = FileMember::open(Path::new(path))?;
        let member = match overwrite {
            true => member,
            false => create::blank(vec![member])?.pop().ok_or(String::from("no disk"))?,
        };
        let added = service.insert(Box::new(member) as Box<dyn Member>);
        let disk = added.map_err(refused)?.map_err(|why| refused(format!("{path}: {why}")))?;
        if !service.wait_until(PATIENCE, move |engine| engine.is_settled(disk)).map_err(refused)? {
            return Err(refused(format!("{path} is being taken in, and does not answer")));
        }
        if service.call(move |engine, _| engine.is_given_back(disk)).map_err(refused)? {
            service.give_back(disk).map_err(refused)?;
            let why = "was not taken in; the log of the server says why";
            return Err(refused(format!("{path} {why}")));
        }
        let mut disks = self.disks();
        let names = disks.names.len().max(disk + 1);
        disks.names.resize(names, String::new());
        disks.names[disk] = path.into();
        disks.spares.push(disk);
        let same = SameDisk::of(path);
        disks.unused.retain(|(unused, _)| !same.is(unused));
        Ok(json!({ "disk": disk }))
    }

    /// Gives a spare back: its metadata is off it, and its file closed, when this returns.
    pub(super) fn release(&self, service: &Service, path: &str) -> Result<Value, Failure> {
        let _alone = self.one_at_a_time.lock().unwrap_or_else(PoisonError::into_inner);
        let disk = self.disk_of(path);
        let disk = disk.ok_or_else(|| refused(format!("{path} is no disk of this array")))?;
        // It must not be given a place meanwhile.
        let stood_by = {
            let spares = &mut self.disks().spares;
            let before = spares.len();
            spares.retain(|spare| *spare != disk);
            spares.len() < before
        };
        let release = || {
            // One that was just added, or that no place took, is on its way still.
            if !service.wait_until(PATIENCE, move |engine| engine.is_settled(disk))? {
                return Ok(Err(CallError::Promised { disk }));
            }
            service.call(move |engine, now| engine.release_spare(now, disk))
        };
        let released = match release() {
            Ok(Ok(())) => Ok(()),
            Ok(Err(why)) => Err(refused(format!("{path}: {why}"))),
            Err(why) => Err(refused(why)),
        };
        if let Err(why) = released {
            self.disks().spares.extend(stood_by.then_some(disk));
            return Err(why);
        }
        let settled = service.wait_until(PATIENCE, move |engine| engine.is_settled(disk));
        let gone = service.call(move |engine, _| engine.is_given_back(disk));
        if !(settled.map_err(refused)? && gone.map_err(refused)?) {
            self.disks().spares.extend(stood_by.then_some(disk));
            let why = "was not given back; the log of the server says why";
            return Err(refused(format!("{path} {why}")));
        }
        service.give_back(disk).map_err(refused)?;
        if let Some(name) = self.disks().names.get_mut(disk) {
            name.clear();
        }
        Ok(json!({ "disk": disk }))
    }

    /// The disk that this path leads to, under whatever name.
    pub(super) fn disk_of(&self, path: &str) -> Option<usize> {
        let same = SameDisk::of(path);
        self.disks().names.iter().position(|name| same.is(name))
    }
}

/// Knows a disk by its path, and under other names.
struct SameDisk<'p> {
    path: &'p str,
    identity: Option<Identity>,
}

impl<'p> SameDisk<'p> {
    fn of(path: &'p str) -> Self {
        Self { path, identity: Self::identity(path) }
    }

    fn identity(path: &str) -> Option<Identity> {
        std::fs::metadata(path).ok().and_then(|found| Identity::of(&found))
    }

    fn is(&self, name: &str) -> bool {
        let known = self.identity.is_some() && !name.is_empty();
        name == self.path || known && Self::identity(name) == self.identity
    }
}

/// Why a spare did not take a place.
pub(super) type NotSeated = (Place, usize, String);

/// The spares that took a place, and those that a place refused.
pub(super) fn seat(
    service: &Service,
    spares: Vec<usize>,
) -> Result<(Vec<usize>, Vec<NotSeated>), ServiceError> {
    service.call(move |engine, now| {
        let (mut seated, mut refused) = (Vec::new(), Vec::new());
        for set in 0..engine.set_count() {
            let Ok(status) = engine.state_of_set(set) else { continue };
            if status.set_failed {
                continue;
            }
            for slot in status.failed.iter() {
                let place = Place { set, slot };
                let free: Vec<usize> =
                    spares.iter().filter(|spare| !seated.contains(*spare)).copied().collect();
                for disk in free {
                    match engine.take_spare(now, place, disk) {
                        Ok(()) => {
                            seated.push(disk);
                            break;
                        }
                        // It is on its way.
                        Err(CallError::UnderWay(_) | CallError::Promised { .. }) => {}
                        // It may serve another place, or this one later.
                        Err(why) => refused.push((place, disk, why.to_string())),
                    }
                }
            }
        }
        (seated, refused)
    })
}
