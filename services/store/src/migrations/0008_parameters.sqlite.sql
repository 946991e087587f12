-- A machine's own limits, to which rules refer: a JSON object of name -> number.
ALTER TABLE machines ADD COLUMN parameters TEXT NOT NULL DEFAULT '{}';
