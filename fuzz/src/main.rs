//! The entry of libFuzzer, which finds inputs by what they reach. Absent: the targets, which are ordinary functions; and, unless it is built
//! by `cargo xtask fuzz`, the engine.
#![cfg_attr(feature = "engine", no_main)]

#[cfg(feature = "engine")]
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    fuzz::chosen()(data);
});

/// Without the engine there is nothing to do here; the tests run the targets over what was found before.
#[cfg(not(feature = "engine"))]
fn main() {}
