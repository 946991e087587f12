//! Alarms: their life cycle, shelving, suppression, maintenance mode, rules.
