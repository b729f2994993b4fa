//! A way between two nodes that can be cut.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;

/// Passes connections on, in both directions, until they are cut.
pub struct Proxy {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    to: Mutex<Option<SocketAddr>>,
    open: Mutex<Vec<TcpStream>>,
    is_over: AtomicBool,
}

impl Proxy {
    /// One that leads nowhere.
    pub fn start() -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let theirs = shared.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                if theirs.is_over.load(SeqCst) {
                    return;
                }
                // One that breaks meanwhile is one more that was cut.
                let _ = stream.and_then(|stream| theirs.pass(stream));
            }
        });
        Proxy { address, shared }
    }

    /// Where it leads from now on.
    pub fn leads(&self, to: Option<SocketAddr>) {
        *self.shared.to.lock().unwrap() = to;
    }

    /// Cuts all connections that are open.
    pub fn cut(&self) {
        for stream in self.shared.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Shared {
    fn pass(&self, near: TcpStream) -> io::Result<()> {
        let Some(to) = *self.to.lock().unwrap() else { return Ok(()) };
        let far = TcpStream::connect(to)?;
        self.open.lock().unwrap().extend([near.try_clone()?, far.try_clone()?]);
        for (mut from, mut to) in [(near.try_clone()?, far.try_clone()?), (far, near)] {
            thread::spawn(move || {
                let _ = io::copy(&mut from, &mut to);
                let _ = to.shutdown(Shutdown::Both);
            });
        }
        Ok(())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.cut();
        self.shared.is_over.store(true, SeqCst);
        // The thread that accepts looks once more.
        let _ = TcpStream::connect(self.address);
    }
}
