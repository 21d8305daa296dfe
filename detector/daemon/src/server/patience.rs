//! Time limits of a connection, below HTTP, so that they are the same for every version of it and for what is none.
//!
//! A connection that has no request in progress is closed after a while: from its acceptance, and from the end of each
//! request. Bytes do not extend the time, only requests do, so that a client that sends one byte at a time, or pings,
//! holds its connection no longer than a silent one. A client that does not read what it requested is closed too.

use axum::body::{Body, Bytes};
use http_body::{Body as HttpBody, Frame, SizeHint};
use std::io::{Error, ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// Time that a connection may have no request in progress.
pub(super) const IDLE: Duration = Duration::from_secs(20);

/// Interval at which a connection with a request checks whether that has ended.
const TICK: Duration = Duration::from_secs(5);

/// Time that a client may read nothing of what it is sent.
const UNREAD: Duration = Duration::from_secs(20);

/// The requests in progress on a connection.
#[derive(Debug)]
pub(super) struct Activity {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    running: usize,
    /// The end of the last request, or the start of the connection.
    since: Instant,
}

impl Default for Activity {
    fn default() -> Self {
        Self { state: Mutex::new(State { running: 0, since: Instant::now() }) }
    }
}

impl Activity {
    /// Counts a request until the result is dropped.
    pub(super) fn request(self: &Arc<Self>) -> Running {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).running += 1;
        Running(Arc::clone(self))
    }

    /// Returns when the connection is to be closed; `None` while there is a request.
    fn deadline(&self) -> Option<Instant> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (state.running == 0).then(|| state.since + IDLE)
    }
}

/// A request in progress.
#[derive(Debug)]
pub(super) struct Running(Arc<Activity>);

impl Drop for Running {
    fn drop(&mut self) {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.running -= 1;
        state.since = Instant::now();
    }
}

impl Running {
    /// Keeps the request in progress until the body of its response has been sent.
    pub(super) fn until_the_end_of(self, body: Body) -> Counted {
        Counted { body, _running: self }
    }
}

/// The body of a response.
#[derive(Debug)]
pub(super) struct Counted {
    body: Body,
    _running: Running,
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = <Body as HttpBody>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A stream with time limits.
#[derive(Debug)]
pub(super) struct Patient<S> {
    stream: S,
    activity: Arc<Activity>,
    idle: Pin<Box<Sleep>>,
    /// While the client reads nothing.
    unread: Option<Pin<Box<Sleep>>>,
}

impl<S> Patient<S> {
    pub(super) fn new(stream: S, activity: Arc<Activity>) -> Self {
        Self { stream, activity, idle: Box::pin(sleep_until(Instant::now() + IDLE)), unread: None }
    }

    /// Passes on what a write returned, or an error if the client has read nothing for too long.
    fn written<T>(&mut self, written: Poll<Result<T>>, context: &mut Context<'_>) -> Poll<Result<T>> {
        if written.is_ready() {
            self.unread = None;
            return written;
        }
        let unread = self.unread.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + UNREAD)));
        ready!(unread.as_mut().poll(context));
        Poll::Ready(Err(late()))
    }
}

fn late() -> Error {
    Error::from(ErrorKind::TimedOut)
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let this = &mut *self;
        loop {
            let deadline = this.activity.deadline();
            // During a request the timer only looks whether that has ended.
            let next = deadline.unwrap_or_else(|| this.idle.deadline().max(Instant::now() + TICK));
            if this.idle.deadline() != next && (deadline.is_some() || this.idle.is_elapsed()) {
                this.idle.as_mut().reset(next);
            }
            // Before the read: a client that always has a byte more is late too.
            if this.idle.as_mut().poll(context).is_pending() {
                break;
            }
            if deadline.is_some() {
                return Poll::Ready(Err(late()));
            }
        }
        Pin::new(&mut this.stream).poll_read(context, out)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(written, context)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.written(flushed, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(context);
        self.written(shut, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.written(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
