//! Requests of local programs to the agent.

use millwright_agent::local::{Answer, Request};

/// Parses a line as a request, and as the answer that a local program reads.
pub fn target(data: &[u8]) {
    if let Ok(request) = serde_json::from_slice::<Request>(data) {
        let again = serde_json::to_vec(&request).expect("it can be written");
        let read: Request = serde_json::from_slice(&again).expect("and read");
        assert_eq!(read, request);
    }
    let _ = serde_json::from_slice::<Answer>(data);
}
