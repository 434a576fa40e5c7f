// SPDX-License-Identifier: MIT OR Apache-2.0
//! The proven invariant, and the actions that are proven to keep it, as `proof/rust.py` prints them from the text
//! that is proven: do not edit.
//!
//! A conjunct is a `fn(&Abstract) -> bool`. [`broken`] names the first that does not hold. An [`Action`] says
//! whether it may happen in a state, and which state it leaves.

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum RegionState {
    #[default]
    Clean,
    Wanted,
    Writing,
    Dirty,
    CleanWanted,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum WindowState {
    #[default]
    Free,
    Closing,
    Active,
    Copying,
    Landed,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum StreamState {
    #[default]
    Idle,
    Flushing,
    Lowering,
    Raising,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Operation {
    #[default]
    Nothing,
    Rebuild,
    Resync,
    Scrub,
}

/// Room for rows.
pub(crate) const ROWS: usize = 6;

/// Room for records.
pub(crate) const RECORDS: usize = 12;

/// A state of the model, of a few members, rows and records.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Abstract {
    pub(crate) members: usize,
    pub(crate) rows: usize,
    pub(crate) regions: usize,
    pub(crate) flushes: usize,
    pub(crate) records: usize,
    pub(crate) region_of: [usize; 6],
    pub(crate) volatile: [bool; 4],
    pub(crate) relaxed: bool,
    pub(crate) failed: [bool; 4],
    pub(crate) filling: [bool; 4],
    pub(crate) waiting: [bool; 4],
    pub(crate) speaker: usize,
    pub(crate) set_failed: bool,
    pub(crate) strayed: [bool; 4],
    pub(crate) bad: [[bool; 6]; 4],
    pub(crate) bad_named: [[bool; 6]; 4],
    pub(crate) disk: [i16; 4],
    pub(crate) region: [RegionState; 6],
    pub(crate) owed: [bool; 6],
    pub(crate) owed_on_disk: [bool; 6],
    pub(crate) owed_prepared: [bool; 6],
    pub(crate) settled: [bool; 6],
    pub(crate) settling: [bool; 6],
    pub(crate) issued: [[bool; 6]; 4],
    pub(crate) held: [[bool; 6]; 4],
    pub(crate) flushed: [[bool; 6]; 4],
    pub(crate) durable: [[bool; 6]; 4],
    pub(crate) prepared: [[bool; 6]; 4],
    pub(crate) operation: Operation,
    pub(crate) preparing: bool,
    pub(crate) window: [WindowState; 6],
    pub(crate) buffer: [i16; 6],
    pub(crate) copying: [[bool; 6]; 4],
    pub(crate) source: [[bool; 6]; 4],
    pub(crate) in_flight: [bool; 6],
    pub(crate) fua: [bool; 6],
    pub(crate) leg: [[bool; 6]; 4],
    pub(crate) admitted: [i16; 6],
    pub(crate) completed: [i16; 6],
    pub(crate) completed_fua: [bool; 6],
    pub(crate) unanswered: [bool; 6],
    pub(crate) acked: [i16; 6],
    pub(crate) promised: [i16; 6],
    pub(crate) cached: [[i16; 6]; 4],
    pub(crate) medium: [[i16; 6]; 4],
    pub(crate) agreed: [i16; 6],
    pub(crate) stream: StreamState,
    pub(crate) finish: bool,
    pub(crate) finishing: bool,
    pub(crate) flush_leg: [bool; 4],
    pub(crate) addressed: [bool; 4],
    pub(crate) lowered: bool,
    pub(crate) named: [bool; 4],
    pub(crate) record: [i16; 4],
    pub(crate) last: i16,
    pub(crate) confirmed: i16,
    pub(crate) rec_failed: [[bool; 4]; 12],
    pub(crate) rec_untrusted: [[bool; 4]; 12],
    pub(crate) rec_dirty: [[bool; 6]; 12],
    pub(crate) rec_owed: [[bool; 6]; 12],
    pub(crate) rec_held: [[[bool; 6]; 4]; 12],
    pub(crate) rec_disk: [[i16; 4]; 12],
    pub(crate) rec_bad: [[[bool; 6]; 4]; 12],
    pub(crate) flush_open: [bool; 2],
    pub(crate) flush_due: [[bool; 4]; 2],
    pub(crate) flush_upto: [[i16; 6]; 2],
}

impl Abstract {
    /// What is not as in an empty state.
    pub(crate) fn told(&self) -> std::vec::Vec<std::string::String> {
        let (none, mut told) = (Self::default(), std::vec::Vec::new());
        if self.region_of != none.region_of { told.push(std::format!("region_of: {:?}", self.region_of)); }
        if self.volatile != none.volatile { told.push(std::format!("volatile: {:?}", self.volatile)); }
        if self.relaxed != none.relaxed { told.push(std::format!("relaxed: {:?}", self.relaxed)); }
        if self.failed != none.failed { told.push(std::format!("failed: {:?}", self.failed)); }
        if self.filling != none.filling { told.push(std::format!("filling: {:?}", self.filling)); }
        if self.waiting != none.waiting { told.push(std::format!("waiting: {:?}", self.waiting)); }
        if self.speaker != none.speaker { told.push(std::format!("speaker: {:?}", self.speaker)); }
        if self.set_failed != none.set_failed { told.push(std::format!("set_failed: {:?}", self.set_failed)); }
        if self.strayed != none.strayed { told.push(std::format!("strayed: {:?}", self.strayed)); }
        if self.bad != none.bad { told.push(std::format!("bad: {:?}", self.bad)); }
        if self.bad_named != none.bad_named { told.push(std::format!("bad_named: {:?}", self.bad_named)); }
        if self.disk != none.disk { told.push(std::format!("disk: {:?}", self.disk)); }
        if self.region != none.region { told.push(std::format!("region: {:?}", self.region)); }
        if self.owed != none.owed { told.push(std::format!("owed: {:?}", self.owed)); }
        if self.owed_on_disk != none.owed_on_disk { told.push(std::format!("owed_on_disk: {:?}", self.owed_on_disk)); }
        if self.owed_prepared != none.owed_prepared { told.push(std::format!("owed_prepared: {:?}", self.owed_prepared)); }
        if self.settled != none.settled { told.push(std::format!("settled: {:?}", self.settled)); }
        if self.settling != none.settling { told.push(std::format!("settling: {:?}", self.settling)); }
        if self.issued != none.issued { told.push(std::format!("issued: {:?}", self.issued)); }
        if self.held != none.held { told.push(std::format!("held: {:?}", self.held)); }
        if self.flushed != none.flushed { told.push(std::format!("flushed: {:?}", self.flushed)); }
        if self.durable != none.durable { told.push(std::format!("durable: {:?}", self.durable)); }
        if self.prepared != none.prepared { told.push(std::format!("prepared: {:?}", self.prepared)); }
        if self.operation != none.operation { told.push(std::format!("operation: {:?}", self.operation)); }
        if self.preparing != none.preparing { told.push(std::format!("preparing: {:?}", self.preparing)); }
        if self.window != none.window { told.push(std::format!("window: {:?}", self.window)); }
        if self.buffer != none.buffer { told.push(std::format!("buffer: {:?}", self.buffer)); }
        if self.copying != none.copying { told.push(std::format!("copying: {:?}", self.copying)); }
        if self.source != none.source { told.push(std::format!("source: {:?}", self.source)); }
        if self.in_flight != none.in_flight { told.push(std::format!("in_flight: {:?}", self.in_flight)); }
        if self.fua != none.fua { told.push(std::format!("fua: {:?}", self.fua)); }
        if self.leg != none.leg { told.push(std::format!("leg: {:?}", self.leg)); }
        if self.admitted != none.admitted { told.push(std::format!("admitted: {:?}", self.admitted)); }
        if self.completed != none.completed { told.push(std::format!("completed: {:?}", self.completed)); }
        if self.completed_fua != none.completed_fua { told.push(std::format!("completed_fua: {:?}", self.completed_fua)); }
        if self.unanswered != none.unanswered { told.push(std::format!("unanswered: {:?}", self.unanswered)); }
        if self.acked != none.acked { told.push(std::format!("acked: {:?}", self.acked)); }
        if self.promised != none.promised { told.push(std::format!("promised: {:?}", self.promised)); }
        if self.cached != none.cached { told.push(std::format!("cached: {:?}", self.cached)); }
        if self.medium != none.medium { told.push(std::format!("medium: {:?}", self.medium)); }
        if self.agreed != none.agreed { told.push(std::format!("agreed: {:?}", self.agreed)); }
        if self.stream != none.stream { told.push(std::format!("stream: {:?}", self.stream)); }
        if self.finish != none.finish { told.push(std::format!("finish: {:?}", self.finish)); }
        if self.finishing != none.finishing { told.push(std::format!("finishing: {:?}", self.finishing)); }
        if self.flush_leg != none.flush_leg { told.push(std::format!("flush_leg: {:?}", self.flush_leg)); }
        if self.addressed != none.addressed { told.push(std::format!("addressed: {:?}", self.addressed)); }
        if self.lowered != none.lowered { told.push(std::format!("lowered: {:?}", self.lowered)); }
        if self.named != none.named { told.push(std::format!("named: {:?}", self.named)); }
        if self.record != none.record { told.push(std::format!("record: {:?}", self.record)); }
        if self.last != none.last { told.push(std::format!("last: {:?}", self.last)); }
        if self.confirmed != none.confirmed { told.push(std::format!("confirmed: {:?}", self.confirmed)); }
        if self.rec_failed != none.rec_failed { told.push(std::format!("rec_failed: {:?}", self.rec_failed)); }
        if self.rec_untrusted != none.rec_untrusted { told.push(std::format!("rec_untrusted: {:?}", self.rec_untrusted)); }
        if self.rec_dirty != none.rec_dirty { told.push(std::format!("rec_dirty: {:?}", self.rec_dirty)); }
        if self.rec_owed != none.rec_owed { told.push(std::format!("rec_owed: {:?}", self.rec_owed)); }
        if self.rec_held != none.rec_held { told.push(std::format!("rec_held: {:?}", self.rec_held)); }
        if self.rec_disk != none.rec_disk { told.push(std::format!("rec_disk: {:?}", self.rec_disk)); }
        if self.rec_bad != none.rec_bad { told.push(std::format!("rec_bad: {:?}", self.rec_bad)); }
        if self.flush_open != none.flush_open { told.push(std::format!("flush_open: {:?}", self.flush_open)); }
        if self.flush_due != none.flush_due { told.push(std::format!("flush_due: {:?}", self.flush_due)); }
        if self.flush_upto != none.flush_upto { told.push(std::format!("flush_upto: {:?}", self.flush_upto)); }
        told.iter().map(|text| text.replace("false", "-").replace("true", "x")).collect()
    }

    /// The parts in which it is not the same as another state.
    pub(crate) fn apart(&self, other: &Self) -> std::vec::Vec<&'static str> {
        let mut apart = std::vec::Vec::new();
        if self.region_of != other.region_of { apart.push("region_of"); }
        if self.volatile != other.volatile { apart.push("volatile"); }
        if self.relaxed != other.relaxed { apart.push("relaxed"); }
        if self.failed != other.failed { apart.push("failed"); }
        if self.filling != other.filling { apart.push("filling"); }
        if self.waiting != other.waiting { apart.push("waiting"); }
        if self.speaker != other.speaker { apart.push("speaker"); }
        if self.set_failed != other.set_failed { apart.push("set_failed"); }
        if self.strayed != other.strayed { apart.push("strayed"); }
        if self.bad != other.bad { apart.push("bad"); }
        if self.bad_named != other.bad_named { apart.push("bad_named"); }
        if self.disk != other.disk { apart.push("disk"); }
        if self.region != other.region { apart.push("region"); }
        if self.owed != other.owed { apart.push("owed"); }
        if self.owed_on_disk != other.owed_on_disk { apart.push("owed_on_disk"); }
        if self.owed_prepared != other.owed_prepared { apart.push("owed_prepared"); }
        if self.settled != other.settled { apart.push("settled"); }
        if self.settling != other.settling { apart.push("settling"); }
        if self.issued != other.issued { apart.push("issued"); }
        if self.held != other.held { apart.push("held"); }
        if self.flushed != other.flushed { apart.push("flushed"); }
        if self.durable != other.durable { apart.push("durable"); }
        if self.prepared != other.prepared { apart.push("prepared"); }
        if self.operation != other.operation { apart.push("operation"); }
        if self.preparing != other.preparing { apart.push("preparing"); }
        if self.window != other.window { apart.push("window"); }
        if self.buffer != other.buffer { apart.push("buffer"); }
        if self.copying != other.copying { apart.push("copying"); }
        if self.source != other.source { apart.push("source"); }
        if self.in_flight != other.in_flight { apart.push("in_flight"); }
        if self.fua != other.fua { apart.push("fua"); }
        if self.leg != other.leg { apart.push("leg"); }
        if self.admitted != other.admitted { apart.push("admitted"); }
        if self.completed != other.completed { apart.push("completed"); }
        if self.completed_fua != other.completed_fua { apart.push("completed_fua"); }
        if self.unanswered != other.unanswered { apart.push("unanswered"); }
        if self.acked != other.acked { apart.push("acked"); }
        if self.promised != other.promised { apart.push("promised"); }
        if self.cached != other.cached { apart.push("cached"); }
        if self.medium != other.medium { apart.push("medium"); }
        if self.agreed != other.agreed { apart.push("agreed"); }
        if self.stream != other.stream { apart.push("stream"); }
        if self.finish != other.finish { apart.push("finish"); }
        if self.finishing != other.finishing { apart.push("finishing"); }
        if self.flush_leg != other.flush_leg { apart.push("flush_leg"); }
        if self.addressed != other.addressed { apart.push("addressed"); }
        if self.lowered != other.lowered { apart.push("lowered"); }
        if self.named != other.named { apart.push("named"); }
        if self.record != other.record { apart.push("record"); }
        if self.last != other.last { apart.push("last"); }
        if self.confirmed != other.confirmed { apart.push("confirmed"); }
        if self.rec_failed != other.rec_failed { apart.push("rec_failed"); }
        if self.rec_untrusted != other.rec_untrusted { apart.push("rec_untrusted"); }
        if self.rec_dirty != other.rec_dirty { apart.push("rec_dirty"); }
        if self.rec_owed != other.rec_owed { apart.push("rec_owed"); }
        if self.rec_held != other.rec_held { apart.push("rec_held"); }
        if self.rec_disk != other.rec_disk { apart.push("rec_disk"); }
        if self.rec_bad != other.rec_bad { apart.push("rec_bad"); }
        if self.flush_open != other.flush_open { apart.push("flush_open"); }
        if self.flush_due != other.flush_due { apart.push("flush_due"); }
        if self.flush_upto != other.flush_upto { apart.push("flush_upto"); }
        apart
    }

    /// A part as text.
    pub(crate) fn part(&self, name: &str) -> std::string::String {
        match name {
            "region_of" => std::format!("{:?}", self.region_of),
            "volatile" => std::format!("{:?}", self.volatile),
            "relaxed" => std::format!("{:?}", self.relaxed),
            "failed" => std::format!("{:?}", self.failed),
            "filling" => std::format!("{:?}", self.filling),
            "waiting" => std::format!("{:?}", self.waiting),
            "speaker" => std::format!("{:?}", self.speaker),
            "set_failed" => std::format!("{:?}", self.set_failed),
            "strayed" => std::format!("{:?}", self.strayed),
            "bad" => std::format!("{:?}", self.bad),
            "bad_named" => std::format!("{:?}", self.bad_named),
            "disk" => std::format!("{:?}", self.disk),
            "region" => std::format!("{:?}", self.region),
            "owed" => std::format!("{:?}", self.owed),
            "owed_on_disk" => std::format!("{:?}", self.owed_on_disk),
            "owed_prepared" => std::format!("{:?}", self.owed_prepared),
            "settled" => std::format!("{:?}", self.settled),
            "settling" => std::format!("{:?}", self.settling),
            "issued" => std::format!("{:?}", self.issued),
            "held" => std::format!("{:?}", self.held),
            "flushed" => std::format!("{:?}", self.flushed),
            "durable" => std::format!("{:?}", self.durable),
            "prepared" => std::format!("{:?}", self.prepared),
            "operation" => std::format!("{:?}", self.operation),
            "preparing" => std::format!("{:?}", self.preparing),
            "window" => std::format!("{:?}", self.window),
            "buffer" => std::format!("{:?}", self.buffer),
            "copying" => std::format!("{:?}", self.copying),
            "source" => std::format!("{:?}", self.source),
            "in_flight" => std::format!("{:?}", self.in_flight),
            "fua" => std::format!("{:?}", self.fua),
            "leg" => std::format!("{:?}", self.leg),
            "admitted" => std::format!("{:?}", self.admitted),
            "completed" => std::format!("{:?}", self.completed),
            "completed_fua" => std::format!("{:?}", self.completed_fua),
            "unanswered" => std::format!("{:?}", self.unanswered),
            "acked" => std::format!("{:?}", self.acked),
            "promised" => std::format!("{:?}", self.promised),
            "cached" => std::format!("{:?}", self.cached),
            "medium" => std::format!("{:?}", self.medium),
            "agreed" => std::format!("{:?}", self.agreed),
            "stream" => std::format!("{:?}", self.stream),
            "finish" => std::format!("{:?}", self.finish),
            "finishing" => std::format!("{:?}", self.finishing),
            "flush_leg" => std::format!("{:?}", self.flush_leg),
            "addressed" => std::format!("{:?}", self.addressed),
            "lowered" => std::format!("{:?}", self.lowered),
            "named" => std::format!("{:?}", self.named),
            "record" => std::format!("{:?}", self.record),
            "last" => std::format!("{:?}", self.last),
            "confirmed" => std::format!("{:?}", self.confirmed),
            "rec_failed" => std::format!("{:?}", self.rec_failed),
            "rec_untrusted" => std::format!("{:?}", self.rec_untrusted),
            "rec_dirty" => std::format!("{:?}", self.rec_dirty),
            "rec_owed" => std::format!("{:?}", self.rec_owed),
            "rec_held" => std::format!("{:?}", self.rec_held),
            "rec_disk" => std::format!("{:?}", self.rec_disk),
            "rec_bad" => std::format!("{:?}", self.rec_bad),
            "flush_open" => std::format!("{:?}", self.flush_open),
            "flush_due" => std::format!("{:?}", self.flush_due),
            "flush_upto" => std::format!("{:?}", self.flush_upto),
            _ => std::string::String::new(),
        }
    }

    /// Which parts are not as in an empty state.
    pub(crate) fn seen(&self) -> [bool; PARTS.len()] {
        let none = Self::default();
        [
            self.region_of != none.region_of,
            self.volatile != none.volatile,
            self.relaxed != none.relaxed,
            self.failed != none.failed,
            self.filling != none.filling,
            self.waiting != none.waiting,
            self.speaker != none.speaker,
            self.set_failed != none.set_failed,
            self.strayed != none.strayed,
            self.bad != none.bad,
            self.bad_named != none.bad_named,
            self.disk != none.disk,
            self.region != none.region,
            self.owed != none.owed,
            self.owed_on_disk != none.owed_on_disk,
            self.owed_prepared != none.owed_prepared,
            self.settled != none.settled,
            self.settling != none.settling,
            self.issued != none.issued,
            self.held != none.held,
            self.flushed != none.flushed,
            self.durable != none.durable,
            self.prepared != none.prepared,
            self.operation != none.operation,
            self.preparing != none.preparing,
            self.window != none.window,
            self.buffer != none.buffer,
            self.copying != none.copying,
            self.source != none.source,
            self.in_flight != none.in_flight,
            self.fua != none.fua,
            self.leg != none.leg,
            self.admitted != none.admitted,
            self.completed != none.completed,
            self.completed_fua != none.completed_fua,
            self.unanswered != none.unanswered,
            self.acked != none.acked,
            self.promised != none.promised,
            self.cached != none.cached,
            self.medium != none.medium,
            self.agreed != none.agreed,
            self.stream != none.stream,
            self.finish != none.finish,
            self.finishing != none.finishing,
            self.flush_leg != none.flush_leg,
            self.addressed != none.addressed,
            self.lowered != none.lowered,
            self.named != none.named,
            self.record != none.record,
            self.last != none.last,
            self.confirmed != none.confirmed,
            self.rec_failed != none.rec_failed,
            self.rec_untrusted != none.rec_untrusted,
            self.rec_dirty != none.rec_dirty,
            self.rec_owed != none.rec_owed,
            self.rec_held != none.rec_held,
            self.rec_disk != none.rec_disk,
            self.rec_bad != none.rec_bad,
            self.flush_open != none.flush_open,
            self.flush_due != none.flush_due,
            self.flush_upto != none.flush_upto,
        ]
    }

    /// Takes a part back to an empty state.
    pub(crate) fn forget(&mut self, part: usize) {
        let none = Self::default();
        match part {
            0 => self.region_of = none.region_of,
            1 => self.volatile = none.volatile,
            2 => self.relaxed = none.relaxed,
            3 => self.failed = none.failed,
            4 => self.filling = none.filling,
            5 => self.waiting = none.waiting,
            6 => self.speaker = none.speaker,
            7 => self.set_failed = none.set_failed,
            8 => self.strayed = none.strayed,
            9 => self.bad = none.bad,
            10 => self.bad_named = none.bad_named,
            11 => self.disk = none.disk,
            12 => self.region = none.region,
            13 => self.owed = none.owed,
            14 => self.owed_on_disk = none.owed_on_disk,
            15 => self.owed_prepared = none.owed_prepared,
            16 => self.settled = none.settled,
            17 => self.settling = none.settling,
            18 => self.issued = none.issued,
            19 => self.held = none.held,
            20 => self.flushed = none.flushed,
            21 => self.durable = none.durable,
            22 => self.prepared = none.prepared,
            23 => self.operation = none.operation,
            24 => self.preparing = none.preparing,
            25 => self.window = none.window,
            26 => self.buffer = none.buffer,
            27 => self.copying = none.copying,
            28 => self.source = none.source,
            29 => self.in_flight = none.in_flight,
            30 => self.fua = none.fua,
            31 => self.leg = none.leg,
            32 => self.admitted = none.admitted,
            33 => self.completed = none.completed,
            34 => self.completed_fua = none.completed_fua,
            35 => self.unanswered = none.unanswered,
            36 => self.acked = none.acked,
            37 => self.promised = none.promised,
            38 => self.cached = none.cached,
            39 => self.medium = none.medium,
            40 => self.agreed = none.agreed,
            41 => self.stream = none.stream,
            42 => self.finish = none.finish,
            43 => self.finishing = none.finishing,
            44 => self.flush_leg = none.flush_leg,
            45 => self.addressed = none.addressed,
            46 => self.lowered = none.lowered,
            47 => self.named = none.named,
            48 => self.record = none.record,
            49 => self.last = none.last,
            50 => self.confirmed = none.confirmed,
            51 => self.rec_failed = none.rec_failed,
            52 => self.rec_untrusted = none.rec_untrusted,
            53 => self.rec_dirty = none.rec_dirty,
            54 => self.rec_owed = none.rec_owed,
            55 => self.rec_held = none.rec_held,
            56 => self.rec_disk = none.rec_disk,
            57 => self.rec_bad = none.rec_bad,
            58 => self.flush_open = none.flush_open,
            59 => self.flush_due = none.flush_due,
            60 => self.flush_upto = none.flush_upto,
            _ => {}
        }
    }
}

/// The parts of a state.
pub(crate) const PARTS: &[&str] = &[
    "region_of",
    "volatile",
    "relaxed",
    "failed",
    "filling",
    "waiting",
    "speaker",
    "set_failed",
    "strayed",
    "bad",
    "bad_named",
    "disk",
    "region",
    "owed",
    "owed_on_disk",
    "owed_prepared",
    "settled",
    "settling",
    "issued",
    "held",
    "flushed",
    "durable",
    "prepared",
    "operation",
    "preparing",
    "window",
    "buffer",
    "copying",
    "source",
    "in_flight",
    "fua",
    "leg",
    "admitted",
    "completed",
    "completed_fua",
    "unanswered",
    "acked",
    "promised",
    "cached",
    "medium",
    "agreed",
    "stream",
    "finish",
    "finishing",
    "flush_leg",
    "addressed",
    "lowered",
    "named",
    "record",
    "last",
    "confirmed",
    "rec_failed",
    "rec_untrusted",
    "rec_dirty",
    "rec_owed",
    "rec_held",
    "rec_disk",
    "rec_bad",
    "flush_open",
    "flush_due",
    "flush_upto",
];

type Conjunct = (&'static str, fn(&Abstract) -> bool);

/// Every conjunct.
pub(crate) const ALL: &[Conjunct] = &[
    ("p0_somebody_is_trusted", p0_somebody_is_trusted),
    ("p1_no_acknowledged_write_is_lost", p1_no_acknowledged_write_is_lost),
    ("p1_copies_that_are_read_agree", p1_copies_that_are_read_agree),
    ("p2_no_mark_is_ahead_of_flushed_data", p2_no_mark_is_ahead_of_flushed_data),
    ("p3_copies_agree_or_are_owed", p3_copies_agree_or_are_owed),
    ("p4_no_copy_beside_a_write", p4_no_copy_beside_a_write),
    ("a1_one_state_of_a_member", a1_one_state_of_a_member),
    ("a2_legs_of_a_write", a2_legs_of_a_write),
    ("a3_legs_of_a_copy", a3_legs_of_a_copy),
    ("a4_windows_of_an_operation", a4_windows_of_an_operation),
    ("a5_cleaning_in_a_raise", a5_cleaning_in_a_raise),
    ("a6_dirty_record_under_way", a6_dirty_record_under_way),
    ("a7_flush_under_way", a7_flush_under_way),
    ("a8_finish_in_a_raise", a8_finish_in_a_raise),
    ("a9_strayed_is_away", a9_strayed_is_away),
    ("b1_positions_are_in_order", b1_positions_are_in_order),
    ("b2_held_is_issued", b2_held_is_issued),
    ("b3_owed_is_not_held", b3_owed_is_not_held),
    ("b4_rebuild_of_copies_that_agree", b4_rebuild_of_copies_that_agree),
    ("b5_open_is_issued", b5_open_is_issued),
    ("b6_owed_for_longer_on_disk", b6_owed_for_longer_on_disk),
    ("c1_versions_are_in_order", c1_versions_are_in_order),
    ("c2_agreed_is_not_older", c2_agreed_is_not_older),
    ("c3_agreed_where_a_record_says_equal", c3_agreed_where_a_record_says_equal),
    ("d1_quiet_copies_agree", d1_quiet_copies_agree),
    ("d2_not_reached_yet", d2_not_reached_yet),
    ("d3_reached", d3_reached),
    ("d4_trusted_is_not_older", d4_trusted_is_not_older),
    ("d5_no_cache", d5_no_cache),
    ("d6_a_write_is_in_a_dirty_region", d6_a_write_is_in_a_dirty_region),
    ("e1_sources", e1_sources),
    ("e2_buffer", e2_buffer),
    ("e3_copied", e3_copied),
    ("e4_copies_of_equal_rows", e4_copies_of_equal_rows),
    ("f1_numbers_of_records", f1_numbers_of_records),
    ("f2_dirty_in_all_records", f2_dirty_in_all_records),
    ("f3_dirty_in_the_record_under_way", f3_dirty_in_the_record_under_way),
    ("f4_cleaning_is_dirty_before", f4_cleaning_is_dirty_before),
    ("f5_nothing_lowered", f5_nothing_lowered),
    ("f6_once_named_never_trusted", f6_once_named_never_trusted),
    ("f7_trusted_is_not_named", f7_trusted_is_not_named),
    ("f8_failed_is_untrusted", f8_failed_is_untrusted),
    ("f9_trusted_is_addressed", f9_trusted_is_addressed),
    ("f10_disks_of_records", f10_disks_of_records),
    ("f11_bad_ranges_only_grow", f11_bad_ranges_only_grow),
    ("f12_bad_ranges_of_all_records", f12_bad_ranges_of_all_records),
    ("f13_bad_ranges_recorded", f13_bad_ranges_recorded),
    ("g1_promised_is_on_the_media", g1_promised_is_on_the_media),
    ("g2_trusted_has_what_is_promised", g2_trusted_has_what_is_promised),
    ("g3_durable_write_reached", g3_durable_write_reached),
    ("g4_user_flush_reached", g4_user_flush_reached),
    ("g5_clean_is_on_the_media", g5_clean_is_on_the_media),
    ("g6_clean_for_all_records", g6_clean_for_all_records),
    ("g7_cleaning_is_on_the_media", g7_cleaning_is_on_the_media),
    ("g8_cleaning_for_all_records", g8_cleaning_for_all_records),
    ("g9_accounts_hold", g9_accounts_hold),
    ("g10_called_equal_is_still", g10_called_equal_is_still),
    ("g11_called_equal_by_another", g11_called_equal_by_another),
    ("g12_settled_is_on_the_media", g12_settled_is_on_the_media),
    ("g13_settling_is_on_the_media", g13_settling_is_on_the_media),
    ("h1_all_is_held", h1_all_is_held),
    ("h2_no_window_is_open", h2_no_window_is_open),
    ("h3_the_last_record_names_the_target", h3_the_last_record_names_the_target),
    ("h4_the_target_has_what_is_promised", h4_the_target_has_what_is_promised),
    ("h5_the_target_has_what_is_flushed", h5_the_target_has_what_is_flushed),
    ("h6_the_target_is_clean", h6_the_target_is_clean),
    ("h7_the_target_for_other_records", h7_the_target_for_other_records),
    ("h8_the_image_under_way", h8_the_image_under_way),
    ("h9_the_target_is_settled", h9_the_target_is_settled),
];

/// Those that speak of what is on a medium.
pub(crate) const OF_MEDIA: &[Conjunct] = &[
    ("p2_no_mark_is_ahead_of_flushed_data", p2_no_mark_is_ahead_of_flushed_data),
    ("p3_copies_agree_or_are_owed", p3_copies_agree_or_are_owed),
    ("d5_no_cache", d5_no_cache),
    ("g1_promised_is_on_the_media", g1_promised_is_on_the_media),
    ("g2_trusted_has_what_is_promised", g2_trusted_has_what_is_promised),
    ("g3_durable_write_reached", g3_durable_write_reached),
    ("g4_user_flush_reached", g4_user_flush_reached),
    ("g5_clean_is_on_the_media", g5_clean_is_on_the_media),
    ("g6_clean_for_all_records", g6_clean_for_all_records),
    ("g7_cleaning_is_on_the_media", g7_cleaning_is_on_the_media),
    ("g8_cleaning_for_all_records", g8_cleaning_for_all_records),
    ("g9_accounts_hold", g9_accounts_hold),
    ("g10_called_equal_is_still", g10_called_equal_is_still),
    ("g11_called_equal_by_another", g11_called_equal_by_another),
    ("g12_settled_is_on_the_media", g12_settled_is_on_the_media),
    ("g13_settling_is_on_the_media", g13_settling_is_on_the_media),
    ("h4_the_target_has_what_is_promised", h4_the_target_has_what_is_promised),
    ("h5_the_target_has_what_is_flushed", h5_the_target_has_what_is_flushed),
    ("h6_the_target_is_clean", h6_the_target_is_clean),
    ("h7_the_target_for_other_records", h7_the_target_for_other_records),
    ("h9_the_target_is_settled", h9_the_target_is_settled),
];

/// A set that has not failed has a member that holds the data.
fn p0_somebody_is_trusted(s: &Abstract) -> bool {
    (s.set_failed || (!s.failed[s.speaker] && !s.filling[s.speaker] && !s.waiting[s.speaker]))
}

/// What a read gives is what was acknowledged, or newer; after a restart: what was promised.
fn p1_no_acknowledged_write_is_lost(s: &Abstract) -> bool {
    (0..s.members).all(|m0| s.set_failed || (0..s.rows).all(|r1| !(((!s.failed[m0] && !s.filling[m0] && !s.waiting[m0] && (!s.owed[r1] || (m0 == s.speaker))) || (s.filling[m0] && s.held[m0][r1] && !s.owed[r1]))) || s.bad[m0][r1] || ((s.acked[r1] <= s.cached[m0][r1]) && (s.cached[m0][r1] <= s.admitted[r1]))))
}

/// Two reads of a row that nobody writes give the same, whoever answers.
fn p1_copies_that_are_read_agree(s: &Abstract) -> bool {
    (0..s.members).all(|m0| s.set_failed || (0..s.members).all(|m1| (0..s.rows).all(|r2| !(((!s.failed[m0] && !s.filling[m0] && !s.waiting[m0] && (!s.owed[r2] || (m0 == s.speaker))) || (s.filling[m0] && s.held[m0][r2] && !s.owed[r2]))) || s.bad[m0][r2] || !(((!s.failed[m1] && !s.filling[m1] && !s.waiting[m1] && (!s.owed[r2] || (m1 == s.speaker))) || (s.filling[m1] && s.held[m1][r2] && !s.owed[r2]))) || s.bad[m1][r2] || s.in_flight[r2] || (s.cached[m0][r2] == s.cached[m1][r2]))))
}

/// What a record claims of a member that it does not trust is on the medium.
fn p2_no_mark_is_ahead_of_flushed_data(s: &Abstract) -> bool {
    (0..s.records).all(|i0| !((s.confirmed <= (i0 as i16))) || !(((i0 as i16) <= s.last)) || (0..s.members).all(|m1| !((s.rec_disk[i0][m1] == s.disk[m1])) || s.strayed[m1] || (0..s.rows).all(|r2| !s.rec_held[i0][m1][r2] || s.rec_bad[i0][m1][r2] || s.rec_dirty[i0][s.region_of[r2]] || s.rec_owed[i0][r2] || (s.medium[m1][r2] == s.agreed[r2]))))
}

/// On the media of all whom a record trusts is the same, unless the record owes the row a resync.
fn p3_copies_agree_or_are_owed(s: &Abstract) -> bool {
    (0..s.records).all(|i0| !((s.confirmed <= (i0 as i16))) || !(((i0 as i16) <= s.last)) || (0..s.members).all(|m1| s.rec_untrusted[i0][m1] || (0..s.rows).all(|r2| s.rec_bad[i0][m1][r2] || s.rec_dirty[i0][s.region_of[r2]] || s.rec_owed[i0][r2] || (s.medium[m1][r2] == s.agreed[r2]))))
}

/// While a copy of a row is commanded, no write of the row is in flight.
fn p4_no_copy_beside_a_write(s: &Abstract) -> bool {
    (0..s.rows).all(|r0| !(((s.window[r0] == WindowState::Active) || (s.window[r0] == WindowState::Copying))) || !s.in_flight[r0])
}

/// Nobody is two of failed, filling, waiting.
fn a1_one_state_of_a_member(s: &Abstract) -> bool {
    (0..s.members).all(|m0| (!((s.failed[m0] && s.filling[m0])) && !((s.failed[m0] && s.waiting[m0])) && !((s.filling[m0] && s.waiting[m0]))))
}

/// Only a write in flight has legs.
fn a2_legs_of_a_write(s: &Abstract) -> bool {
    (0..s.members).all(|m0| (0..s.rows).all(|r1| !s.leg[m0][r1] || s.in_flight[r1]))
}

/// Only a copy under way has targets.
fn a3_legs_of_a_copy(s: &Abstract) -> bool {
    (0..s.members).all(|m0| (0..s.rows).all(|r1| !s.copying[m0][r1] || (s.window[r1] == WindowState::Copying)))
}

/// Windows belong to an operation that runs.
fn a4_windows_of_an_operation(s: &Abstract) -> bool {
    (0..s.rows).all(|r0| (s.window[r0] == WindowState::Free) || (!((s.operation == Operation::Nothing)) && !s.preparing))
}

/// A region becomes clean only with a record that raises.
fn a5_cleaning_in_a_raise(s: &Abstract) -> bool {
    (0..s.regions).all(|r0| !((s.region[r0] == RegionState::CleanWanted)) || (s.stream == StreamState::Flushing) || (s.stream == StreamState::Raising))
}

/// A region's dirty record is under way only while one that lowers is.
fn a6_dirty_record_under_way(s: &Abstract) -> bool {
    (0..s.regions).all(|r0| !((s.region[r0] == RegionState::Writing)) || (s.stream == StreamState::Lowering))
}

/// Flushes of a raise are under way only while it waits for them.
fn a7_flush_under_way(s: &Abstract) -> bool {
    (0..s.members).all(|m0| !s.flush_leg[m0] || (s.stream == StreamState::Flushing))
}

/// A rebuild ends with a record that raises.
fn a8_finish_in_a_raise(s: &Abstract) -> bool {
    ((!s.finish || (s.stream == StreamState::Flushing) || (s.stream == StreamState::Raising)) && (!s.finishing || s.finish) && (!((s.finish && (s.stream == StreamState::Flushing) && !s.lowered)) || s.finishing))
}

/// A disk that went on alone is away, and trusted by no record that may be found.
fn a9_strayed_is_away(s: &Abstract) -> bool {
    ((0..s.members).all(|m0| !s.strayed[m0] || s.failed[m0] || s.set_failed) && (0..s.records).all(|i1| !((s.confirmed <= (i1 as i16))) || !(((i1 as i16) <= s.last)) || (0..s.members).all(|m2| !s.strayed[m2] || s.rec_untrusted[i1][m2])))
}

/// durable, flushed and prepared are within held.
fn b1_positions_are_in_order(s: &Abstract) -> bool {
    (0..s.members).all(|m0| (!s.failed[m0] && !s.filling[m0] && !s.waiting[m0]) || (0..s.rows).all(|r1| ((!s.flushed[m0][r1] || s.held[m0][r1]) && (!s.durable[m0][r1] || s.flushed[m0][r1]) && (!s.prepared[m0][r1] || s.held[m0][r1]))))
}

/// What a member being filled holds is written there.
fn b2_held_is_issued(s: &Abstract) -> bool {
    (0..s.members).all(|m0| !s.filling[m0] || (0..s.rows).all(|r1| !s.held[m0][r1] || s.issued[m0][r1]))
}

/// Nobody who is not trusted holds a row whose copies differ.
fn b3_owed_is_not_held(s: &Abstract) -> bool {
    (0..s.members).all(|m0| (!s.failed[m0] && !s.filling[m0] && !s.waiting[m0]) || (0..s.rows).all(|r1| !s.owed[r1] || !s.held[m0][r1]))
}

/// A rebuild finds copies that agree.
fn b4_rebuild_of_copies_that_agree(s: &Abstract) -> bool {
    (0..s.rows).all(|r0| !((s.operation == Operation::Rebuild)) || !s.owed[r0])
}

/// From the opening of its window on, a row is written on the targets.
fn b5_open_is_issued(s: &Abstract) -> bool {
    (0..s.members).all(|m0| !((s.operation == Operation::Rebuild)) || !s.filling[m0] || (0..s.rows).all(|r1| (s.window[r1] == WindowState::Free) || s.issued[m0][r1]))
}

/// What is owed is owed by every record, until a flush and a record after it.
fn b6_owed_for_longer_on_disk(s: &Abstract) -> bool {
    (0..s.rows).all(|r0| ((!s.owed[r0] || s.owed_on_disk[r0]) && (!(((s.stream == StreamState::Flushing) || (s.stream == StreamState::Raising))) || ((!s.owed[r0] || s.owed_prepared[r0]) && (!s.owed_prepared[r0] || s.owed_on_disk[r0])))))
}

/// promised ≤ acknowledged ≤ completed ≤ admitted.
fn c1_versions_are_in_order(s: &Abstract) -> bool {
    (0..s.rows).all(|r0| ((s.promised[r0] <= s.acked[r0]) && (s.acked[r0] <= s.admitted[r0]) && (s.completed[r0] <= s.admitted[r0]) && (0 <= s.promised[r0]) && (!s.unanswered[r0] || (s.acked[r0] <= s.completed[r0])) && (!s.in_flight[r0] || ((s.acked[r0] < s.admitted[r0]) && (s.completed[r0] < s.admitted[r0])))))
}

/// The version that copies agree on is the one that users wait for, or know.
fn c2_agreed_is_not_older(s: &Abstract) -> bool {
    (0..s.rows).all(|r0| ((s.agreed[r0] <= s.admitted[r0]) && (!((!s.owed[r0] && !s.set_failed)) || ((s.acked[r0] <= s.agreed[r0]) && (!s.unanswered[r0] || (s.completed[r0] <= s.agreed[r0]))))))
}

/// So it is in every row that some record calls equal, whatever is owed now.
fn c3_agreed_where_a_record_says_equal(s: &Abstract) -> bool {
    (0..s.records).all(|i0| !((s.confirmed <= (i0 as i16))) || !(((i0 as i16) <= s.last)) || (0..s.rows).all(|r1| s.rec_dirty[i0][s.region_of[r1]] || s.rec_owed[i0][r1] || ((s.acked[r1] <= s.agreed[r1]) && (!s.unanswered[r1] || (s.completed[r1] <= s.agreed[r1])))))
}

/// Who is counted on holds the agreed version of a row that nobody writes.
fn d1_quiet_copies_agree(s: &Abstract) -> bool {
    (0..s.members).all(|m0| s.set_failed || (0..s.rows).all(|r1| !(((!s.failed[m0] && !s.filling[m0] && !s.waiting[m0]) || ((s.filling[m0] || s.waiting[m0]) && s.held[m0][r1]) || ((s.window[r1] == WindowState::Landed) && (s.operation == Operation::Rebuild) && s.filling[m0] && s.issued[m0][r1]))) || s.bad[m0][r1] || s.owed[r1] || s.in_flight[r1] || (s.cached[m0][r1] == s.agreed[r1])))
}

/// Whom a write has not reached holds what it held.
fn d2_not_reached_yet(s: &Abstract) -> bool {
    (0..s.members).all(|m0| s.set_failed || (0..s.rows).all(|r1| !(((!s.failed[m0] && !s.filling[m0] && !s.waiting[m0]) || ((s.filling[m0] || s.waiting[m0]) && s.held[m0][r1]) || ((s.window[r1] == WindowState::Landed) && (s.operation == Operation::Rebuild) && s.filling[m0] && s.issued[m0][r1]))) || s.bad[m0][r1] || s.owed[r1] || !s.in_flight[r1] || !s.leg[m0][r1] || (s.cached[m0][r1] == s.agreed[r1])))
}

/// Whom a write has reached holds it.
fn d3_reached(s: &Abstract) -> bool {
    (0..s.members).all(|m0| s.set_failed || (0..s.rows).all(|r1| !(((!s.failed[m0] && !s.filling[m0] && !s.waiting[m0]) || ((s.filling[m0] || s.waiting[m0]) && s.held[m0][r1]) || ((s.window[r1] == WindowState::Landed) && (s.operation == Operation::Rebuild) && s.filling[m0] && s.issued[m0][r1]))) || s.bad[m0][r1] || !s.in_flight[r1] || s.leg[m0][r1] || (s.cached[m0][r1] == s.admitted[r1])))
}

/// A trusted member holds what was acknowledged, also where copies differ.
fn d4_trusted_is_not_older(s: &Abstract) -> bool {
    (0..s.members).all(|m0| s.failed[m0] || s.filling[m0] || s.waiting[m0] || (0..s.rows).all(|r1| s.bad[m0][r1] || ((s.acked[r1] <= s.cached[m0][r1]) && (s.cached[m0][r1] <= s.admitted[r1]) && (!s.unanswered[r1] || (s.completed[r1] <= s.cached[m0][r1])))))
}

/// Without a cache, what is read is on the medium.
fn d5_no_cache(s: &Abstract) -> bool {
    (0..s.members).all(|m0| s.volatile[m0] || (0..s.rows).all(|r1| (s.cached[m0][r1] == s.medium[m0][r1])))
}

/// A region with a write in flight is dirty.
fn d6_a_write_is_in_a_dirty_region(s: &Abstract) -> bool {
    (0..s.rows).all(|r0| !s.in_flight[r0] || (s.region[s.region_of[r0]] == RegionState::Dirty))
}

/// A source that a commanded copy may read holds the data, also if it has failed since.
fn e1_sources(s: &Abstract) -> bool {
    (0..s.members).all(|m0| s.strayed[m0] || (0..s.rows).all(|r1| !((s.window[r1] == WindowState::Active)) || !s.source[m0][r1] || ((s.acked[r1] <= s.cached[m0][r1]) && (s.cached[m0][r1] <= s.admitted[r1]) && (!s.unanswered[r1] || (s.completed[r1] <= s.cached[m0][r1])) && (!((!s.owed[r1] && !s.set_failed)) || (s.cached[m0][r1] == s.agreed[r1])))))
}

/// So does what was read from it.
fn e2_buffer(s: &Abstract) -> bool {
    (0..s.rows).all(|r0| !((s.window[r0] == WindowState::Copying)) || ((s.acked[r0] <= s.buffer[r0]) && (s.buffer[r0] <= s.admitted[r0]) && (!s.unanswered[r0] || (s.completed[r0] <= s.buffer[r0])) && (!((!s.owed[r0] && !s.set_failed)) || (s.buffer[r0] == s.agreed[r0]))))
}

/// A target that the copy has reached, or needed not to, holds the same.
fn e3_copied(s: &Abstract) -> bool {
    (0..s.members).all(|m0| !(((!s.failed[m0] && !s.filling[m0] && !s.waiting[m0]) || ((s.operation == Operation::Rebuild) && s.filling[m0]))) || s.set_failed || (0..s.rows).all(|r1| !((s.window[r1] == WindowState::Copying)) || s.copying[m0][r1] || s.bad[m0][r1] || (s.cached[m0][r1] == s.buffer[r1])))
}

/// A copy of a row that some record calls equal changes nothing there.
fn e4_copies_of_equal_rows(s: &Abstract) -> bool {
    (0..s.records).all(|i0| !((s.confirmed <= (i0 as i16))) || !(((i0 as i16) <= s.last)) || (0..s.members).all(|m1| (0..s.rows).all(|r2| s.rec_dirty[i0][s.region_of[r2]] || s.rec_owed[i0][r2] || ((!((s.window[r2] == WindowState::Copying)) || (s.buffer[r2] == s.agreed[r2])) && (!(((s.window[r2] == WindowState::Active) && s.source[m1][r2] && !s.strayed[m1])) || (s.cached[m1][r2] == s.agreed[r2]))))))
}

/// Whom the confirmed record trusts holds it, or a newer one.
fn f1_numbers_of_records(s: &Abstract) -> bool {
    ((0 <= s.confirmed) && (s.confirmed <= s.last) && (!(((s.stream == StreamState::Lowering) || (s.stream == StreamState::Raising))) || (s.confirmed < s.last)) && (0..s.members).all(|m0| ((s.record[m0] <= s.last) && (s.rec_untrusted[s.confirmed as usize][m0] || (s.confirmed <= s.record[m0])))))
}

/// A dirty region is dirty in every record that may be found.
fn f2_dirty_in_all_records(s: &Abstract) -> bool {
    (0..s.records).all(|i0| !((s.confirmed <= (i0 as i16))) || !(((i0 as i16) <= s.last)) || (0..s.regions).all(|r1| !((s.region[r1] == RegionState::Dirty)) || s.rec_dirty[i0][r1]))
}

/// A region whose dirty record is under way is dirty in it.
fn f3_dirty_in_the_record_under_way(s: &Abstract) -> bool {
    (0..s.regions).all(|r0| !((s.region[r0] == RegionState::Writing)) || s.rec_dirty[s.last as usize][r0])
}

/// A region being cleaned is dirty in all records but the one that cleans it.
fn f4_cleaning_is_dirty_before(s: &Abstract) -> bool {
    (0..s.records).all(|i0| !((s.confirmed <= (i0 as i16))) || !(((i0 as i16) <= s.last)) || !((!((s.stream == StreamState::Raising)) || ((i0 as i16) < s.last))) || (0..s.regions).all(|r1| !((s.region[r1] == RegionState::CleanWanted)) || s.rec_dirty[i0][r1]))
}

/// Where nothing was lowered, the last record says who is trusted, and no record that may be found trusts anybody else, nor a bad range.
fn f5_nothing_lowered(s: &Abstract) -> bool {
    (!((!s.lowered && !(((s.stream == StreamState::Lowering) || (s.stream == StreamState::Raising))))) || ((0..s.records).all(|i0| !((s.confirmed <= (i0 as i16))) || !(((i0 as i16) <= s.last)) || (0..s.members).all(|m1| s.rec_untrusted[i0][m1] || (0..s.rows).all(|r2| (!s.failed[m1] && !s.filling[m1] && !s.waiting[m1] && (!s.bad[m1][r2] || s.rec_bad[i0][m1][r2]))))) && (0..s.members).all(|m3| (s.rec_untrusted[s.last as usize][m3] == !((!s.failed[m3] && !s.filling[m3] && !s.waiting[m3]))))))
}

/// Once the recorded image names all who are not trusted, no record that may be found trusts one of them: this is why acknowledgements are held.
fn f6_once_named_never_trusted(s: &Abstract) -> bool {
    (!(0..s.members).all(|m0| (!s.failed[m0] && !s.filling[m0] && !s.waiting[m0]) || s.named[m0]) || (0..s.records).all(|i1| !((s.confirmed <= (i1 as i16))) || !(((i1 as i16) <= s.last)) || !((!(((s.stream == StreamState::Lowering) || (s.stream == StreamState::Raising))) || ((i1 as i16) < s.last))) || (0..s.members).all(|m2| s.rec_untrusted[i1][m2] || (!s.failed[m2] && !s.filling[m2] && !s.waiting[m2]))))
}

/// Nobody who is trusted is named, and the record under way goes to all of them.
fn f7_trusted_is_not_named(s: &Abstract) -> bool {
    (0..s.members).all(|m0| s.failed[m0] || s.filling[m0] || s.waiting[m0] || (!s.named[m0] && (!(((s.stream == StreamState::Lowering) || (s.stream == StreamState::Raising))) || (!s.rec_untrusted[s.last as usize][m0] && s.addressed[m0]))))
}

/// A record that calls a member failed does not trust it.
fn f8_failed_is_untrusted(s: &Abstract) -> bool {
    (0..s.records).all(|i0| !((s.confirmed <= (i0 as i16))) || !(((i0 as i16) <= s.last)) || (0..s.members).all(|m1| !s.rec_failed[i0][m1] || s.rec_untrusted[i0][m1]))
}

/// The record under way goes to all whom it trusts.
fn f9_trusted_is_addressed(s: &Abstract) -> bool {
    (0..s.members).all(|m0| !(((s.stream == StreamState::Lowering) || (s.stream == StreamState::Raising))) || s.rec_untrusted[s.last as usize][m0] || s.addressed[m0])
}

/// No record names a disk that is to come.
fn f10_disks_of_records(s: &Abstract) -> bool {
    (0..s.records).all(|i0| !((s.confirmed <= (i0 as i16))) || !(((i0 as i16) <= s.last)) || (0..s.members).all(|m1| (s.rec_disk[i0][m1] <= s.disk[m1])))
}

/// No record names a bad range of a trusted member that is none.
fn f11_bad_ranges_only_grow(s: &Abstract) -> bool {
    (0..s.members).all(|m0| s.failed[m0] || s.filling[m0] || s.waiting[m0] || (0..s.rows).all(|r1| s.bad[m0][r1] || (!s.bad_named[m0][r1] && (!(((s.stream == StreamState::Lowering) || (s.stream == StreamState::Raising))) || !s.rec_bad[s.last as usize][m0][r1]))))
}

/// Once the recorded image names a bad range, no record that may be found takes it for good on a member that it trusts.
fn f12_bad_ranges_of_all_records(s: &Abstract) -> bool {
    (!(0..s.members).all(|m0| (!s.failed[m0] && !s.filling[m0] && !s.waiting[m0]) || s.named[m0]) || (0..s.records).all(|i1| !((s.confirmed <= (i1 as i16))) || !(((i1 as i16) <= s.last)) || !((!(((s.stream == StreamState::Lowering) || (s.stream == StreamState::Raising))) || ((i1 as i16) < s.last))) || (0..s.members).all(|m2| s.rec_untrusted[i1][m2] || (0..s.rows).all(|r3| s.rec_bad[i1][m2][r3] || !s.bad[m2][r3] || !s.bad_named[m2][r3]))))
}

/// Where nothing was lowered, the last record has the list; so has the one under way.
fn f13_bad_ranges_recorded(s: &Abstract) -> bool {
    (s.lowered || (0..s.members).all(|m0| (0..s.rows).all(|r1| !s.bad[m0][r1] || s.rec_bad[s.last as usize][m0][r1])))
}

/// Whom a record that may be found trusts has what was promised on its medium.
fn g1_promised_is_on_the_media(s: &Abstract) -> bool {
    (0..s.records).all(|i0| !((s.confirmed <= (i0 as i16))) || !(((i0 as i16) <= s.last)) || (0..s.members).all(|m1| s.rec_untrusted[i0][m1] || (0..s.rows).all(|r2| s.rec_bad[i0][m1][r2] || ((s.promised[r2] <= s.medium[m1][r2]) && (s.medium[m1][r2] <= s.admitted[r2]) && (s.promised[r2] <= s.cached[m1][r2]) && (s.cached[m1][r2] <= s.admitted[r2])))))
}

/// So has who is trusted, and a durable write that is still to be acknowledged as well.
fn g2_trusted_has_what_is_promised(s: &Abstract) -> bool {
    (0..s.members).all(|m0| s.failed[m0] || s.filling[m0] || s.waiting[m0] || (0..s.rows).all(|r1| s.bad[m0][r1] || ((s.promised[r1] <= s.medium[m0][r1]) && (s.medium[m0][r1] <= s.admitted[r1]) && (!((s.unanswered[r1] && s.completed_fua[r1])) || (s.completed[r1] <= s.medium[m0][r1])))))
}

/// A durable write is on the media that it has reached.
fn g3_durable_write_reached(s: &Abstract) -> bool {
    (0..s.members).all(|m0| !(((!s.failed[m0] && !s.filling[m0] && !s.waiting[m0]) || (s.finish && s.filling[m0] && !s.set_failed && (((s.stream == StreamState::Flushing) && !s.flush_leg[m0] && !s.lowered) || ((s.stream == StreamState::Raising) && s.finishing))))) || s.set_failed || (0..s.rows).all(|r1| !s.in_flight[r1] || !s.fua[r1] || s.leg[m0][r1] || s.bad[m0][r1] || (s.medium[m0][r1] == s.admitted[r1])))
}

/// What a user's flush has reached is on the medium.
fn g4_user_flush_reached(s: &Abstract) -> bool {
    (0..s.flushes).all(|u0| !s.flush_open[u0] || (0..s.members).all(|m1| (0..s.rows).all(|r2| ((s.flush_upto[u0][r2] <= s.acked[r2]) && (!((!s.failed[m1] && !s.filling[m1] && !s.waiting[m1] && !s.bad[m1][r2] && !s.flush_due[u0][m1])) || (s.flush_upto[u0][r2] <= s.medium[m1][r2]))))))
}

/// A clean region that nothing is owed in is on the media of all who are counted on.
fn g5_clean_is_on_the_media(s: &Abstract) -> bool {
    (0..s.members).all(|m0| s.set_failed || (0..s.rows).all(|r1| !((s.region[s.region_of[r1]] == RegionState::Clean)) || s.owed_on_disk[r1] || !(((!s.failed[m0] && !s.filling[m0] && !s.waiting[m0]) || (s.filling[m0] && s.flushed[m0][r1]) || (s.waiting[m0] && s.held[m0][r1]))) || s.bad[m0][r1] || (s.medium[m0][r1] == s.agreed[r1])))
}

/// … and of all whom a record that may be found trusts.
fn g6_clean_for_all_records(s: &Abstract) -> bool {
    (0..s.records).all(|i0| s.set_failed || !((s.confirmed <= (i0 as i16))) || !(((i0 as i16) <= s.last)) || (0..s.members).all(|m1| s.rec_untrusted[i0][m1] || (0..s.rows).all(|r2| !((s.region[s.region_of[r2]] == RegionState::Clean)) || s.owed_on_disk[r2] || s.rec_bad[i0][m1][r2] || ((s.cached[m1][r2] == s.agreed[r2]) && (s.medium[m1][r2] == s.agreed[r2])))))
}

/// A region being cleaned is on the media that the flush has reached.
fn g7_cleaning_is_on_the_media(s: &Abstract) -> bool {
    (0..s.members).all(|m0| s.set_failed || !((((s.stream == StreamState::Flushing) && !s.flush_leg[m0] && !s.lowered) || (s.stream == StreamState::Raising))) || (0..s.rows).all(|r1| !(((s.region[s.region_of[r1]] == RegionState::CleanWanted) || (s.region[s.region_of[r1]] == RegionState::Clean))) || s.owed_prepared[r1] || !(((!s.failed[m0] && !s.filling[m0] && !s.waiting[m0]) || (s.filling[m0] && (s.prepared[m0][r1] || s.flushed[m0][r1])) || (s.waiting[m0] && s.held[m0][r1]))) || s.bad[m0][r1] || (s.medium[m0][r1] == s.agreed[r1])))
}

/// … and on those of all whom a record that may be found trusts.
fn g8_cleaning_for_all_records(s: &Abstract) -> bool {
    (0..s.records).all(|i0| !((s.stream == StreamState::Raising)) || s.set_failed || !((s.confirmed <= (i0 as i16))) || !(((i0 as i16) <= s.last)) || (0..s.members).all(|m1| s.rec_untrusted[i0][m1] || (0..s.rows).all(|r2| !(((s.region[s.region_of[r2]] == RegionState::CleanWanted) || (s.region[s.region_of[r2]] == RegionState::Clean))) || s.owed_prepared[r2] || s.rec_bad[i0][m1][r2] || ((s.cached[m1][r2] == s.agreed[r2]) && (s.medium[m1][r2] == s.agreed[r2])))))
}

/// A failed member has what its account says, on its medium.
fn g9_accounts_hold(s: &Abstract) -> bool {
    (0..s.members).all(|m0| !s.failed[m0] || s.set_failed || s.strayed[m0] || (0..s.rows).all(|r1| !s.held[m0][r1] || s.bad[m0][r1] || ((s.medium[m0][r1] == s.agreed[r1]) && (s.cached[m0][r1] == s.agreed[r1]) && !s.in_flight[r1])))
}

/// A row that a record calls equal has not changed since, on nobody whom it trusts or vouches for.
fn g10_called_equal_is_still(s: &Abstract) -> bool {
    (0..s.records).all(|i0| !((s.confirmed <= (i0 as i16))) || !(((i0 as i16) <= s.last)) || (0..s.members).all(|m1| (0..s.rows).all(|r2| s.rec_dirty[i0][s.region_of[r2]] || s.rec_owed[i0][r2] || !(((!s.failed[m1] && !s.filling[m1] && !s.waiting[m1] && !s.bad[m1][r2]) || (!s.rec_untrusted[i0][m1] && !s.rec_bad[i0][m1][r2]) || (s.rec_held[i0][m1][r2] && !s.rec_bad[i0][m1][r2] && (s.rec_disk[i0][m1] == s.disk[m1]) && !s.strayed[m1]))) || ((s.cached[m1][r2] == s.agreed[r2]) && (s.medium[m1][r2] == s.agreed[r2]) && !s.in_flight[r2]))))
}

/// … nor on anybody whom another record trusts that may be found instead.
fn g11_called_equal_by_another(s: &Abstract) -> bool {
    (0..s.records).all(|i0| !((s.confirmed <= (i0 as i16))) || !(((i0 as i16) <= s.last)) || (0..s.records).all(|i1| !((s.confirmed <= (i1 as i16))) || !(((i1 as i16) <= s.last)) || (0..s.members).all(|m2| s.rec_untrusted[i1][m2] || (0..s.rows).all(|r3| s.rec_dirty[i0][s.region_of[r3]] || s.rec_owed[i0][r3] || s.rec_bad[i1][m2][r3] || ((s.cached[m2][r3] == s.agreed[r3]) && (s.medium[m2][r3] == s.agreed[r3]))))))
}

/// A settled row is on the media of all who are counted on as it is in their caches, but for a copy under way where copies differ.
fn g12_settled_is_on_the_media(s: &Abstract) -> bool {
    ((0..s.rows).all(|r0| !((s.settled[r0] || s.settling[r0])) || !s.in_flight[r0]) && (0..s.members).all(|m1| s.set_failed || (0..s.rows).all(|r2| !s.settled[r2] || s.in_flight[r2] || (((s.window[r2] == WindowState::Active) || (s.window[r2] == WindowState::Copying)) && s.owed[r2]) || !(((!s.failed[m1] && !s.filling[m1] && !s.waiting[m1]) || (s.filling[m1] && s.flushed[m1][r2]) || (s.waiting[m1] && s.held[m1][r2]))) || s.bad[m1][r2] || (s.medium[m1][r2] == s.cached[m1][r2]))))
}

/// … and one that is settling, where the flush has reached it.
fn g13_settling_is_on_the_media(s: &Abstract) -> bool {
    (0..s.members).all(|m0| s.set_failed || !((((s.stream == StreamState::Flushing) && !s.flush_leg[m0] && !s.lowered) || (s.stream == StreamState::Raising))) || (0..s.rows).all(|r1| !((s.settled[r1] || s.settling[r1])) || (((s.window[r1] == WindowState::Active) || (s.window[r1] == WindowState::Copying)) && s.owed[r1]) || !(((!s.failed[m0] && !s.filling[m0] && !s.waiting[m0]) || (s.filling[m0] && (s.prepared[m0][r1] || s.flushed[m0][r1])) || (s.waiting[m0] && s.held[m0][r1]))) || s.bad[m0][r1] || (s.medium[m0][r1] == s.cached[m0][r1])))
}

/// A rebuild that is ending has filled its targets.
fn h1_all_is_held(s: &Abstract) -> bool {
    (!s.finishing || (0..s.members).all(|m0| (0..s.rows).all(|r1| ((!s.filling[m0] || s.held[m0][r1]) && !s.owed[r1]))))
}

/// … runs, and opens no window.
fn h2_no_window_is_open(s: &Abstract) -> bool {
    (!s.finishing || ((s.operation == Operation::Rebuild) && !s.preparing && (0..s.rows).all(|r0| (s.window[r0] == WindowState::Free))))
}

/// Its record calls the targets trusted, with the bad ranges that they have, and goes to them.
fn h3_the_last_record_names_the_target(s: &Abstract) -> bool {
    (0..s.members).all(|m0| !((s.stream == StreamState::Raising)) || !s.finishing || !s.filling[m0] || (!s.rec_untrusted[s.last as usize][m0] && s.addressed[m0] && (0..s.rows).all(|r1| s.bad[m0][r1] || !s.rec_bad[s.last as usize][m0][r1])))
}

/// A target that was flushed has all promises on its medium.
fn h4_the_target_has_what_is_promised(s: &Abstract) -> bool {
    (0..s.members).all(|m0| !s.finish || !s.filling[m0] || s.set_failed || !((((s.stream == StreamState::Flushing) && !s.flush_leg[m0] && !s.lowered) || ((s.stream == StreamState::Raising) && s.finishing))) || (0..s.rows).all(|r1| s.bad[m0][r1] || ((s.promised[r1] <= s.medium[m0][r1]) && (s.medium[m0][r1] <= s.admitted[r1]) && (!((s.unanswered[r1] && s.completed_fua[r1])) || (s.completed[r1] <= s.medium[m0][r1])))))
}

/// … and what users' flushes have reached.
fn h5_the_target_has_what_is_flushed(s: &Abstract) -> bool {
    (0..s.flushes).all(|u0| !s.finish || s.set_failed || !s.flush_open[u0] || (0..s.members).all(|m1| !s.filling[m1] || !((((s.stream == StreamState::Flushing) && !s.flush_leg[m1] && !s.lowered) || ((s.stream == StreamState::Raising) && s.finishing))) || s.flush_due[u0][m1] || (0..s.rows).all(|r2| s.bad[m1][r2] || (s.flush_upto[u0][r2] <= s.medium[m1][r2]))))
}

/// … and what is being cleaned.
fn h6_the_target_is_clean(s: &Abstract) -> bool {
    (0..s.members).all(|m0| !s.finish || !s.filling[m0] || s.set_failed || !((((s.stream == StreamState::Flushing) && !s.flush_leg[m0] && !s.lowered) || ((s.stream == StreamState::Raising) && s.finishing))) || (0..s.rows).all(|r1| s.owed_prepared[r1] || !(((s.region[s.region_of[r1]] == RegionState::CleanWanted) || (s.region[s.region_of[r1]] == RegionState::Clean))) || s.bad[m0][r1] || (s.medium[m0][r1] == s.agreed[r1])))
}

/// … and what any record calls equal.
fn h7_the_target_for_other_records(s: &Abstract) -> bool {
    (0..s.records).all(|i0| !s.finish || s.set_failed || !((s.confirmed <= (i0 as i16))) || !(((i0 as i16) <= s.last)) || (0..s.members).all(|m1| !s.filling[m1] || !((((s.stream == StreamState::Flushing) && !s.flush_leg[m1] && !s.lowered) || ((s.stream == StreamState::Raising) && s.finishing))) || (0..s.rows).all(|r2| s.rec_dirty[i0][s.region_of[r2]] || s.rec_owed[i0][r2] || s.bad[m1][r2] || ((s.cached[m1][r2] == s.agreed[r2]) && (s.medium[m1][r2] == s.agreed[r2])))))
}

/// The record under way says who is trusted, unless something was lowered since.
fn h8_the_image_under_way(s: &Abstract) -> bool {
    (!((((s.stream == StreamState::Lowering) || (s.stream == StreamState::Raising)) && !s.lowered)) || (0..s.members).all(|m0| (s.rec_untrusted[s.last as usize][m0] == (s.failed[m0] || s.waiting[m0] || (s.filling[m0] && !s.finish)))))
}

/// … and what is settled, or settling.
fn h9_the_target_is_settled(s: &Abstract) -> bool {
    (0..s.members).all(|m0| !s.finish || !s.filling[m0] || s.set_failed || !((((s.stream == StreamState::Flushing) && !s.flush_leg[m0] && !s.lowered) || ((s.stream == StreamState::Raising) && s.finishing))) || (0..s.rows).all(|r1| !((s.settled[r1] || s.settling[r1])) || s.bad[m0][r1] || (s.medium[m0][r1] == s.cached[m0][r1])))
}

/// Whether a read of row `r` may be answered by member `m`.
pub(crate) fn readable(s: &Abstract, m: usize, r: usize) -> bool {
    (((!s.failed[m] && !s.filling[m] && !s.waiting[m] && (!s.owed[r] || (m == s.speaker))) || (s.filling[m] && s.held[m][r] && !s.owed[r])) && !s.bad[m][r])
}

/// The first of these that does not hold.
pub(crate) fn broken(conjuncts: &[Conjunct], s: &Abstract) -> Option<&'static str> {
    conjuncts.iter().find(|(_, holds)| !holds(s)).map(|(name, _)| *name)
}

/// The parameters of an action: each takes those it has.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct With {
    pub(crate) row: usize,
    pub(crate) fua: bool,
    pub(crate) through: bool,
    pub(crate) early: [bool; 4],
    pub(crate) member: usize,
    pub(crate) flush: usize,
    pub(crate) heir: usize,
    pub(crate) keeps_record: bool,
    pub(crate) content: [i16; 6],
    pub(crate) awaited: bool,
    pub(crate) kept: [bool; 6],
    pub(crate) sure: [bool; 6],
    pub(crate) ready: [bool; 6],
    pub(crate) rows: [bool; 6],
    pub(crate) regions: [bool; 6],
    pub(crate) sweeps: [bool; 6],
    pub(crate) marks: bool,
    pub(crate) agrees: bool,
    pub(crate) finish: bool,
    pub(crate) target: usize,
    pub(crate) settles: bool,
    pub(crate) less: [[bool; 6]; 4],
    pub(crate) more: [bool; 6],
    pub(crate) coarse: [bool; 6],
    pub(crate) durable: bool,
    pub(crate) lacks: usize,
    pub(crate) has: usize,
    pub(crate) speaker: usize,
    pub(crate) gives_up: bool,
    pub(crate) what: Operation,
    pub(crate) targets: [bool; 4],
    pub(crate) lowers: bool,
    pub(crate) gone: [bool; 4],
    pub(crate) anew: bool,
    pub(crate) pauses: bool,
    pub(crate) again: [bool; 6],
    pub(crate) present: [bool; 4],
    pub(crate) fill: [bool; 4],
    pub(crate) found: i16,
    pub(crate) holder: usize,
    pub(crate) witness: usize,
}

/// An action of the model.
#[derive(Clone, Copy)]
pub(crate) struct Action {
    pub(crate) name: &'static str,
    /// The function of raid-sync that asks for what does not hold, if the action is refused.
    pub(crate) refused_by: fn(&Abstract, &With) -> Option<&'static str>,
    /// The state that it leaves.
    pub(crate) after: fn(&Abstract, &With) -> Abstract,
}

/// A write is let in, and where it goes is decided. `through`: a member being filled may be written above the position. `early`: members whose own record does not say yet that they are being filled.
pub(crate) const ADMIT: Action = Action { name: "admit", refused_by: admit_refused_by, after: after_admit };

fn admit_refused_by(s: &Abstract, p: &With) -> Option<&'static str> {
    if !!s.set_failed { return Some("acceptable"); }
    if !!s.in_flight[p.row] { return Some("in_the_way"); }
    if !((s.window[p.row] == WindowState::Free) || (s.window[p.row] == WindowState::Landed)) { return Some("window_edge"); }
    if !(s.region[s.region_of[p.row]] == RegionState::Dirty) { return Some("may_write"); }
    if !(0..s.members).all(|m0| !p.early[m0] || !((s.operation == Operation::Rebuild)) || s.preparing) { return Some("filled_at"); }
    None
}

fn after_admit(s: &Abstract, p: &With) -> Abstract {
    let mut t = s.clone();
    for r0 in 0..s.rows { t.in_flight[r0] = ((r0 == p.row) || s.in_flight[r0]); }
    for r0 in 0..s.rows { t.fua[r0] = (((r0 == p.row) && p.fua) || (!((r0 == p.row)) && s.fua[r0])); }
    for r0 in 0..s.rows { t.admitted[r0] = (if (r0 == p.row) { (s.admitted[r0] + 1) } else { s.admitted[r0] }); }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.leg[m0][r1] = (((r1 == p.row) && ((!s.failed[m0] && !s.filling[m0] && !s.waiting[m0]) || (s.filling[m0] && ((s.issued[m0][p.row] && !p.early[m0]) || p.through)))) || (!((r1 == p.row)) && s.leg[m0][r1])); } }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.issued[m0][r1] = (s.issued[m0][r1] && !(((r1 == p.row) && !((!s.failed[m0] && !s.filling[m0] && !s.waiting[m0])) && !((s.filling[m0] && s.issued[m0][p.row] && !p.early[m0]))))); } }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.held[m0][r1] = (s.held[m0][r1] && !(((r1 == p.row) && !((!s.failed[m0] && !s.filling[m0] && !s.waiting[m0])) && !((s.filling[m0] && s.issued[m0][p.row] && !p.early[m0]))))); } }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.flushed[m0][r1] = (s.flushed[m0][r1] && !(((r1 == p.row) && !((!s.failed[m0] && !s.filling[m0] && !s.waiting[m0])) && !((s.filling[m0] && s.issued[m0][p.row] && !p.early[m0]))))); } }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.durable[m0][r1] = (s.durable[m0][r1] && !(((r1 == p.row) && !((!s.failed[m0] && !s.filling[m0] && !s.waiting[m0])) && !((s.filling[m0] && s.issued[m0][p.row] && !p.early[m0]))))); } }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.prepared[m0][r1] = (s.prepared[m0][r1] && !(((r1 == p.row) && !((!s.failed[m0] && !s.filling[m0] && !s.waiting[m0])) && !((s.filling[m0] && s.issued[m0][p.row] && !p.early[m0]))))); } }
    for r0 in 0..s.rows { t.settled[r0] = (s.settled[r0] && !((r0 == p.row))); }
    for r0 in 0..s.rows { t.settling[r0] = (s.settling[r0] && !((r0 == p.row))); }
    t
}

/// A write waits for the record that calls its region dirty.
pub(crate) const WANT: Action = Action { name: "want", refused_by: want_refused_by, after: after_want };

fn want_refused_by(s: &Abstract, p: &With) -> Option<&'static str> {
    if !!s.set_failed { return Some("acceptable"); }
    if !((s.region[s.region_of[p.row]] == RegionState::Clean) || (s.region[s.region_of[p.row]] == RegionState::CleanWanted)) { return Some("write_wanted"); }
    None
}

fn after_want(s: &Abstract, p: &With) -> Abstract {
    let mut t = s.clone();
    for r0 in 0..s.regions { t.region[r0] = (if (r0 == s.region_of[p.row]) { RegionState::Wanted } else { s.region[r0] }); }
    t
}

/// A write reaches one member; with FUA, or where there is no cache, its medium.
pub(crate) const LAND: Action = Action { name: "land", refused_by: land_refused_by, after: after_land };

fn land_refused_by(s: &Abstract, p: &With) -> Option<&'static str> {
    if !s.leg[p.member][p.row] { return Some("(the world)"); }
    None
}

fn after_land(s: &Abstract, p: &With) -> Abstract {
    let mut t = s.clone();
    for m0 in 0..s.members { for r1 in 0..s.rows { t.cached[m0][r1] = (if ((m0 == p.member) && (r1 == p.row)) { s.admitted[r1] } else { s.cached[m0][r1] }); } }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.medium[m0][r1] = (if ((m0 == p.member) && (r1 == p.row) && (s.fua[p.row] || !s.volatile[p.member])) { s.admitted[r1] } else { s.medium[m0][r1] }); } }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.leg[m0][r1] = (s.leg[m0][r1] && !(((m0 == p.member) && (r1 == p.row)))); } }
    t
}

/// A write fails on one row of a member that goes on otherwise: the row goes on the list of bad ranges.
pub(crate) const UNWRITABLE: Action = Action { name: "unwritable", refused_by: unwritable_refused_by, after: after_unwritable };

fn unwritable_refused_by(s: &Abstract, p: &With) -> Option<&'static str> {
    if !s.leg[p.member][p.row] { return Some("(the world)"); }
    if !!s.failed[p.member] { return Some("unwritable"); }
    None
}

fn after_unwritable(s: &Abstract, p: &With) -> Abstract {
    let mut t = s.clone();
    for m0 in 0..s.members { for r1 in 0..s.rows { t.leg[m0][r1] = (s.leg[m0][r1] && !(((m0 == p.member) && (r1 == p.row)))); } }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.bad[m0][r1] = (s.bad[m0][r1] || ((m0 == p.member) && (r1 == p.row))); } }
    t.lowered = true;
    t
}

/// All legs have returned. A member that a leg did not reach has failed: `fail` came first.
pub(crate) const COMPLETE: Action = Action { name: "complete", refused_by: complete_refused_by, after: after_complete };

fn complete_refused_by(s: &Abstract, p: &With) -> Option<&'static str> {
    if !s.in_flight[p.row] { return Some("complete"); }
    if !(0..s.members).all(|m0| !s.leg[m0][p.row] || s.failed[m0]) { return Some("(the world)"); }
    None
}

fn after_complete(s: &Abstract, p: &With) -> Abstract {
    let mut t = s.clone();
    for r0 in 0..s.rows { t.in_flight[r0] = (s.in_flight[r0] && !((r0 == p.row))); }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.leg[m0][r1] = (s.leg[m0][r1] && !((r1 == p.row))); } }
    for r0 in 0..s.rows { t.completed[r0] = (if ((r0 == p.row) && !s.set_failed) { s.admitted[r0] } else { s.completed[r0] }); }
    for r0 in 0..s.rows { t.completed_fua[r0] = (((r0 == p.row) && !s.set_failed && s.fua[r0]) || (!(((r0 == p.row) && !s.set_failed)) && s.completed_fua[r0])); }
    for r0 in 0..s.rows { t.agreed[r0] = (if ((r0 == p.row) && !s.set_failed) { s.admitted[r0] } else { s.agreed[r0] }); }
    for r0 in 0..s.rows { t.unanswered[r0] = (((r0 == p.row) && !s.set_failed) || s.unanswered[r0]); }
    t
}

/// The user is told. A durable write is a promise; a plain one is none before a flush.
pub(crate) const ACKNOWLEDGE: Action = Action { name: "acknowledge", refused_by: acknowledge_refused_by, after: after_acknowledge };

fn acknowledge_refused_by(s: &Abstract, p: &With) -> Option<&'static str> {
    if !s.unanswered[p.row] { return Some("(the world)"); }
    if !!s.set_failed { return Some("ack"); }
    if !((s.relaxed && !s.completed_fua[p.row]) || ((0..s.members).all(|m5| (!s.failed[m5] && !s.filling[m5] && !s.waiting[m5]) || s.named[m5]) && (!(((s.stream == StreamState::Lowering) || (s.stream == StreamState::Raising))) || (0..s.members).all(|m0| (!s.failed[m0] && !s.filling[m0] && !s.waiting[m0]) || s.rec_untrusted[s.last as usize][m0])) && (0..s.members).all(|m1| (0..s.rows).all(|r2| !s.bad[m1][r2] || s.bad_named[m1][r2])) && (!(((s.stream == StreamState::Lowering) || (s.stream == StreamState::Raising))) || (0..s.members).all(|m3| (0..s.rows).all(|r4| !s.bad[m3][r4] || s.rec_bad[s.last as usize][m3][r4]))))) { return Some("names_failures"); }
    None
}

fn after_acknowledge(s: &Abstract, p: &With) -> Abstract {
    let mut t = s.clone();
    for r0 in 0..s.rows { t.acked[r0] = (if (r0 == p.row) { s.completed[r0] } else { s.acked[r0] }); }
    for r0 in 0..s.rows { t.promised[r0] = (if ((r0 == p.row) && s.completed_fua[r0]) { s.completed[r0] } else { s.promised[r0] }); }
    for r0 in 0..s.rows { t.unanswered[r0] = (s.unanswered[r0] && !((r0 == p.row))); }
    t
}

/// A user asks for a flush of what was acknowledged.
pub(crate) const USER_FLUSH: Action = Action { name: "user_flush", refused_by: user_flush_refused_by, after: after_user_flush };

fn user_flush_refused_by(s: &Abstract, p: &With) -> Option<&'static str> {
    if !(!s.flush_open[p.flush] && !s.set_failed) { return Some("(the world)"); }
    None
}

fn after_user_flush(s: &Abstract, p: &With) -> Abstract {
    let mut t = s.clone();
    for u0 in 0..s.flushes { t.flush_open[u0] = (s.flush_open[u0] || (u0 == p.flush)); }
    for u0 in 0..s.flushes { for m1 in 0..s.members { t.flush_due[u0][m1] = (((u0 == p.flush) && !s.failed[m1]) || (!((u0 == p.flush)) && s.flush_due[u0][m1])); } }
    for u0 in 0..s.flushes { for r1 in 0..s.rows { t.flush_upto[u0][r1] = (if (u0 == p.flush) { s.acked[r1] } else { s.flush_upto[u0][r1] }); } }
    t
}

/// It reaches one member.
pub(crate) const USER_FLUSH_LANDS: Action = Action { name: "user_flush_lands", refused_by: user_flush_lands_refused_by, after: after_user_flush_lands };

fn user_flush_lands_refused_by(s: &Abstract, p: &With) -> Option<&'static str> {
    if !s.flush_due[p.flush][p.member] { return Some("(the world)"); }
    None
}

fn after_user_flush_lands(s: &Abstract, p: &With) -> Abstract {
    let mut t = s.clone();
    for m0 in 0..s.members { for r1 in 0..s.rows { t.medium[m0][r1] = (if (m0 == p.member) { s.cached[m0][r1] } else { s.medium[m0][r1] }); } }
    for u0 in 0..s.flushes { for m1 in 0..s.members { t.flush_due[u0][m1] = (s.flush_due[u0][m1] && !(((u0 == p.flush) && (m1 == p.member)))); } }
    t
}

/// The user is told. The answer is held like that of a durable write (I6).
pub(crate) const COMPLETE_FLUSH: Action = Action { name: "complete_flush", refused_by: complete_flush_refused_by, after: after_complete_flush };

fn complete_flush_refused_by(s: &Abstract, p: &With) -> Option<&'static str> {
    if !s.flush_open[p.flush] { return Some("(the world)"); }
    if !(0..s.members).all(|m0| !s.flush_due[p.flush][m0] || s.failed[m0]) { return Some("(the world)"); }
    if !!s.set_failed { return Some("ack"); }
    if !((0..s.members).all(|m6| (!s.failed[m6] && !s.filling[m6] && !s.waiting[m6]) || s.named[m6]) && (!(((s.stream == StreamState::Lowering) || (s.stream == StreamState::Raising))) || (0..s.members).all(|m1| (!s.failed[m1] && !s.filling[m1] && !s.waiting[m1]) || s.rec_untrusted[s.last as usize][m1])) && (0..s.members).all(|m2| (0..s.rows).all(|r3| !s.bad[m2][r3] || s.bad_named[m2][r3])) && (!(((s.stream == StreamState::Lowering) || (s.stream == StreamState::Raising))) || (0..s.members).all(|m4| (0..s.rows).all(|r5| !s.bad[m4][r5] || s.rec_bad[s.last as usize][m4][r5])))) { return Some("complete_flush"); }
    None
}

fn after_complete_flush(s: &Abstract, p: &With) -> Abstract {
    let mut t = s.clone();
    for r0 in 0..s.rows { t.promised[r0] = (if (s.promised[r0] < s.flush_upto[p.flush][r0]) { s.flush_upto[p.flush][r0] } else { s.promised[r0] }); }
    for u0 in 0..s.flushes { t.flush_open[u0] = (s.flush_open[u0] && !((u0 == p.flush))); }
    t
}

/// A cache writes back what it likes, when it likes.
pub(crate) const WRITE_BACK: Action = Action { name: "write_back", refused_by: write_back_refused_by, after: after_write_back };

fn write_back_refused_by(s: &Abstract, p: &With) -> Option<&'static str> {
    if !true { return Some("(the world)"); }
    None
}

fn after_write_back(s: &Abstract, p: &With) -> Abstract {
    let mut t = s.clone();
    for m0 in 0..s.members { for r1 in 0..s.rows { t.medium[m0][r1] = (if ((m0 == p.member) && (r1 == p.row)) { s.cached[m0][r1] } else { s.medium[m0][r1] }); } }
    t
}

/// A member is gone. What it holds becomes its account; another one may speak now.
pub(crate) const FAIL: Action = Action { name: "fail", refused_by: fail_refused_by, after: after_fail };

fn fail_refused_by(s: &Abstract, p: &With) -> Option<&'static str> {
    if !!s.failed[p.member] { return Some("member_failed"); }
    if !((!s.failed[p.member] && !s.filling[p.member] && !s.waiting[p.member] && (0..s.members).all(|m0| s.failed[m0] || s.filling[m0] || s.waiting[m0] || (m0 == p.member))) || (!s.failed[p.heir] && !s.filling[p.heir] && !s.waiting[p.heir] && !((p.heir == p.member)))) { return Some("suffice"); }
    None
}

fn after_fail(s: &Abstract, p: &With) -> Abstract {
    let mut t = s.clone();
    for m0 in 0..s.members { t.failed[m0] = (s.failed[m0] || (m0 == p.member)); }
    for m0 in 0..s.members { t.filling[m0] = (s.filling[m0] && !((m0 == p.member))); }
    for m0 in 0..s.members { t.waiting[m0] = (s.waiting[m0] && !((m0 == p.member))); }
    t.set_failed = (s.set_failed || (!s.failed[p.member] && !s.filling[p.member] && !s.waiting[p.member] && (0..s.members).all(|m0| s.failed[m0] || s.filling[m0] || s.waiting[m0] || (m0 == p.member))));
    t.speaker = (if ((s.speaker == p.member) && !((!s.failed[p.member] && !s.filling[p.member] && !s.waiting[p.member] && (0..s.members).all(|m0| s.failed[m0] || s.filling[m0] || s.waiting[m0] || (m0 == p.member))))) { p.heir } else { s.speaker });
    for m0 in 0..s.members { for r1 in 0..s.rows { t.held[m0][r1] = (((m0 == p.member) && (s.settled[r1] || ((s.stream == StreamState::Raising) && s.settling[r1])) && !s.owed[r1] && ((!s.failed[m0] && !s.filling[m0] && !s.waiting[m0]) || (s.filling[m0] && s.flushed[m0][r1]) || (s.waiting[m0] && s.held[m0][r1]))) || (!((m0 == p.member)) && s.held[m0][r1])); } }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.flushed[m0][r1] = (((m0 == p.member) && (s.settled[r1] || ((s.stream == StreamState::Raising) && s.settling[r1])) && !s.owed[r1] && ((!s.failed[m0] && !s.filling[m0] && !s.waiting[m0]) || (s.filling[m0] && s.flushed[m0][r1]) || (s.waiting[m0] && s.held[m0][r1]))) || (!((m0 == p.member)) && s.flushed[m0][r1])); } }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.durable[m0][r1] = (((m0 == p.member) && (s.settled[r1] || ((s.stream == StreamState::Raising) && s.settling[r1])) && !s.owed[r1] && ((!s.failed[m0] && !s.filling[m0] && !s.waiting[m0]) || (s.filling[m0] && s.flushed[m0][r1]) || (s.waiting[m0] && s.held[m0][r1]))) || (!((m0 == p.member)) && s.durable[m0][r1])); } }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.prepared[m0][r1] = (((m0 == p.member) && (s.settled[r1] || ((s.stream == StreamState::Raising) && s.settling[r1])) && !s.owed[r1] && ((!s.failed[m0] && !s.filling[m0] && !s.waiting[m0]) || (s.filling[m0] && s.flushed[m0][r1]) || (s.waiting[m0] && s.held[m0][r1]))) || (!((m0 == p.member)) && s.prepared[m0][r1])); } }
    t.lowered = true;
    t
}

/// Another disk, or one that is taken for another: of any content, perhaps with an old record. `awaited`: flushes of users that named the one before are still to return.
pub(crate) const JOIN: Action = Action { name: "join", refused_by: join_refused_by, after: after_join };

fn join_refused_by(s: &Abstract, p: &With) -> Option<&'static str> {
    if !(s.failed[p.member] && !s.set_failed) { return Some("can_join"); }
    if !(0..s.members).all(|m1| (!s.failed[m1] && !s.filling[m1] && !s.waiting[m1]) || s.named[m1]) { return Some("names_failures"); }
    if !(0..s.rows).all(|r0| (!s.leg[p.member][r0] && !(((s.window[r0] == WindowState::Active) || (s.window[r0] == WindowState::Copying))))) { return Some("elders"); }
    if !!(((((s.stream == StreamState::Lowering) || (s.stream == StreamState::Raising)) && s.addressed[p.member]) || s.flush_leg[p.member])) { return Some("records_name"); }
    None
}

fn after_join(s: &Abstract, p: &With) -> Abstract {
    let mut t = s.clone();
    for m0 in 0..s.members { t.failed[m0] = (s.failed[m0] && !((m0 == p.member))); }
    for m0 in 0..s.members { t.waiting[m0] = (s.waiting[m0] || (m0 == p.member)); }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.issued[m0][r1] = (s.issued[m0][r1] && !((m0 == p.member))); } }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.held[m0][r1] = (s.held[m0][r1] && !((m0 == p.member))); } }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.flushed[m0][r1] = (s.flushed[m0][r1] && !((m0 == p.member))); } }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.durable[m0][r1] = (s.durable[m0][r1] && !((m0 == p.member))); } }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.prepared[m0][r1] = (s.prepared[m0][r1] && !((m0 == p.member))); } }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.bad[m0][r1] = (s.bad[m0][r1] && !((m0 == p.member))); } }
    for m0 in 0..s.members { t.strayed[m0] = (s.strayed[m0] && !((m0 == p.member))); }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.cached[m0][r1] = (if (m0 == p.member) { p.content[r1] } else { s.cached[m0][r1] }); } }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.medium[m0][r1] = (if (m0 == p.member) { p.content[r1] } else { s.medium[m0][r1] }); } }
    for m0 in 0..s.members { t.record[m0] = (if ((m0 == p.member) && !p.keeps_record) { -1 } else { s.record[m0] }); }
    for m0 in 0..s.members { t.disk[m0] = (if (m0 == p.member) { (s.disk[m0] + 1) } else { s.disk[m0] }); }
    for u0 in 0..s.flushes { for m1 in 0..s.members { t.flush_due[u0][m1] = (s.flush_due[u0][m1] && (!((m1 == p.member)) || p.awaited)); } }
    t.lowered = true;
    t
}

/// A disk that is away, and that no record trusts which may be found, is started without the others, or rolled back to what it held once. Its own record shows it.
pub(crate) const STRAY: Action = Action { name: "stray", refused_by: stray_refused_by, after: after_stray };

fn stray_refused_by(s: &Abstract, p: &With) -> Option<&'static str> {
    if !(s.failed[p.member] && !s.set_failed && (0..s.records).all(|i0| !((s.confirmed <= (i0 as i16))) || !(((i0 as i16) <= s.last)) || s.rec_untrusted[i0][p.member])) { return Some("(the world)"); }
    None
}

fn after_stray(s: &Abstract, p: &With) -> Abstract {
    let mut t = s.clone();
    for m0 in 0..s.members { t.strayed[m0] = (s.strayed[m0] || (m0 == p.member)); }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.cached[m0][r1] = (if (m0 == p.member) { p.content[r1] } else { s.cached[m0][r1] }); } }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.medium[m0][r1] = (if (m0 == p.member) { p.content[r1] } else { s.medium[m0][r1] }); } }
    t
}

/// The same disk is back, its cache lost, and owes what its account says; unless its record shows that it was written without the others, or is older than the account.
pub(crate) const COME_BACK: Action = Action { name: "come_back", refused_by: come_back_refused_by, after: after_come_back };

fn come_back_refused_by(s: &Abstract, p: &With) -> Option<&'static str> {
    if !(s.failed[p.member] && !s.set_failed) { return Some("can_join"); }
    if !(0..s.members).all(|m1| (!s.failed[m1] && !s.filling[m1] && !s.waiting[m1]) || s.named[m1]) { return Some("names_failures"); }
    if !(0..s.rows).all(|r0| (!s.leg[p.member][r0] && !(((s.window[r0] == WindowState::Active) || (s.window[r0] == WindowState::Copying))))) { return Some("elders"); }
    if !!(((((s.stream == StreamState::Lowering) || (s.stream == StreamState::Raising)) && s.addressed[p.member]) || s.flush_leg[p.member])) { return Some("records_name"); }
    if !!s.strayed[p.member] { return Some("member_returned"); }
    None
}

fn after_come_back(s: &Abstract, p: &With) -> Abstract {
    let mut t = s.clone();
    for m0 in 0..s.members { t.failed[m0] = (s.failed[m0] && !((m0 == p.member))); }
    for m0 in 0..s.members { t.waiting[m0] = (s.waiting[m0] || (m0 == p.member)); }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.issued[m0][r1] = (s.issued[m0][r1] && !((m0 == p.member))); } }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.cached[m0][r1] = (if (m0 == p.member) { s.medium[m0][r1] } else { s.cached[m0][r1] }); } }
    for u0 in 0..s.flushes { for m1 in 0..s.members { t.flush_due[u0][m1] = (s.flush_due[u0][m1] && (!((m1 == p.member)) || p.awaited)); } }
    t.lowered = true;
    t
}

/// Any part of an account or of a position may be given up: regions are coarser than rows, the room for accounts is bounded, and formats hold less.
pub(crate) const FORGET: Action = Action { name: "forget", refused_by: forget_refused_by, after: after_forget };

fn forget_refused_by(s: &Abstract, p: &With) -> Option<&'static str> {
    if !(!((!s.failed[p.member] && !s.filling[p.member] && !s.waiting[p.member])) && !((s.filling[p.member] && s.finish))) { return Some("owe_everything"); }
    None
}

fn after_forget(s: &Abstract, p: &With) -> Abstract {
    let mut t = s.clone();
    for m0 in 0..s.members { for r1 in 0..s.rows { t.held[m0][r1] = (s.held[m0][r1] && (!((m0 == p.member)) || p.kept[r1])); } }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.flushed[m0][r1] = (s.flushed[m0][r1] && (!((m0 == p.member)) || p.kept[r1])); } }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.prepared[m0][r1] = (s.prepared[m0][r1] && (!((m0 == p.member)) || p.kept[r1]) && (!((m0 == p.member)) || p.ready[r1])); } }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.issued[m0][r1] = ((s.issued[m0][r1] && (!((m0 == p.member)) || p.kept[r1])) || (s.issued[m0][r1] && !((s.window[r1] == WindowState::Free)))); } }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.durable[m0][r1] = (s.durable[m0][r1] && (!((m0 == p.member)) || p.kept[r1]) && (!((m0 == p.member)) || p.sure[r1])); } }
    t
}

/// What was flushed since it was written may be forgotten: regions are coarser than rows.
pub(crate) const DOUBT: Action = Action { name: "doubt", refused_by: doubt_refused_by, after: after_doubt };

fn doubt_refused_by(s: &Abstract, p: &With) -> Option<&'static str> {
    if !true { return Some("write_wanted"); }
    None
}

fn after_doubt(s: &Abstract, p: &With) -> Abstract {
    let mut t = s.clone();
    for r0 in 0..s.rows { t.settled[r0] = (s.settled[r0] && !p.rows[r0]); }
    for r0 in 0..s.rows { t.settling[r0] = (s.settling[r0] && !p.rows[r0]); }
    t
}

/// The last copy agrees with itself, but for rows that a copy under way may still change.
pub(crate) const AGREE_ALONE: Action = Action { name: "agree_alone", refused_by: agree_alone_refused_by, after: after_agree_alone };

fn agree_alone_refused_by(s: &Abstract, p: &With) -> Option<&'static str> {
    if !(!s.set_failed && (0..s.members).all(|m0| s.failed[m0] || s.filling[m0] || s.waiting[m0] || (m0 == s.speaker))) { return Some("agree_alone"); }
    None
}

fn after_agree_alone(s: &Abstract, p: &With) -> Abstract {
    let mut t = s.clone();
    for r0 in 0..s.rows { t.owed[r0] = (s.owed[r0] && ((s.window[r0] == WindowState::Active) || (s.window[r0] == WindowState::Copying) || s.bad[s.speaker][r0])); }
    for r0 in 0..s.rows { t.agreed[r0] = (if (s.owed[r0] && !(((s.window[r0] == WindowState::Active) || (s.window[r0] == WindowState::Copying) || s.bad[s.speaker][r0]))) { s.cached[s.speaker][r0] } else { s.agreed[r0] }); }
    t
}

/// What may be raised is taken together: regions without a write in flight, the position, the end of a rebuild. Every member with a cache is to be flushed. `sweeps`: rows that the log itself remembers.
pub(crate) const COLLECT: Action = Action { name: "collect", refused_by: collect_refused_by, after: after_collect };

fn collect_refused_by(s: &Abstract, p: &With) -> Option<&'static str> {
    if !((s.stream == StreamState::Idle) && !s.set_failed) { return Some("next_record"); }
    if !(!s.lowered && (0..s.regions).all(|r4| !((s.region[r4] == RegionState::Wanted)))) { return Some("lower_due"); }
    if !(0..s.regions).all(|r5| !p.regions[r5] || (s.region[r5] == RegionState::Dirty)) { return Some("prepare_clean"); }
    if !(0..s.rows).all(|r0| !((p.regions[s.region_of[r0]] || p.sweeps[r0])) || !s.in_flight[r0]) { return Some("is_written"); }
    if !(!p.finish || ((s.operation == Operation::Rebuild) && !s.preparing && s.filling[p.target] && (0..s.members).all(|m1| !s.filling[m1] || (0..s.rows).all(|r2| s.held[m1][r2])) && (0..s.rows).all(|r3| (s.window[r3] == WindowState::Free)))) { return Some("settle"); }
    None
}

fn after_collect(s: &Abstract, p: &With) -> Abstract {
    let mut t = s.clone();
    for r0 in 0..s.regions { t.region[r0] = (if p.regions[r0] { RegionState::CleanWanted } else { s.region[r0] }); }
    for r0 in 0..s.rows { t.settling[r0] = p.sweeps[r0]; }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.prepared[m0][r1] = ((s.filling[m0] && p.marks && s.held[m0][r1]) || (!((s.filling[m0] && p.marks)) && s.durable[m0][r1])); } }
    for r0 in 0..s.rows { t.owed_prepared[r0] = ((p.agrees && s.owed[r0]) || (!p.agrees && s.owed_on_disk[r0])); }
    t.finish = p.finish;
    t.finishing = p.finish;
    for m0 in 0..s.members { t.filling[m0] = s.filling[m0]; }
    for m0 in 0..s.members { t.flush_leg[m0] = (!s.failed[m0] && s.volatile[m0]); }
    t.stream = StreamState::Flushing;
    for m0 in 0..s.members { t.addressed[m0] = !s.failed[m0]; }
    t
}

/// The flush reaches one member.
pub(crate) const FLUSH_LANDS: Action = Action { name: "flush_lands", refused_by: flush_lands_refused_by, after: after_flush_lands };

fn flush_lands_refused_by(s: &Abstract, p: &With) -> Option<&'static str> {
    if !(s.flush_leg[p.member] && !s.failed[p.member]) { return Some("(the world)"); }
    None
}

fn after_flush_lands(s: &Abstract, p: &With) -> Abstract {
    let mut t = s.clone();
    for m0 in 0..s.members { for r1 in 0..s.rows { t.medium[m0][r1] = (if (m0 == p.member) { s.cached[m0][r1] } else { s.medium[m0][r1] }); } }
    for m0 in 0..s.members { t.flush_leg[m0] = (s.flush_leg[m0] && !((m0 == p.member))); }
    t
}

/// The flush has returned, and nobody failed: the position that it covers counts as flushed, and so do the rows that only the log remembers.
pub(crate) const NOTE_FLUSHED: Action = Action { name: "note_flushed", refused_by: note_flushed_refused_by, after: after_note_flushed };

fn note_flushed_refused_by(s: &Abstract, p: &With) -> Option<&'static str> {
    if !((s.stream == StreamState::Flushing) && (0..s.members).all(|m0| !s.flush_leg[m0])) { return Some("flushed"); }
    if !!s.lowered { return Some("drop_raise"); }
    None
}

fn after_note_flushed(s: &Abstract, p: &With) -> Abstract {
    let mut t = s.clone();
    for m0 in 0..s.members { for r1 in 0..s.rows { t.flushed[m0][r1] = (s.flushed[m0][r1] || (s.filling[m0] && s.prepared[m0][r1])); } }
    for r0 in 0..s.rows { t.settled[r0] = (s.settled[r0] || (p.settles && s.settling[r0])); }
    t
}

/// What was being raised is not true any more, or only the memory of the log depended on it.
pub(crate) const DROP_RAISE: Action = Action { name: "drop_raise", refused_by: drop_raise_refused_by, after: after_drop_raise };

fn drop_raise_refused_by(s: &Abstract, p: &With) -> Option<&'static str> {
    if !(s.stream == StreamState::Flushing) { return Some("drop_raise"); }
    None
}

fn after_drop_raise(s: &Abstract, p: &With) -> Abstract {
    let mut t = s.clone();
    t.stream = StreamState::Idle;
    t.finish = false;
    t.finishing = false;
    for m0 in 0..s.members { t.flush_leg[m0] = false; }
    for r0 in 0..s.rows { t.settling[r0] = false; }
    for r0 in 0..s.regions { t.region[r0] = (if (s.region[r0] == RegionState::CleanWanted) { RegionState::Dirty } else { s.region[r0] }); }
    t
}

/// What was lowered is what the last record says.
pub(crate) const SAID_ALREADY: Action = Action { name: "said_already", refused_by: said_already_refused_by, after: after_said_already };

fn said_already_refused_by(s: &Abstract, p: &With) -> Option<&'static str> {
    if !(((((s.stream == StreamState::Lowering) || (s.stream == StreamState::Raising)) && !s.finish) || ((s.stream == StreamState::Idle) && (0..s.records).all(|i3| !((s.confirmed <= (i3 as i16))) || !(((i3 as i16) <= s.last)) || (0..s.members).all(|m4| s.rec_untrusted[i3][m4] || (0..s.rows).all(|r5| (!s.failed[m4] && !s.filling[m4] && !s.waiting[m4] && (!s.bad[m4][r5] || s.rec_bad[i3][m4][r5]))))))) && (0..s.members).all(|m0| (s.rec_untrusted[s.last as usize][m0] == !((!s.failed[m0] && !s.filling[m0] && !s.waiting[m0])))) && (0..s.members).all(|m1| (0..s.rows).all(|r2| !s.bad[m1][r2] || s.rec_bad[s.last as usize][m1][r2]))) { return Some("lower_due"); }
    None
}

fn after_said_already(s: &Abstract, p: &With) -> Abstract {
    let mut t = s.clone();
    t.lowered = false;
    t
}

/// The prepared record, if nothing was lowered since (I15). A record may say less than is true.
pub(crate) const ISSUE_RAISE: Action = Action { name: "issue_raise", refused_by: issue_raise_refused_by, after: after_issue_raise };

fn issue_raise_refused_by(s: &Abstract, p: &With) -> Option<&'static str> {
    if !((s.stream == StreamState::Flushing) && (0..s.members).all(|m0| !s.flush_leg[m0]) && !s.set_failed) { return Some("flushed"); }
    if !(!s.lowered && (0..s.regions).all(|r1| !((s.region[r1] == RegionState::Wanted)))) { return Some("lower_due"); }
    None
}

fn after_issue_raise(s: &Abstract, p: &With) -> Abstract {
    let mut t = s.clone();
    for m1 in 0..s.members { t.rec_failed[(s.last + 1) as usize][m1] = ((((s.last + 1) == (s.last + 1)) && s.failed[m1]) || (!(((s.last + 1) == (s.last + 1))) && s.rec_failed[(s.last + 1) as usize][m1])); }
    for m1 in 0..s.members { t.rec_disk[(s.last + 1) as usize][m1] = (if ((s.last + 1) == (s.last + 1)) { s.disk[m1] } else { s.rec_disk[(s.last + 1) as usize][m1] }); }
    for m1 in 0..s.members { t.rec_untrusted[(s.last + 1) as usize][m1] = ((((s.last + 1) == (s.last + 1)) && (s.failed[m1] || s.waiting[m1] || (s.filling[m1] && !s.finish))) || (!(((s.last + 1) == (s.last + 1))) && s.rec_untrusted[(s.last + 1) as usize][m1])); }
    for r1 in 0..s.regions { t.rec_dirty[(s.last + 1) as usize][r1] = ((((s.last + 1) == (s.last + 1)) && (!(((s.region[r1] == RegionState::Clean) || (s.region[r1] == RegionState::CleanWanted))) || p.coarse[r1])) || (!(((s.last + 1) == (s.last + 1))) && s.rec_dirty[(s.last + 1) as usize][r1])); }
    for r1 in 0..s.rows { t.rec_owed[(s.last + 1) as usize][r1] = ((((s.last + 1) == (s.last + 1)) && (s.owed_prepared[r1] || p.more[r1])) || (!(((s.last + 1) == (s.last + 1))) && s.rec_owed[(s.last + 1) as usize][r1])); }
    for m1 in 0..s.members { for r2 in 0..s.rows { t.rec_held[(s.last + 1) as usize][m1][r2] = ((((s.last + 1) == (s.last + 1)) && p.less[m1][r2] && !((!s.failed[m1] && !s.filling[m1] && !s.waiting[m1])) && ((s.filling[m1] && s.prepared[m1][r2]) || (!s.filling[m1] && s.held[m1][r2]))) || (!(((s.last + 1) == (s.last + 1))) && s.rec_held[(s.last + 1) as usize][m1][r2])); } }
    for m1 in 0..s.members { for r2 in 0..s.rows { t.rec_bad[(s.last + 1) as usize][m1][r2] = ((((s.last + 1) == (s.last + 1)) && s.bad[m1][r2]) || (!(((s.last + 1) == (s.last + 1))) && s.rec_bad[(s.last + 1) as usize][m1][r2])); } }
    t.last = (s.last + 1);
    t.lowered = false;
    for m0 in 0..s.members { t.addressed[m0] = !s.failed[m0]; }
    t.stream = StreamState::Raising;
    t.records = t.records.max(t.last as usize + 1);
    t
}

/// What is to be said at once: every loss of trust, no gain.
pub(crate) const ISSUE_LOWER: Action = Action { name: "issue_lower", refused_by: issue_lower_refused_by, after: after_issue_lower };

fn issue_lower_refused_by(s: &Abstract, p: &With) -> Option<&'static str> {
    if !((s.stream == StreamState::Idle) && !s.set_failed) { return Some("next_record"); }
    None
}

fn after_issue_lower(s: &Abstract, p: &With) -> Abstract {
    let mut t = s.clone();
    for m1 in 0..s.members { t.rec_failed[(s.last + 1) as usize][m1] = ((((s.last + 1) == (s.last + 1)) && s.failed[m1]) || (!(((s.last + 1) == (s.last + 1))) && s.rec_failed[(s.last + 1) as usize][m1])); }
    for m1 in 0..s.members { t.rec_disk[(s.last + 1) as usize][m1] = (if ((s.last + 1) == (s.last + 1)) { s.disk[m1] } else { s.rec_disk[(s.last + 1) as usize][m1] }); }
    for m1 in 0..s.members { t.rec_untrusted[(s.last + 1) as usize][m1] = ((((s.last + 1) == (s.last + 1)) && (s.failed[m1] || s.waiting[m1] || s.filling[m1])) || (!(((s.last + 1) == (s.last + 1))) && s.rec_untrusted[(s.last + 1) as usize][m1])); }
    for r1 in 0..s.regions { t.rec_dirty[(s.last + 1) as usize][r1] = ((((s.last + 1) == (s.last + 1)) && (!((s.region[r1] == RegionState::Clean)) || p.coarse[r1])) || (!(((s.last + 1) == (s.last + 1))) && s.rec_dirty[(s.last + 1) as usize][r1])); }
    for r1 in 0..s.rows { t.rec_owed[(s.last + 1) as usize][r1] = ((((s.last + 1) == (s.last + 1)) && (s.owed_on_disk[r1] || p.more[r1])) || (!(((s.last + 1) == (s.last + 1))) && s.rec_owed[(s.last + 1) as usize][r1])); }
    for m1 in 0..s.members { for r2 in 0..s.rows { t.rec_held[(s.last + 1) as usize][m1][r2] = ((((s.last + 1) == (s.last + 1)) && p.less[m1][r2] && !((!s.failed[m1] && !s.filling[m1] && !s.waiting[m1])) && ((s.filling[m1] && s.durable[m1][r2]) || (!s.filling[m1] && s.held[m1][r2]))) || (!(((s.last + 1) == (s.last + 1))) && s.rec_held[(s.last + 1) as usize][m1][r2])); } }
    for m1 in 0..s.members { for r2 in 0..s.rows { t.rec_bad[(s.last + 1) as usize][m1][r2] = ((((s.last + 1) == (s.last + 1)) && s.bad[m1][r2]) || (!(((s.last + 1) == (s.last + 1))) && s.rec_bad[(s.last + 1) as usize][m1][r2])); } }
    t.last = (s.last + 1);
    t.lowered = false;
    for m0 in 0..s.members { t.addressed[m0] = !s.failed[m0]; }
    t.stream = StreamState::Lowering;
    t.finish = false;
    t.finishing = false;
    for r0 in 0..s.rows { t.settling[r0] = false; }
    for r0 in 0..s.regions { t.region[r0] = (if (s.region[r0] == RegionState::Wanted) { RegionState::Writing } else { s.region[r0] }); }
    t.records = t.records.max(t.last as usize + 1);
    t
}

/// The record reaches one member.
pub(crate) const RECORD_LANDS: Action = Action { name: "record_lands", refused_by: record_lands_refused_by, after: after_record_lands };

fn record_lands_refused_by(s: &Abstract, p: &With) -> Option<&'static str> {
    if !(((s.stream == StreamState::Lowering) || (s.stream == StreamState::Raising)) && s.addressed[p.member]) { return Some("(the world)"); }
    None
}

fn after_record_lands(s: &Abstract, p: &With) -> Abstract {
    let mut t = s.clone();
    for m0 in 0..s.members { t.record[m0] = (if (m0 == p.member) { s.last } else { s.record[m0] }); }
    t
}

/// The record has returned from all; whom it did not reach has failed. `durable`: all hold it whom it trusts; else `lacks` does not. `has` holds it.
pub(crate) const PERSISTED: Action = Action { name: "persisted", refused_by: persisted_refused_by, after: after_persisted };

fn persisted_refused_by(s: &Abstract, p: &With) -> Option<&'static str> {
    if !(((s.stream == StreamState::Lowering) || (s.stream == StreamState::Raising)) && !s.set_failed && (0..s.members).all(|m0| !s.addressed[m0] || (s.record[m0] == s.last) || s.failed[m0])) { return Some("(the world)"); }
    if !(s.addressed[p.has] && (s.record[p.has] == s.last)) { return Some("persisted"); }
    if !((p.durable && (0..s.members).all(|m1| s.rec_untrusted[s.last as usize][m1] || (s.record[m1] == s.last))) || (!p.durable && !s.rec_untrusted[s.last as usize][p.lacks] && !((s.record[p.lacks] == s.last)))) { return Some("persisted"); }
    if !(((s.stream == StreamState::Raising) && s.finish && s.finishing && (s.operation == Operation::Rebuild) && ((!s.failed[p.speaker] && !s.filling[p.speaker] && !s.waiting[p.speaker]) || s.filling[p.speaker])) || (!(((s.stream == StreamState::Raising) && s.finish && s.finishing && (s.operation == Operation::Rebuild))) && (p.speaker == s.speaker))) { return Some("trust_filled"); }
    None
}

fn after_persisted(s: &Abstract, p: &With) -> Abstract {
    let mut t = s.clone();
    t.stream = StreamState::Idle;
    t.finish = false;
    t.finishing = false;
    for m0 in 0..s.members { t.named[m0] = s.rec_untrusted[s.last as usize][m0]; }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.bad_named[m0][r1] = s.rec_bad[s.last as usize][m0][r1]; } }
    t.confirmed = (if p.durable { s.last } else { s.confirmed });
    for r0 in 0..s.regions { t.region[r0] = (if (s.region[r0] == RegionState::Writing) { (if p.durable { RegionState::Dirty } else { RegionState::Wanted }) } else { (if ((s.stream == StreamState::Raising) && (s.region[r0] == RegionState::CleanWanted)) { RegionState::Clean } else { s.region[r0] }) }); }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.held[m0][r1] = s.held[m0][r1]; } }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.durable[m0][r1] = (s.durable[m0][r1] || ((s.stream == StreamState::Raising) && s.filling[m0] && s.prepared[m0][r1] && s.flushed[m0][r1])); } }
    for r0 in 0..s.rows { t.owed_on_disk[r0] = (((s.stream == StreamState::Raising) && s.owed_prepared[r0]) || (!((s.stream == StreamState::Raising)) && s.owed_on_disk[r0])); }
    for m0 in 0..s.members { t.filling[m0] = (s.filling[m0] && !(((s.stream == StreamState::Raising) && s.finish && s.finishing && (s.operation == Operation::Rebuild)))); }
    t.operation = (if ((s.stream == StreamState::Raising) && s.finish && s.finishing && (s.operation == Operation::Rebuild)) { Operation::Nothing } else { s.operation });
    t.speaker = p.speaker;
    t.lowered = (s.lowered || ((s.stream == StreamState::Raising) && s.finish && !(((s.stream == StreamState::Raising) && s.finish && s.finishing && (s.operation == Operation::Rebuild)))));
    for r0 in 0..s.rows { t.settled[r0] = (s.settled[r0] || ((s.stream == StreamState::Raising) && s.settling[r0])); }
    for r0 in 0..s.rows { t.settling[r0] = false; }
    t
}

/// The same, but one member fails by it, when what the record raises counts already.
pub(crate) const PERSISTED_SHORT: Action = Action { name: "persisted_short", refused_by: persisted_short_refused_by, after: after_persisted_short };

fn persisted_short_refused_by(s: &Abstract, p: &With) -> Option<&'static str> {
    if !(((s.stream == StreamState::Lowering) || (s.stream == StreamState::Raising)) && !s.set_failed && (0..s.members).all(|m0| !s.addressed[m0] || (s.record[m0] == s.last) || s.failed[m0] || (m0 == p.member))) { return Some("(the world)"); }
    if !(s.addressed[p.has] && (s.record[p.has] == s.last)) { return Some("persisted"); }
    if !((p.durable && (0..s.members).all(|m1| s.rec_untrusted[s.last as usize][m1] || (s.record[m1] == s.last))) || (!p.durable && !s.rec_untrusted[s.last as usize][p.lacks] && !((s.record[p.lacks] == s.last)))) { return Some("persisted"); }
    if !(((s.stream == StreamState::Raising) && s.finish && s.finishing && (s.operation == Operation::Rebuild) && ((!s.failed[p.speaker] && !s.filling[p.speaker] && !s.waiting[p.speaker]) || s.filling[p.speaker])) || (!(((s.stream == StreamState::Raising) && s.finish && s.finishing && (s.operation == Operation::Rebuild))) && (p.speaker == s.speaker))) { return Some("trust_filled"); }
    if !!s.failed[p.member] { return Some("member_failed"); }
    if !((!s.failed[p.member] && !((s.filling[p.member] && !(((s.stream == StreamState::Raising) && s.finish && s.finishing && (s.operation == Operation::Rebuild))))) && !s.waiting[p.member] && (0..s.members).all(|m2| s.failed[m2] || (s.filling[m2] && !(((s.stream == StreamState::Raising) && s.finish && s.finishing && (s.operation == Operation::Rebuild)))) || s.waiting[m2] || (m2 == p.member))) || (!s.failed[p.heir] && !((s.filling[p.heir] && !(((s.stream == StreamState::Raising) && s.finish && s.finishing && (s.operation == Operation::Rebuild))))) && !s.waiting[p.heir] && !((p.heir == p.member)))) { return Some("suffice"); }
    None
}

fn after_persisted_short(s: &Abstract, p: &With) -> Abstract {
    let mut t = s.clone();
    t.stream = StreamState::Idle;
    t.finish = false;
    t.finishing = false;
    for m0 in 0..s.members { t.named[m0] = s.rec_untrusted[s.last as usize][m0]; }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.bad_named[m0][r1] = s.rec_bad[s.last as usize][m0][r1]; } }
    t.confirmed = (if p.durable { s.last } else { s.confirmed });
    for r0 in 0..s.regions { t.region[r0] = (if (s.region[r0] == RegionState::Writing) { (if p.durable { RegionState::Dirty } else { RegionState::Wanted }) } else { (if ((s.stream == StreamState::Raising) && (s.region[r0] == RegionState::CleanWanted)) { RegionState::Clean } else { s.region[r0] }) }); }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.held[m0][r1] = (((m0 == p.member) && (s.settled[r1] || ((s.stream == StreamState::Raising) && s.settling[r1])) && !s.owed[r1] && ((!s.failed[m0] && !((s.filling[m0] && !(((s.stream == StreamState::Raising) && s.finish && s.finishing && (s.operation == Operation::Rebuild))))) && !s.waiting[m0]) || (s.filling[m0] && !(((s.stream == StreamState::Raising) && s.finish && s.finishing && (s.operation == Operation::Rebuild))) && s.flushed[m0][r1]) || (s.waiting[m0] && s.held[m0][r1]))) || (!((m0 == p.member)) && s.held[m0][r1])); } }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.durable[m0][r1] = (((m0 == p.member) && (s.settled[r1] || ((s.stream == StreamState::Raising) && s.settling[r1])) && !s.owed[r1] && ((!s.failed[m0] && !((s.filling[m0] && !(((s.stream == StreamState::Raising) && s.finish && s.finishing && (s.operation == Operation::Rebuild))))) && !s.waiting[m0]) || (s.filling[m0] && !(((s.stream == StreamState::Raising) && s.finish && s.finishing && (s.operation == Operation::Rebuild))) && s.flushed[m0][r1]) || (s.waiting[m0] && s.held[m0][r1]))) || (!((m0 == p.member)) && (s.durable[m0][r1] || ((s.stream == StreamState::Raising) && s.filling[m0] && s.prepared[m0][r1] && s.flushed[m0][r1])))); } }
    for r0 in 0..s.rows { t.owed_on_disk[r0] = (((s.stream == StreamState::Raising) && s.owed_prepared[r0]) || (!((s.stream == StreamState::Raising)) && s.owed_on_disk[r0])); }
    for m0 in 0..s.members { t.filling[m0] = (s.filling[m0] && !(((s.stream == StreamState::Raising) && s.finish && s.finishing && (s.operation == Operation::Rebuild))) && !((m0 == p.member))); }
    t.operation = (if ((s.stream == StreamState::Raising) && s.finish && s.finishing && (s.operation == Operation::Rebuild)) { Operation::Nothing } else { s.operation });
    t.speaker = (if ((p.speaker == p.member) && !((!s.failed[p.member] && !((s.filling[p.member] && !(((s.stream == StreamState::Raising) && s.finish && s.finishing && (s.operation == Operation::Rebuild))))) && !s.waiting[p.member] && (0..s.members).all(|m2| s.failed[m2] || (s.filling[m2] && !(((s.stream == StreamState::Raising) && s.finish && s.finishing && (s.operation == Operation::Rebuild)))) || s.waiting[m2] || (m2 == p.member))))) { p.heir } else { p.speaker });
    t.lowered = true;
    for r0 in 0..s.rows { t.settled[r0] = (s.settled[r0] || ((s.stream == StreamState::Raising) && s.settling[r0])); }
    for r0 in 0..s.rows { t.settling[r0] = false; }
    for m0 in 0..s.members { t.failed[m0] = (s.failed[m0] || (m0 == p.member)); }
    for m0 in 0..s.members { t.waiting[m0] = (s.waiting[m0] && !((m0 == p.member))); }
    t.set_failed = (s.set_failed || (!s.failed[p.member] && !((s.filling[p.member] && !(((s.stream == StreamState::Raising) && s.finish && s.finishing && (s.operation == Operation::Rebuild))))) && !s.waiting[p.member] && (0..s.members).all(|m2| s.failed[m2] || (s.filling[m2] && !(((s.stream == StreamState::Raising) && s.finish && s.finishing && (s.operation == Operation::Rebuild)))) || s.waiting[m2] || (m2 == p.member))));
    for m0 in 0..s.members { for r1 in 0..s.rows { t.flushed[m0][r1] = (((m0 == p.member) && (s.settled[r1] || ((s.stream == StreamState::Raising) && s.settling[r1])) && !s.owed[r1] && ((!s.failed[m0] && !((s.filling[m0] && !(((s.stream == StreamState::Raising) && s.finish && s.finishing && (s.operation == Operation::Rebuild))))) && !s.waiting[m0]) || (s.filling[m0] && !(((s.stream == StreamState::Raising) && s.finish && s.finishing && (s.operation == Operation::Rebuild))) && s.flushed[m0][r1]) || (s.waiting[m0] && s.held[m0][r1]))) || (!((m0 == p.member)) && s.flushed[m0][r1])); } }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.prepared[m0][r1] = (((m0 == p.member) && (s.settled[r1] || ((s.stream == StreamState::Raising) && s.settling[r1])) && !s.owed[r1] && ((!s.failed[m0] && !((s.filling[m0] && !(((s.stream == StreamState::Raising) && s.finish && s.finishing && (s.operation == Operation::Rebuild))))) && !s.waiting[m0]) || (s.filling[m0] && !(((s.stream == StreamState::Raising) && s.finish && s.finishing && (s.operation == Operation::Rebuild))) && s.flushed[m0][r1]) || (s.waiting[m0] && s.held[m0][r1]))) || (!((m0 == p.member)) && s.prepared[m0][r1])); } }
    t
}

/// Copies of a row may differ, somebody says, perhaps because a write was given up in the middle; not while a rebuild runs. From now on nobody who is not trusted counts as holding it.
pub(crate) const OWE: Action = Action { name: "owe", refused_by: owe_refused_by, after: after_owe };

fn owe_refused_by(s: &Abstract, p: &With) -> Option<&'static str> {
    if !(!s.set_failed && !((s.operation == Operation::Rebuild))) { return Some("owe_rows"); }
    None
}

fn after_owe(s: &Abstract, p: &With) -> Abstract {
    let mut t = s.clone();
    for r0 in 0..s.rows { t.owed[r0] = (s.owed[r0] || (r0 == p.row)); }
    for r0 in 0..s.rows { t.owed_on_disk[r0] = (s.owed_on_disk[r0] || (r0 == p.row)); }
    for r0 in 0..s.rows { t.owed_prepared[r0] = (s.owed_prepared[r0] || (r0 == p.row)); }
    for r0 in 0..s.rows { t.in_flight[r0] = (s.in_flight[r0] && !(((r0 == p.row) && p.gives_up))); }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.leg[m0][r1] = (s.leg[m0][r1] && !(((r1 == p.row) && p.gives_up))); } }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.held[m0][r1] = (s.held[m0][r1] && ((!s.failed[m0] && !s.filling[m0] && !s.waiting[m0]) || !((r1 == p.row)))); } }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.flushed[m0][r1] = (s.flushed[m0][r1] && ((!s.failed[m0] && !s.filling[m0] && !s.waiting[m0]) || !((r1 == p.row)))); } }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.durable[m0][r1] = (s.durable[m0][r1] && ((!s.failed[m0] && !s.filling[m0] && !s.waiting[m0]) || !((r1 == p.row)))); } }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.prepared[m0][r1] = (s.prepared[m0][r1] && ((!s.failed[m0] && !s.filling[m0] && !s.waiting[m0]) || !((r1 == p.row)))); } }
    t.lowered = true;
    t
}

/// An operation starts. A rebuild and a scrub need copies that agree. Targets that were waiting are filled from now on, and who is no target waits. A check is a scrub that commands no copy.
pub(crate) const START: Action = Action { name: "start", refused_by: start_refused_by, after: after_start };

fn start_refused_by(s: &Abstract, p: &With) -> Option<&'static str> {
    if !((s.operation == Operation::Nothing) && !s.set_failed && !((p.what == Operation::Nothing))) { return Some("startable"); }
    if !(!(((p.what == Operation::Rebuild) || (p.what == Operation::Scrub))) || (0..s.rows).all(|r0| !s.owed[r0])) { return Some("startable"); }
    if !(p.lowers || !s.finish) { return Some("lower_due"); }
    None
}

fn after_start(s: &Abstract, p: &With) -> Abstract {
    let mut t = s.clone();
    t.operation = p.what;
    t.preparing = true;
    t.lowered = (s.lowered || p.lowers);
    t.finishing = false;
    for m0 in 0..s.members { t.filling[m0] = (((p.what == Operation::Rebuild) && (s.filling[m0] || s.waiting[m0]) && p.targets[m0]) || (!((p.what == Operation::Rebuild)) && s.filling[m0])); }
    for m0 in 0..s.members { t.waiting[m0] = (((p.what == Operation::Rebuild) && (s.filling[m0] || s.waiting[m0]) && !p.targets[m0]) || (!((p.what == Operation::Rebuild)) && s.waiting[m0])); }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.issued[m0][r1] = (((((p.what == Operation::Rebuild) && s.waiting[m0] && p.targets[m0]) || ((p.what == Operation::Rebuild) && s.filling[m0] && !p.targets[m0])) && (p.what == Operation::Rebuild) && s.waiting[m0] && p.targets[m0] && s.held[m0][r1]) || (!((((p.what == Operation::Rebuild) && s.waiting[m0] && p.targets[m0]) || ((p.what == Operation::Rebuild) && s.filling[m0] && !p.targets[m0]))) && s.issued[m0][r1])); } }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.held[m0][r1] = (((p.what == Operation::Rebuild) && s.filling[m0] && !p.targets[m0] && s.flushed[m0][r1]) || (!(((p.what == Operation::Rebuild) && s.filling[m0] && !p.targets[m0])) && s.held[m0][r1])); } }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.durable[m0][r1] = (((p.what == Operation::Rebuild) && s.filling[m0] && !p.targets[m0] && s.flushed[m0][r1]) || (!(((p.what == Operation::Rebuild) && s.filling[m0] && !p.targets[m0])) && s.durable[m0][r1])); } }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.prepared[m0][r1] = ((((p.what == Operation::Rebuild) && s.filling[m0] && !p.targets[m0] && s.flushed[m0][r1]) || (!(((p.what == Operation::Rebuild) && s.filling[m0] && !p.targets[m0])) && s.prepared[m0][r1])) && !(((p.what == Operation::Rebuild) && s.waiting[m0] && p.targets[m0]))); } }
    t
}

/// The record that names the operation is durable: windows may open.
pub(crate) const BEGIN: Action = Action { name: "begin", refused_by: begin_refused_by, after: after_begin };

fn begin_refused_by(s: &Abstract, p: &With) -> Option<&'static str> {
    if !(!((s.operation == Operation::Nothing)) && s.preparing) { return Some("settle"); }
    if !(0..s.regions).all(|r0| !((s.region[r0] == RegionState::Wanted))) { return Some("lower_due"); }
    None
}

fn after_begin(s: &Abstract, p: &With) -> Abstract {
    let mut t = s.clone();
    t.preparing = false;
    t
}

/// A window closes its row for new writers; from now on its targets are written.
pub(crate) const OPEN_WINDOW: Action = Action { name: "open_window", refused_by: open_window_refused_by, after: after_open_window };

fn open_window_refused_by(s: &Abstract, p: &With) -> Option<&'static str> {
    if !(!((s.operation == Operation::Nothing)) && !s.preparing && !s.set_failed && !s.finishing) { return Some("may_open"); }
    if !(s.window[p.row] == WindowState::Free) { return Some("open_window"); }
    None
}

fn after_open_window(s: &Abstract, p: &With) -> Abstract {
    let mut t = s.clone();
    for r0 in 0..s.rows { t.window[r0] = (if (r0 == p.row) { WindowState::Closing } else { s.window[r0] }); }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.issued[m0][r1] = (s.issued[m0][r1] || ((s.operation == Operation::Rebuild) && (r1 == p.row) && s.filling[m0])); } }
    t
}

/// The writes before it are drained: the copy is commanded, from all who are trusted now.
pub(crate) const COMMAND_COPY: Action = Action { name: "command_copy", refused_by: command_copy_refused_by, after: after_command_copy };

fn command_copy_refused_by(s: &Abstract, p: &With) -> Option<&'static str> {
    if !(s.window[p.row] == WindowState::Closing) { return Some("next_copy"); }
    if !!s.in_flight[p.row] { return Some("ready"); }
    None
}

fn after_command_copy(s: &Abstract, p: &With) -> Abstract {
    let mut t = s.clone();
    for r0 in 0..s.rows { t.window[r0] = (if (r0 == p.row) { WindowState::Active } else { s.window[r0] }); }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.source[m0][r1] = (((r1 == p.row) && !s.failed[m0] && !s.filling[m0] && !s.waiting[m0] && !s.bad[m0][r1]) || (!((r1 == p.row)) && s.source[m0][r1])); } }
    t
}

/// A source is read that was trusted when the copy was commanded; it may have failed since. So may a target: the copy goes there nevertheless, or not (`gone`).
pub(crate) const COPY_READS: Action = Action { name: "copy_reads", refused_by: copy_reads_refused_by, after: after_copy_reads };

fn copy_reads_refused_by(s: &Abstract, p: &With) -> Option<&'static str> {
    if !((s.window[p.row] == WindowState::Active) && s.source[p.member][p.row] && !s.strayed[p.member]) { return Some("(the world)"); }
    None
}

fn after_copy_reads(s: &Abstract, p: &With) -> Abstract {
    let mut t = s.clone();
    for r0 in 0..s.rows { t.buffer[r0] = (if (r0 == p.row) { s.cached[p.member][r0] } else { s.buffer[r0] }); }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.copying[m0][r1] = (((r1 == p.row) && (((s.operation == Operation::Rebuild) && (s.filling[m0] || (s.failed[m0] && !p.gone[m0])) && !s.held[m0][p.row]) || (!((s.operation == Operation::Rebuild)) && ((!s.failed[m0] && !s.filling[m0] && !s.waiting[m0]) || (s.failed[m0] && !p.gone[m0])) && !((m0 == p.member))))) || (!((r1 == p.row)) && s.copying[m0][r1])); } }
    for r0 in 0..s.rows { t.window[r0] = (if (r0 == p.row) { WindowState::Copying } else { s.window[r0] }); }
    t
}

/// The copy reaches one target.
pub(crate) const COPY_LANDS: Action = Action { name: "copy_lands", refused_by: copy_lands_refused_by, after: after_copy_lands };

fn copy_lands_refused_by(s: &Abstract, p: &With) -> Option<&'static str> {
    if !s.copying[p.member][p.row] { return Some("(the world)"); }
    None
}

fn after_copy_lands(s: &Abstract, p: &With) -> Abstract {
    let mut t = s.clone();
    for m0 in 0..s.members { for r1 in 0..s.rows { t.cached[m0][r1] = (if ((m0 == p.member) && (r1 == p.row)) { s.buffer[r1] } else { s.cached[m0][r1] }); } }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.medium[m0][r1] = (if ((m0 == p.member) && (r1 == p.row) && !s.volatile[m0]) { s.buffer[r1] } else { s.medium[m0][r1] }); } }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.copying[m0][r1] = (s.copying[m0][r1] && !(((m0 == p.member) && (r1 == p.row)))); } }
    t
}

/// No source gives the row: its targets take it as a bad range, and the pass goes on.
pub(crate) const UNREADABLE: Action = Action { name: "unreadable", refused_by: unreadable_refused_by, after: after_unreadable };

fn unreadable_refused_by(s: &Abstract, p: &With) -> Option<&'static str> {
    if !((s.window[p.row] == WindowState::Active) && (s.operation == Operation::Rebuild)) { return Some("copied"); }
    if !!s.set_failed { return Some("note_bad"); }
    None
}

fn after_unreadable(s: &Abstract, p: &With) -> Abstract {
    let mut t = s.clone();
    for r0 in 0..s.rows { t.window[r0] = (if (r0 == p.row) { WindowState::Landed } else { s.window[r0] }); }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.bad[m0][r1] = (s.bad[m0][r1] || ((r1 == p.row) && s.filling[m0] && !s.held[m0][r1])); } }
    t.lowered = true;
    t
}

/// The copy has returned from all; whom it did not reach has failed. A resync makes its row agree, or its region only when all of it was copied.
pub(crate) const COPIED: Action = Action { name: "copied", refused_by: copied_refused_by, after: after_copied };

fn copied_refused_by(s: &Abstract, p: &With) -> Option<&'static str> {
    if !(s.window[p.row] == WindowState::Copying) { return Some("copied"); }
    if !(0..s.members).all(|m0| !s.copying[m0][p.row] || s.failed[m0]) { return Some("(the world)"); }
    None
}

fn after_copied(s: &Abstract, p: &With) -> Abstract {
    let mut t = s.clone();
    for r0 in 0..s.rows { t.window[r0] = (if (r0 == p.row) { WindowState::Landed } else { s.window[r0] }); }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.copying[m0][r1] = (s.copying[m0][r1] && !((r1 == p.row))); } }
    for r0 in 0..s.rows { t.agreed[r0] = (if ((r0 == p.row) && s.owed[r0]) { s.buffer[r0] } else { s.agreed[r0] }); }
    for r0 in 0..s.rows { t.owed[r0] = (s.owed[r0] && !(((r0 == p.row) && (s.operation == Operation::Resync) && p.agrees))); }
    for r0 in 0..s.rows { t.settled[r0] = (s.settled[r0] && !(((r0 == p.row) && ((s.operation == Operation::Resync) || s.owed[r0])))); }
    for r0 in 0..s.rows { t.settling[r0] = (s.settling[r0] && !(((r0 == p.row) && ((s.operation == Operation::Resync) || s.owed[r0])))); }
    t
}

/// No source gave the row, or the operation is being given up. Part of the copy may have landed.
pub(crate) const COPY_ENDS_EARLY: Action = Action { name: "copy_ends_early", refused_by: copy_ends_early_refused_by, after: after_copy_ends_early };

fn copy_ends_early_refused_by(s: &Abstract, p: &With) -> Option<&'static str> {
    if !((s.window[p.row] == WindowState::Active) || (s.window[p.row] == WindowState::Copying)) { return Some("copied"); }
    if !(0..s.members).all(|m0| !s.copying[m0][p.row] || s.failed[m0]) { return Some("(the world)"); }
    None
}

fn after_copy_ends_early(s: &Abstract, p: &With) -> Abstract {
    let mut t = s.clone();
    for r0 in 0..s.rows { t.window[r0] = (if (r0 == p.row) { WindowState::Free } else { s.window[r0] }); }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.copying[m0][r1] = (s.copying[m0][r1] && !((r1 == p.row))); } }
    for r0 in 0..s.rows { t.settled[r0] = (s.settled[r0] && !(((r0 == p.row) && s.owed[r0]))); }
    for r0 in 0..s.rows { t.settling[r0] = (s.settling[r0] && !(((r0 == p.row) && s.owed[r0]))); }
    t
}

/// `done` passes a row whose copy has landed. `anew`: a resync had copied it, but goes back to it.
pub(crate) const ADVANCE: Action = Action { name: "advance", refused_by: advance_refused_by, after: after_advance };

fn advance_refused_by(s: &Abstract, p: &With) -> Option<&'static str> {
    if !(s.window[p.row] == WindowState::Landed) { return Some("advance_done"); }
    if !(0..s.members).all(|m0| !s.bad[m0][p.row] || s.bad_named[m0][p.row]) { return Some("recorded"); }
    None
}

fn after_advance(s: &Abstract, p: &With) -> Abstract {
    let mut t = s.clone();
    for r0 in 0..s.rows { t.window[r0] = (if (r0 == p.row) { WindowState::Free } else { s.window[r0] }); }
    for r0 in 0..s.rows { t.owed[r0] = (s.owed[r0] || (p.anew && (r0 == p.row) && (s.window[r0] == WindowState::Landed) && (s.operation == Operation::Resync))); }
    for r0 in 0..s.rows { t.owed_on_disk[r0] = (s.owed_on_disk[r0] || (p.anew && (r0 == p.row) && (s.window[r0] == WindowState::Landed) && (s.operation == Operation::Resync))); }
    for r0 in 0..s.rows { t.owed_prepared[r0] = (s.owed_prepared[r0] || (p.anew && (r0 == p.row) && (s.window[r0] == WindowState::Landed) && (s.operation == Operation::Resync))); }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.held[m0][r1] = ((s.held[m0][r1] && ((!s.failed[m0] && !s.filling[m0] && !s.waiting[m0]) || !((p.anew && (r1 == p.row) && (s.window[r1] == WindowState::Landed) && (s.operation == Operation::Resync))))) || ((s.operation == Operation::Rebuild) && (r1 == p.row) && s.filling[m0] && s.issued[m0][r1])); } }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.flushed[m0][r1] = (s.flushed[m0][r1] && ((!s.failed[m0] && !s.filling[m0] && !s.waiting[m0]) || !((p.anew && (r1 == p.row) && (s.window[r1] == WindowState::Landed) && (s.operation == Operation::Resync))))); } }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.durable[m0][r1] = (s.durable[m0][r1] && ((!s.failed[m0] && !s.filling[m0] && !s.waiting[m0]) || !((p.anew && (r1 == p.row) && (s.window[r1] == WindowState::Landed) && (s.operation == Operation::Resync))))); } }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.prepared[m0][r1] = (s.prepared[m0][r1] && ((!s.failed[m0] && !s.filling[m0] && !s.waiting[m0]) || !((p.anew && (r1 == p.row) && (s.window[r1] == WindowState::Landed) && (s.operation == Operation::Resync))))); } }
    t
}

/// A window is given up that nothing is commanded for.
pub(crate) const GIVE_UP_WINDOW: Action = Action { name: "give_up_window", refused_by: give_up_window_refused_by, after: after_give_up_window };

fn give_up_window_refused_by(s: &Abstract, p: &With) -> Option<&'static str> {
    if !((s.window[p.row] == WindowState::Closing) || (s.window[p.row] == WindowState::Landed)) { return Some("give_up_windows"); }
    None
}

fn after_give_up_window(s: &Abstract, p: &With) -> Abstract {
    let mut t = s.clone();
    for r0 in 0..s.rows { t.window[r0] = (if (r0 == p.row) { WindowState::Free } else { s.window[r0] }); }
    t
}

/// A pause, an abort, or the end of a resync: no copy is under way, and `issued` falls back to `done`. After a pause the operation goes on as it is. `again`: a resync had copied them, but `done` had not come there.
pub(crate) const STOP: Action = Action { name: "stop", refused_by: stop_refused_by, after: after_stop };

fn stop_refused_by(s: &Abstract, p: &With) -> Option<&'static str> {
    if !!((s.operation == Operation::Nothing)) { return Some("settle"); }
    if !!(((s.stream == StreamState::Flushing) && s.finish)) { return Some("end"); }
    if !(0..s.rows).all(|r0| !(((s.window[r0] == WindowState::Active) || (s.window[r0] == WindowState::Copying)))) { return Some("stop"); }
    None
}

fn after_stop(s: &Abstract, p: &With) -> Abstract {
    let mut t = s.clone();
    t.operation = (if p.pauses { s.operation } else { Operation::Nothing });
    t.preparing = p.pauses;
    for r0 in 0..s.rows { t.window[r0] = WindowState::Free; }
    for r0 in 0..s.rows { t.owed[r0] = (s.owed[r0] || (p.again[r0] && (s.window[r0] == WindowState::Landed) && (s.operation == Operation::Resync))); }
    for r0 in 0..s.rows { t.owed_on_disk[r0] = (s.owed_on_disk[r0] || (p.again[r0] && (s.window[r0] == WindowState::Landed) && (s.operation == Operation::Resync))); }
    for r0 in 0..s.rows { t.owed_prepared[r0] = (s.owed_prepared[r0] || (p.again[r0] && (s.window[r0] == WindowState::Landed) && (s.operation == Operation::Resync))); }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.held[m0][r1] = (s.held[m0][r1] && ((!s.failed[m0] && !s.filling[m0] && !s.waiting[m0]) || !((p.again[r1] && (s.window[r1] == WindowState::Landed) && (s.operation == Operation::Resync))))); } }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.flushed[m0][r1] = (s.flushed[m0][r1] && ((!s.failed[m0] && !s.filling[m0] && !s.waiting[m0]) || !((p.again[r1] && (s.window[r1] == WindowState::Landed) && (s.operation == Operation::Resync))))); } }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.durable[m0][r1] = (s.durable[m0][r1] && ((!s.failed[m0] && !s.filling[m0] && !s.waiting[m0]) || !((p.again[r1] && (s.window[r1] == WindowState::Landed) && (s.operation == Operation::Resync))))); } }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.prepared[m0][r1] = (s.prepared[m0][r1] && ((!s.failed[m0] && !s.filling[m0] && !s.waiting[m0]) || !((p.again[r1] && (s.window[r1] == WindowState::Landed) && (s.operation == Operation::Resync))))); } }
    t.finishing = false;
    for m0 in 0..s.members { for r1 in 0..s.rows { t.issued[m0][r1] = ((s.filling[m0] && s.held[m0][r1] && !((p.again[r1] && (s.window[r1] == WindowState::Landed) && (s.operation == Operation::Resync)))) || (!s.filling[m0] && s.issued[m0][r1])); } }
    t.lowered = (s.lowered || p.lowers);
    t
}

/// Power fails, and the set is started from the members that are present. The newest record among them speaks. One of them, at least, is trusted by the newest record that all hold whom it trusts: with fewer, no core could know what was promised.
pub(crate) const POWER_CUT_AND_RESTART: Action = Action { name: "power_cut_and_restart", refused_by: power_cut_and_restart_refused_by, after: after_power_cut_and_restart };

fn power_cut_and_restart_refused_by(s: &Abstract, p: &With) -> Option<&'static str> {
    if !(p.present[p.holder] && (s.record[p.holder] == p.found) && (s.confirmed <= p.found)) { return Some("freshest"); }
    if !(0..s.members).all(|m0| !p.present[m0] || !s.strayed[m0]) { return Some("went_on_without"); }
    if !(0..s.members).all(|m1| !p.present[m1] || (0 <= s.record[m1])) { return Some("(the world)"); }
    if !(p.present[p.witness] && !s.rec_untrusted[s.confirmed as usize][p.witness]) { return Some("(the world)"); }
    if !(!((s.rec_failed[p.found as usize][p.speaker] || !p.present[p.speaker])) && !((s.rec_untrusted[p.found as usize][p.speaker] && !((s.rec_failed[p.found as usize][p.speaker] || !p.present[p.speaker]))))) { return Some("suffice"); }
    None
}

fn after_power_cut_and_restart(s: &Abstract, p: &With) -> Abstract {
    let mut t = s.clone();
    for m0 in 0..s.members { t.failed[m0] = (s.rec_failed[p.found as usize][m0] || !p.present[m0]); }
    for m0 in 0..s.members { t.filling[m0] = (s.rec_untrusted[p.found as usize][m0] && !((s.rec_failed[p.found as usize][m0] || !p.present[m0])) && p.fill[m0]); }
    for m0 in 0..s.members { t.waiting[m0] = (s.rec_untrusted[p.found as usize][m0] && !((s.rec_failed[p.found as usize][m0] || !p.present[m0])) && !p.fill[m0]); }
    t.speaker = p.speaker;
    t.set_failed = false;
    for r0 in 0..s.regions { t.region[r0] = (if s.rec_dirty[p.found as usize][r0] { RegionState::Wanted } else { RegionState::Clean }); }
    for r0 in 0..s.rows { t.owed[r0] = (s.rec_dirty[p.found as usize][s.region_of[r0]] || s.rec_owed[p.found as usize][r0]); }
    for r0 in 0..s.rows { t.owed_on_disk[r0] = (s.rec_dirty[p.found as usize][s.region_of[r0]] || s.rec_owed[p.found as usize][r0]); }
    for r0 in 0..s.rows { t.owed_prepared[r0] = true; }
    for r0 in 0..s.rows { t.settled[r0] = true; }
    for r0 in 0..s.rows { t.settling[r0] = false; }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.issued[m0][r1] = ((!s.rec_untrusted[p.found as usize][m0] || (s.rec_held[p.found as usize][m0][r1] && !s.rec_bad[p.found as usize][m0][r1] && (s.rec_disk[p.found as usize][m0] == s.disk[m0]))) && !((s.rec_dirty[p.found as usize][s.region_of[r1]] || s.rec_owed[p.found as usize][r1])) && !((!((s.rec_failed[p.found as usize][m0] || !p.present[m0])) && !((s.rec_untrusted[p.found as usize][m0] && !((s.rec_failed[p.found as usize][m0] || !p.present[m0]))))))); } }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.held[m0][r1] = ((!s.rec_untrusted[p.found as usize][m0] || (s.rec_held[p.found as usize][m0][r1] && !s.rec_bad[p.found as usize][m0][r1] && (s.rec_disk[p.found as usize][m0] == s.disk[m0]))) && !((s.rec_dirty[p.found as usize][s.region_of[r1]] || s.rec_owed[p.found as usize][r1])) && !((!((s.rec_failed[p.found as usize][m0] || !p.present[m0])) && !((s.rec_untrusted[p.found as usize][m0] && !((s.rec_failed[p.found as usize][m0] || !p.present[m0]))))))); } }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.flushed[m0][r1] = ((!s.rec_untrusted[p.found as usize][m0] || (s.rec_held[p.found as usize][m0][r1] && !s.rec_bad[p.found as usize][m0][r1] && (s.rec_disk[p.found as usize][m0] == s.disk[m0]))) && !((s.rec_dirty[p.found as usize][s.region_of[r1]] || s.rec_owed[p.found as usize][r1])) && !((!((s.rec_failed[p.found as usize][m0] || !p.present[m0])) && !((s.rec_untrusted[p.found as usize][m0] && !((s.rec_failed[p.found as usize][m0] || !p.present[m0]))))))); } }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.durable[m0][r1] = ((!s.rec_untrusted[p.found as usize][m0] || (s.rec_held[p.found as usize][m0][r1] && !s.rec_bad[p.found as usize][m0][r1] && (s.rec_disk[p.found as usize][m0] == s.disk[m0]))) && !((s.rec_dirty[p.found as usize][s.region_of[r1]] || s.rec_owed[p.found as usize][r1])) && !((!((s.rec_failed[p.found as usize][m0] || !p.present[m0])) && !((s.rec_untrusted[p.found as usize][m0] && !((s.rec_failed[p.found as usize][m0] || !p.present[m0]))))))); } }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.prepared[m0][r1] = false; } }
    t.operation = Operation::Nothing;
    t.preparing = false;
    for r0 in 0..s.rows { t.window[r0] = WindowState::Free; }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.copying[m0][r1] = false; } }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.source[m0][r1] = false; } }
    for r0 in 0..s.rows { t.in_flight[r0] = false; }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.leg[m0][r1] = false; } }
    for r0 in 0..s.rows { t.unanswered[r0] = false; }
    for r0 in 0..s.rows { t.acked[r0] = s.promised[r0]; }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.cached[m0][r1] = s.medium[m0][r1]; } }
    t.stream = StreamState::Idle;
    t.finish = false;
    t.finishing = false;
    for m0 in 0..s.members { t.flush_leg[m0] = false; }
    for m0 in 0..s.members { t.addressed[m0] = false; }
    t.lowered = true;
    for m0 in 0..s.members { t.named[m0] = false; }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.bad[m0][r1] = s.rec_bad[p.found as usize][m0][r1]; } }
    for m0 in 0..s.members { for r1 in 0..s.rows { t.bad_named[m0][r1] = false; } }
    for u0 in 0..s.flushes { t.flush_open[u0] = false; }
    for u0 in 0..s.flushes { for m1 in 0..s.members { t.flush_due[u0][m1] = false; } }
    t
}
