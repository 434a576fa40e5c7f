// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether an array can be read, from which members, and if not, why.
//!
//! | member or array | read? |
//! |---|---|
//! | in sync, inside its disk | yes |
//! | rebuilding | no: where the rebuild stood is not to be trusted |
//! | stale, missing | never |
//! | declared failed, at hand | with force, if nothing else has the data |
//! | unclean, or redundancy never established; all members there | yes: data is read, not computed |
//! | the same with a member missing, parity level | with force: what parity gives may be wrong |

use crate::disks::{Inspection, is_readable, places};
use raid_array::discover::FoundArray;
use raid_core::array::{ArrayDescriptor, ArrayState, Initialisation, Level};
use raid_core::array::{MemberDescriptor, MemberState};
use raid_core::layout::{GeometryError, Layout};
use raid_core::stripe::{self, Health};
use raid_core::units::{Blocks, Extent, SlotSet};
use std::fmt;

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
    /// The set to read where every set holds the whole array.
    pub mirrored_set: usize,
    /// The members by set and slot.
    pub members: Vec<Vec<MemberDescriptor>>,
    /// Their sizes, for a concatenation.
    sizes: Vec<Blocks>,
}

/// Why an array is not read.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Refusal {
    /// No member is at hand that tells the shape.
    ShapeUnknown,
    /// No mapping is known for this shape.
    Unsupported(GeometryError),
    /// The members hold less than the metadata says.
    Size {
        /// Blocks of the array as recorded.
        found: u64,
        /// Blocks that the members hold.
        expected: u64,
    },
    /// More members are gone than redundancy makes up for.
    RedundancyGone(Vec<Gap>),
    /// Unclean parity with members missing.
    Unclean(Vec<Gap>),
    /// Parity that was never fully established, with members missing.
    NotInitialised(Vec<Gap>),
    /// The members suffice, and yet the metadata or the disks say that data is gone.
    DeclaredFailed,
    /// A member shares blocks with one of another array.
    Overlap(String),
}

impl Readiness {
    /// Whether, and how, `array` can be read.
    ///
    /// # Errors
    /// The reason why not.
    pub fn of(inspection: &Inspection, array: &FoundArray, force: bool) -> Result<Self, Refusal> {
        let ready = Self::without(inspection, array, force, false);
        match ready {
            // Better than nothing, if it is asked for: a disk may have been declared failed in haste.
            Err(Refusal::RedundancyGone(gaps)) if force => {
                Self::without(inspection, array, force, true)
                    .map_err(|_| Refusal::RedundancyGone(gaps))
            }
            other => other,
        }
    }

    fn without(
        inspection: &Inspection,
        array: &FoundArray,
        force: bool,
        use_failed: bool,
    ) -> Result<Self, Refusal> {
        let descriptor = &array.descriptor;
        let all = places(array);
        let gaps: Vec<Gap> = (all.iter())
            .filter_map(|member| {
                Some(Gap { member: *member, why: gap(inspection, member, use_failed)? })
            })
            .collect();
        let slots = usize::from(descriptor.geometry.slots).max(1);
        let members: Vec<Vec<_>> = all.chunks(slots).map(<[_]>::to_vec).collect();
        let health = (0..descriptor.geometry.sets).map(|set| health(&gaps, set)).collect();
        let sizes = match descriptor.geometry.level {
            Level::Concat => members.first().into_iter().flatten().map(|m| m.len).collect(),
            _ => Vec::new(),
        };
        let mut ready = Self {
            health,
            gaps,
            parity_trusted: parity_trusted(descriptor) || force,
            mirrored_set: 0,
            members,
            sizes,
        };
        ready.check(descriptor, force)?;
        if let (Some(overlap), false) = (overlap(inspection, array), force) {
            return Err(Refusal::Overlap(overlap));
        }
        Ok(ready)
    }

    /// The layout of the array.
    ///
    /// # Errors
    /// None, once `of` has given a value.
    pub fn layout<'a>(&'a self, descriptor: &ArrayDescriptor) -> Result<Layout<'a>, GeometryError> {
        match (descriptor.geometry.level, descriptor.geometry.sets) {
            (Level::Concat, 1) => Layout::concatenation(&descriptor.geometry, &self.sizes),
            _ => Layout::new(&descriptor.geometry),
        }
    }

    fn check(&mut self, descriptor: &ArrayDescriptor, force: bool) -> Result<(), Refusal> {
        if descriptor.geometry.slots == 0 {
            return Err(Refusal::ShapeUnknown);
        }
        let layout = self.layout(descriptor).map_err(Refusal::Unsupported)?;
        let (found, expected) = (descriptor.size.0, layout.size().0);
        if found > expected {
            return Err(Refusal::Size { found, expected });
        }
        let survives = |health: &Health| survives(&layout, *health);
        if layout.set_copies() > 1 {
            let intact = self.health.iter().position(|h| h.unavailable.is_empty());
            let survivor = intact.or_else(|| self.health.iter().position(survives));
            let gaps = || Refusal::RedundancyGone(self.gaps.clone());
            self.mirrored_set = survivor.ok_or_else(gaps)?;
            if intact.is_some() {
                return Ok(());
            }
        } else if !self.health.iter().all(survives) {
            return Err(Refusal::RedundancyGone(self.gaps.clone()));
        }
        if matches!(descriptor.state, ArrayState::Failed | ArrayState::Forked) && !force {
            return Err(Refusal::DeclaredFailed);
        }
        if !self.gaps.is_empty() && !self.parity_trusted {
            let gaps = self.gaps.clone();
            return Err(match descriptor.clean {
                false => Refusal::Unclean(gaps),
                true => Refusal::NotInitialised(gaps),
            });
        }
        Ok(())
    }
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

/// Why a member is not read; `None` if it is.
fn gap(inspection: &Inspection, member: &MemberDescriptor, use_failed: bool) -> Option<String> {
    let name = member.disk.map(|disk| inspection.disk_name(disk));
    let failed_but_here = use_failed && member.state == MemberState::Failed;
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

/// A member that shares blocks with another one, of this array or of another.
fn overlap(inspection: &Inspection, array: &FoundArray) -> Option<String> {
    let all = inspection.discovery.arrays.iter().flat_map(|other| {
        let own = std::ptr::eq(other, array);
        let members = other.members.iter().map(|member| member.descriptor).filter(is_readable);
        members.map(move |m| (m.disk, m.start.0, m.start.0.saturating_add(m.len.0), own, other))
    });
    let mut extents: Vec<_> = all.filter(|(_, from, to, ..)| from < to).collect();
    extents.sort_by_key(|(disk, from, ..)| (*disk, *from));
    // Sorted by start, an extent overlaps an earlier one if it begins before the furthest end.
    let mut furthest = [None, None];
    for (disk, from, to, own, other) in extents {
        let hit = |side: usize| furthest[side].filter(|(d, end, _)| *d == disk && from < *end);
        let culprit = hit(1).or(if own { hit(0) } else { None });
        if let (Some(disk), Some((_, _, name))) = (disk, culprit) {
            let name = if own { name } else { other.descriptor.name };
            let disk = inspection.disk_name(disk);
            return Some(format!(
                "{disk}: block {from} is in members of two places or arrays, the other is {name}"
            ));
        }
        let side = &mut furthest[usize::from(own)];
        if side.is_none_or(|(d, end, _)| d != disk || end < to) {
            *side = Some((disk, to, other.descriptor.name));
        }
    }
    None
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ShapeUnknown => f.write_str("none of its members is at hand"),
            Self::Unsupported(error) => write!(f, "{error}"),
            Self::Size { found, expected } => {
                write!(f, "size of {found} blocks recorded, its members hold {expected}")
            }
            Self::RedundancyGone(gaps) => {
                write!(f, "too many members are gone: {}", listed(gaps))
            }
            Self::Unclean(gaps) => write!(
                f,
                "not closed cleanly, so parity may not agree with data, and a member is gone: {} \
                 (--force reads it all the same)",
                listed(gaps)
            ),
            Self::NotInitialised(gaps) => write!(
                f,
                "parity was not yet established everywhere, and a member is gone: {} \
                 (--force reads it all the same)",
                listed(gaps)
            ),
            Self::DeclaredFailed => {
                f.write_str("the array counts as failed (--force reads it all the same)")
            }
            Self::Overlap(what) => write!(f, "{what} (--force reads it all the same)"),
        }
    }
}

impl std::error::Error for Refusal {}

/// `set 0 slot 1 (stale, d1.img), slot 2 (missing)`.
fn listed(gaps: &[Gap]) -> String {
    let one = |gap: &Gap| {
        let set = match gap.member.place.set {
            0 => String::new(),
            set => format!("set {set} "),
        };
        format!("{set}slot {} ({})", gap.member.place.slot, gap.why)
    };
    gaps.iter().map(one).collect::<Vec<_>>().join(", ")
}
