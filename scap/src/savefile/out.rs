//! Builds blocks in memory: type, length, body, padding, length.

use super::block::BlockType;

/// Consecutive blocks, complete except for the open one.
#[derive(Debug, Default)]
pub(super) struct Out {
    bytes: Vec<u8>,
    /// The offset of the open block.
    block: usize,
}

/// A length that is filled in when what it counts is complete.
#[must_use]
pub(super) struct Length {
    at: usize,
    /// The offset from which it counts.
    from: usize,
}

macro_rules! number {
    ($($name:ident)*) => {$(
        #[inline]
        pub(super) fn $name(&mut self, value: $name) {
            self.bytes.extend_from_slice(&value.to_le_bytes());
        }
    )*};
}

impl Out {
    number! { u8 u16 u32 u64 i64 }

    #[inline]
    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Writes text preceded by its length, cut to the length that readers accept.
    pub(super) fn text(&mut self, text: &[u8], max: usize) {
        let text = text.get(..max).unwrap_or(text);
        self.u16(text.len() as u16);
        self.raw(text);
    }

    /// Begins a block.
    #[inline]
    pub(super) fn begin(&mut self, ty: BlockType) {
        self.block = self.bytes.len();
        self.u32(ty.0);
        self.u32(0);
    }

    /// Ends the block.
    #[inline]
    pub(super) fn end(&mut self) {
        const PADDING: [u8; 3] = [0; 3];
        let len = self.block_len();
        let padded = len.next_multiple_of(4);
        self.raw(PADDING.get(..padded - len).unwrap_or_default());
        let total = (padded + 4) as u32;
        self.u32(total);
        self.put(self.block + 4, total);
    }

    /// Returns the number of bytes of the open block so far.
    pub(super) fn block_len(&self) -> usize {
        self.bytes.len() - self.block
    }

    /// Begins an entry's length that counts itself.
    pub(super) fn length(&mut self) -> Length {
        let at = self.bytes.len();
        self.u32(0);
        Length { at, from: at }
    }

    /// Begins an entry's length that counts only what follows it.
    pub(super) fn length_after(&mut self) -> Length {
        let Length { at, .. } = self.length();
        Length { at, from: self.bytes.len() }
    }

    pub(super) fn fill(&mut self, length: Length) {
        self.put(length.at, (self.bytes.len() - length.from) as u32);
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.block = 0;
    }

    fn put(&mut self, at: usize, value: u32) {
        if let Some(place) = self.bytes.get_mut(at..at + 4) {
            place.copy_from_slice(&value.to_le_bytes());
        }
    }
}
