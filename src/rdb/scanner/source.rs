//! The bytes of a file through a buffer of fixed size, with their checksum and a way to keep some of them.

use std::io::{ErrorKind, Read};

use crate::rdb::checksum::Checksum;
use crate::rdb::cursor::Input;
use crate::rdb::error::{Error, Fault};

const BUFFER_LEN: usize = 128 * 1024;

/// A reader behind a buffer.
pub(super) struct Source<R> {
    reader: R,
    buffer: Box<[u8]>,
    /// What of the buffer is still to be read.
    at: usize,
    end: usize,
    /// Bytes that were in the buffer before the present ones.
    passed: u64,
    checksum: Option<Checksum>,
    /// From where on the buffer is to be added to the checksum.
    unchecked: usize,
    /// Where in the buffer the bytes to be kept begin.
    kept: Option<usize>,
    /// What those of them that are no longer in the buffer are appended to.
    spilled: Vec<u8>,
}

impl<R: Read> Source<R> {
    pub(super) fn new(reader: R, checksum: bool) -> Self {
        Self {
            reader,
            buffer: vec![0; BUFFER_LEN].into_boxed_slice(),
            at: 0,
            end: 0,
            passed: 0,
            checksum: checksum.then(Checksum::new),
            unchecked: 0,
            kept: None,
            spilled: Vec::new(),
        }
    }

    /// No checksum is needed.
    pub(super) fn stop_checksum(&mut self) {
        self.checksum = None;
    }

    /// The checksum of all bytes read, if it is kept.
    pub(super) fn checksum(&mut self) -> Option<u64> {
        self.check();
        self.checksum.as_ref().map(Checksum::value)
    }

    /// Appends the bytes that `read` passes over to `out`.
    pub(super) fn record(
        &mut self,
        out: &mut Vec<u8>,
        read: impl FnOnce(&mut Self) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.kept = Some(self.at);
        std::mem::swap(&mut self.spilled, out);
        let outcome = read(self);
        std::mem::swap(&mut self.spilled, out);
        if let Some(start) = self.kept.take() {
            out.extend_from_slice(&self.buffer[start..self.at]);
        }
        outcome
    }

    /// The next `len` bytes.
    pub(super) fn bytes(&mut self, len: u64, what: &'static str) -> Result<Vec<u8>, Error> {
        let mut out = Vec::new();
        self.record(&mut out, |source| source.skip(len, what))?;
        Ok(out)
    }

    pub(super) fn into_parts(self) -> (Vec<u8>, R) {
        (self.buffer[self.at..self.end].to_vec(), self.reader)
    }

    /// Adds what was read since the last time to the checksum.
    fn check(&mut self) {
        if let Some(checksum) = &mut self.checksum {
            checksum.update(&self.buffer[self.unchecked..self.at]);
        }
        self.unchecked = self.at;
    }

    /// Fills the buffer again when all of it is read.
    #[cold]
    fn refill(&mut self, what: &'static str) -> Result<(), Error> {
        self.check();
        if let Some(start) = &mut self.kept {
            self.spilled.extend_from_slice(&self.buffer[*start..self.at]);
            *start = 0;
        }
        self.passed += self.at as u64;
        (self.at, self.end, self.unchecked) = (0, 0, 0);
        loop {
            match self.reader.read(&mut self.buffer) {
                Ok(0) => return Err(Error::truncated(self.passed, what)),
                Ok(len) => {
                    self.end = len;
                    return Ok(());
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(Error { offset: self.passed, fault: Fault::Io(error), what: what.into() });
                }
            }
        }
    }

    /// An array that does not lie in the buffer as a whole.
    #[cold]
    fn split_array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], Error> {
        let mut array = [0; N];
        for byte in &mut array {
            if self.at == self.end {
                self.refill(what)?;
            }
            *byte = self.buffer[self.at];
            self.at += 1;
        }
        Ok(array)
    }
}

impl<R: Read> Input for Source<R> {
    #[inline]
    fn offset(&self) -> u64 {
        self.passed + self.at as u64
    }

    #[inline]
    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], Error> {
        match self.buffer[self.at..self.end].first_chunk::<N>() {
            Some(array) => {
                self.at += N;
                Ok(*array)
            }
            None => self.split_array(what),
        }
    }

    #[inline]
    fn skip(&mut self, count: u64, what: &'static str) -> Result<(), Error> {
        let mut left = count;
        loop {
            let step = left.min((self.end - self.at) as u64);
            self.at += step as usize;
            left -= step;
            if left == 0 {
                return Ok(());
            }
            self.refill(what)?;
        }
    }
}
