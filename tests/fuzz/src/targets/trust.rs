//! The chain of trust bundles. The first byte says whether the rest is a whole bundle or the claims
//! of one that a trusted key signs.

use millwright_agent::identity::Trust;
use millwright_agent::trust::follow;
use millwright_schemas::wire::trust::BUNDLE_TYP;

use super::orders;

/// See the module.
pub fn target(data: &[u8]) {
    let Some((&kind, rest)) = data.split_first() else { return };
    let is_signed = kind & 1 != 0;
    let bundle = if is_signed {
        orders::sign(BUNDLE_TYP, rest)
    } else {
        String::from_utf8_lossy(rest).into_owned()
    };
    let before =
        Trust { version: 1, command_keys: orders::key_set(), ca_certificates: String::new() };
    let (after, error) = follow(&before, &[bundle]);
    if error.is_some() {
        assert_eq!(after, before);
    } else {
        assert!(is_signed && after.version == 2 && !after.command_keys.keys.is_empty());
    }
}
