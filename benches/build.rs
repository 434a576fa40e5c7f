// SPDX-License-Identifier: MIT OR Apache-2.0
//! Finds ISA-L for feature `peers`, the one that `PKG_CONFIG_PATH` names first; without it, the comparison says that it was skipped.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(isal)");
    println!("cargo::rustc-check-cfg=cfg(isal_gfni)");
    #[cfg(feature = "peers")]
    if let Ok(library) = pkg_config::Config::new().probe("libisal") {
        println!("cargo::rustc-cfg=isal");
        let mut parts = library.version.split('.').map(|part| part.parse().unwrap_or(0));
        if (parts.next(), parts.next()) >= (Some(2), Some(32)) {
            println!("cargo::rustc-cfg=isal_gfni");
        }
        println!("cargo::rustc-env=ISAL_VERSION={}", library.version);
    }
}
