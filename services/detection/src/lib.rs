//! Detection of malfunctions: pure, streaming, on event time. The same samples give the same alarms.
