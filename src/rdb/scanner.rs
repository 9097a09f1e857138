//! A file cut into events, values left as bytes: whoever loads hands these to several threads.

mod source;

use std::io::Read;
use std::ops::Range;

use self::source::Source;
use super::cursor::{Input, Length, Text, decompress};
use super::error::{Error, Fault};
use super::extent::{module_name, skip_module_data, skip_value, unknown_type};
use super::format::{REDIS_VERSION_MAX, VALKEY_VERSIONS, encodings, module, opcodes, types};

/// What a file holds, piece by piece.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// A field about the file. Unknown ones are to be ignored.
    Aux {
        /// Its name.
        key: Vec<u8>,
        /// Its value.
        value: Vec<u8>,
    },
    /// The keys that follow belong to this database. Before the first of these events it is 0.
    SelectDb(u64),
    /// How large the database is: a hint that may be wrong.
    ResizeDb {
        /// Number of keys.
        keys: u64,
        /// How many of them expire.
        expires: u64,
    },
    /// How large a slot of a cluster is: a hint that may be wrong.
    SlotInfo {
        /// The slot.
        slot: u64,
        /// Number of keys.
        keys: u64,
        /// How many of them expire.
        expires: u64,
    },
    /// A slot migration was under way in a cluster of Valkey: job name and slot ranges were passed over.
    SlotImport,
    /// The source of a function library.
    Function(Vec<u8>),
    /// Data of a module that belongs to no key was passed over. Redis refuses such a file unless it has the module.
    ModuleAux {
        /// The module's type name of nine characters.
        module: String,
    },
    /// A key.
    Key(Key),
    /// The end. The checksum was right, if the file has one and it was to be checked.
    End {
        /// Whether that was so.
        verified: bool,
    },
}

/// A key with its value still in bytes, for [`super::decode_value`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Key {
    /// The key.
    pub key: Vec<u8>,
    /// The value's type byte.
    pub value_type: u8,
    /// The value's bytes, neither more nor less.
    pub payload: Vec<u8>,
    /// Where they begin in the file, to tell where an error lies.
    pub payload_offset: u64,
    /// When the key expires, in Unix milliseconds.
    pub expiry_ms: Option<i64>,
    /// Seconds since its last access.
    pub idle_seconds: Option<u64>,
    /// Its access counter.
    pub frequency: Option<u8>,
}

/// A key whose bytes stand in a buffer together with those of others. The fields are those of [`Key`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeySpan {
    /// Where the key is.
    pub key: Range<usize>,
    /// Where its value's bytes are.
    pub payload: Range<usize>,
    /// The value's type byte.
    pub value_type: u8,
    /// Where they begin in the file.
    pub payload_offset: u64,
    /// When the key expires.
    pub expiry_ms: Option<i64>,
    /// Seconds since its last access.
    pub idle_seconds: Option<u64>,
    /// Its access counter.
    pub frequency: Option<u8>,
}

/// What [`Scanner::next_into`] has found.
pub enum Found {
    /// A key.
    Key(KeySpan),
    /// Anything else.
    Event(Event),
}

/// Reads a file in steps of a fixed size. Holds one key and value at a time, and allocates no more for it than has been read.
pub struct Scanner<R> {
    source: Source<R>,
    version: u16,
    ended: bool,
}

impl<R: Read> Scanner<R> {
    /// A scanner of a file whose first bytes it reads. With `verify` (`rdbchecksum`) the checksum is computed and compared.
    ///
    /// # Errors
    /// Not an RDB file, or of a version that is not read.
    pub fn open(reader: R, verify: bool) -> Result<Self, Error> {
        let mut source = Source::new(reader, verify);
        let magic = source.array::<9>("the signature")?;
        let version = version_of(&magic).ok_or_else(|| Error::malformed(0, "Wrong signature"))?;
        let readable = match &magic[..5] {
            b"REDIS" => (1..=REDIS_VERSION_MAX).contains(&version),
            _ => VALKEY_VERSIONS.contains(&version),
        };
        if !readable {
            return Err(Error::unsupported(0, format!("Can't handle RDB format version {version}")));
        }
        // Checksums came with version 5.
        if version < 5 {
            source.stop_checksum();
        }
        Ok(Self { source, version, ended: false })
    }

    /// The version of the file: up to 12 for Redis, 80 and more for Valkey.
    pub fn version(&self) -> u16 {
        self.version
    }

    /// Bytes read so far, the events returned and nothing beyond.
    pub fn position(&self) -> u64 {
        self.source.offset()
    }

    /// The reader, and what was read ahead from it: the start of the append-only file behind an RDB preamble.
    pub fn into_parts(self) -> (Vec<u8>, R) {
        self.source.into_parts()
    }

    /// The next event; None after the end.
    ///
    /// # Errors
    /// Whatever is wrong with the file. There is no going on after an error.
    pub fn next_event(&mut self) -> Result<Option<Event>, Error> {
        let mut key = Vec::new();
        let Some(found) = self.next_into(&mut key)? else { return Ok(None) };
        Ok(Some(match found {
            Found::Event(event) => event,
            Found::Key(span) => {
                let payload = key.split_off(span.payload.start);
                let KeySpan { value_type, payload_offset, expiry_ms, idle_seconds, frequency, .. } = span;
                Event::Key(Key {
                    key,
                    value_type,
                    payload,
                    payload_offset,
                    expiry_ms,
                    idle_seconds,
                    frequency,
                })
            }
        }))
    }

    /// As [`Scanner::next_event`], but the bytes of a key and of its value are appended to `bytes`.
    ///
    /// # Errors
    /// As there.
    pub fn next_into(&mut self, bytes: &mut Vec<u8>) -> Result<Option<Found>, Error> {
        if self.ended {
            return Ok(None);
        }
        let (mut expiry_ms, mut idle_seconds, mut frequency) = (None, None, None);
        loop {
            match self.source.byte("an opcode or type")? {
                opcodes::EXPIRETIME_MS => expiry_ms = Some(self.source.signed("an expiry time")?),
                opcodes::EXPIRETIME => {
                    let seconds = i32::from_le_bytes(self.source.array("an expiry time")?);
                    expiry_ms = Some(i64::from(seconds) * 1000);
                }
                opcodes::IDLE => idle_seconds = Some(self.source.count("an idle time")?),
                opcodes::FREQ => frequency = Some(self.source.byte("a frequency")?),
                value_type if value_type < opcodes::SLOT_IMPORT => {
                    let key = self.key(value_type, bytes)?;
                    return Ok(Some(Found::Key(KeySpan { expiry_ms, idle_seconds, frequency, ..key })));
                }
                opcode => return self.other(opcode).map(|event| Some(Found::Event(event))),
            }
        }
    }

    fn key(&mut self, value_type: u8, bytes: &mut Vec<u8>) -> Result<KeySpan, Error> {
        let start = bytes.len();
        self.string_into(bytes, "a key")?;
        let key = start..bytes.len();
        let payload_offset = self.source.offset();
        if value_type == types::HASH_VALKEY_EXPIRY && self.version <= REDIS_VERSION_MAX {
            return Err(Error::unsupported(
                payload_offset,
                "Hash format of a release candidate of Redis 7.4",
            ));
        }
        self.source.record(bytes, |source| skip_value(source, value_type))?;
        Ok(KeySpan {
            payload: key.end..bytes.len(),
            key,
            value_type,
            payload_offset,
            expiry_ms: None,
            idle_seconds: None,
            frequency: None,
        })
    }

    /// What belongs to no key.
    fn other(&mut self, opcode: u8) -> Result<Event, Error> {
        let offset = self.source.offset();
        let source = &mut self.source;
        Ok(match opcode {
            opcodes::AUX => Event::Aux {
                key: self.string("the name of an auxiliary field")?,
                value: self.string("an auxiliary field")?,
            },
            opcodes::SELECT_DB => Event::SelectDb(source.count("a database number")?),
            opcodes::RESIZE_DB => Event::ResizeDb {
                keys: source.count("the size of a database")?,
                expires: source.count("the size of a database")?,
            },
            opcodes::SLOT_INFO => Event::SlotInfo {
                slot: source.count("a slot")?,
                keys: source.count("the size of a slot")?,
                expires: source.count("the size of a slot")?,
            },
            opcodes::SLOT_IMPORT if self.version > REDIS_VERSION_MAX => {
                source.skip_string("the name of a slot import")?;
                for _ in 0..source.count("the slot ranges of an import")? {
                    source.count("a slot")?;
                    source.count("a slot")?;
                }
                Event::SlotImport
            }
            opcodes::FUNCTION_2 => Event::Function(self.string("a function library")?),
            opcodes::FUNCTION_PRE_GA => {
                return Err(Error::unsupported(offset, "Pre-release function format not supported."));
            }
            opcodes::MODULE_AUX => self.module_aux()?,
            opcodes::EOF => self.end()?,
            _ => return Err(unknown_type(source, opcode)),
        })
    }

    fn module_aux(&mut self) -> Result<Event, Error> {
        const WHAT: &str = "a module's auxiliary data";
        let id = self.source.count(WHAT)?;
        let offset = self.source.offset();
        let when_type = self.source.count(WHAT)?;
        self.source.count(WHAT)?;
        if when_type != module::UNSIGNED {
            return Err(Error::malformed(offset, "bad when_opcode"));
        }
        skip_module_data(&mut self.source)?;
        Ok(Event::ModuleAux { module: module_name(id) })
    }

    fn end(&mut self) -> Result<Event, Error> {
        self.ended = true;
        if self.version < 5 {
            return Ok(Event::End { verified: false });
        }
        let computed = self.source.checksum();
        let offset = self.source.offset();
        let stated = u64::from_le_bytes(self.source.array("the checksum")?);
        match computed {
            Some(computed) if stated != 0 && stated != computed => {
                let what = format!("RDB CRC error: checksum {stated:x} stated, {computed:x} computed,");
                Err(Error { offset, fault: Fault::Checksum, what: what.into() })
            }
            _ => Ok(Event::End { verified: computed.is_some() && stated != 0 }),
        }
    }

    fn string(&mut self, what: &'static str) -> Result<Vec<u8>, Error> {
        let mut out = Vec::new();
        self.string_into(&mut out, what)?;
        Ok(out)
    }

    fn string_into(&mut self, out: &mut Vec<u8>, what: &'static str) -> Result<(), Error> {
        match self.source.length(what)? {
            Length::Plain(len) => self.source.record(out, |source| source.skip(len, what))?,
            Length::Encoded(encodings::LZF) => {
                let (compressed, len) = (self.source.count(what)?, self.source.count(what)?);
                let offset = self.source.offset();
                out.extend(decompress(&self.source.bytes(compressed, what)?, len, offset, what)?);
            }
            Length::Encoded(encoding) => {
                out.extend_from_slice(&Text::of_integer(self.source.integer(encoding, what)?));
            }
        }
        Ok(())
    }
}

/// The number in `REDIS0011` or `VALKEY080`.
fn version_of(magic: &[u8; 9]) -> Option<u16> {
    let digits = magic.strip_prefix(b"REDIS").or_else(|| magic.strip_prefix(b"VALKEY"))?;
    digits
        .iter()
        .try_fold(0, |version, digit| digit.is_ascii_digit().then(|| version * 10 + u16::from(digit - b'0')))
}
