// SPDX-License-Identifier: MIT OR Apache-2.0
//! Disks that return to the places where they failed.

use super::{AGAIN, Desk, PATIENCE, refused};
use crate::failure::Failure;
use raid_array::engine::CallError;
use raid_array::service::Service;
use raid_core::array::Place;
use serde_json::{Value, json};
use std::thread;
use std::time::{Duration, Instant};

/// How long the sentence of what has just happened may take to the log.
const SAID: Duration = Duration::from_secs(2);

impl Desk<'_> {
    /// Takes back the disk of a place; it is a member again when this returns, or on its way still where it must wait.
    pub(super) fn return_disk(&self, service: &Service, place: Place) -> Result<Value, Failure> {
        self.disks().not_taken.remove(&place);
        let called = service.call(move |engine, now| engine.return_member(now, place));
        if let Err(why) = called.map_err(refused)? {
            return Err(self.not_back(service, place, &why));
        }
        if !service
            .wait_until(PATIENCE, move |engine| !engine.is_awaited(place))
            .map_err(refused)?
        {
            return Ok(json!({ "taken": false }));
        }
        let state = service.call(move |engine, _| engine.state_of_set(place.set));
        let state = state.map_err(refused)?.map_err(refused)?;
        if !state.failed.contains(place.slot) {
            return Ok(json!({ "taken": true }));
        }
        let why = self.why_not_taken(place);
        Err(refused(format!("set {}, slot {}: {why}", place.set, place.slot)))
    }

    /// What the log says of it, which is written by a thread of its own.
    fn why_not_taken(&self, place: Place) -> String {
        let until = Instant::now() + SAID;
        loop {
            match self.disks().not_taken.remove(&place) {
                Some(why) => return why,
                None if Instant::now() >= until => {
                    return String::from("the disk is not back; the log of the server says why");
                }
                None => {}
            }
            thread::sleep(AGAIN);
        }
    }

    /// Why nothing returns to a place, and how the disk that failed there serves again.
    fn not_back(&self, service: &Service, place: Place, why: &CallError) -> Failure {
        let way = self.way_back(place);
        if !matches!(why, CallError::NotFailed(_)) {
            return refused(format!("{why}{way}"));
        }
        let member = service.call(move |engine, _| engine.disk_at(place)).ok().flatten();
        let disks = self.disks();
        let name = member.map_or_else(String::new, |disk| disks.name(disk));
        let who = match disks.replaced.contains(&place) {
            true => format!("spare {name} has taken the place"),
            false => format!("its member {name} is there"),
        };
        refused(format!(
            "set {}, slot {} has not failed: {who}, so no disk has to return{way}",
            place.set, place.slot
        ))
    }

    /// How a disk that failed in a place comes back, if it was closed since or is about to be.
    fn way_back(&self, place: Place) -> String {
        let disks = self.disks();
        let own = |left: &super::Left| left.place().is_none_or(|of| of == place);
        let unused = disks.unused.iter().filter(|(_, left)| own(left));
        let closed = unused.map(|(path, _)| path.clone());
        let leaving = disks.leaving.iter().filter(|(_, left)| own(left));
        let paths: Vec<_> = closed.chain(leaving.map(|(disk, _)| disks.name(*disk))).collect();
        match paths.as_slice() {
            [] => String::new(),
            paths => {
                let (all, one) = (paths.join(", "), &paths[0]);
                format!(
                    "; {all} is not used: `raid-ublk spare add --overwrite {one}` makes it a spare"
                )
            }
        }
    }
}
