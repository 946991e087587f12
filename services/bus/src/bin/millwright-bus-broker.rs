//! The bus's broker as a program of its own, for the tests of this crate and for trying it out.
//!
//! Without arguments it is what `millwright broker` is: a broker that reads its configuration
//! from standard input. With `supervise` it keeps such a broker running as its child and prints
//! the child's process id and port.

#![allow(clippy::print_stdout, reason = "a program that prints")]

use std::io::BufReader;

use millwright_bus::Supervisor;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    match std::env::args().nth(1).as_deref() {
        None => Ok(millwright_bus::run_broker(BufReader::new(std::io::stdin()))?),
        Some("supervise") => supervise(),
        Some(other) => Err(format!("{other:?} is unknown: expected nothing, or supervise").into()),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn supervise() -> Result<(), Failure> {
    let supervisor = Supervisor::start(std::env::current_exe()?, Vec::new());
    let mut endpoint = supervisor.endpoint();
    loop {
        let port = endpoint.wait_for(Option::is_some).await?.as_ref().map(|up| up.port);
        let pid = supervisor.health().borrow().pid;
        if let (Some(pid), Some(port)) = (pid, port) {
            println!("{pid} {port}");
        }
        endpoint.changed().await?;
    }
}
