// SPDX-License-Identifier: MIT OR Apache-2.0
//! Finds ISA-L for feature `peers`; without it, the comparison says that it was skipped.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(isal)");
    #[cfg(feature = "peers")]
    if let Ok(library) = pkg_config::Config::new().probe("libisal") {
        println!("cargo::rustc-cfg=isal");
        println!("cargo::rustc-env=ISAL_VERSION={}", library.version);
    }
}
