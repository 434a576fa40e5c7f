// SPDX-License-Identifier: MIT OR Apache-2.0
//! A machine with disks that outlive its power: arrays are created on them, started from any of them
//! in any order, and cut off in the middle of anything.
//!
//! ```text
//! Machine: every disk, plugged in or not ──start(volume, which disks)──▶ Running: a rig on those disks
//!        ▲                                                                   │
//!        └──────────────────────── cut(what caches keep) ────────────────────┘
//! ```
//!
//! A disk keeps its number for good; [`Running::index`] gives the index that one start knows it by.

use super::{ArrayEngine, Call, Oracle, Rig};
use crate::backplane::{Backplane, IoId, MemberIo, Simulated, Transfer};
use crate::discover::{Discovery, discover_members};
use crate::engine::{Engine, OpenError, Options};
use crate::member::{Faults, Member, MemberError, MemoryMember};
use crate::store::{CommitStep, Store};
use raid_core::array::{ArrayId, Geometry, Initialisation, Name, Place};
use raid_core::metadata::{Admin, ArrayRequest, ChangeError, DiskShape, Stamp};
use raid_core::units::{Blocks, Lba};
use raid_sync::Time;
use std::sync::{Arc, Mutex};

/// A format, and what people call it.
#[derive(Clone, Copy, Debug)]
pub struct Kept {
    /// Its name for people.
    pub name: &'static str,
    /// The format.
    pub format: &'static dyn Admin,
}

impl Kept {
    /// Whether the format keeps regions, debts and bad rows, and so a mark that holds after an unclean stop.
    #[must_use]
    pub fn has_regions(&self) -> bool {
        self.format.capabilities().mark_after_unclean
    }
}

/// What the volatile caches of the disks keep when the power goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caches {
    /// Of every block any one version since the last flush, or none; the seed decides.
    KeepAny,
    /// The newest version of everything.
    KeepAll,
    /// Nothing that was not flushed.
    KeepNothing,
}

/// One volume of the machine.
#[derive(Debug)]
pub struct Volume {
    /// Its identity.
    pub id: ArrayId,
    /// Its shape.
    pub geometry: Geometry,
    /// What each of its sectors may hold, while it does not run.
    oracle: Option<Oracle>,
    /// The next version that its writers write.
    version: u64,
}

/// Disks, and the volumes on them.
#[derive(Debug)]
pub struct Machine {
    kept: Kept,
    disks: Vec<Option<Box<dyn Member>>>,
    /// The volumes, in the order of their creation.
    pub volumes: Vec<Volume>,
    /// The time of the last cut.
    pub now: Time,
    seed: u64,
    starts: u64,
}

/// A volume that runs.
#[derive(Debug)]
pub struct Running<E = Engine> {
    /// The array and those who use it.
    pub rig: Rig<E>,
    /// The machine's number of each disk of this start.
    order: Vec<usize>,
    volume: usize,
}

/// A medium that two machines reach.
#[derive(Clone, Debug)]
struct SharedMember(Arc<Mutex<Box<dyn Member>>>);

impl SharedMember {
    fn with<R>(&self, act: impl FnOnce(&mut dyn Member) -> R) -> R {
        act(&mut **self.0.lock().expect("no holder panics"))
    }
}

impl Member for SharedMember {
    fn shape(&self) -> DiskShape {
        self.with(|member| member.shape())
    }

    fn read(&mut self, at: Lba, into: &mut [u8]) -> Result<(), MemberError> {
        self.with(|member| member.read(at, into))
    }

    fn write(&mut self, at: Lba, bytes: &[u8]) -> Result<(), MemberError> {
        self.with(|member| member.write(at, bytes))
    }

    fn flush(&mut self) -> Result<(), MemberError> {
        self.with(|member| member.flush())
    }
}

/// What discovery finds on these media; they are given back.
#[must_use]
pub fn look_for(
    format: &'static dyn Admin,
    media: Vec<Box<dyn Member>>,
) -> (Discovery, Vec<Box<dyn Member>>) {
    let named = media.into_iter().enumerate();
    let named = named.map(|(index, medium)| (format!("disk {index}"), medium)).collect();
    discover_members(named, &[format])
}

/// Commits all live disks, one I/O after the other.
pub fn write_all(format: &dyn Admin, store: &mut Store, backplane: &mut Simulated) {
    for disk in 0..store.disks.len() {
        for step in if store.disks[disk].live { store.commit_steps(format, disk) } else { vec![] } {
            let transfer = match step {
                CommitStep::Write(at, bytes) => Transfer::Write { at, bytes },
                CommitStep::Flush => Transfer::Flush,
            };
            backplane.submit(MemberIo { id: IoId(0), disk, transfer });
            let done = backplane.next().expect("an I/O is in flight");
            done.result.expect("a new disk works");
        }
    }
}

/// The smallest disk on which the format leaves that many blocks.
fn disk_for(format: &dyn Admin, blocks: Blocks) -> Option<DiskShape> {
    let shape = |step: u64| DiskShape { blocks: Blocks(blocks.0 + step * 2048), block_size: 512 };
    (1..64).map(shape).find(|shape| format.usable(*shape).0 >= blocks.0)
}

impl Machine {
    /// One volume on its first disks; the last `spares` disks are spares.
    ///
    /// # Errors
    /// The format cannot hold such an array.
    pub fn create(
        kept: Kept,
        geometry: Geometry,
        spares: usize,
        seed: u64,
    ) -> Result<Self, ChangeError> {
        let members: Vec<usize> = (0..usize::from(geometry.slots * geometry.sets)).collect();
        Self::create_volumes(kept, &[(geometry, &members)], members.len() + spares, spares, seed)
    }

    /// Several volumes, each on the disks named; the last `spares` of all disks are spares.
    ///
    /// # Errors
    /// The format cannot hold such arrays.
    pub fn create_volumes(
        kept: Kept,
        volumes: &[(Geometry, &[usize])],
        disks: usize,
        spares: usize,
        seed: u64,
    ) -> Result<Self, ChangeError> {
        let format = kept.format;
        let member_blocks = volumes.iter().map(|(geometry, _)| geometry.member_blocks.0 + 2048);
        let shape = disk_for(format, Blocks(member_blocks.sum::<u64>() + 2048))
            .ok_or(ChangeError::Unsupported("a disk of that size"))?;
        let shapes = vec![shape; disks];
        let mut store = Store::for_new_disks(format, &shapes);
        let stamp = |random| Stamp { unix_seconds: 0, random };
        let ids = store.edit(|buffers| {
            format.initialise(buffers, stamp(77))?;
            let mut ids = Vec::new();
            for (number, (geometry, disks)) in volumes.iter().enumerate() {
                let name = format!("v{number}");
                let disks: Vec<_> = disks.iter().copied().map(Some).collect();
                let request = ArrayRequest {
                    initialisation: Initialisation::Full,
                    unverified: true,
                    ..ArrayRequest::new(Name::new(name.as_bytes()), *geometry, &disks)
                };
                ids.push(format.create_array(buffers, &request, stamp(78 + number as u64))?);
            }
            for spare in disks - spares..disks {
                format.add_spare(buffers, spare, stamp(100 + spare as u64))?;
            }
            Ok(ids)
        })?;
        let media = shapes.iter().map(|shape| {
            let medium: Box<dyn Member> = Box::new(MemoryMember::new(shape.blocks.0));
            medium
        });
        let mut backplane = Simulated::new(media.collect(), seed, Time(0));
        write_all(format, &mut store, &mut backplane);
        let now = backplane.now();
        let media = backplane.cut_power().expect("memory");
        let volumes = ids.into_iter().zip(volumes).map(|(id, (geometry, _))| Volume {
            id,
            geometry: *geometry,
            oracle: None,
            version: 1,
        });
        Ok(Self {
            kept,
            disks: media.into_iter().map(Some).collect(),
            volumes: volumes.collect(),
            now,
            seed,
            starts: 0,
        })
    }

    /// The format of the machine's disks.
    #[must_use]
    pub fn kept(&self) -> Kept {
        self.kept
    }

    /// From now on the disks are read and written by another format, or by the same one in other hands.
    pub fn exchange_format(&mut self, kept: Kept) {
        self.kept = kept;
    }

    /// Number of its disks.
    #[must_use]
    pub fn disk_count(&self) -> usize {
        self.disks.len()
    }

    /// A disk that is not in use just now.
    ///
    /// # Panics
    /// The disk is in use.
    pub fn disk(&mut self, disk: usize) -> &mut dyn Member {
        &mut **self.disks[disk].as_mut().expect("a disk that is not in use")
    }

    /// What each sector of a volume that does not run may hold. Kept and put back by
    /// [`set_oracle`](Self::set_oracle), the same state of the disks can be gone on from twice: a fork.
    ///
    /// # Panics
    /// The volume never ran, or runs.
    #[must_use]
    pub fn oracle(&self, volume: usize) -> Oracle {
        self.volumes[volume].oracle.clone().expect("the volume has run")
    }

    /// Gives a volume the oracle of another history.
    pub fn set_oracle(&mut self, volume: usize, oracle: Oracle) {
        self.volumes[volume].oracle = Some(oracle);
    }

    /// A second machine that reaches the same disks, as a second program does that opens them.
    ///
    /// # Panics
    /// A disk is in use.
    #[must_use]
    pub fn second_program(&mut self) -> Self {
        let all: Vec<usize> = (0..self.disks.len()).collect();
        let shared: Vec<SharedMember> = (self.take(&all).into_iter())
            .map(|medium| SharedMember(Arc::new(Mutex::new(medium))))
            .collect();
        let boxed = || -> Vec<Option<Box<dyn Member>>> {
            shared.iter().map(|medium| Some(Box::new(medium.clone()) as _)).collect()
        };
        self.disks = boxed();
        let volumes = self.volumes.iter().map(|volume| Volume {
            id: volume.id,
            geometry: volume.geometry,
            oracle: volume.oracle.clone(),
            version: volume.version + 1_000_000,
        });
        let volumes = volumes.collect();
        Self { disks: boxed(), volumes, seed: self.seed + 1, ..*self }
    }

    /// Puts a copy of a disk in; its number.
    ///
    /// # Panics
    /// The disk is in use.
    pub fn clone_disk(&mut self, disk: usize) -> usize {
        let original = self.disk(disk);
        let shape = original.shape();
        let mut copy = MemoryMember::new(shape.blocks.0);
        let mut block = vec![0; shape.block_size as usize];
        for at in (0..shape.blocks.0).map(Lba) {
            original.read(at, &mut block).expect("memory");
            copy.write(at, &block).expect("memory");
        }
        self.add_disk(Box::new(copy))
    }

    /// Puts another disk in; its number.
    pub fn add_disk(&mut self, medium: Box<dyn Member>) -> usize {
        self.disks.push(Some(medium));
        self.disks.len() - 1
    }

    fn take(&mut self, order: &[usize]) -> Vec<Box<dyn Member>> {
        order.iter().map(|disk| self.disks[*disk].take().expect("not in use")).collect()
    }

    fn give_back(&mut self, order: &[usize], media: Vec<Box<dyn Member>>) {
        for (disk, medium) in order.iter().zip(media) {
            self.disks[*disk] = Some(medium);
        }
    }

    /// What discovery finds on these disks, given in this order. Nothing is written.
    #[must_use]
    pub fn discover(&mut self, order: &[usize]) -> Discovery {
        let media = self.take(order);
        let (discovery, media) = look_for(self.kept.format, media);
        self.give_back(order, media);
        discovery
    }

    /// Starts a volume from these disks, given in this order; the others are not plugged in.
    ///
    /// # Errors
    /// Why the engine refuses. What it wrote before that stays written.
    pub fn start<E: ArrayEngine>(
        &mut self,
        volume: usize,
        order: &[usize],
        options: Options,
    ) -> Result<Running<E>, OpenError> {
        self.start_found(volume, order, options, |_| {})
    }

    /// The same, with what discovery found changed by `edit`.
    ///
    /// # Errors
    /// Why the engine refuses. What it wrote before that stays written.
    pub fn start_found<E: ArrayEngine>(
        &mut self,
        volume: usize,
        order: &[usize],
        options: Options,
        edit: impl FnOnce(&mut Discovery),
    ) -> Result<Running<E>, OpenError> {
        self.starts += 1;
        let seed = self.seed.wrapping_mul(1000) + self.starts;
        let media = self.take(order);
        let (mut discovery, media) = look_for(self.kept.format, media);
        edit(&mut discovery);
        let mut backplane = Simulated::new(media, seed, self.now);
        let Volume { id, oracle, version, .. } = &mut self.volumes[volume];
        match E::open(self.kept.format, &discovery, *id, &mut backplane, options) {
            Ok(engine) => {
                let sectors = engine.blocks();
                let oracle = oracle.take();
                let oracle = oracle.unwrap_or_else(|| Oracle::new(9 + volume as u64, sectors));
                let mut rig = Rig::new(backplane, engine, oracle, seed, 4);
                rig.carry_over(super::Tally::default(), *version);
                Ok(Running { rig, order: order.to_vec(), volume })
            }
            Err(error) => {
                self.now = backplane.now();
                let media = backplane.cut_power().expect("memory");
                self.give_back(order, media);
                Err(error)
            }
        }
    }
}

impl<E: ArrayEngine> Running<E> {
    /// Index of a disk in this start.
    ///
    /// # Panics
    /// The disk was not plugged in at the start.
    #[must_use]
    pub fn index(&self, disk: usize) -> usize {
        self.order.iter().position(|other| *other == disk).expect("a disk of this start")
    }

    /// The machine's number of the disk in a place.
    #[must_use]
    pub fn disk_at(&self, place: Place) -> Option<usize> {
        self.order.get(self.rig.engine.disk_at(place)?).copied()
    }

    /// The faults of a disk, to inject some.
    #[must_use]
    pub fn faults(&self, disk: usize) -> &Faults {
        self.rig.backplane.faults(self.index(disk))
    }

    /// What an operator asks, now.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn call(&mut self, call: Call) -> Result<(), String> {
        self.rig.call(call)
    }

    /// The power goes. All disks are back in the machine.
    ///
    /// # Panics
    /// A sector that was read was wrong, or a request failed: take [`Rig::tally`] before the cut where
    /// that is expected.
    pub fn cut(self, machine: &mut Machine, caches: Caches) {
        let Self { rig, order, volume } = self;
        machine.now = rig.now();
        let (backplane, oracle, _, version) = rig.cut_power();
        let media = match caches {
            Caches::KeepAny => backplane.cut_power(),
            Caches::KeepAll => backplane.cut_power_keeping(|versions| versions.checked_sub(1)),
            Caches::KeepNothing => backplane.cut_power_keeping(|_| None),
        };
        machine.give_back(&order, media.expect("memory"));
        machine.volumes[volume].oracle = Some(oracle);
        machine.volumes[volume].version = version;
    }
}
