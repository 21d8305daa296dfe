//! The CO-RE probe and its loader: a live Source.
