// SPDX-License-Identifier: MIT OR Apache-2.0
//! Fields of ASR: the reserved block, and the table with its lines.

use super::{Field, FieldName, Table, Taking, table};
use crate::discover::ReadPiece;
use raid_asr::{ConfigurationLine, Record, ReservedBlock, TABLE_BLOCKS, TableHeader};

const RESERVED: Table = table!(ReservedBlock: b0idcode lunsave sdtype ssavecyl ssavehed ssavesec sb0flags jbod_enable
    lundsave svpdirty bios_info svwbskip svwbcln svwbmax res3 svwbmin res4 svrcacth svwcacth svwbdly svsdtime res5 firmval
    firmbln firmblk fstrsvrb sv_block_storage_tid svtid svseccfl res6 svhbanum resver drivemagic reserved testnum testflags
    max_error_count count start_time interval tstxt0 tstxt1 ser_num res8 fw_test_magic fw_test_seq_num fw_test_res smagic
    raidtbl raidline res9 scratch);
const HEADER: Table = table!(TableHeader: ridcode rversion maxelm elmcnt elmsize rchksum res1 res2 res3 raid_flags
    timestamp iroc_flags dirty action_priority spareid sparedrivemagic raidmagic verify_date recreate_date res4);
const LINE: Table = table!(ConfigurationLine: raidcnt raidseq raidmagic raidlevel raidtype raidstate flags refcnt raidhba
    raidchnl raidlun raidid loffset lcapcty strpsize bios_info lsu added_drives app_sleep_rate block_storage_tid
    cur_app_block app_burst_count name);

/// As [`fields_of`](super::fields_of).
pub(crate) fn fields(pieces: &[ReadPiece], block_size: u32) -> Vec<Field> {
    let mut taking = Taking::new(pieces, block_size);
    let block = taking.block;
    // The last block of all is the reserved one.
    let last = pieces.iter().map(|piece| {
        let blocks = (piece.bytes.len() as u64 / block).max(1);
        piece.at.0.saturating_add(blocks - 1)
    });
    let at = last.max().unwrap_or(0).saturating_mul(block);
    let bytes = taking.bytes(at..at.saturating_add(block));
    let name =
        FieldName { copy: "only", record: "reserved block", index: None, entry: None, field: "" };
    taking.record(name, at, bytes, RESERVED, size_of::<ReservedBlock>());
    let stated = ReservedBlock::view(bytes).map(|block| u64::from(block.raidtbl.get()));
    let before = (at / block).checked_sub(TABLE_BLOCKS);
    let magic = TableHeader::MAGIC.to_be_bytes();
    for place in [stated, before].into_iter().flatten() {
        let at = place.saturating_mul(block);
        let bytes = taking.bytes(at..at.saturating_add(TABLE_BLOCKS * block));
        if !bytes.starts_with(&magic) {
            continue;
        }
        let head = size_of::<TableHeader>();
        let name =
            FieldName { copy: "only", record: "RAID table", index: None, entry: None, field: "" };
        taking.record(name, at, bytes, HEADER, head);
        let lines = bytes.get(head..).unwrap_or_default();
        let size = usize::from(ConfigurationLine::SIZE);
        for (index, line) in (0u64..).zip(lines.chunks(size)) {
            let name = FieldName { entry: Some(index), ..name };
            let at = at.saturating_add((head + index as usize * size) as u64);
            taking.record(name, at, line, LINE, size);
        }
        break;
    }
    taking.finish(|_| ("only", 0))
}
