-- Terms in full. What stood in `tlp` becomes the canonical text (`tlp:amber+strict`); equal terms are one row by it.

ALTER TABLE terms RENAME COLUMN tlp TO text;
ALTER TABLE terms ADD COLUMN tlp TEXT NOT NULL DEFAULT '';
UPDATE terms SET tlp = text;
UPDATE terms SET text = 'tlp:' || lower(tlp);

-- Under which terms is what a feed or a giver sends when nobody says so?
CREATE TABLE terms_default (
    kind   TEXT NOT NULL,                   -- feed | party
    name   TEXT NOT NULL,
    terms  BIGINT NOT NULL REFERENCES terms (id),
    set_at BIGINT NOT NULL,
    PRIMARY KEY (kind, name)
);

-- 1: whoever brought the evidence said its terms, and a marking in a record only tightens them;
-- 0: they are a default, and the label in a record goes before theirs.
ALTER TABLE evidence ADD COLUMN terms_stated BIGINT NOT NULL DEFAULT 1;
