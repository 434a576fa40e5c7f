// SPDX-License-Identifier: MIT OR Apache-2.0
//! The fields as stored, under the names of the format's own headers.

use super::Member;
use crate::{ConfigurationLine, ReservedBlock, TableHeader};
use raid_core::array::ArrayId;
use raid_core::metadata::{Inventory, Subject};

macro_rules! fields {
    ($into:ident, $of:expr, $record:ident, $($name:literal $field:ident $(. $get:ident())?),* $(,)?) => {
        $($into.raw($of, $name, u64::from($record.$field$(.$get())?));)*
    };
}

/// The reserved block of a disk.
pub(crate) fn reserved_block(disk: usize, record: &ReservedBlock, into: &mut dyn Inventory) {
    fields!(
        into, Subject::Disk(disk), record,
        "b0idcode" b0idcode.get(), "sdtype" sdtype.get(), "sb0flags" sb0flags,
        "jbodEnable" jbod_enable, "svpdirty" svpdirty, "biosInfo" bios_info.get(),
        "svwbskip" svwbskip.get(), "svwbcln" svwbcln.get(), "svwbmax" svwbmax.get(),
        "svwbmin" svwbmin.get(), "svrcacth" svrcacth.get(), "svwcacth" svwcacth.get(),
        "svwbdly" svwbdly.get(), "svsdtime" svsdtime, "firmval" firmval.get(),
        "firmbln" firmbln.get(), "firmblk" firmblk.get(), "fstrsvrb" fstrsvrb.get(),
        "svBlockStorageTid" sv_block_storage_tid.get(), "svtid" svtid.get(),
        "svseccfl" svseccfl, "svhbanum" svhbanum, "resver" resver,
        "drivemagic" drivemagic.get(), "fwTestMagic" fw_test_magic.get(),
        "fwTestSeqNum" fw_test_seq_num.get(), "smagic" smagic.get(), "raidtbl" raidtbl.get(),
        "raidline" raidline.get(),
    );
}

/// The header of a disk's copy of the table.
pub(crate) fn header(disk: usize, record: &TableHeader, into: &mut dyn Inventory) {
    fields!(
        into, Subject::Disk(disk), record,
        "ridcode" ridcode.get(), "rversion" rversion.get(), "maxelm" maxelm.get(),
        "elmcnt" elmcnt.get(), "elmsize" elmsize.get(), "rchksum" rchksum.get(),
        "raidFlags" raid_flags.get(), "timestamp" timestamp.get(), "irocFlags" iroc_flags,
        "dirty" dirty, "actionPriority" action_priority, "spareid" spareid,
        "sparedrivemagic" sparedrivemagic.get(), "raidmagic" raidmagic.get(),
        "verifyDate" verify_date.get(), "recreateDate" recreate_date.get(),
    );
}

/// The array lines of an array: the top, then those below it in table order.
pub(crate) fn array(member: &Member<'_>, id: ArrayId, into: &mut dyn Inventory) {
    line(Subject::Array(id), member.tree.top(), into);
    for set in member.tree.sets().filter(|set| set.index() != member.tree.index()) {
        line(Subject::Array(id), set.line(), into);
    }
}

/// A configuration line.
pub(crate) fn line(of: Subject, record: &ConfigurationLine, into: &mut dyn Inventory) {
    fields!(
        into, of, record,
        "raidcnt" raidcnt.get(), "raidseq" raidseq.get(), "raidmagic" raidmagic.get(),
        "raidlevel" raidlevel, "raidtype" raidtype, "raidstate" raidstate, "flags" flags,
        "refcnt" refcnt, "raidhba" raidhba, "raidchnl" raidchnl, "raidlun" raidlun,
        "raidid" raidid.get(), "loffset" loffset.get(), "lcapcty" lcapcty.get(),
        "strpsize" strpsize.get(), "biosInfo" bios_info.get(), "lsu" lsu.get(),
        "addedDrives" added_drives, "appSleepRate" app_sleep_rate,
        "blockStorageTid" block_storage_tid.get(), "curAppBlock" cur_app_block.get(),
        "appBurstCount" app_burst_count.get(),
    );
}
