-- Tasks of cases, each in a row, so that what is late is found along an index and not by reading every history.
-- A row repeats what the history of its case says; it waits while it is not done and its case is open.

CREATE TABLE case_task (
    case_id  TEXT NOT NULL REFERENCES case_file (id),
    number   BIGINT NOT NULL,
    title    TEXT NOT NULL,
    assignee TEXT,
    due      BIGINT,                        -- microseconds since 1970, UTC
    done_at  BIGINT,
    waits    BIGINT NOT NULL,               -- 0 or 1
    PRIMARY KEY (case_id, number)
);
-- What has no date comes after all that has one. 9223372036854775807 is the last moment that can be written.
CREATE INDEX case_task_waits ON case_task (coalesce(due, 9223372036854775807), case_id, number) WHERE waits = 1;
CREATE INDEX case_task_whose ON case_task (assignee, coalesce(due, 9223372036854775807), case_id, number) WHERE waits = 1;

-- Of cases that are there already, as their histories tell; a moment is written as 2026-03-24T00:00:00.5Z, with as many digits as it needs.
INSERT INTO case_task (case_id, number, title, assignee, due, done_at, waits)
SELECT case_id, number, title, assignee, due, done_at, CASE WHEN done_at IS NULL AND closed_at IS NULL THEN 1 ELSE 0 END FROM (
    SELECT added.case_id AS case_id, json_extract(added.did, '$.number') AS number, json_extract(added.did, '$.title') AS title,
        json_extract(added.did, '$.assignee') AS assignee,
        -- Whole seconds, then what stands behind the point, to the microsecond.
        CAST(strftime('%s', substr(json_extract(added.did, '$.due'), 1, 19)) AS BIGINT) * 1000000
            + CAST(substr(rtrim(substr(json_extract(added.did, '$.due'), 21), 'Z') || '000000', 1, 6) AS BIGINT) AS due,
        -- Done when the last word about it is that it is.
        (SELECT CASE WHEN json_extract(later.did, '$.did') = 'task-done' THEN later.at END FROM case_entry AS later
            WHERE later.case_id = added.case_id AND later.number > added.number
            AND json_extract(later.did, '$.did') IN ('task-done', 'task-reopened')
            AND json_extract(later.did, '$.number') = json_extract(added.did, '$.number')
            ORDER BY later.number DESC LIMIT 1) AS done_at,
        case_file.closed_at AS closed_at
    FROM case_entry AS added JOIN case_file ON case_file.id = added.case_id
    WHERE case_file.tasks > 0 AND json_extract(added.did, '$.did') = 'task-added'
) WHERE true ON CONFLICT (case_id, number) DO NOTHING;

-- What a party answers for, and how it is reached, decides what it may see: a change of it alone is a change of policy too.
CREATE TRIGGER policy_party_claim_insert AFTER INSERT ON party_claim BEGIN UPDATE policy_change SET number = number + 1; END;
CREATE TRIGGER policy_party_claim_update AFTER UPDATE ON party_claim BEGIN UPDATE policy_change SET number = number + 1; END;
CREATE TRIGGER policy_party_claim_delete AFTER DELETE ON party_claim BEGIN UPDATE policy_change SET number = number + 1; END;
CREATE TRIGGER policy_party_contact_insert AFTER INSERT ON party_contact BEGIN UPDATE policy_change SET number = number + 1; END;
CREATE TRIGGER policy_party_contact_update AFTER UPDATE ON party_contact BEGIN UPDATE policy_change SET number = number + 1; END;
CREATE TRIGGER policy_party_contact_delete AFTER DELETE ON party_contact BEGIN UPDATE policy_change SET number = number + 1; END;
