//! An answer on its way to a client, while it comes.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use snow_core::{Ending, Pipe};
use snow_runtime::{Delivery, FetchCode, FetchFailure};
use tokio::sync::watch::{Receiver, Sender, channel};
use tokio::time::timeout;

use crate::content::Reading;
use crate::counts::FetchCounts;
use crate::fault::failed;

/// Bytes of an answer that wait for its client.
pub(crate) const WAITING_BYTES_MAX: usize = 64 << 10;

/// How long an answer that is too large to be kept waits for whoever asked to say that it is to be
/// relayed. They have the call under way for that, which few computations make as long.
const UNDECIDED: Duration = Duration::from_secs(1);

/// How whoever asked wants the answer, as far as they have said so.
pub(crate) struct Wish(Receiver<Option<Delivery>>);

/// Where that is said.
pub(crate) type Wishes = Sender<Option<Delivery>>;

impl Wish {
    /// Nothing is said yet.
    pub fn new() -> (Wishes, Wish) {
        let (sender, receiver) = channel(None);
        (sender, Wish(receiver))
    }

    /// The wish for all of the answer.
    pub fn whole() -> Wish {
        Wish(channel(Some(Delivery::Whole)).1)
    }

    /// Returns whether it is known that the answer is wanted as it comes.
    pub fn is_for_a_relay_now(&self) -> bool {
        *self.0.borrow() == Some(Delivery::Relayed)
    }

    /// Waits until the answer is wanted as it comes.
    pub async fn is_for_a_relay(&mut self) {
        let is_said =
            self.0.wait_for(|wish| *wish == Some(Delivery::Relayed)).await.map(drop).is_ok();
        // Nobody can say it any more, and whoever waits for something else goes on.
        if !is_said {
            std::future::pending::<()>().await;
        }
    }

    /// Waits until it is said how the answer is wanted, but not for long. Returns whether it is
    /// wanted as it comes.
    pub async fn decided(&mut self) -> bool {
        let said = timeout(UNDECIDED, self.0.wait_for(Option::is_some)).await;
        said.is_ok_and(|said| said.is_ok_and(|said| *said == Some(Delivery::Relayed)))
    }
}

/// The rest of an answer that is relayed.
pub(crate) struct Rest {
    pub reading: Reading,
    /// How long the server may take for each piece.
    pub patience: Duration,
    /// How long all of it may take.
    pub most: Duration,
}

impl Rest {
    /// Hands the content on as it comes, to its end.
    pub async fn run(self, to: &Writer, counts: &FetchCounts) -> Result<(), FetchFailure> {
        let relayed = self.reading.relay(to, self.patience, counts);
        timeout(self.most, relayed).await.unwrap_or_else(|_| {
            let message = format!("it was not whole after {} ms", self.most.as_millis());
            Err(failed(FetchCode::Timeout, message))
        })
    }
}

/// The end of a pipe that is written to. However it goes away, the client is told that the content
/// has ended; before its end that is a cut.
pub(crate) struct Writer(Arc<Pipe<Bytes>>);

impl Writer {
    pub fn new() -> Writer {
        Writer(Arc::new(Pipe::new(WAITING_BYTES_MAX)))
    }

    /// Returns where the content is read.
    pub fn content(&self) -> Arc<Pipe<Bytes>> {
        self.0.clone()
    }

    /// Ends the content.
    pub fn end(self, is_whole: bool) {
        self.0.end(if is_whole { Ending::Whole } else { Ending::Cut });
    }

    /// Adds a piece once there is room.
    pub async fn write(&self, data: Bytes) {
        poll_fn(|context| self.0.poll_room(context)).await;
        self.0.push(data);
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.0.end(Ending::Cut);
    }
}

#[cfg(test)]
mod tests {
    use snow_core::Taken;

    use super::*;

    #[test]
    fn a_writer_that_goes_away_has_cut_the_content() {
        let writer = Writer::new();
        let pipe = writer.content();
        pipe.push(Bytes::from_static(b"half"));
        drop(writer);
        assert_eq!(pipe.take(), Taken::Piece(Bytes::from_static(b"half")));
        assert_eq!(pipe.take(), Taken::End(Ending::Cut));
    }
}
