//! The HTTP side: REST, server-sent events, API description. Handlers only.
