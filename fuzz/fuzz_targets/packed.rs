#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| millwright_fuzz::targets::packed::target(data));
