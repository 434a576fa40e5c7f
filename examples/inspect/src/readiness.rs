// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether an array can be read, from which members, and if not, why.
//!
//! | member or array | read? |
//! |---|---|
//! | in sync, inside its disk | yes |
//! | rebuilding | no: where the rebuild stood is not to be trusted |
//! | stale, missing | never |
//! | declared failed, present | the newest that suffice, if `declared-failed` is accepted |
//! | unclean, or redundancy never established; all members there | yes: data is read, not computed |
//! | the same with a member missing, parity level | if `unclean-degraded`, `never-initialised` is accepted |
//! | in an array whose disks ran apart | never: the disks of one history are to be chosen |

mod failed;
mod refusal;

pub use refusal::Refusal;
pub(crate) use refusal::by;

use crate::disks::{self, Inspection, is_readable, places};
use failed::Revived;
use raid_array::discover::FoundArray;
use raid_array::trust::{Accept, Risk, Taken};
use raid_core::array::MemberDescriptor;
use raid_core::array::{ArrayDescriptor, ArrayState, Initialisation, Level};
use raid_core::layout::{GeometryError, Layout};
use raid_core::metadata::Severity;
use raid_core::stripe::{self, Health, Mark};
use raid_core::units::{Blocks, Extent, SlotSet};

/// A member that is not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The member.
    pub member: MemberDescriptor,
    /// Why, and which disk it is about.
    pub why: String,
}

/// An array that can be read.
#[derive(Clone, Debug)]
pub struct Readiness {
    /// What is read of each set.
    pub health: Vec<Health>,
    /// The members that are not read.
    pub gaps: Vec<Gap>,
    /// Whether missing data may be computed from parity.
    pub parity_trusted: bool,
    /// What is taken on trust, in full: nothing if no risk was accepted.
    pub trusted: Vec<Taken>,
    /// The set to read where every set holds the whole array.
    pub mirrored_set: usize,
    /// The members by set and slot.
    pub members: Vec<Vec<MemberDescriptor>>,
    /// Members of each set that are stale from a row on: a layout file says so.
    pub marks: Vec<Vec<Mark>>,
    /// Their sizes, for a concatenation.
    sizes: Vec<Blocks>,
}

impl Readiness {
    /// Whether, and how, `array` can be read, with these risks accepted.
    ///
    /// # Errors
    /// The reason why not.
    pub fn of(
        inspection: &Inspection,
        array: &FoundArray,
        accept: Accept,
    ) -> Result<Self, Refusal> {
        match Self::with(inspection, array, accept, &[]) {
            // A disk may have been declared failed in haste; the one that failed last has the data.
            Err(Refusal::RedundancyGone(gaps)) => {
                let revived = failed::newest(inspection, array, accept, &gaps)?;
                match accept.accepts(Risk::DeclaredFailed) && !revived.is_empty() {
                    true => Self::with(inspection, array, accept, &revived),
                    false => Err(Refusal::RedundancyGone(hinted(gaps, &revived))),
                }
            }
            other => other,
        }
    }

    fn with(
        inspection: &Inspection,
        array: &FoundArray,
        accept: Accept,
        revived: &[Revived],
    ) -> Result<Self, Refusal> {
        let descriptor = &array.descriptor;
        let all = places(array);
        let gaps: Vec<Gap> = (all.iter())
            .filter_map(|member| {
                Some(Gap { member: *member, why: gap(inspection, member, revived)? })
            })
            .collect();
        let slots = usize::from(descriptor.geometry.slots).max(1);
        let members: Vec<Vec<_>> = all.chunks(slots).map(<[_]>::to_vec).collect();
        let health = (0..descriptor.geometry.sets).map(|set| health(&gaps, set)).collect();
        let sizes = disks::sizes(array, &all);
        let mut ready = Self {
            health,
            gaps,
            parity_trusted: parity_trusted(descriptor),
            trusted: revived.iter().map(|revived| revived.taken.clone()).collect(),
            mirrored_set: 0,
            members,
            marks: (0..descriptor.geometry.sets).map(|set| marks(inspection, set)).collect(),
            sizes,
        };
        ready.check(inspection, array, accept)?;
        Ok(ready)
    }

    /// The layout of the array.
    ///
    /// # Errors
    /// None, once `of` has given a value.
    pub fn layout<'a>(&'a self, descriptor: &ArrayDescriptor) -> Result<Layout<'a>, GeometryError> {
        disks::layout(descriptor, &self.sizes)
    }

    fn check(
        &mut self,
        inspection: &Inspection,
        array: &FoundArray,
        accept: Accept,
    ) -> Result<(), Refusal> {
        let descriptor = &array.descriptor;
        if descriptor.geometry.slots == 0 {
            return Err(Refusal::ShapeUnknown);
        }
        let layout = self.layout(descriptor).map_err(Refusal::Unsupported)?;
        let (found, expected) = (descriptor.size.0, layout.size().0);
        if found > expected {
            return Err(Refusal::Size { found, expected });
        }
        if descriptor.state == ArrayState::Forked {
            return Err(Refusal::Forked(crate::forked::histories(inspection, array)));
        }
        let survives = |health: &Health| survives(&layout, *health);
        let mut whole = self.gaps.is_empty();
        if layout.set_copies() > 1 {
            let intact = self.health.iter().position(|h| h.unavailable.is_empty());
            let survivor = intact.or_else(|| self.health.iter().position(survives));
            let gaps = || Refusal::RedundancyGone(self.gaps.clone());
            self.mirrored_set = survivor.ok_or_else(gaps)?;
            whole = intact.is_some();
        } else if !self.health.iter().all(survives) {
            return Err(Refusal::RedundancyGone(self.gaps.clone()));
        }
        if descriptor.state == ArrayState::Failed {
            self.check_failed(inspection, array, accept)?;
        }
        if !whole && !self.parity_trusted {
            self.check_parity(descriptor, accept)?;
        }
        if let Some(shared) = inspection.discovery.shared_blocks(array) {
            let what = format!(
                "{}: block {} is in members of two places or arrays, the other is {}",
                inspection.disk_name(shared.disk),
                shared.at.0,
                shared.other
            );
            if !accept.accepts(Risk::SharedBlocks) {
                return Err(Refusal::Overlap(what));
            }
            let taken = Taken::of_array(Risk::SharedBlocks, what);
            self.trusted.push(Taken { disk: Some(shared.disk), ..taken });
        }
        Ok(())
    }

    /// Members suffice, and yet the metadata or the disks say that data is gone.
    fn check_failed(
        &mut self,
        inspection: &Inspection,
        array: &FoundArray,
        accept: Accept,
    ) -> Result<(), Refusal> {
        let reasons = reasons(inspection, array);
        if !accept.accepts(Risk::DeclaredFailed) {
            return Err(Refusal::DeclaredFailed(reasons));
        }
        if self.trusted.is_empty() || !reasons.is_empty() {
            let what = match reasons.as_slice() {
                [] => "the array is recorded as failed, though enough members are present".into(),
                reasons => format!("the array counts as failed: {}", reasons.join("; ")),
            };
            self.trusted.push(Taken::of_array(Risk::DeclaredFailed, what));
        }
        Ok(())
    }

    /// A member is missing, and what is computed for it may be wrong.
    fn check_parity(
        &mut self,
        descriptor: &ArrayDescriptor,
        accept: Accept,
    ) -> Result<(), Refusal> {
        let gaps = || self.gaps.clone();
        let slots = refusal::listed(&self.gaps);
        let young = descriptor.initialisation == Initialisation::Running;
        if !descriptor.clean {
            if !accept.accepts(Risk::UncleanDegraded) {
                return Err(Refusal::Unclean(gaps()));
            }
            let what = format!("not closed cleanly; computed from parity all the same: {slots}");
            self.trusted.push(Taken::of_array(Risk::UncleanDegraded, what));
        }
        if young {
            if !accept.accepts(Risk::NeverInitialised) {
                return Err(Refusal::NotInitialised(gaps()));
            }
            let what = format!(
                "parity was not yet established everywhere; computed from it all the same: {slots}"
            );
            self.trusted.push(Taken::of_array(Risk::NeverInitialised, what));
        }
        self.parity_trusted = true;
        Ok(())
    }
}

/// The gaps, those marked that could be read all the same.
fn hinted(mut gaps: Vec<Gap>, revived: &[Revived]) -> Vec<Gap> {
    for gap in &mut gaps {
        if revived.iter().any(|revived| revived.member == gap.member) {
            gap.why += &format!("; {}", refusal::by(Risk::DeclaredFailed));
        }
    }
    gaps
}

/// Why the formats refuse an array.
fn reasons(inspection: &Inspection, array: &FoundArray) -> Vec<String> {
    let findings = inspection.discovery.findings.iter().filter(|found| {
        found.finding.severity == Severity::Refusal
            && found.finding.array == Some(array.descriptor.id)
    });
    findings.map(|found| crate::show::finding_text(inspection, found)).collect()
}

/// Whether parity agrees with data, as far as the metadata says. Copies need not: any one is an
/// answer.
fn parity_trusted(descriptor: &ArrayDescriptor) -> bool {
    let agrees = descriptor.clean && descriptor.initialisation != Initialisation::Running;
    descriptor.geometry.parity_strips() == 0 || agrees
}

fn health(gaps: &[Gap], set: u16) -> Health {
    let gone = gaps.iter().filter(|gap| gap.member.place.set == set);
    let unavailable: SlotSet = gone.map(|gap| gap.member.place.slot).collect();
    Health { unavailable, write_only: SlotSet::EMPTY }
}

fn marks(inspection: &Inspection, set: u16) -> Vec<Mark> {
    let of_set = inspection.marks.iter().filter(|(place, _)| place.set == set);
    of_set.map(|(place, row)| Mark { slot: place.slot, row: *row }).collect()
}

/// Why a member is not read; `None` if it is.
fn gap(inspection: &Inspection, member: &MemberDescriptor, revived: &[Revived]) -> Option<String> {
    let name = member.disk.map(|disk| inspection.disk_name(disk));
    let failed_but_here = revived.iter().any(|revived| revived.member == *member);
    let Some((disk, name)) = member.disk.zip(name) else {
        return Some(member.state.name().to_owned());
    };
    if !is_readable(member) && !failed_but_here {
        return Some(format!("{}, {name}", member.state.name().replace('_', " ")));
    }
    let disk = inspection.discovery.disks.get(disk)?;
    let end = member.start.0.checked_add(member.len.0);
    if end.is_some_and(|end| end <= disk.shape.blocks.0) {
        return None;
    }
    Some(format!(
        "{name}: extent of {} blocks from block {} leaves the disk of {} blocks",
        member.len.0, member.start.0, disk.shape.blocks.0
    ))
}

/// Whether a set gives all its data: tried on one turn of its rotation.
fn survives(layout: &Layout<'_>, health: Health) -> bool {
    if health.unavailable.is_empty() {
        return true;
    }
    let geometry = layout.geometry();
    let slots = u64::from(geometry.slots);
    let turn = match geometry.level {
        Level::Concat => return false,
        Level::Raid1 | Level::Single => 1,
        // Every rotation is back at its start after this many strips. Parity of RAID-5R rests on a
        // slot for many rows, but which slots are gone is all that counts for one parity.
        _ => (2 * slots * slots).saturating_mul(layout.row_unit()),
    };
    let at = Extent::new(0, turn.min(layout.set_blocks().0));
    stripe::read(layout, health, at, None).all(|step| step.is_ok())
}
