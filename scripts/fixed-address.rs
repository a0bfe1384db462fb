//! The build script of the functions: links them at a fixed address. A position-independent program carries an entry of 24 bytes
//! for every pointer in its constants, which is read and patched at each cold start. Why, and what it gives away, is in
//! docs/adr/0017-functions-at-a-fixed-address.md.

fn main() {
    println!("cargo::rerun-if-changed=../../scripts/fixed-address.rs");
    if std::env::var_os("CARGO_CFG_TARGET_OS").is_some_and(|system| system == "linux") {
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
}
