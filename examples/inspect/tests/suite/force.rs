// SPDX-License-Identifier: MIT OR Apache-2.0
//! Members that were declared failed: which of them are read, and what is said of it.

use crate::bench::{accept, array, geometry, images, inspection, sources};
use crate::program::{Folder, code, run, text};
use raid_array::formats::FORMATS;
use raid_array::store::{CommitStep, Store};
use raid_array::trust::{Accept, Risk};
use raid_core::array::*;
use raid_core::metadata::Stamp;
use raid_core::units::Slot;
use raid_inspect::{ArrayReader, Inspection, Readiness, Refusal};
use raid_testdata::{SparseImage, scenario};
use serde_json::Value;
use std::path::PathBuf;
use std::sync::Arc;

/// RAID-5 of four: disk 2 failed, then everything was written again, then disk 1 failed as well.
fn two_failed_one_after_the_other() -> Vec<SparseImage> {
    let packed = images(&scenario("ddf-mdadm", "degraded-raid5-stale"));
    let found = Inspection::of(sources(&packed)).discovery;
    let array = &found.arrays[0];
    let on_disk = |disk| array.members.iter().find(|m| m.descriptor.disk == Some(disk)).unwrap();
    let slot = on_disk(1).descriptor.place.slot;
    let writer = FORMATS[array.format].admin().unwrap();
    let mut store = Store::from_discovery(&found, array);
    assert!(!store.disks[2].live, "it failed long ago");
    store.disks[1].live = false;
    let id = array.descriptor.id;
    let mut state = store.view(|disks| writer.state(disks, id, 0)).unwrap();
    state.failed.insert(slot);
    let stamp = Stamp { unix_seconds: 1_800_000_000, random: 5 };
    store.edit(|disks| writer.set_state(disks, id, 0, &state, stamp)).unwrap();
    let mut images: Vec<SparseImage> = packed.iter().map(|image| (**image).clone()).collect();
    for disk in [0, 3] {
        for step in store.commit_steps(writer, disk) {
            if let CommitStep::Write(at, bytes) = step {
                images[disk].write_at(at.0 * 512, &bytes);
            }
        }
    }
    images
}

fn written(folder: &Folder, images: &[SparseImage]) -> Vec<PathBuf> {
    let path = |(disk, image): (usize, &SparseImage)| {
        let path = folder.0.join(format!("d{disk}.img"));
        image.write_to(&path).unwrap();
        path
    };
    images.iter().enumerate().map(path).collect()
}

/// Case F1.
#[test]
fn of_two_failed_members_the_one_that_failed_last_is_read_and_named() {
    let volume = &scenario("ddf-mdadm", "degraded-raid5-stale").volumes[0];
    let whole = volume.pattern.bytes(0, volume.size_bytes as usize);
    let folder = Folder::new("failed-last");
    let paths = written(&folder, &two_failed_one_after_the_other());
    let refused = run(&["cat"], &paths);
    assert_eq!((code(&refused), refused.stdout.len()), (2, 0));
    let why = text(&refused.stderr);
    assert!(why.contains("--accept declared-failed"), "{why}");
    for arguments in [&["cat", "--force"][..], &["cat", "--accept", "declared-failed"]] {
        let output = run(arguments, &paths);
        let said = text(&output.stderr);
        assert_eq!(code(&output), 0, "{said}");
        assert!(output.stdout == whole, "old words were read: {said}");
        assert!(said.contains("taken on trust (declared-failed)"), "{said}");
        assert!(said.contains("d1.img") && said.contains("d2.img"), "{said}");
        assert!(said.contains("failed earlier and is computed"), "{said}");
    }
    // A risk that is not the one in question takes nobody in.
    assert_eq!(code(&run(&["cat", "--accept", "unclean-degraded"], &paths)), 2);
    // The user may choose, against what the metadata says.
    let chosen = run(&["cat", "--force", "--without", "d1.img"], &paths);
    assert_eq!(code(&chosen), 0);
    assert!(chosen.stdout != whole, "disk 2 has old words");
    let report: Value = serde_json::from_slice(&run(&["show", "--json"], &paths).stdout).unwrap();
    let forced = &report["arrays"][0]["forced"];
    assert_eq!(forced["readable"], true, "{forced:#}");
    let [on_trust] = forced["on_trust"].as_array().unwrap().as_slice() else {
        panic!("{forced:#}");
    };
    assert_eq!((&on_trust["risk"], &on_trust["disk"]), (&"declared-failed".into(), &1.into()));
    assert!(on_trust["path"].as_str().unwrap().ends_with("d1.img"));
}

/// A RAID-5 of three, two of them failed, on which nothing says when.
fn of_unknown_age(parity: u8) -> Inspection {
    let image = |byte: u8| {
        let mut image = SparseImage::zeroed(512 * 1024);
        image.write_at(16 * 512, &[byte; 64 * 512]);
        Arc::new(image)
    };
    let mut array = array(geometry(Level::Raid5, Placement::NContinue, 3), 128);
    for member in [1, 2] {
        array.members[member].descriptor.state = MemberState::Failed;
    }
    array.descriptor.state = ArrayState::Failed;
    inspection(sources(&[image(1), image(2), image(parity)]), vec![array])
}

/// Case F1.
#[test]
fn where_ages_are_unknown_parity_decides_or_the_user_must() {
    let agree = of_unknown_age(3);
    let array = &agree.discovery.arrays[0];
    assert!(matches!(Readiness::of(&agree, array, accept(false)), Err(Refusal::RedundancyGone(_))));
    let ready = Readiness::of(&agree, array, accept(true)).unwrap();
    assert_eq!(ready.gaps, [], "both are of one age");
    let risks: Vec<_> = ready.trusted.iter().map(|taken| (taken.risk, taken.disk)).collect();
    assert_eq!(risks, [(Risk::DeclaredFailed, Some(1)), (Risk::DeclaredFailed, Some(2))]);
    let mut bytes = vec![0; 8 * 512];
    ArrayReader::new(&agree, array, Accept::ALL).unwrap().read_at(0, &mut bytes).unwrap();
    assert_eq!(bytes, [1; 8 * 512]);

    let differ = of_unknown_age(4);
    let refusal = Readiness::of(&differ, &differ.discovery.arrays[0], accept(true)).unwrap_err();
    let text = refusal.to_string();
    assert!(matches!(refusal, Refusal::AgesUnknown(_)), "{text}");
    assert!(text.contains("d1") && text.contains("d2") && text.contains("--without"), "{text}");
}

/// Case F1.
#[test]
fn each_risk_is_taken_alone_and_reported() {
    let blank = Arc::new(SparseImage::zeroed(512 * 1024));
    let disks = || sources(&vec![Arc::clone(&blank); 8]);
    let raid5 = || array(geometry(Level::Raid5, Placement::NContinue, 3), 128);
    let short = |array: &mut raid_array::discover::FoundArray| {
        array.members[1].descriptor.state = MemberState::Missing;
        array.members[1].descriptor.disk = None;
    };
    let mut unclean = raid5();
    unclean.descriptor.clean = false;
    short(&mut unclean);
    let mut young = raid5();
    young.descriptor.initialisation = Initialisation::Running;
    short(&mut young);
    let mut failed = raid5();
    failed.descriptor.state = ArrayState::Failed;
    let mut shared = raid5();
    shared.members[1].descriptor.disk = Some(0);
    shared.members[1].descriptor.place.slot = Slot(1);
    for (risk, array) in [
        (Risk::UncleanDegraded, unclean),
        (Risk::NeverInitialised, young),
        (Risk::DeclaredFailed, failed),
        (Risk::SharedBlocks, shared),
    ] {
        let inspection = inspection(disks(), vec![array]);
        let array = &inspection.discovery.arrays[0];
        let others: Accept = Risk::ALL.into_iter().filter(|other| *other != risk).collect();
        for accept in [Accept::NOTHING, others] {
            let refusal = Readiness::of(&inspection, array, accept).unwrap_err().to_string();
            assert!(refusal.contains(risk.name()), "{risk:?}: {refusal}");
        }
        let ready = Readiness::of(&inspection, array, Accept::NOTHING.and(risk)).unwrap();
        assert_eq!(ready.trusted.iter().map(|taken| taken.risk).collect::<Vec<_>>(), [risk]);
    }
}
