// SPDX-License-Identifier: MIT OR Apache-2.0
//! Disks that are waited for only so long.
//!
//! ```text
//! reader ──request──▶ thread of the disk ──read──▶ disk
//!        ◀──answer, or none in time──
//! ```
//!
//! A read that hangs in the kernel cannot be called back. Its thread waits on; until the answer comes, further reads of
//! the disk are given the same time, and fail with it.

use raid_array::discover::{ReadAt, Source};
use raid_array::member::Identity;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

type Answer = io::Result<Vec<u8>>;

/// A disk behind a thread of its own.
struct Patient {
    len: u64,
    block_size: Option<u32>,
    identity: Option<Identity>,
    patience: Duration,
    link: Mutex<Link>,
}

struct Link {
    requests: Sender<(u64, usize)>,
    answers: Receiver<Answer>,
    /// A request is out whose answer nobody waits for any more.
    late: bool,
}

/// The disk, of which each read fails that takes longer than `patience`.
///
/// # Errors
/// No thread can be had.
pub(crate) fn with(source: Source, patience: Duration) -> io::Result<Source> {
    let Source { name, bytes } = source;
    let (len, block_size, identity) = (bytes.len(), bytes.block_size(), bytes.identity());
    let (requests, to_read) = channel::<(u64, usize)>();
    let (answer, answers) = channel();
    // It ends with the channel; one that hangs ends with the program.
    thread::Builder::new().name(format!("reader of {name}")).spawn(move || {
        for (offset, count) in to_read {
            let mut into = vec![0; count];
            let read = bytes.read_at(offset, &mut into).map(|()| into);
            if answer.send(read).is_err() {
                break;
            }
        }
    })?;
    let link = Mutex::new(Link { requests, answers, late: false });
    Ok(Source { name, bytes: Box::new(Patient { len, block_size, identity, patience, link }) })
}

impl Link {
    fn wait(&self, patience: Duration) -> io::Result<Answer> {
        self.answers.recv_timeout(patience).map_err(|error| match error {
            RecvTimeoutError::Timeout => {
                let seconds = patience.as_secs_f64();
                let why = format!("no answer within {seconds} s");
                io::Error::new(io::ErrorKind::TimedOut, why)
            }
            RecvTimeoutError::Disconnected => io::Error::other("its reader is gone"),
        })
    }
}

impl ReadAt for Patient {
    fn len(&self) -> u64 {
        self.len
    }

    fn block_size(&self) -> Option<u32> {
        self.block_size
    }

    fn identity(&self) -> Option<Identity> {
        self.identity
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let mut link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        if link.late {
            // The answer to an earlier request.
            let _ = link.wait(self.patience)?;
            link.late = false;
        }
        let gone = |_| io::Error::other("its reader is gone");
        link.requests.send((offset, into.len())).map_err(gone)?;
        let answer = match link.wait(self.patience) {
            Ok(answer) => answer?,
            Err(late) => {
                link.late = true;
                return Err(late);
            }
        };
        into.copy_from_slice(&answer);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Condvar};

    /// A disk whose second block is answered for only once it is let go.
    #[derive(Default)]
    struct Hanging(Arc<(Mutex<bool>, Condvar)>);

    impl ReadAt for Hanging {
        fn len(&self) -> u64 {
            1024
        }
        fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
            let (let_go, changed) = &*self.0;
            if offset == 512 {
                drop(changed.wait_while(let_go.lock().unwrap(), |let_go| !*let_go).unwrap());
            }
            into.fill(7);
            Ok(())
        }
    }

    #[test]
    fn a_read_that_hangs_fails_and_the_disk_is_read_again_once_it_answers() {
        let disk = Hanging::default();
        let gate = Arc::clone(&disk.0);
        let source = Source { name: "d0".to_owned(), bytes: Box::new(disk) };
        let source = with(source, Duration::from_millis(300)).unwrap();
        let mut into = [0; 512];
        source.bytes.read_at(0, &mut into).unwrap();
        let late = source.bytes.read_at(512, &mut into).unwrap_err();
        assert_eq!(
            (late.kind(), late.to_string()),
            (io::ErrorKind::TimedOut, "no answer within 0.3 s".into())
        );
        // Not even what could be read, while it hangs.
        assert_eq!(source.bytes.read_at(0, &mut into).unwrap_err().kind(), io::ErrorKind::TimedOut);
        *gate.0.lock().unwrap() = true;
        gate.1.notify_all();
        // As soon as it has answered: how soon is the system's.
        into.fill(0);
        while source.bytes.read_at(0, &mut into).is_err() {}
        assert_eq!(into, [7; 512]);
    }
}
