//! The keyed hash by which the kernel finds tests: SipHash-2-4, as `c/deny/facts.bpf.h` has it.

/// A key, random for each table, so that nobody can make a path that has the hash of another one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key(pub(super) [u64; 2]);

impl Key {
    pub(super) fn random() -> std::io::Result<Self> {
        use std::io::Read as _;
        let mut bytes = [0; 16];
        std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
        let all = u128::from_ne_bytes(bytes);
        Ok(Self([all as u64, (all >> 64) as u64]))
    }

    /// Hashes a text.
    pub(super) fn text(self, text: &[u8]) -> u64 {
        let [k0, k1] = self.0;
        let mut v = [
            k0 ^ 0x736f_6d65_7073_6575,
            k1 ^ 0x646f_7261_6e64_6f6d,
            k0 ^ 0x6c79_6765_6e65_7261,
            k1 ^ 0x7465_6462_7974_6573,
        ];
        let chunks = text.chunks_exact(8);
        let rest = chunks.remainder();
        let mut last = (text.len() as u64) << 56;
        rest.iter().enumerate().for_each(|(at, byte)| last |= u64::from(*byte) << (8 * at));
        for word in chunks.map(|chunk| u64::from_le_bytes(chunk.try_into().unwrap_or_default())).chain([last]) {
            v[3] ^= word;
            rounds(&mut v, 2);
            v[0] ^= word;
        }
        v[2] ^= 0xff;
        rounds(&mut v, 4);
        v[0] ^ v[1] ^ v[2] ^ v[3]
    }

    /// Hashes two numbers.
    pub(super) fn pair(self, a: u64, b: u64) -> u64 {
        let mut both = [0; 16];
        both[..8].copy_from_slice(&a.to_le_bytes());
        both[8..].copy_from_slice(&b.to_le_bytes());
        self.text(&both)
    }

    /// Hashes a path by its components, from the root.
    pub(super) fn path(self, path: &[u8]) -> u64 {
        components(path).fold(0, |above, name| self.pair(above, self.text(name)))
    }
}

/// Returns the components of a path.
pub(super) fn components(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/').filter(|name| !name.is_empty())
}

fn rounds(v: &mut [u64; 4], count: usize) {
    for _ in 0..count {
        v[0] = v[0].wrapping_add(v[1]);
        v[1] = v[1].rotate_left(13) ^ v[0];
        v[0] = v[0].rotate_left(32);
        v[2] = v[2].wrapping_add(v[3]);
        v[3] = v[3].rotate_left(16) ^ v[2];
        v[0] = v[0].wrapping_add(v[3]);
        v[3] = v[3].rotate_left(21) ^ v[0];
        v[2] = v[2].wrapping_add(v[1]);
        v[1] = v[1].rotate_left(17) ^ v[2];
        v[2] = v[2].rotate_left(32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hash::Hasher as _;

    #[test]
    #[expect(deprecated, reason = "the only SipHash-2-4 with a key in the standard library")]
    fn the_hash_is_the_standard_one() {
        let key = Key([0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908]);
        let text: Vec<u8> = (0..=255).collect();
        for len in 0..=255 {
            let mut standard = std::hash::SipHasher::new_with_keys(key.0[0], key.0[1]);
            standard.write(&text[..len]);
            assert_eq!(key.text(&text[..len]), standard.finish(), "{len}");
        }
        assert_ne!(key.pair(1, 2), key.pair(2, 1));
    }

    #[test]
    fn a_path_is_its_components() {
        let key = Key([1, 2]);
        assert_eq!(key.path(b"/etc/shadow"), key.pair(key.pair(0, key.text(b"etc")), key.text(b"shadow")));
        assert_eq!(key.path(b"/etc/"), key.path(b"/etc"));
        assert_ne!(key.path(b"/etc/shadow"), key.path(b"/etcshadow"));
    }
}
