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

-- Of cases that are there already, as their histories tell; a moment is written to the microsecond, or in fewer digits.
INSERT INTO case_task (case_id, number, title, assignee, due, done_at, waits)
SELECT case_id, number, title, assignee, due, done_at, CASE WHEN done_at IS NULL AND closed_at IS NULL THEN 1 ELSE 0 END FROM (
    SELECT added.case_id AS case_id, json_extract(added.did, '$.number') AS number, json_extract(added.did, '$.title') AS title,
        json_extract(added.did, '$.assignee') AS assignee,
        CAST(strftime('%s', json_extract(added.did, '$.due')) AS BIGINT) * 1000000
            + CASE WHEN instr(json_extract(added.did, '$.due'), '.') > 0
                THEN CAST(substr(rtrim(substr(json_extract(added.did, '$.due'), instr(json_extract(added.did, '$.due'), '.') + 1), 'Z') || '000000', 1, 6) AS BIGINT)
                ELSE 0 END AS due,
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
