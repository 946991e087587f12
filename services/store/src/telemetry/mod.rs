//! Telemetry: series, points, latest values, cursors, gaps, reported events, quarantine.
