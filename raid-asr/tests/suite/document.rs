// SPDX-License-Identifier: MIT OR Apache-2.0
//! The document for users lists what the library can say.

use raid_asr::finding;

#[test]
fn every_finding_stands_in_the_document() {
    let document = include_str!("../../../docs/formats/asr.md");
    for kind in finding::ALL {
        let severity = format!("{:?}", kind.severity).to_lowercase();
        let row = format!("| {} | {severity} | {} |", kind.code, kind.what);
        assert!(document.contains(&row), "missing: {row}");
    }
    let rows = document.lines().skip_while(|line| *line != "## Findings");
    let listed = rows.filter(|line| line.starts_with("| ")).count();
    assert_eq!(listed, finding::ALL.len() + 1);
}
