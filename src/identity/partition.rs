//! Which visitors may share a stored response?

use crate::http::path;
use crate::sort;

/// The visitors who share a stored response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Partition {
    /// Everybody; the origin receives no identity.
    Public,
    /// Visitors with exactly these roles, sorted; the origin receives the roles only.
    Roles(Vec<String>),
    /// This user, with these roles, sorted.
    User {
        /// The user's id.
        user: String,
        /// The user's roles.
        roles: Vec<String>,
    },
}

impl Partition {
    /// The partition of all visitors who have exactly these roles.
    #[must_use]
    pub fn roles(roles: &[String]) -> Self {
        Self::Roles(sorted(roles))
    }

    /// The partition of one user while they have these roles.
    #[must_use]
    pub fn user(user: &str, roles: &[String]) -> Self {
        Self::User { user: user.to_owned(), roles: sorted(roles) }
    }

    /// Its name, as one path segment.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Public => "public".into(),
            Self::Roles(roles) => format!("roles:{}", path::encode(&roles.join(","))),
            Self::User { user, roles } => format!("user:{}:{}", path::encode(user), path::encode(&roles.join(","))),
        }
    }
}

fn sorted(roles: &[String]) -> Vec<String> {
    let mut roles = roles.to_vec();
    sort::ascending(&mut roles);
    roles.dedup();
    roles
}
