//! Lets the program start faster where the C library allows it.

use std::process::Command;

/// The first glibc that reads packed relocations.
const PACKED_SINCE: (u32, u32) = (2, 36);

/// At each start the loader mends 31,000 addresses, from a table of 760 kB. Packed, the table is a hundredth of that: the
/// pre-push hook, which git waits for, takes an eighth less.
#[expect(clippy::disallowed_methods, reason = "cargo speaks to a build script by the environment")]
fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let glibc = variable("CARGO_CFG_TARGET_OS") == "linux" && variable("CARGO_CFG_TARGET_ENV") == "gnu";
    // Built for another machine, nobody knows what that one has.
    let here = variable("HOST") == variable("TARGET");
    if glibc && here && glibc_version().is_some_and(|version| version >= PACKED_SINCE) {
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// What `getconf` says: `glibc 2.36`.
#[expect(clippy::disallowed_methods, reason = "the rooms of the program are not there yet")]
fn glibc_version() -> Option<(u32, u32)> {
    let output = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (major, minor) = text.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.split('.').next()?.parse().ok()?))
}
