//! Organizations, sites, machines; their credentials, connections and trust bundles.
