//! Whether a stream's caller still may read it.

use actix_web::{HttpRequest, web};
use millwright_core::access::{Caller, Permission};
use millwright_identity::people::callers;
use millwright_store::Scope;

use crate::error::ApiError;
use crate::extract::bearer;
use crate::state::AppState;

/// What a stream checks again from time to time.
#[derive(Debug)]
pub struct Right {
    state: web::Data<AppState>,
    token: String,
    needs: Permission,
    caller: Caller,
}

impl Right {
    /// The right of a request whose caller has been checked.
    ///
    /// # Errors
    /// When the request has no token.
    pub fn of(
        request: &HttpRequest,
        state: &web::Data<AppState>,
        caller: &Caller,
        needs: Permission,
    ) -> Result<Self, ApiError> {
        let (state, token) = (state.clone(), bearer(request)?.to_owned());
        Ok(Self { state, token, needs, caller: caller.clone() })
    }

    /// What may be read.
    #[must_use]
    pub const fn scope(&self) -> Scope {
        Scope::Organization(self.caller.organization)
    }

    /// Who reads, as of the last check.
    #[must_use]
    pub const fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Whether the token still holds, with the permission. A database that doesn't answer now
    /// counts as no: the reader comes back.
    pub async fn holds(&mut self) -> bool {
        let (state, now) = (&self.state, self.state.now());
        let identity = callers::authenticate(&state.people, &state.store, &self.token, now).await;
        let Ok(identity) = identity else { return false };
        self.caller = identity.caller;
        self.caller.require(self.needs).is_ok()
    }
}
