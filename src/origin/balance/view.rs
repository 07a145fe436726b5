//! Which data about a pool's origins does a balance algorithm need?

/// A whole share, in thousandths.
pub const WHOLE: u32 = 1_000;

/// The present state of a pool's origins; places go from 0 to below `len`.
pub trait View {
    /// The number of origins.
    fn len(&self) -> usize;

    /// Whether the pool has no origins.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The share of its usual traffic that it may get, in thousandths: 0 when it must not be picked, [`WHOLE`] when it
    /// is healthy, between them during slow start.
    fn share(&self, place: usize) -> u32;

    /// Its weight relative to the others.
    fn weight(&self, place: usize) -> u32;

    /// The factor on its weight that follows from the load all isolates see. It changes slowly, because reports of
    /// other isolates are old when they are received.
    fn bias(&self, place: usize) -> f64;

    /// The highest product of weight and bias in the pool.
    fn heaviest(&self) -> f64;

    /// This isolate's requests in flight to it.
    fn in_flight(&self, place: usize) -> u32;

    /// The time until its response begins, in milliseconds (peak EWMA).
    fn latency(&self, place: usize) -> Option<f64>;

    /// Its load in thousandths.
    fn load(&self, place: usize) -> Option<u32>;

    /// The hash of its name.
    fn seed(&self, place: usize) -> u64;
}
