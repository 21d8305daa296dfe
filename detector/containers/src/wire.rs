//! Protocol-buffer messages, read and written field by field: numbers, bytes, and messages within.

/// The value of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    /// Fixed numbers, which none of our messages has.
    Other,
}

/// The fields of a message, in their order. What is broken ends it.
#[derive(Debug, Clone)]
pub(super) struct Fields<'a>(&'a [u8]);

/// A message. The last field of a number counts, as the format says.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Message<'a>(pub(super) &'a [u8]);

impl<'a> Message<'a> {
    pub(super) fn fields(self) -> Fields<'a> {
        Fields(self.0)
    }

    /// All fields of a number that are bytes.
    pub(super) fn all(self, number: u64) -> impl Iterator<Item = &'a [u8]> {
        self.fields().filter_map(move |(found, field)| match field {
            Field::Bytes(bytes) if found == number => Some(bytes),
            _ => None,
        })
    }

    pub(super) fn messages(self, number: u64) -> impl Iterator<Item = Message<'a>> {
        self.all(number).map(Message)
    }

    /// A message within; an empty one if it is missing.
    pub(super) fn message(self, number: u64) -> Self {
        Self(self.all(number).last().unwrap_or_default())
    }

    pub(super) fn text(self, number: u64) -> String {
        String::from_utf8_lossy(self.all(number).last().unwrap_or_default()).into_owned()
    }

    pub(super) fn number(self, number: u64) -> u64 {
        let numbers = self.fields().filter_map(|(found, field)| match field {
            Field::Number(value) if found == number => Some(value),
            _ => None,
        });
        numbers.last().unwrap_or(0)
    }

    /// A map of texts.
    pub(super) fn map(self, number: u64) -> Vec<(String, String)> {
        self.messages(number).map(|entry| (entry.text(1), entry.text(2))).collect()
    }
}

impl<'a> Fields<'a> {
    fn number(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for place in 0..10 {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << (7 * place);
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn bytes(&mut self, length: u64) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        Some(bytes)
    }

    fn field(&mut self) -> Option<(u64, Field<'a>)> {
        let key = self.number()?;
        let field = match key & 7 {
            0 => Field::Number(self.number()?),
            1 => self.bytes(8).map(|_| Field::Other)?,
            2 => {
                let length = self.number()?;
                Field::Bytes(self.bytes(length)?)
            }
            5 => self.bytes(4).map(|_| Field::Other)?,
            _ => return None,
        };
        Some((key >> 3, field))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (u64, Field<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        field
    }
}

/// Appends a number of seven bits a byte.
fn put(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A message that is being written.
#[derive(Debug, Default)]
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    #[must_use]
    pub(super) fn bytes(mut self, number: u64, bytes: &[u8]) -> Self {
        put(number << 3 | 2, &mut self.0);
        put(bytes.len() as u64, &mut self.0);
        self.0.extend_from_slice(bytes);
        self
    }

    #[must_use]
    pub(super) fn number(mut self, number: u64, value: u64) -> Self {
        put(number << 3, &mut self.0);
        put(value, &mut self.0);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let inner = Writer::default().bytes(1, b"key").bytes(2, "wert".as_bytes());
        let outer = Writer::default().number(1, 300).bytes(7, &inner.0).number(1, u64::MAX).bytes(9, b"text");
        let message = Message(&outer.0);
        assert_eq!((message.number(1), message.text(9)), (u64::MAX, "text".to_owned()));
        assert_eq!(message.map(7), [("key".to_owned(), "wert".to_owned())]);
        assert!(message.message(3).0.is_empty() && message.number(3) == 0);
        assert_eq!(message.fields().count(), 4);
    }

    #[test]
    fn broken_messages_end() {
        let sound = Writer::default().number(1, 1).bytes(2, b"abc").0;
        for end in 0..sound.len() {
            assert!(Message(&sound[..end]).fields().count() <= 2);
        }
        for bytes in
            [&[0xff; 20][..], &[0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f], &[0x0b], &[0x09, 0, 0], &[0x0d, 1, 2, 3, 4]]
        {
            let _ = Message(bytes).fields().count();
        }
        // A fixed number is passed over.
        assert_eq!(Message(&[0x0d, 1, 2, 3, 4, 0x08, 5]).number(1), 5);
    }
}
