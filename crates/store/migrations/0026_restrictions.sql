-- Evidence that its giver put under stricter terms after it was given: what holds of it now stands with the evidence and its events.
CREATE TABLE restriction (
    number   INTEGER PRIMARY KEY,
    evidence TEXT NOT NULL REFERENCES evidence (id),
    at       BIGINT NOT NULL,
    party    TEXT NOT NULL,                 -- that gave it
    person   TEXT NOT NULL,                 -- of it, who did this
    before   TEXT NOT NULL,                 -- terms as the party had said them
    after    TEXT NOT NULL,
    rows     BIGINT NOT NULL,               -- events that changed
    taken_back BIGINT NOT NULL,             -- objects of collections
    stopped  BIGINT NOT NULL,               -- notices and calls that were on their way
    former   TEXT NOT NULL                  -- numbers of the terms that rows were under, separated by spaces
);
CREATE INDEX restriction_evidence ON restriction (evidence, number);

-- What had left before, as far as it is known row by row.
CREATE TABLE restriction_left (
    restriction BIGINT NOT NULL REFERENCES restriction (number),
    release     TEXT NOT NULL,              -- its id in the log
    PRIMARY KEY (restriction, release)
) WITHOUT ROWID;
