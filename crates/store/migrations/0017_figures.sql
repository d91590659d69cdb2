-- How many rows a segment holds, by day and by what is asked for most: counted when the segment is written, kept while it counts.

CREATE TABLE segment_figure (
    segment TEXT PRIMARY KEY REFERENCES segment (id) ON DELETE CASCADE,
    figures BLOB NOT NULL                   -- see figures.rs
);

-- Goes up with everything that changes the sums.
CREATE TABLE figure_change (
    id     BIGINT PRIMARY KEY,
    number BIGINT NOT NULL
);
INSERT INTO figure_change (id, number) VALUES (1, 0);
CREATE TRIGGER figure_segment_insert AFTER INSERT ON segment BEGIN UPDATE figure_change SET number = number + 1; END;
CREATE TRIGGER figure_segment_update AFTER UPDATE ON segment BEGIN UPDATE figure_change SET number = number + 1; END;
CREATE TRIGGER figure_segment_delete AFTER DELETE ON segment BEGIN UPDATE figure_change SET number = number + 1; END;
CREATE TRIGGER figure_insert AFTER INSERT ON segment_figure BEGIN UPDATE figure_change SET number = number + 1; END;
