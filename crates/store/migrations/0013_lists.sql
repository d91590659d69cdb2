-- Block lists as they were given last: an unchanged one keeps its serial, and rules keep their numbers.
CREATE TABLE list_given (
    party    TEXT NOT NULL,
    format   TEXT NOT NULL,
    serial   BIGINT,                        -- of a zone
    hash     BLOB,                          -- of a zone's content
    text     BLOB NOT NULL,                 -- its main file, zstd
    given_at BIGINT NOT NULL,
    PRIMARY KEY (party, format)
);
