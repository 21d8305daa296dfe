//! A rate limit, in event time.

const SECOND: u64 = 1_000_000_000;

/// A limit of tokens per second, and of tokens at once.
#[derive(Debug)]
pub(crate) struct TokenBucket {
    rate: f64,
    most: f64,
    tokens: f64,
    since: u64,
}

impl TokenBucket {
    pub(crate) fn new(rate: f64, most: f64) -> Self {
        Self { rate, most, tokens: most, since: 0 }
    }

    /// Takes a token if there is one.
    pub(crate) fn claim(&mut self, now: u64) -> bool {
        self.tokens = self.tokens(now);
        self.since = now;
        let claimed = self.tokens >= 1.0;
        if claimed {
            self.tokens -= 1.0;
        }
        claimed
    }

    /// Returns whether there is a token.
    pub(crate) fn has_one(&self, now: u64) -> bool {
        self.tokens(now) >= 1.0
    }

    /// Returns whether no token is missing.
    pub(crate) fn is_full(&self, now: u64) -> bool {
        self.tokens(now) >= self.most
    }

    fn tokens(&self, now: u64) -> f64 {
        if self.since == 0 {
            return self.tokens;
        }
        let gained = self.rate * now.saturating_sub(self.since) as f64 / SECOND as f64;
        (self.tokens + gained).min(self.most)
    }
}
