//! The log.

use crate::observe::event;

/// Where log lines go.
pub trait Log {
    /// Writes one line.
    fn log(&self, line: &str);

    /// Logs an event that an operator has to act on.
    fn error(&self, message: &str) {
        self.log(&event("error", message));
    }

    /// Logs an event that an operator may want to know.
    fn warning(&self, message: &str) {
        self.log(&event("warning", message));
    }
}
