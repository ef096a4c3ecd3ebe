//! Messages over a connection.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::task::Poll;

use bytes::BytesMut;
use postgres_protocol::message::backend::{Header, Message};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::task::yield_now;

/// Bytes that are read at a time.
const CHUNK_BYTES: usize = 16 << 10;

/// A stream of bytes in both directions.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A connection that takes and gives messages.
pub(super) struct Wire {
    reader: ReadHalf<Box<dyn Duplex>>,
    writer: WriteHalf<Box<dyn Duplex>>,
    input: BytesMut,
    output: BytesMut,
    /// Whether what was written lies in the stream's own buffer.
    is_flushed: bool,
}

/// The reason why there is no message.
#[derive(Debug)]
pub(super) enum Lost {
    /// The connection is closed, or what came is no message; in words.
    Closed(String),
    /// The next message is larger than it may be. It was not read.
    TooLarge,
}

impl Wire {
    pub fn new(stream: Box<dyn Duplex>) -> Wire {
        let (reader, writer) = split(stream);
        let (input, output) = (BytesMut::new(), BytesMut::new());
        Wire { reader, writer, input, output, is_flushed: true }
    }

    /// Returns the stream, before any message.
    pub fn into_stream(self) -> Box<dyn Duplex> {
        self.reader.unsplit(self.writer)
    }

    /// Returns where messages are written that are to be sent. They are sent while a message is
    /// waited for.
    pub fn output(&mut self) -> &mut BytesMut {
        &mut self.output
    }

    /// Waits for the next message. Nothing is lost if this is dropped before its end.
    pub async fn message(&mut self, bytes_max: usize) -> Result<Message, Lost> {
        loop {
            if let Some(message) = self.parse(bytes_max)? {
                return Ok(message);
            }
            self.more().await?;
        }
    }

    /// Returns the next message if it has come. It does not wait: the shortest timeout of the runtime
    /// would be a millisecond, before each statement.
    pub async fn arrived(&mut self, bytes_max: usize) -> Result<Option<Message>, Lost> {
        let mut has_yielded = false;
        loop {
            if let Some(message) = self.parse(bytes_max)? {
                return Ok(Some(message));
            }
            let more = {
                let mut more = pin!(self.more());
                poll_fn(|context| Poll::Ready(more.as_mut().poll(context))).await
            };
            match more {
                Poll::Ready(more) => more?,
                Poll::Pending if has_yielded => return Ok(None),
                // Before this goes on, the runtime asks the system what has come meanwhile.
                Poll::Pending => {
                    has_yielded = true;
                    yield_now().await;
                }
            }
        }
    }

    /// Waits for one byte that is no message.
    pub async fn byte(&mut self) -> Result<u8, Lost> {
        self.flush().await?;
        Ok(self.reader.read_u8().await?)
    }

    /// Sends all that is to be sent.
    pub async fn flush(&mut self) -> io::Result<()> {
        self.writer.write_all_buf(&mut self.output).await?;
        self.writer.flush().await
    }

    /// Gives the memory of empty buffers back, which a large message may have made large.
    pub fn rest(&mut self) {
        for buffer in [&mut self.input, &mut self.output] {
            if buffer.is_empty() {
                *buffer = BytesMut::new();
            }
        }
    }

    fn parse(&mut self, bytes_max: usize) -> Result<Option<Message>, Lost> {
        let Some(header) = Header::parse(&self.input)? else { return Ok(None) };
        if usize::try_from(header.len()).is_ok_and(|bytes| bytes > bytes_max) {
            return Err(Lost::TooLarge);
        }
        Ok(Message::parse(&mut self.input)?)
    }

    /// Reads some bytes, and sends meanwhile: whoever only did the one after the other could wait for
    /// a server that does the same.
    async fn more(&mut self) -> Result<(), Lost> {
        self.input.reserve(CHUNK_BYTES);
        let closed = || Lost::Closed("the server has closed the connection".to_owned());
        loop {
            if self.output.is_empty() && !self.is_flushed {
                self.writer.flush().await?;
                self.is_flushed = true;
            }
            tokio::select! {
                biased;
                read = self.reader.read_buf(&mut self.input) => {
                    return if read? == 0 { Err(closed()) } else { Ok(()) };
                }
                written = self.writer.write_buf(&mut self.output), if !self.output.is_empty() => {
                    self.is_flushed = false;
                    if written? == 0 {
                        return Err(closed());
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::BufMut;
    use tokio::io::duplex;
    use tokio::runtime::Builder;

    use super::*;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
    }

    #[test]
    fn a_message_that_is_too_large_is_not_read() {
        block_on(async {
            let (mut server, client) = duplex(1 << 20);
            let mut wire = Wire::new(Box::new(client));
            assert!(wire.arrived(100).await.unwrap().is_none());
            server.write_all(b"Z\0\0\0\x05I").await.unwrap();
            assert!(matches!(wire.message(100).await, Ok(Message::ReadyForQuery(_))));
            // A row of two gigabytes, of which there is only the beginning.
            server.write_all(b"D\x7f\xff\xff\xff\0\x01").await.unwrap();
            assert!(matches!(wire.message(100).await, Err(Lost::TooLarge)));
            assert!(wire.input.capacity() <= 2 * CHUNK_BYTES);
        });
    }

    #[test]
    fn a_connection_that_rests_has_no_buffers() {
        block_on(async {
            let (mut server, client) = duplex(1 << 20);
            let mut wire = Wire::new(Box::new(client));
            wire.output().put_bytes(b'x', 100_000);
            wire.flush().await.unwrap();
            server.write_all(b"N\0\0\x80\x04").await.unwrap();
            server.write_all(&[0; 0x8000]).await.unwrap();
            assert!(matches!(wire.message(1 << 20).await, Ok(Message::NoticeResponse(_))));
            wire.rest();
            assert_eq!((wire.input.capacity(), wire.output.capacity()), (0, 0));
            // Bytes that have come are not lost.
            server.write_all(b"Z\0\0\0\x05IZ\0").await.unwrap();
            assert!(wire.message(100).await.is_ok());
            wire.rest();
            server.write_all(b"\0\0\x05I").await.unwrap();
            assert!(wire.message(100).await.is_ok());
        });
    }

    #[test]
    fn it_reads_while_it_sends() {
        block_on(async {
            // Neither direction takes all of it at once.
            let (server, client) = duplex(64);
            let mut wire = Wire::new(Box::new(client));
            wire.output().put_bytes(b'x', 10_000);
            let (mut reader, mut writer) = split(server);
            let reads = tokio::spawn(async move {
                let mut all = vec![0; 10_000];
                // The answer comes before the question is read.
                for _ in 0..1_000 {
                    writer.write_all(b"Z\0\0\0\x05I").await.unwrap();
                }
                reader.read_exact(&mut all).await.unwrap();
                all.len()
            });
            for _ in 0..1_000 {
                wire.message(100).await.unwrap();
            }
            wire.flush().await.unwrap();
            assert_eq!(reads.await.unwrap(), 10_000);
        });
    }

    #[test]
    fn a_server_that_closes_is_noticed() {
        block_on(async {
            let (server, client) = duplex(64);
            let mut wire = Wire::new(Box::new(client));
            drop(server);
            assert!(matches!(wire.arrived(100).await, Err(Lost::Closed(_))));
        });
    }
}
