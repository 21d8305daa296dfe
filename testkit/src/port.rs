//! A free port for a test.

use std::net::{TcpListener, UdpSocket};
use std::sync::Mutex;

/// Returns a TCP port of the loopback that nobody listens on, and that no other test gets while this process runs. It
/// is outside the kernel's range for automatic ports, and claimed by the UDP port of the same number, so that tests of
/// several processes agree.
///
/// # Panics
///
/// If every port from 10000 to 31999 is taken, or if another test panicked in here.
pub fn port() -> u16 {
    static CLAIMS: Mutex<Vec<UdpSocket>> = Mutex::new(Vec::new());
    let mut claims = CLAIMS.lock().expect("no test fails in here");
    let first = 10_000 + (std::process::id() % 1000 * 20) as u16;
    for port in (first..32_000).chain(10_000..first) {
        if let Ok(claim) = UdpSocket::bind(("127.0.0.1", port))
            && TcpListener::bind(("127.0.0.1", port)).is_ok()
        {
            claims.push(claim);
            return port;
        }
    }
    panic!("every port from 10000 to 31999 is taken");
}
