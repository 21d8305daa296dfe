//! Queries on several machines, by a scheduler and executors of Ballista.

use std::net::ToSocketAddrs as _;
use std::time::Duration;

use ballista::prelude::SessionContextExt as _;
use datafusion::prelude::SessionContext;
use tokio::net::TcpStream;

use crate::error::Error;

/// The scheme of a scheduler's URL.
const SCHEME: &str = "df://";
/// The port of a scheduler, unless the URL has another.
const PORT: u16 = 50_050;
/// The time within which a scheduler answers.
const PATIENCE: Duration = Duration::from_secs(10);
/// The parts of a step of a plan, which the executors share.
const PARTS: usize = 16;

/// Returns the context with its queries sent to the scheduler of this URL.
pub(crate) async fn connect(context: SessionContext, url: &str) -> Result<SessionContext, Error> {
    let Some(address) = url.strip_prefix(SCHEME).map(|rest| rest.trim_end_matches('/')) else {
        return Err(Error::Input(format!("`{url}` is not a scheduler: {SCHEME}HOST:PORT")));
    };
    // Else it would be an error of the first query.
    reach(address).await.map_err(|error| Error::io(format!("can't reach the scheduler {url}"), error))?;
    let mut state = context.state();
    state.config_mut().options_mut().execution.target_partitions = PARTS;
    Ok(SessionContext::remote_with_state(&format!("{SCHEME}{address}"), state).await?)
}

async fn reach(address: &str) -> std::io::Result<()> {
    let has_port = address.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let addresses: Vec<_> =
        if has_port { address.to_socket_addrs()? } else { (address, PORT).to_socket_addrs()? }.collect();
    match tokio::time::timeout(PATIENCE, TcpStream::connect(addresses.as_slice())).await {
        Ok(outcome) => outcome.map(drop),
        Err(_) => Err(std::io::ErrorKind::TimedOut.into()),
    }
}
