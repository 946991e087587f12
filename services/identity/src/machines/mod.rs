//! Machines: the device CA, enrolment, certificates, device tokens, what machines trust, and who
//! may connect.

pub mod admission;
pub mod attempts;
mod authority;
pub mod certificates;
mod command_key;
pub mod connections;
mod csr;
pub mod device_tokens;
mod enroll;
pub mod enrollment_codes;
mod issue;
mod keys;
pub mod limits;
pub mod proof;
pub mod readers;
mod renew;
mod service;
mod trust;

pub use authority::{AuthorityError, ServerCertificate};
pub use command_key::CommandKeyError;
pub use enroll::EnrollError;
pub use keys::KeyFileError;
pub use renew::RenewError;
pub use service::{Enrollment, EnrollmentSettings};
pub use trust::{Trust, TrustError, TrustState};
