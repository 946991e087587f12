-- Old numbers and booleans, compressed: all of a series' values of a day (UTC, days since 1970) in one row.
-- Times are microseconds since 1970 (UTC). What comes late for such a day lies in points until it is
-- added; of two values of one time that in here counts.

-- count: values; filled: those of them that aren't null. data: last, so that the rest is read without it.
CREATE TABLE packed_points (
    series_id INTEGER NOT NULL,
    day INTEGER NOT NULL,
    count INTEGER NOT NULL,
    filled INTEGER NOT NULL,
    first_ts INTEGER NOT NULL,
    last_ts INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (series_id, day)
) STRICT;
