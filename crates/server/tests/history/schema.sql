CREATE SEQUENCE versions;
CREATE TABLE docs (
    run int, k int, g int NOT NULL, op text NOT NULL CHECK (op NOT LIKE 'bad%'), n bigint NOT NULL DEFAULT 0,
    delay int NOT NULL DEFAULT 0, PRIMARY KEY (run, k)
);
CREATE TABLE changes (run int, k int, n bigint, op text, g int);
CREATE INDEX ON changes (run);

-- Versions rise in the order of a row's commits, because they are taken while the row is locked. An INSERT has its row
-- only afterwards: before it, it may still wait for somebody's DELETE.
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF pg_trigger_depth() = 1 THEN NEW.n := nextval('versions'); END IF;
    RETURN NEW;
END $$;
CREATE FUNCTION log() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE v bigint; BEGIN
    IF TG_OP = 'DELETE' THEN
        INSERT INTO changes VALUES (OLD.run, OLD.k, nextval('versions'), nullif(current_setting('history.op', true), ''), NULL);
    ELSIF TG_OP = 'INSERT' THEN
        v := nextval('versions');
        UPDATE docs SET n = v WHERE run = NEW.run AND k = NEW.k;
        INSERT INTO changes VALUES (NEW.run, NEW.k, v, NEW.op, NEW.g);
    ELSIF pg_trigger_depth() = 1 THEN
        INSERT INTO changes VALUES (NEW.run, NEW.k, NEW.n, NEW.op, NEW.g);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER stamp BEFORE UPDATE ON docs FOR EACH ROW EXECUTE FUNCTION stamp();
CREATE TRIGGER log AFTER INSERT OR UPDATE OR DELETE ON docs FOR EACH ROW EXECUTE FUNCTION log();
