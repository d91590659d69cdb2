-- Mappings that the user named when evidence was read: without them it could not be read again.

CREATE TABLE mapping (
    sha256 TEXT PRIMARY KEY,                -- of the text
    name   TEXT NOT NULL,                   -- the file, as the user named it first
    text   TEXT NOT NULL
);

CREATE TABLE evidence_mapping (
    evidence TEXT NOT NULL REFERENCES evidence (id),
    number   BIGINT NOT NULL,               -- in the order in which they were tried
    mapping  TEXT NOT NULL REFERENCES mapping (sha256),
    PRIMARY KEY (evidence, number)
);
