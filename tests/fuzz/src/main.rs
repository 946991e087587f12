//! Runs targets over their corpora: what was found once is never found again. With `--mutate` it also
//! makes input of its own from the corpora, without any guidance, for so many seconds a target.

#![allow(clippy::print_stdout, clippy::print_stderr, clippy::panic, reason = "a test program")]

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use millwright_fuzz::{TARGETS, Target};
use rand::rngs::StdRng;
use rand::{Rng as _, RngExt as _, SeedableRng as _};

/// Longest input that is made, in bytes.
const INPUT_MAX: usize = 4_096;

struct Arguments {
    mutate_s: u64,
    seed: u64,
    targets: Vec<String>,
}

fn arguments() -> Result<Arguments, String> {
    let mut given = Arguments { mutate_s: 0, seed: rand::rng().next_u64(), targets: Vec::new() };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut number = || words.next().and_then(|word| word.parse().ok());
        match &*word {
            "--mutate" => given.mutate_s = number().ok_or("--mutate needs seconds")?,
            "--seed" => given.seed = number().ok_or("--seed needs a number")?,
            name if TARGETS.iter().any(|target| target.name == name) => given.targets.push(word),
            _ => {
                let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
                let names = names.join(" ");
                return Err(format!(
                    "{word:?}: [--mutate SECONDS] [--seed N] [TARGET…]; targets: {names}"
                ));
            }
        }
    }
    Ok(given)
}

fn main() -> ExitCode {
    let given = match arguments() {
        Ok(given) => given,
        Err(error) => {
            eprintln!("millwright-fuzz-replay: {error}");
            return ExitCode::FAILURE;
        }
    };
    let chosen = |target: &&Target| {
        given.targets.is_empty() || given.targets.iter().any(|name| name == target.name)
    };
    for target in TARGETS.iter().filter(chosen) {
        let inputs = match corpus(target) {
            Ok(inputs) if !inputs.is_empty() => inputs,
            Ok(_) => {
                eprintln!("{}: its corpus is empty", target.name);
                return ExitCode::FAILURE;
            }
            Err(error) => {
                eprintln!("{}: {error}", target.name);
                return ExitCode::FAILURE;
            }
        };
        for (path, input) in &inputs {
            run(target, input, &path.display().to_string());
        }
        let mut made = 0;
        if given.mutate_s > 0 {
            made = mutate(target, &inputs, given.seed, Duration::from_secs(given.mutate_s));
        }
        println!("{}: {} inputs of the corpus, {made} made from them", target.name, inputs.len());
    }
    ExitCode::SUCCESS
}

/// In a fixed order.
fn corpus(target: &Target) -> io::Result<Vec<(PathBuf, Vec<u8>)>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name);
    let mut inputs = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        inputs.push((path.clone(), std::fs::read(&path)?));
    }
    inputs.sort();
    Ok(inputs)
}

/// Names the input when it fails, then lets the panic go on.
fn run(target: &Target, input: &[u8], name: &str) {
    struct Named<'a>(&'a str, &'a str, &'a [u8]);
    impl Drop for Named<'_> {
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("{}: failed on {}: {:02x?}", self.0, self.1, self.2);
            }
        }
    }
    let _named = Named(target.name, name, input);
    (target.run)(input);
}

fn mutate(target: &Target, inputs: &[(PathBuf, Vec<u8>)], seed: u64, time: Duration) -> u64 {
    println!("{}: --seed {seed}", target.name);
    let mut rng = StdRng::seed_from_u64(seed);
    let (begin, mut made) = (Instant::now(), 0);
    while begin.elapsed() < time {
        let mut input = inputs[rng.random_range(0..inputs.len())].1.clone();
        for _ in 0..rng.random_range(1..6) {
            change(&mut input, inputs, &mut rng);
        }
        input.truncate(INPUT_MAX);
        run(target, &input, &format!("made input {made}"));
        made += 1;
    }
    made
}

fn change(input: &mut Vec<u8>, inputs: &[(PathBuf, Vec<u8>)], rng: &mut StdRng) {
    const TELLING: [u8; 14] = *b"\0\x7f\x80\xff\"{}[],:.-9";
    let at = rng.random_range(0..=input.len());
    let to = rng.random_range(at..=input.len());
    match rng.random_range(0..6) {
        0 if at < input.len() => input[at] = rng.random(),
        1 if at < input.len() => input[at] = TELLING[rng.random_range(0..TELLING.len())],
        2 => input.insert(at, TELLING[rng.random_range(0..TELLING.len())]),
        3 => drop(input.drain(at..to)),
        4 => {
            let copied = input[at..to].to_vec();
            input.splice(at..at, copied);
        }
        _ => {
            // The end of another one.
            let other = &inputs[rng.random_range(0..inputs.len())].1;
            let from = rng.random_range(0..=other.len());
            input.truncate(at);
            input.extend_from_slice(&other[from..]);
        }
    }
}
