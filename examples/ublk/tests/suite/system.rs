// SPDX-License-Identifier: MIT OR Apache-2.0
//! The examples for a machine on which md is installed too, each judged by the program that reads it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("system").join(name)
}

/// What a program says; `None`, and that it was skipped, where it is not installed.
fn judged(command: &mut Command) -> Option<Output> {
    match command.output() {
        Ok(output) => Some(output),
        Err(error) => {
            println!("SKIPPED: {}: {error}", command.get_program().to_string_lossy());
            None
        }
    }
}

fn text(output: &Output) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

#[test]
fn udev_understands_the_rule() {
    let rules = example("63-raid-ublk.rules");
    let Some(help) = judged(Command::new("udevadm").arg("--help")) else { return };
    if !text(&help).contains("verify") {
        return println!("SKIPPED: udevadm has no `verify` before version 254");
    }
    let verified = judged(Command::new("udevadm").arg("verify").arg(&rules)).unwrap();
    assert!(verified.status.success(), "{}", text(&verified));
}

/// What every version of udev asks of a rule: comma separated pairs of a key, an operator and a value in quotes, and
/// a label for each jump.
#[test]
fn the_rule_has_the_grammar_of_rules() {
    let rules = fs::read_to_string(example("63-raid-ublk.rules")).unwrap();
    let uncommented = rules.lines().map(|line| match line.strip_prefix('#') {
        // Rules that are there to be filled in are held to the same.
        Some(rule) if rule.starts_with("ENV{") => rule,
        Some(_) => "",
        None => line,
    });
    let (mut labels, mut jumps, mut pairs) = (Vec::new(), Vec::new(), 0);
    for line in uncommented.filter(|line| !line.is_empty()) {
        for pair in line.split(", ") {
            let at = pair.find(['=', '!']).unwrap_or_else(|| panic!("{pair:?} in {line:?}"));
            let (key, rest) = pair.split_at(at);
            let operator = ["==", "!=", "="].into_iter().find(|of| rest.starts_with(of)).unwrap();
            let value = rest[operator.len()..].strip_prefix('"').and_then(|v| v.strip_suffix('"'));
            let value = value.unwrap_or_else(|| panic!("{pair:?} in {line:?}"));
            match (key, operator) {
                ("LABEL", "=") => labels.push(value),
                ("GOTO", "=") => jumps.push(value),
                ("SUBSYSTEM" | "ACTION", "==" | "!=") => {}
                (key, _) => assert!(key.starts_with("ENV{") && key.ends_with('}'), "{pair:?}"),
            }
            pairs += 1;
        }
    }
    assert!(pairs > 8, "{pairs} pairs");
    assert!(jumps.iter().all(|jump| labels.contains(jump)), "{jumps:?} {labels:?}");
}

#[test]
fn mdadm_understands_its_line() {
    let folder =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("conf-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let filled = folder.join("mdadm.conf");
    let text_of = fs::read_to_string(example("mdadm.conf")).unwrap();
    fs::write(&filled, text_of.replace("#ARRAY", "ARRAY")).unwrap();
    let scan = |conf: &Path| {
        let conf = format!("--config={}", conf.display());
        judged(Command::new("mdadm").args(["--examine", "--scan", &conf]).arg(&filled))
    };
    if let Some(read) = scan(&filled) {
        assert!(!text(&read).contains("Unknown"), "{}", text(&read));
        // That it would complain.
        let wrong = folder.join("wrong.conf");
        fs::write(&wrong, "AUT0 -ddf +all\n").unwrap();
        let read = scan(&wrong).unwrap();
        assert!(text(&read).contains("nknown"), "{}", text(&read));
    }
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn systemd_understands_the_unit() {
    let folder =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("unit-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let unit = fs::read_to_string(example("raid-ublk@.service")).unwrap();
    let program = "/usr/local/bin/raid-ublk";
    assert!(unit.matches(program).count() == 2);
    let here = unit.replace(program, env!("CARGO_BIN_EXE_raid-ublk"));
    let verify = |unit: &str| {
        let place = folder.join("raid-ublk@home.service");
        fs::write(&place, unit).unwrap();
        judged(Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(place))
    };
    if let Some(verified) = verify(&here) {
        let own = |text: String| -> Vec<String> {
            // It reads the machine's other units too.
            text.lines().filter(|line| line.contains("raid-ublk")).map(str::to_owned).collect()
        };
        let said = own(text(&verified));
        assert!(said.is_empty(), "{said:?}");
        // That it would complain.
        let wrong = verify(&here.replace("RestartSec=", "RestartSecs=")).unwrap();
        assert!(!own(text(&wrong)).is_empty(), "{}", text(&wrong));
    }
    // The command line is one that the program takes.
    let command = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    let words: Vec<&str> = command.split_whitespace().skip(1).collect();
    let folder_of = folder.to_str().unwrap();
    let words = words.iter().map(|word| word.replace("/run/raid-ublk", folder_of));
    let words: Vec<String> = words.map(|word| word.replace("%i", "x").replace("%I", "x")).collect();
    let nothing = folder.join("none");
    fs::create_dir_all(&nothing).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_raid-ublk")).args(words).arg(nothing).output();
    let output = output.unwrap();
    assert!(text(&output).contains("no array \"x\" on these disks"), "{}", text(&output));
    fs::remove_dir_all(&folder).unwrap();
}
