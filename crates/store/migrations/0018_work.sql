-- What lists of cases, takedowns and indicators ask for, so that a page of them costs what it shows.

ALTER TABLE case_file ADD COLUMN stage TEXT NOT NULL DEFAULT 'new';      -- new | working | waiting | closed
ALTER TABLE case_file ADD COLUMN running BIGINT NOT NULL DEFAULT 0;      -- takedowns that are not over
ALTER TABLE case_file ADD COLUMN merged_into TEXT;                       -- the case in which a person let it go on

UPDATE case_file SET running =
    (SELECT count(*) FROM takedown WHERE takedown.case_id = case_file.id AND takedown.state NOT IN ('verified', 'withdrawn'));
UPDATE case_file SET stage = CASE
    WHEN closed_at IS NOT NULL THEN 'closed'
    WHEN running > 0 THEN 'waiting'
    WHEN assignee IS NOT NULL THEN 'working'
    ELSE 'new' END;

CREATE INDEX case_file_stage ON case_file (stage, number);
CREATE INDEX case_file_open ON case_file (number) WHERE closed_at IS NULL;
CREATE INDEX case_file_assignee ON case_file (assignee, number) WHERE assignee IS NOT NULL;
CREATE INDEX case_file_due ON case_file (due, number) WHERE closed_at IS NULL AND due IS NOT NULL;
-- All that a search for words reads.
CREATE INDEX case_file_words ON case_file (number, title, key);

CREATE INDEX takedown_party ON takedown (party, number);
CREATE INDEX takedown_due ON takedown (answer_due, number) WHERE answer_due IS NOT NULL;

CREATE INDEX indicator_seen_first ON indicator (coalesce(last_seen, 0), id);
CREATE INDEX indicator_kind ON indicator (kind, coalesce(last_seen, 0), id);
CREATE INDEX indicator_class ON indicator (class, coalesce(last_seen, 0), id) WHERE class IS NOT NULL;
CREATE INDEX indicator_malware ON indicator (malware, coalesce(last_seen, 0), id) WHERE malware IS NOT NULL;
CREATE INDEX indicator_end ON indicator (coalesce(valid_until, 0), id) WHERE revoked = 0 AND valid_until IS NOT NULL;
CREATE INDEX indicator_revoked ON indicator (coalesce(last_seen, 0), id) WHERE revoked = 1;
CREATE INDEX indicator_doubted ON indicator (coalesce(last_seen, 0), id) WHERE doubts > 0;

-- How many indicators there are of a kind: kept by the database itself, never counted.
CREATE TABLE indicator_sum (kind TEXT PRIMARY KEY, rows BIGINT NOT NULL) WITHOUT ROWID;
INSERT INTO indicator_sum (kind, rows) SELECT kind, count(*) FROM indicator GROUP BY kind;
CREATE TRIGGER indicator_came AFTER INSERT ON indicator BEGIN
    INSERT INTO indicator_sum (kind, rows) VALUES (NEW.kind, 1) ON CONFLICT (kind) DO UPDATE SET rows = rows + 1;
END;
CREATE TRIGGER indicator_went AFTER DELETE ON indicator BEGIN
    UPDATE indicator_sum SET rows = rows - 1 WHERE kind = OLD.kind;
END;
