//! What must an algorithm know of the origins of a pool?

/// A whole share, in thousandths.
pub const WHOLE: u32 = 1_000;

/// The origins of a pool as they are now; places go from 0 to `len`.
pub trait View {
    /// How many there are.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What share it may get of what is due to it, in thousandths: 0 when it is not to be picked,
    /// [`WHOLE`] when all is well, between them while it is coming back.
    fn share(&self, place: usize) -> u32;

    /// Its weight beside the others'.
    fn weight(&self, place: usize) -> u32;

    /// How much more or less than its weight it gets, for what all isolates together see of it: slowly
    /// learned, for what others see is old when it is heard.
    fn bias(&self, place: usize) -> f64;

    /// The greatest product of weight and bias.
    fn heaviest(&self) -> f64;

    /// Requests of this isolate that it is at.
    fn in_flight(&self, place: usize) -> u32;

    /// How long it takes to begin an answer, in milliseconds (peak EWMA).
    fn latency(&self, place: usize) -> Option<f64>;

    /// How much of what it can take is taken, in thousandths.
    fn load(&self, place: usize) -> Option<u32>;

    /// What stands for its name when hashing.
    fn seed(&self, place: usize) -> u64;
}
