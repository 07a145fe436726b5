//! Among whom may an answer be shared?

use crate::http::path;

/// Among whom a stored answer is shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Partition {
    /// Everybody; the origin is told of nobody.
    Public,
    /// Visitors with these roles, sorted; the origin is told the roles only.
    Roles(Vec<String>),
    /// This user, with these roles, sorted.
    User {
        /// Who.
        user: String,
        /// What they may do.
        roles: Vec<String>,
    },
}

impl Partition {
    /// The partition of everybody who has exactly these roles.
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
    roles.sort();
    roles.dedup();
    roles
}
