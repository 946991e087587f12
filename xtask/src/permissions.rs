//! The table of permissions, as a page of the documentation.

use std::fmt::Write as _;

use millwright_core::access::{Permission, Role};

/// Where it is, from the workspace's root.
pub(crate) const FILE: &str = "docs/permissions.md";

/// The whole page.
pub(crate) fn page() -> String {
    let mut page = String::from(
        "# Who may do what\n\n\
         Generated from the one table in `services/core/src/access.rs` by `make generate`; don't \
         edit it.\n\n\
         A person has one role in an organization, and it counts there and in all organizations \
         below it. API tokens have permissions of their own as scopes: any part of what their \
         maker may do. What a role doesn't allow is refused with 403 and the permission's name; \
         what is outside of the caller's organization is a 404.\n\n## Roles\n\n",
    );
    for role in Role::ALL {
        let _ = writeln!(page, "- **{role}**: {}", role.description());
    }
    page.push_str("\n## Permissions\n\n| permission | to |");
    for role in Role::ALL {
        let _ = write!(page, " {role} |");
    }
    page.push_str("\n|---|---|");
    page.push_str(&"---|".repeat(Role::ALL.len()));
    page.push('\n');
    for permission in Permission::ALL {
        let _ = write!(page, "| `{permission}` | {} |", permission.description());
        for role in Role::ALL {
            page.push_str(if role.allows(*permission) { " ✓ |" } else { " |" });
        }
        page.push('\n');
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_permission_has_a_line_with_its_roles() {
        let page = page();
        let line = |name: &str| page.lines().find(|line| line.contains(name)).unwrap_or_default();
        assert_eq!(line("`users.write`").matches('✓').count(), 1);
        assert_eq!(line("`machines.read`").matches('✓').count(), Role::ALL.len());
        assert_eq!(page.matches("| `").count(), Permission::ALL.len());
    }
}
