// SPDX-License-Identifier: MIT OR Apache-2.0
//! What libublk, another implementation of ublk servers, says of block devices; and a device that it serves. Runs in
//! the guest of `cargo xtask vm ublk-libublk`, as a judge of raid-ublk.
//!
//! ```text
//! raid-libublk features        what the kernel's driver offers
//! raid-libublk list            the numbers of all devices
//! raid-libublk show N          a line for each value of device N: a name, a blank, a number
//! raid-libublk serve FILE      a file as a device that outlives its server
//! raid-libublk serve FILE N    takes over device N, whose server is gone
//! raid-libublk delete N        removes a device
//! ```
//!
//! `serve` says `device N` when the device is there, and each write as `write SECTOR COUNT`.

use libublk::ctrl::{UblkCtrl, UblkCtrlBuilder};
use libublk::io::{BufDescList, UblkDev, UblkQueue};
use libublk::{BufDesc, UblkError, UblkFlags, UblkIORes, sys};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::process::ExitCode;
use std::rc::Rc;
use std::slice;

/// Requests under way at a time, and bytes of the largest.
const DEPTH: u16 = 16;
const LARGEST: u32 = 64 << 10;
/// EIO and EOPNOTSUPP, as the driver takes them.
const IO_ERROR: i32 = -5;
const UNSUPPORTED: i32 = -95;
/// What the number that the driver keeps for its server is, for the devices made here.
const TARGET: u64 = 0x6c69_6275_626c_6b00;

type Said = Result<(), Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["features"] => features(),
        ["list"] => list(),
        ["show", device] => number(device).and_then(show),
        ["serve", path] => serve(path, None),
        ["serve", path, device] => number(device).and_then(|device| serve(path, Some(device))),
        ["delete", device] => number(device).and_then(delete),
        _ => Err("features | list | show N | serve FILE [N] | delete N".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("raid-libublk: {why}");
            ExitCode::FAILURE
        }
    }
}

fn number(word: &str) -> Result<i32, Box<dyn std::error::Error>> {
    let number: i32 = word.parse()?;
    // The library takes no other.
    if number < 0 { Err(format!("no device {number}").into()) } else { Ok(number) }
}

fn features() -> Said {
    let features = UblkCtrl::get_features().ok_or("the driver does not say what it offers")?;
    println!("features {features}");
    Ok(())
}

fn list() -> Said {
    UblkCtrl::for_each_dev_id(|device| println!("device {device}"));
    Ok(())
}

fn show(device: i32) -> Said {
    let control = UblkCtrl::new_simple(device)?;
    control.read_dev_info()?;
    let info = control.dev_info();
    let mut all =
        sys::ublk_params { len: size_of::<sys::ublk_params>() as u32, ..Default::default() };
    control.get_params(&mut all)?;
    let basic = all.basic;
    for (name, value) in [
        ("device", u64::from(info.dev_id)),
        ("state", info.state.into()),
        ("server", info.ublksrv_pid as u64),
        ("queues", info.nr_hw_queues.into()),
        ("depth", info.queue_depth.into()),
        ("max_io_bytes", info.max_io_buf_bytes.into()),
        ("flags", info.flags),
        ("target", info.ublksrv_flags),
        ("parameters", all.types.into()),
        ("attributes", basic.attrs.into()),
        ("logical_shift", basic.logical_bs_shift.into()),
        ("physical_shift", basic.physical_bs_shift.into()),
        ("io_opt_shift", basic.io_opt_shift.into()),
        ("io_min_shift", basic.io_min_shift.into()),
        ("max_sectors", basic.max_sectors.into()),
        ("chunk_sectors", basic.chunk_sectors.into()),
        ("device_sectors", basic.dev_sectors),
        ("virt_boundary", basic.virt_boundary_mask),
    ] {
        println!("{name} {value}");
    }
    Ok(())
}

fn delete(device: i32) -> Said {
    UblkCtrl::new_simple(device)?.del_dev()?;
    Ok(())
}

/// Serves a file until the device goes; a device that is there already goes on.
fn serve(path: &str, device: Option<i32>) -> Said {
    let file = File::options().read(true).write(true).open(path)?;
    let size = file.metadata()?.len();
    let how = match device {
        None => UblkFlags::UBLK_DEV_F_ADD_DEV,
        Some(device) => {
            UblkCtrl::new_simple(device)?.start_user_recover()?;
            UblkFlags::UBLK_DEV_F_RECOVER_DEV
        }
    };
    let recovery = sys::UBLK_F_USER_RECOVERY | sys::UBLK_F_USER_RECOVERY_REISSUE;
    let control = UblkCtrlBuilder::default()
        .name("file")
        .id(device.unwrap_or(-1))
        .nr_queues(1)
        .depth(DEPTH)
        .io_buf_bytes(LARGEST)
        .ctrl_flags(recovery.into())
        .ctrl_target_flags(TARGET)
        .dev_flags(how)
        .build()?;
    let file = std::sync::Arc::new(file);
    let parameters = move |dev: &mut UblkDev| -> Result<(), UblkError> {
        dev.set_default_params(size);
        Ok(())
    };
    let queue = move |queue: u16, dev: &UblkDev| {
        if let Err(error) = serve_queue(queue, dev, &file) {
            eprintln!("raid-libublk: queue {queue}: {error}");
        }
    };
    control.run_target(parameters, queue, |control: &UblkCtrl| {
        println!("device {}", control.dev_info().dev_id);
    })?;
    Ok(())
}

fn serve_queue(number: u16, dev: &UblkDev, file: &File) -> Result<(), UblkError> {
    let buffers = Rc::new(dev.alloc_queue_io_bufs());
    let queue = UblkQueue::new(number, dev)?
        .submit_fetch_commands_unified(BufDescList::Slices(Some(&buffers)))?;
    queue.wait_and_handle_io(|queue, tag, _| {
        let request = queue.get_iod(tag);
        let (at, bytes) = (request.start_sector << 9, (request.nr_sectors as usize) << 9);
        let buffer = &buffers[usize::from(tag)];
        let len = bytes.min(buffer.len());
        // SAFETY: `len` bytes at most of this buffer, which outlives the queue. The driver uses it only while it has
        // the request: not from here to the completion below.
        let data = unsafe { slice::from_raw_parts_mut(buffer.as_mut_ptr(), len) };
        let done = match request.op_flags & 0xff {
            sys::UBLK_IO_OP_READ => file.read_exact_at(data, at).map(|()| bytes as i32),
            sys::UBLK_IO_OP_WRITE => {
                println!("write {} {}", request.start_sector, request.nr_sectors);
                file.write_all_at(data, at).map(|()| bytes as i32)
            }
            sys::UBLK_IO_OP_FLUSH => file.sync_data().map(|()| 0),
            _ => Ok(UNSUPPORTED),
        };
        let result = UblkIORes::Result(done.unwrap_or(IO_ERROR));
        let told =
            queue.complete_io_cmd_unified(tag, BufDesc::Slice(buffer.as_slice()), Ok(result));
        if let Err(error) = told {
            eprintln!("raid-libublk: request {tag}: {error}");
        }
    });
    Ok(())
}
