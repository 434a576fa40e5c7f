// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command line.

use clap::{Args, Parser, Subcommand};
use raid_array::discover::MetadataBound;
use raid_array::trust::{Accept, Risk};
use std::path::{Path, PathBuf};

/// Shows RAID metadata on disks and images, and reads arrays, without writing to any of them.
#[derive(Clone, Debug, Parser)]
#[command(name = "raid-inspect", version, after_help = EXIT_CODES)]
pub struct Arguments {
    /// Search the last 32 MiB of disks that have no metadata where it belongs
    ///
    /// Finds what a controller put elsewhere, and what a smaller disk that was copied had. It is read until an
    /// anchor is found.
    #[arg(long, global = true)]
    pub search: bool,
    /// Leave out a disk: its path, file name, or place on the command line as d0, d1, …
    ///
    /// For disks that contradict the others: a clone next to its original, the disks of another history, the one
    /// that failed first. May be given several times.
    #[arg(long, global = true, value_name = "DISK")]
    pub without: Vec<String>,
    /// Hold this much metadata, of all disks together, beyond the 2 MiB of each disk
    ///
    /// A disk that asks for more is named, and what it asks for is not read.
    #[arg(long, global = true, value_name = "MIB", default_value_t = 6)]
    pub metadata_limit: u32,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 consistent; 1 degraded, readable; 2 not readable; 3 metadata damaged or copies \
disagree; 4 I/O or usage error; 8 two formats claim a disk; 16 nothing found. \
If several apply: the first of 4, 8, 2, 3, 1.";

/// The commands.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// One line for every disk and every array
    Scan {
        /// Block devices or image files
        #[arg(required = true)]
        paths: Vec<PathBuf>,
    },
    /// All that the metadata says, and what is wrong with it
    Show {
        /// For programs: JSON, format "raid-inspect/1"
        #[arg(long)]
        json: bool,
        /// Write how the disks form the array to a new file, to be edited and given to other commands
        #[arg(long, value_name = "FILE")]
        layout: Option<PathBuf>,
        /// The array whose layout is written, if there are several: its name, or its identity or the beginning of it
        #[arg(long, value_name = "NAME|ID", requires = "layout")]
        array: Option<String>,
        /// Block devices or image files
        #[arg(required = true)]
        paths: Vec<PathBuf>,
    },
    /// Write an array's bytes to the standard output, whether healthy or degraded
    Cat(CatArguments),
    /// Serve arrays over NBD, read only, to be mounted, copied or searched by other programs
    ///
    /// Every array that can be read is an export of its name, or the one that is named. Ends with Ctrl-C.
    Serve(ServeArguments),
    /// Write an array's bytes to a file, as far as they can be read, in passes that can be broken off
    ///
    /// What fails is tried again in smaller pieces, and each sector is taken from whatever can give it. A map beside the
    /// file, in the format of GNU ddrescue, says what is done: the same command goes on from there. Exit code 0: all
    /// bytes; 4: some are lost, which are named.
    Extract(ExtractArguments),
    /// Compare parity and copies with the data, and say where they do not agree
    ///
    /// Exit code 0: all agree; 1: some rows have no redundancy; 3: some do not agree; 4: some cannot be read; 16: nothing
    /// to compare.
    Verify(VerifyArguments),
    /// Say which block of which disk holds a block of an array, and the other way round
    ///
    /// Without a block, a picture of the rows. Exit code 2: device-mapper has no such target; 16: a block is in no array.
    Layout(LayoutArguments),
    /// Which disk is which: serial numbers, identities and places in the arrays, to be kept for bad days
    Disks {
        /// For programs: JSON, format "raid-disks/1"
        #[arg(long)]
        json: bool,
        /// Block devices or image files
        #[arg(required = true)]
        paths: Vec<PathBuf>,
    },
    /// Compare the metadata of two disks, or of two images of one disk, field by field
    ///
    /// With the place of each field on both, and bytes of which nothing is known. Exit code 0: the same; 3: they differ;
    /// 16: neither has any.
    Diff(DiffArguments),
    /// Find out from the data how disks without usable metadata form an array
    ///
    /// Reads places within a budget, writes nothing, and names what cannot be told and why. Exit code 0: sure; 1: sure,
    /// with a member missing or stale; 16: cannot tell.
    Guess(GuessArguments),
}

/// What `guess` is to read.
#[derive(Clone, Debug, Args)]
pub struct GuessArguments {
    /// For programs: JSON, format "raid-guess/1"
    #[arg(long)]
    pub json: bool,
    /// Read and hold at most this much of all disks together
    #[arg(long, value_name = "MIB", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=65536))]
    pub sample: u32,
    /// Write the first guess to a new file, sure or not, to be edited and given to other commands
    #[arg(long, value_name = "FILE")]
    pub layout: Option<PathBuf>,
    /// Block devices or image files, in any order, 2 to 32
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
}

/// Which array is read, and in spite of what.
#[derive(Clone, Debug, Default, Args)]
pub struct Choice {
    /// The array: its name, or its identity or the beginning of it
    #[arg(long, value_name = "NAME|ID")]
    pub array: Option<String>,
    /// Accept every risk; what was taken on trust is listed on the standard error output
    #[arg(long)]
    pub force: bool,
    /// Read although the result may be wrong, for this reason only: unclean-degraded, never-initialised (what is
    /// computed from parity), declared-failed (arrays and members), two-formats, shared-blocks, beside-writer (`serve`
    /// where somebody writes a disk; the other commands only warn)
    ///
    /// May be given several times. What was taken on trust is listed on the standard error output.
    #[arg(long, value_name = "RISK", value_parser = risk)]
    pub accept: Vec<Risk>,
    /// How the disks form the array, in place of their metadata: a file that `guess` or `show` wrote
    ///
    /// It names the disks.
    #[arg(long, value_name = "FILE", conflicts_with = "paths")]
    pub layout: Option<PathBuf>,
    /// Block devices or image files
    #[arg(required_unless_present = "layout")]
    pub paths: Vec<PathBuf>,
}

/// What `cat` is to write.
#[derive(Clone, Debug, Args)]
pub struct CatArguments {
    /// The array.
    #[command(flatten)]
    pub choice: Choice,
    /// First byte
    #[arg(long, value_name = "BYTES", default_value_t = 0)]
    pub offset: u64,
    /// How many bytes, up to the end of the array if not given
    #[arg(long, value_name = "BYTES")]
    pub length: Option<u64>,
}

/// What `extract` is to write.
#[derive(Clone, Debug, Args)]
pub struct ExtractArguments {
    /// The array.
    #[command(flatten)]
    pub choice: Choice,
    /// The file: new, or one whose map is there
    #[arg(long, value_name = "FILE")]
    pub to: PathBuf,
    /// The map; the file's name and .map if not given
    #[arg(long, value_name = "FILE")]
    pub map: Option<PathBuf>,
    /// Write to this file which bytes came from which disk, and which were computed
    #[arg(long, value_name = "FILE")]
    pub provenance: Option<PathBuf>,
    /// Try bad sectors again so many times
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub retries: u32,
    /// Give each read of a disk at most so long; then it counts as a bad sector, to be tried again
    ///
    /// While a disk does not answer at all, what others can give is taken from them.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    pub read_timeout: Option<u32>,
    /// Print the SHA-256 of the file at the end
    ///
    /// Taken while the file is written, as far as that goes in order; the rest is read back at the end.
    #[arg(long)]
    pub sha256: bool,
}

/// What `verify` is to compare.
#[derive(Clone, Debug, Args)]
pub struct VerifyArguments {
    /// The array.
    #[command(flatten)]
    pub choice: Choice,
    /// For programs: JSON, format "raid-verify/1"
    #[arg(long)]
    pub json: bool,
    /// Draw the map of damage to a new file, as SVG
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
    /// Read so much of all members together, in places spread over them; everything if not given
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u32).range(1..))]
    pub sample: Option<u32>,
}

/// What `layout` is to say.
#[derive(Clone, Debug, Args)]
pub struct LayoutArguments {
    /// The array; a block of a disk may be of any, if none is named.
    #[command(flatten)]
    pub choice: Choice,
    /// For programs: JSON, format "raid-map/1"
    #[arg(long)]
    pub json: bool,
    /// Where this block of the array is, with its copies or the parity of its row
    ///
    /// In blocks of the array, 512 or 4096 bytes. May be given several times.
    #[arg(long, value_name = "LBA")]
    pub logical: Vec<u64>,
    /// What this block of a disk is: which block of the array, or parity of which blocks, or spare
    ///
    /// The disk as for --without, and a block in the size that `show` lists. May be given several times.
    #[arg(long, value_name = "DISK:LBA")]
    pub physical: Vec<String>,
    /// The array as commands that make it with device-mapper, read only
    ///
    /// A script for a shell. Members that are not read are left out.
    #[arg(long)]
    pub dmsetup: bool,
    /// So many rows in the picture
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..=65536))]
    pub rows: Option<u64>,
    /// The first row in the picture
    #[arg(long, value_name = "ROW", default_value_t = 0, requires = "rows")]
    pub first_row: u64,
}

/// What `diff` is to compare.
#[derive(Clone, Debug, Args)]
pub struct DiffArguments {
    /// For programs: JSON, format "raid-diff/1"
    #[arg(long)]
    pub json: bool,
    /// Two block devices or image files
    #[arg(required = true, num_args = 2, value_names = ["A", "B"])]
    pub paths: Vec<PathBuf>,
}

/// Where `serve` is to listen.
#[derive(Clone, Debug, Args)]
pub struct ServeArguments {
    /// The arrays.
    #[command(flatten)]
    pub choice: Choice,
    /// A socket of this name, which is removed at the end
    #[arg(long, value_name = "PATH", required_unless_present = "port", conflicts_with = "port")]
    pub socket: Option<PathBuf>,
    /// A port of this machine, which no other machine reaches; 0: any that is free
    #[arg(long, value_name = "NUMBER")]
    pub port: Option<u16>,
}

fn risk(name: &str) -> Result<Risk, String> {
    Risk::among(&Risk::OF_READERS, name)
}

impl Choice {
    /// The risks that are accepted.
    #[must_use]
    pub fn accepted(&self) -> Accept {
        if self.force { Accept::ALL } else { self.accept.iter().copied().collect() }
    }
}

impl Arguments {
    /// How much metadata may be held.
    #[must_use]
    pub fn bound(&self) -> MetadataBound {
        let shared = u64::from(self.metadata_limit) << 20;
        MetadataBound { shared, ..MetadataBound::default() }
    }

    /// The layout file that stands in place of metadata.
    #[must_use]
    pub fn layout(&self) -> Option<&Path> {
        match &self.command {
            Command::Cat(what) => what.choice.layout.as_deref(),
            Command::Serve(what) => what.choice.layout.as_deref(),
            Command::Extract(what) => what.choice.layout.as_deref(),
            Command::Verify(what) => what.choice.layout.as_deref(),
            Command::Layout(what) => what.choice.layout.as_deref(),
            _ => None,
        }
    }

    /// The disks to look at.
    #[must_use]
    pub fn paths(&self) -> &[PathBuf] {
        match &self.command {
            Command::Scan { paths }
            | Command::Show { paths, .. }
            | Command::Disks { paths, .. } => paths,
            Command::Cat(what) => &what.choice.paths,
            Command::Serve(what) => &what.choice.paths,
            Command::Extract(what) => &what.choice.paths,
            Command::Verify(what) => &what.choice.paths,
            Command::Layout(what) => &what.choice.paths,
            Command::Diff(what) => &what.paths,
            Command::Guess(what) => &what.paths,
        }
    }
}
