-- The next job of a kind without reading all that wait. Those that run, and those that failed for good, are few.
DROP INDEX jobs_due;
CREATE INDEX jobs_ready ON jobs (kind, run_at) WHERE state = 'ready';
CREATE INDEX jobs_running ON jobs (kind, leased_until) WHERE state = 'running';
CREATE INDEX jobs_dead ON jobs (seq) WHERE state = 'dead';
