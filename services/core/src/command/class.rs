//! Classes of commands: what may be issued by whom, when the machine's catalogue isn't known too.

use millwright_schemas::wire::command::CommandClass;

use crate::access::Permission;

/// What issuing or canceling a command of this class needs.
#[must_use]
pub const fn permission(class: CommandClass) -> Permission {
    match class {
        CommandClass::Read => Permission::IssueReadCommands,
        CommandClass::Configure => Permission::IssueConfigureCommands,
        CommandClass::Motion => Permission::IssueMotionCommands,
        CommandClass::Software => Permission::IssueSoftwareCommands,
    }
}

/// The class that a command counts as while the machine hasn't told its catalogue: that of the
/// command that every agent has, else `motion`.
#[must_use]
pub fn assumed_class(name: &str) -> CommandClass {
    match name {
        "ping" | "collect_diagnostics" => CommandClass::Read,
        "set_sampling" => CommandClass::Configure,
        "restart_agent" => CommandClass::Software,
        _ => CommandClass::Motion,
    }
}

/// Whether who may issue what was assumed may issue what the catalogue then says.
#[must_use]
pub fn covers(assumed: CommandClass, told: CommandClass) -> bool {
    use CommandClass as C;
    assumed == told || matches!((assumed, told), (_, C::Read) | (C::Motion, C::Configure))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_assumed_never_lets_more_through() {
        use CommandClass as C;
        for assumed in C::ALL {
            for told in C::ALL {
                let expected = match (assumed, told) {
                    (C::Motion, C::Configure) | (_, C::Read) => true,
                    (assumed, told) => assumed == told,
                };
                assert_eq!(covers(*assumed, *told), expected, "{assumed} {told}");
            }
        }
        assert_eq!(assumed_class("ping"), C::Read);
        assert_eq!(assumed_class("restart_agent"), C::Software);
        assert_eq!(assumed_class("open_door"), C::Motion);
    }
}
