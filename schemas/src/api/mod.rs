//! REST request and response types, one module a resource.
