-- A claim that was proved, of something that another party holds, waits for one of our people.

ALTER TABLE network_claim ADD COLUMN contested_at BIGINT;  -- proved while another held it
ALTER TABLE network_claim ADD COLUMN decided_at BIGINT;    -- by one of our people
ALTER TABLE network_claim ADD COLUMN decided_by TEXT;

-- All claims, the newest first: one page costs one page.
CREATE INDEX network_claim_newest ON network_claim (made_at, id);
CREATE INDEX network_claim_contested ON network_claim (made_at, id)
    WHERE contested_at IS NOT NULL AND confirmed_at IS NULL AND withdrawn_at IS NULL;

-- What a party answers for and how it is reached is part of what decides: whoever keeps that in memory must hear of a change.
CREATE TRIGGER policy_party_claim_insert AFTER INSERT ON party_claim BEGIN UPDATE policy_change SET number = number + 1; END;
CREATE TRIGGER policy_party_claim_update AFTER UPDATE ON party_claim BEGIN UPDATE policy_change SET number = number + 1; END;
CREATE TRIGGER policy_party_claim_delete AFTER DELETE ON party_claim BEGIN UPDATE policy_change SET number = number + 1; END;
CREATE TRIGGER policy_party_contact_insert AFTER INSERT ON party_contact BEGIN UPDATE policy_change SET number = number + 1; END;
CREATE TRIGGER policy_party_contact_update AFTER UPDATE ON party_contact BEGIN UPDATE policy_change SET number = number + 1; END;
CREATE TRIGGER policy_party_contact_delete AFTER DELETE ON party_contact BEGIN UPDATE policy_change SET number = number + 1; END;
