// SPDX-License-Identifier: MIT OR Apache-2.0
//! A metadata format in one file, to show what a format must bring, and to test the engine without
//! a real one: one array, two copies of one record per disk, written in turn.
//!
//! ```text
//! … │ copy 0 (block −16) │ … │ copy 1 (block −8) │ …       the copy with the higher sequence counts
//! ```
//!
//! [`NATIVE`] is the same format with all that the sync engine has to say in the seven blocks behind the
//! record, under a checksum in the record: regions, debts, bad ranges, marks, 64-bit generations.

use raid_core::array::{
    ArrayDescriptor, ArrayId, ArrayState, Geometry, Initialisation, Level, MemberDescriptor,
    MemberId, MemberState, Name, Place, Placement, QNumbering, Secondary,
};
use raid_core::metadata::{
    Admin, ArrayRequest, Branch, Capabilities, Change, ChangeError, DiskBuffer, DiskDescriptor,
    DiskRole, DiskShape, DiskView, Format, Inventory, Lookup, MovedOn, RunTime, RuntimeState, Seen,
    SetRecord, SpareRequest, SplitBrain, Stamp, Step, freshest,
};
use raid_core::units::{Blocks, Extent, Lba, Slot, SlotSet};

// The bytes of that are those with which the sync engine is tested on its own.
#[path = "../../../../raid-sync/tests/support/native.rs"]
#[allow(dead_code, unused_imports)]
mod native;

use native::Image;

/// The format; `LOG` says whether it is the one with a log.
#[derive(Debug)]
pub(crate) struct Kind<const LOG: bool>;

pub(crate) static TOY: Kind<false> = Kind;
#[allow(dead_code)] // not every test that includes this file uses it
pub(crate) static NATIVE: Kind<true> = Kind;

const MAGIC: &[u8; 8] = b"TOYRAID1";
const RESERVE: u64 = 4096;
const CRC: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISCSI);

/// The record as a list of numbers: what a real format has a structure for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Record {
    sequence: u64,
    own_disk: u64,
    array: u64,
    level: u64,
    placement: u64,
    slots: u64,
    sets: u64,
    strip: u64,
    member_blocks: u64,
    /// Sets that are open, by bit.
    open: u64,
    initialisation: u64,
    /// Bits by place: running number of the slot.
    failed: u64,
    rebuilding: u64,
    /// Disk of each place plus one; 0 is none.
    places: [u64; 32],
    /// Bytes of the log, and their checksum.
    log_len: u64,
    log_sum: u64,
}

const LEVELS: [(Level, Placement); 5] = [
    (Level::Raid0, Placement::Fixed),
    (Level::Raid1, Placement::Fixed),
    (Level::Raid5, Placement::NContinue),
    (Level::Raid6, Placement::NContinue),
    (Level::Raid4, Placement::ParityLast),
];

impl Record {
    fn words(&self) -> Vec<u64> {
        let mut words = vec![
            self.sequence,
            self.own_disk,
            self.array,
            self.level,
            self.placement,
            self.slots,
            self.sets,
            self.strip,
            self.member_blocks,
            self.open,
            self.initialisation,
            self.failed,
            self.rebuilding,
        ];
        words.extend(self.places);
        words.extend([self.log_len, self.log_sum]);
        words
    }

    fn encode(&self) -> [u8; 512] {
        let mut block = [0; 512];
        block[..8].copy_from_slice(MAGIC);
        for (place, word) in block[16..].chunks_exact_mut(8).zip(self.words()) {
            place.copy_from_slice(&word.to_be_bytes());
        }
        let crc = CRC.checksum(&block);
        block[8..12].copy_from_slice(&crc.to_be_bytes());
        block
    }

    fn decode(block: &[u8]) -> Option<Self> {
        let mut blank = <[u8; 512]>::try_from(block).ok()?;
        let stored = u32::from_be_bytes(blank[8..12].try_into().ok()?);
        blank[8..12].fill(0);
        if &blank[..8] != MAGIC || CRC.checksum(&blank) != stored {
            return None;
        }
        let mut words =
            blank[16..].chunks_exact(8).map(|word| u64::from_be_bytes(word.try_into().unwrap()));
        let mut next = || words.next().unwrap_or(0);
        let mut record = Self {
            sequence: next(),
            own_disk: next(),
            array: next(),
            level: next(),
            placement: next(),
            slots: next(),
            sets: next(),
            strip: next(),
            member_blocks: next(),
            open: next(),
            initialisation: next(),
            failed: next(),
            rebuilding: next(),
            places: [0; 32],
            log_len: 0,
            log_sum: 0,
        };
        record.places.fill_with(&mut next);
        (record.log_len, record.log_sum) = (next(), next());
        (record.slots * record.sets <= 32).then_some(record)
    }

    fn geometry(&self) -> Geometry {
        let (level, placement) = LEVELS[self.level as usize];
        Geometry {
            level,
            placement,
            slots: self.slots as u16,
            strip: Blocks(self.strip),
            member_blocks: Blocks(self.member_blocks),
            secondary: if self.sets > 1 { Secondary::Striped } else { Secondary::None },
            sets: self.sets as u16,
            q_numbering: QNumbering::BySlot,
            parities: 0,
            rotate_shift: 0,
            block_size: 512,
        }
    }

    fn id(&self) -> ArrayId {
        let mut id = [0; 24];
        id[..8].copy_from_slice(&self.array.to_be_bytes());
        ArrayId(id)
    }

    fn state(&self, set: u16) -> RuntimeState {
        RuntimeState {
            clean: self.open >> set & 1 == 0,
            failed: self.slots_of(self.failed, set),
            rebuilding: self.slots_of(self.rebuilding, set),
            initialisation: Initialisation::Full,
            progress: None,
        }
    }

    fn store(&mut self, set: u16, state: &RuntimeState) {
        self.open = self.open & !(1 << set) | u64::from(!state.clean) << set;
        let (mut failed, mut rebuilding) = (self.failed, self.rebuilding);
        self.put(&mut failed, set, state.failed);
        self.put(&mut rebuilding, set, state.rebuilding);
        (self.failed, self.rebuilding) = (failed, rebuilding);
    }

    /// The set in which a disk of the record is a member that holds its data.
    fn trusts(&self, disk: u64) -> Option<u64> {
        let place = self.places.iter().position(|place| *place == disk + 1)?;
        let trusted = (self.failed | self.rebuilding) >> place & 1 == 0;
        trusted.then(|| place as u64 / self.slots.max(1))
    }

    fn running(&self, place: Place) -> usize {
        usize::from(place.set) * self.slots as usize + place.slot.index()
    }

    fn slots_of(&self, bits: u64, set: u16) -> SlotSet {
        let slots = (0..self.slots as u8).map(Slot);
        slots.filter(|slot| bits >> self.running(Place { set, slot: *slot }) & 1 == 1).collect()
    }

    fn put(&self, bits: &mut u64, set: u16, slots: SlotSet) {
        for slot in (0..self.slots as u8).map(Slot) {
            let bit = 1 << self.running(Place { set, slot });
            *bits = if slots.contains(slot) { *bits | bit } else { *bits & !bit };
        }
    }
}

fn area(shape: DiskShape) -> Extent {
    Extent::new(shape.blocks.0 - 16, 16)
}

/// One of the two copies, with its log; `None` if a block of it is torn.
fn copy(bytes: &[u8]) -> Option<(Record, &[u8])> {
    let record = Record::decode(bytes.get(..512)?)?;
    let log = bytes.get(512..8 * 512)?.get(..record.log_len as usize)?;
    (record.log_sum == u64::from(CRC.checksum(log))).then_some((record, log))
}

fn newest_copy(bytes: &[u8]) -> Option<(Record, &[u8])> {
    let copies = bytes.chunks_exact(8 * 512).filter_map(copy);
    copies.max_by_key(|(record, _)| record.sequence)
}

fn newest(bytes: &[u8]) -> Option<Record> {
    newest_copy(bytes).map(|(record, _)| record)
}

fn record_of(disk: &DiskView<'_>) -> Option<Record> {
    newest(disk.get(area(disk.shape))?)
}

fn copies<'a>(disks: &'a [DiskView<'_>]) -> Vec<Option<(Record, &'a [u8])>> {
    disks.iter().map(|disk| newest_copy(disk.get(area(disk.shape))?)).collect()
}

/// Which of the disks' copies speaks for the array: the newest that counts. A record counts on the members that it
/// trusts. One that is on other disks alone, though some of these members are here, never reached them all, and its
/// number may come again. Members of a set that has failed are written no more, so that holds if it does of every set.
fn speaks(copies: &[Option<(Record, &[u8])>]) -> Option<usize> {
    let here: Vec<u64> = copies.iter().flatten().map(|(record, _)| record.own_disk).collect();
    let counts = |record: &Record| {
        let nobody = |set| !here.iter().any(|disk| record.trusts(*disk) == Some(set));
        record.trusts(record.own_disk).is_some() || (0..record.sets.max(1)).any(nobody)
    };
    let all = copies.iter().enumerate().filter_map(|(disk, copy)| Some((disk, &copy.as_ref()?.0)));
    all.max_by_key(|(_, record)| (counts(record), record.sequence)).map(|(disk, _)| disk)
}

/// The log in the copy that speaks.
fn image(disks: &[DiskView<'_>]) -> Option<Image> {
    let copies = copies(disks);
    let (_, log) = copies[speaks(&copies)?].as_ref()?;
    Some(Image::decode(log)?.1)
}

/// Which disk of the record a disk is, and the sequence of its own record.
type Own = (u64, u64);

/// The record that speaks; and of each disk given which disk of the record it is, and the sequence of its own record.
fn newest_of(disks: &[DiskView<'_>]) -> Option<(Record, Vec<Option<Own>>)> {
    let mut copies = copies(disks);
    let own = |(record, _): &(Record, &[u8])| (record.own_disk, record.sequence);
    let own = copies.iter().map(|copy| copy.as_ref().map(own)).collect();
    let (record, _) = copies.swap_remove(speaks(&copies)?)?;
    Some((record, own))
}

/// The two histories of an array whose disks ran apart, the newer one first, by the rule of the sync
/// engine; none if they did not.
fn branches(disks: &[DiskView<'_>]) -> Vec<(Record, Vec<usize>)> {
    // A disk whose place was given away is no member, and what a record says of the one that sat somewhere
    // before says nothing of the one that sits there now.
    let Some((newest, _)) = newest_of(disks) else { return Vec::new() };
    let members: Vec<(usize, Record, Seen)> = (disks.iter().enumerate())
        .filter_map(|(disk, view)| {
            let (record, log) = newest_copy(view.get(area(view.shape))?)?;
            let slot = record.places.iter().position(|place| *place == record.own_disk + 1)?;
            let stays = |place: usize| record.places[place] == newest.places[place];
            let still = |slots: SlotSet| slots.iter().filter(|slot| stays(slot.index())).collect();
            if !stays(slot) {
                return None;
            }
            let generation = Image::decode(log)?.1.generation;
            let seen = Seen {
                slot: Slot(slot as u8),
                generation,
                number: record.sequence,
                absent: still(record.slots_of(record.failed, 0)),
                filling: still(record.slots_of(record.rebuilding, 0)),
            };
            Some((disk, record, seen))
        })
        .collect();
    let seen: Vec<Seen> = members.iter().map(|(.., seen)| *seen).collect();
    let Err(SplitBrain { one, other }) = freshest(&seen, 64) else { return Vec::new() };
    let out = |mine: &Seen, theirs: &Seen| (mine.absent | mine.filling).contains(theirs.slot);
    let history = |lead: Slot| {
        let (_, record, lead) = members.iter().find(|(.., seen)| seen.slot == lead)?;
        let own = members.iter().filter(|(.., seen)| !out(lead, seen) && !out(seen, lead));
        Some((record.clone(), own.map(|(disk, ..)| *disk).collect()))
    };
    let mut both: Vec<(Record, Vec<usize>)> =
        [one, other].into_iter().filter_map(history).collect();
    both.sort_by_key(|(record, _)| std::cmp::Reverse(record.sequence));
    both
}

impl<const LOG: bool> Format for Kind<LOG> {
    fn name(&self) -> &'static str {
        if LOG { "native" } else { "toy" }
    }

    fn next_read(&self, disk: &DiskView<'_>) -> Lookup {
        if disk.shape.blocks.0 < 2 * RESERVE {
            return Lookup::Absent;
        }
        match disk.pieces {
            [] => Lookup::Read(area(disk.shape)),
            _ if record_of(disk).is_some() => Lookup::Complete,
            _ => Lookup::Absent,
        }
    }

    fn assemble(&self, disks: &[DiskView<'_>], into: &mut dyn Inventory) {
        let Some((record, own)) = newest_of(disks) else { return };
        for (disk, number) in own.iter().enumerate() {
            let Some((number, sequence)) = number else { continue };
            let member = record.places.contains(&(number + 1));
            into.disk(&DiskDescriptor {
                disk,
                configuration: record.id(),
                id: MemberId([*number as u8; 24]),
                sequence: Some(*sequence),
                role: if member { DiskRole::Member } else { DiskRole::GlobalSpare },
                usable: self.usable(disks[disk].shape),
            });
        }
        let mut members = Vec::new();
        for place in 0..(record.slots * record.sets) as usize {
            let set = place / record.slots as usize;
            let slot = Slot((place % record.slots as usize) as u8);
            let number = record.places[place].checked_sub(1);
            let disk = number.and_then(|number| {
                own.iter().position(|own| own.is_some_and(|(own, _)| own == number))
            });
            let state = match disk {
                _ if record.failed >> place & 1 == 1 => MemberState::Failed,
                None => MemberState::Missing,
                Some(_) if record.rebuilding >> place & 1 == 1 => MemberState::Rebuilding,
                Some(_) => MemberState::InSync,
            };
            members.push(MemberDescriptor {
                array: record.id(),
                place: Place { set: set as u16, slot },
                disk,
                id: number.map(|number| MemberId([number as u8; 24])),
                start: Lba(0),
                len: Blocks(record.member_blocks),
                state,
            });
        }
        let whole = members.iter().all(|member| member.state == MemberState::InSync);
        let branches = if LOG { branches(disks) } else { Vec::new() };
        into.array(&ArrayDescriptor {
            id: record.id(),
            name: Name::new(b"toy"),
            geometry: record.geometry(),
            size: Blocks(0),
            state: match branches.is_empty() {
                false => ArrayState::Forked,
                true if whole => ArrayState::Optimal,
                true => ArrayState::Degraded,
            },
            clean: record.open == 0,
            initialisation: Initialisation::Full,
        });
        members.iter().for_each(|member| into.member(member));
        let failed = |record: &Record| -> Vec<Place> {
            let sets = (0..record.sets as u16).flat_map(|set| {
                record.slots_of(record.failed, set).iter().map(move |slot| Place { set, slot })
            });
            sets.collect()
        };
        for (number, (record, disks)) in (0..).zip(&branches) {
            into.branch(&Branch {
                array: record.id(),
                number,
                disks,
                sequence: Some(record.sequence),
                unix_seconds: None,
                failed: &failed(record),
            });
        }
    }

    fn run_time(&self) -> Option<&dyn RunTime> {
        Some(self)
    }

    fn admin(&self) -> Option<&dyn Admin> {
        Some(self)
    }
}

/// Changes the record and its log in every live buffer.
fn change(disks: &mut [DiskBuffer<'_, '_>], edit: impl Fn(&mut Record, &mut Option<Image>)) {
    let copies: Vec<_> = disks.iter().map(|disk| newest_copy(disk.pieces.first()?.bytes)).collect();
    let Some((newest, log)) = speaks(&copies).and_then(|disk| copies[disk].clone()) else { return };
    // Also where a record that does not count has a higher number.
    let live = disks.iter().zip(&copies).filter(|(disk, _)| disk.live);
    let numbers = live.filter_map(|(_, copy)| Some(copy.as_ref()?.0.sequence));
    let last = numbers.fold(newest.sequence, u64::max);
    let log = Image::decode(log).map(|(_, image)| image);
    let (mut same, mut log_same) = (newest.clone(), log.clone());
    edit(&mut same, &mut log_same);
    let behind = |disk: &DiskBuffer<'_, '_>| {
        let own = disk.pieces.first().and_then(|piece| self::newest(piece.bytes));
        own.is_some_and(|own| own.sequence != last)
    };
    // What an interrupted update left undone: another one would be written over the only good copy of
    // a disk that it did not reach.
    let undone =
        disks.iter().any(|disk| disk.live && behind(disk)) && (&same, &log_same) == (&newest, &log);
    let step = u64::from(!undone);
    for (number, disk) in disks.iter_mut().enumerate().filter(|(_, disk)| disk.live) {
        let Some(piece) = disk.pieces.first_mut() else { continue };
        let own = self::newest(piece.bytes).map_or(number as u64, |own| own.own_disk);
        let mut log = log.clone();
        let mut record = Record { own_disk: own, ..newest.clone() };
        record.sequence = last + step;
        edit(&mut record, &mut log);
        let log = log.map_or(Vec::new(), |log| log.encode(record.sequence));
        (record.log_len, record.log_sum) = (log.len() as u64, u64::from(CRC.checksum(&log)));
        let copy = (record.sequence % 2) as usize * 8 * 512;
        piece.bytes[copy..copy + 512].copy_from_slice(&record.encode());
        piece.bytes[copy + 512..][..log.len()].copy_from_slice(&log);
    }
}

impl<const LOG: bool> RunTime for Kind<LOG> {
    fn capabilities(&self) -> Capabilities {
        if LOG {
            return native::capabilities();
        }
        Capabilities {
            mark: false,
            mark_after_unclean: false,
            dirty: true,
            failure: true,
            bad_ranges: 0,
            generation_bits: 64,
        }
    }

    fn workspace(&self, disk: &DiskView<'_>) -> Option<Extent> {
        Some(Extent::new(disk.shape.blocks.0 - RESERVE, RESERVE - 64))
    }

    fn state(&self, disks: &[DiskView<'_>], array: ArrayId, set: u16) -> Option<RuntimeState> {
        let (record, _) = newest_of(disks)?;
        let told = || image(disks).map_or_else(|| record.state(set), |image| image.state);
        (record.id() == array).then(told)
    }

    fn recorded(
        &self,
        disks: &[DiskView<'_>],
        array: ArrayId,
        set: u16,
        to: &mut dyn FnMut(&dyn SetRecord),
    ) {
        match image(disks) {
            Some(image) => to(&image),
            None => self.state(disks, array, set).iter().for_each(|state| to(state)),
        }
    }

    fn set_state(
        &self,
        disks: &mut [DiskBuffer<'_, '_>],
        _: ArrayId,
        set: u16,
        stored: &dyn SetRecord,
        _: Stamp,
    ) -> Result<(), ChangeError> {
        change(disks, |record, log| {
            record.store(set, &stored.state());
            log.iter_mut().for_each(|log| match stored.is_whole() {
                true => *log = Image::from(stored),
                false => log.state = stored.state(),
            });
        });
        Ok(())
    }

    fn activate(
        &self,
        disks: &mut [DiskBuffer<'_, '_>],
        _: ArrayId,
        place: Place,
        spare: usize,
        _: Stamp,
    ) -> Result<(), ChangeError> {
        let own = newest(disks[spare].pieces[0].bytes)
            .ok_or(ChangeError::Disk { disk: spare, what: "not of this configuration" })?;
        change(disks, |record, log| {
            let running = record.running(place);
            // It may have failed in another place.
            for place in record.places.iter_mut().filter(|place| **place == own.own_disk + 1) {
                *place = 0;
            }
            record.places[running] = own.own_disk + 1;
            record.failed &= !(1 << running);
            record.rebuilding |= 1 << running;
            if let Some(Image { state, .. }) = log {
                state.failed.remove(place.slot);
                state.rebuilding.insert(place.slot);
            }
        });
        Ok(())
    }

    fn commit_step<'a>(
        &self,
        disk: &'a DiskBuffer<'_, '_>,
        index: usize,
        _: &'a mut [u8],
    ) -> Option<Step<'a>> {
        let piece = disk.pieces.first()?;
        let record = newest(piece.bytes)?;
        let block = record.sequence % 2 * 8;
        match index {
            0 => Some(Step::Write {
                at: Lba(piece.at.0 + block),
                // Torn as a whole: any block of it may be the old one.
                bytes: &piece.bytes[block as usize * 512..][..if LOG { 8 * 512 } else { 512 }],
            }),
            1 => Some(Step::Flush),
            _ => None,
        }
    }

    fn guard(&self, disk: &DiskView<'_>, index: usize) -> Option<Extent> {
        record_of(disk).filter(|_| index == 0).map(|_| area(disk.shape))
    }

    /// A copy that is torn leaves the other one: only a record that counts says who wrote.
    fn moved_on(&self, disk: &DiskView<'_>, index: usize, found: &[u8]) -> Option<MovedOn> {
        let at = self.guard(disk, index)?;
        let (held, _) = newest_copy(disk.get(at)?)?;
        let (now, _) = newest_copy(found)?;
        let moved = |what, found, expected| Some(MovedOn { at: at.start, what, found, expected });
        if now.sequence != held.sequence {
            return moved("sequence of the record", now.sequence, held.sequence);
        }
        (now != held).then(|| moved("record", now.log_sum, held.log_sum))?
    }
}

impl<const LOG: bool> Admin for Kind<LOG> {
    fn new_area(&self, shape: DiskShape, index: usize) -> Option<Extent> {
        (index == 0).then(|| area(shape))
    }

    fn usable(&self, shape: DiskShape) -> Blocks {
        Blocks(shape.blocks.0.saturating_sub(RESERVE))
    }

    fn apply(
        &self,
        disks: &mut [DiskBuffer<'_, '_>],
        change: &Change<'_>,
        stamp: Stamp,
    ) -> Result<Option<ArrayId>, ChangeError> {
        match change {
            Change::Initialise => initialise(disks),
            Change::CreateArray(request) => {
                return create_array::<LOG>(disks, request, stamp).map(Some);
            }
            Change::AssignSpare(SpareRequest {
                disk,
                serves: [],
                revertible: false,
                same_enclosure: false,
                ..
            }) => add_spare(disks, *disk),
            other => return Err(other.unsupported()),
        }
        Ok(None)
    }
}

fn initialise(disks: &mut [DiskBuffer<'_, '_>]) {
    for (number, disk) in disks.iter_mut().enumerate() {
        let blank = Record { own_disk: number as u64, ..Record::decode(&BLANK.encode()).unwrap() };
        disk.pieces[0].bytes[..512].copy_from_slice(&blank.encode());
    }
}

fn create_array<const LOG: bool>(
    disks: &mut [DiskBuffer<'_, '_>],
    request: &ArrayRequest<'_>,
    stamp: Stamp,
) -> Result<ArrayId, ChangeError> {
    let geometry = request.geometry;
    let level = LEVELS
        .iter()
        .position(|known| *known == (geometry.level, geometry.placement))
        .ok_or(ChangeError::Unsupported("level"))?;
    if LOG && geometry.sets > 1 {
        return Err(ChangeError::Unsupported("a log of several sets"));
    }
    let edit = |record: &mut Record, log: &mut Option<Image>| {
        *log = LOG.then(|| Image::plain(record.state(0)));
        record.array = stamp.random;
        record.level = level as u64;
        record.slots = u64::from(geometry.slots);
        record.sets = u64::from(geometry.sets);
        record.strip = geometry.strip.0;
        record.member_blocks = geometry.member_blocks.0;
        for (place, disk) in record.places.iter_mut().zip(request.disks) {
            *place = disk.map_or(0, |disk| disk as u64 + 1);
        }
    };
    change(disks, edit);
    let mut record = BLANK.clone();
    edit(&mut record, &mut None);
    Ok(record.id())
}

fn add_spare(disks: &mut [DiskBuffer<'_, '_>], disk: usize) {
    let blank = newest(disks[disk].pieces[0].bytes).is_none();
    if blank {
        let record = Record { own_disk: disk as u64 + 100, ..BLANK.clone() };
        disks[disk].pieces[0].bytes[..512].copy_from_slice(&record.encode());
    }
    change(disks, |_, _| ());
}

static BLANK: Record = Record {
    sequence: 0,
    own_disk: 0,
    array: 0,
    level: 0,
    placement: 0,
    slots: 0,
    sets: 0,
    strip: 0,
    member_blocks: 0,
    open: 0,
    initialisation: 2,
    failed: 0,
    rebuilding: 0,
    places: [0; 32],
    log_len: 0,
    log_sum: 0,
};
