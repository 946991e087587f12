//! Where the panel listens.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;

/// The panel's open socket.
#[derive(Debug)]
pub struct PanelSocket {
    pub(super) listener: TcpListener,
    /// Its address as a browser takes it.
    pub url: String,
    /// Why it isn't the configured one, when it isn't.
    pub problem: Option<String>,
}

impl PanelSocket {
    /// Opens the configured address. When it can't be had, which must not keep the machine without
    /// an agent, a free port of the same host, and a warning that says so.
    ///
    /// # Errors
    /// When there is no free port either.
    pub async fn bind(listen: SocketAddr) -> io::Result<Self> {
        let (listener, problem) = match TcpListener::bind(listen).await {
            Ok(listener) => (listener, None),
            Err(error) => {
                let free = TcpListener::bind(SocketAddr::new(listen.ip(), 0)).await?;
                let problem = format!("panel.listen = {listen}: {error}; it listens elsewhere");
                (free, Some(problem))
            }
        };
        let url = format!("http://{}/", listener.local_addr()?);
        match &problem {
            Some(problem) => tracing::warn!(url, "{problem}"),
            None => tracing::info!(url, "the operator's panel"),
        }
        Ok(Self { listener, url, problem })
    }
}
