/**
 * The tables and functions in PostgreSQL. A change of them is a new version, whose functions have new
 * names: processes of the old one go on beside it.
 *
 * @module
 */

export const SCHEMA_VERSION = 1;

/** Whatever the tables' statistics say, rows are found by the index: the plans are made but once. */
const PLANS = `
  SET plan_cache_mode = force_generic_plan
  SET enable_seqscan = off
  SET enable_hashjoin = off
  SET enable_mergejoin = off
`;

const TABLES = `
CREATE TABLE mcp_sessions.version (version int4 NOT NULL);

-- A part begins with its namespace. Room in the pages lets a row change without a change of the index.
CREATE TABLE mcp_sessions.rows (
  part bytea NOT NULL,
  name bytea NOT NULL,
  version bytea NOT NULL,
  text bytea NOT NULL,
  PRIMARY KEY (part, name)
) WITH (fillfactor = 75);

-- The sum of a counter's shards counts. One connection after the other writes to a shard.
CREATE TABLE mcp_sessions.counts (
  name bytea NOT NULL,
  shard int4 NOT NULL,
  value int8 NOT NULL,
  PRIMARY KEY (name, shard)
) WITH (fillfactor = 25);
`;

/**
 * Reads in one moment: a function that is STABLE sees what its statement sees. Texts and names come as
 * hexadecimals, as any encoding of the database and the client has them.
 */
const READ = `
CREATE FUNCTION mcp_sessions.read_1(
  at_part bytea[], at_name bytea[],
  page_part bytea[], page_from bytea[], page_to bytea[], page_limit int4[],
  count_name bytea[]
) RETURNS TABLE (kind int4, index int4, name text, version text, value text)
LANGUAGE plpgsql STABLE ${PLANS} AS $$
#variable_conflict use_column
BEGIN
  IF cardinality(at_part) > 0 THEN
    RETURN QUERY
      SELECT 0, a.index::int4, NULL::text, encode(r.version, 'hex'), encode(r.text, 'hex')
      FROM unnest(at_part, at_name) WITH ORDINALITY AS a (part, name, index)
      JOIN mcp_sessions.rows r ON r.part = a.part AND r.name = a.name;
  END IF;
  IF cardinality(page_part) > 0 THEN
    RETURN QUERY
      SELECT 1, p.index::int4, encode(r.name, 'hex'), encode(r.version, 'hex'), encode(r.text, 'hex')
      FROM unnest(page_part, page_from, page_to, page_limit)
        WITH ORDINALITY AS p (part, first, past, most, index)
      CROSS JOIN LATERAL (
        SELECT r.name, r.version, r.text FROM mcp_sessions.rows r
        WHERE r.part = p.part AND r.name >= p.first AND r.name < p.past
        ORDER BY r.name LIMIT p.most
      ) r
      ORDER BY p.index, r.name;
  END IF;
  IF cardinality(count_name) > 0 THEN
    RETURN QUERY
      SELECT 2, c.index::int4, NULL::text, NULL::text, sum(s.value)::text
      FROM unnest(count_name) WITH ORDINALITY AS c (name, index)
      JOIN mcp_sessions.counts s ON s.name = c.name
      GROUP BY c.index;
  END IF;
END $$;
`;

/** What an operation of a commit does to its row, or to its part; {@linkcode COMMIT} has these numbers. */
export const OPERATION = { check: 0, set: 1, delete: 2, want: 3, drop: 4, copy: 5 } as const;

/**
 * Makes commits of different rows at once. It tells of those alone that were not made: kind 0 and what
 * the commit wants for a failed check, kind 1 and the counter for a full one.
 *
 * All rows of all commits are locked first, those that are not there too, and in one order: two calls
 * don't wait for each other in a circle, and a check holds until the end. Counters come after them, in
 * one order as well.
 */
const COMMIT = `
CREATE FUNCTION mcp_sessions.commit_1(
  durable bool, locks int8[],
  op_commit int4[], op_kind int4[], op_part bytea[], op_name bytea[], op_version bytea[],
  op_text bytea[],
  count_commit int4[], count_name bytea[], count_by int8[], count_most int8[]
) RETURNS TABLE (commit int4, kind int4, index int4, version text, value text)
LANGUAGE plpgsql VOLATILE ${PLANS} AS $$
#variable_conflict use_column
DECLARE
  lost int4[] := '{}';
  failed int4[];
  full_commit int4[] := '{}';
  full_count int4[] := '{}';
  updated int4;
BEGIN
  PERFORM pg_advisory_xact_lock(l) FROM unnest(locks) AS l;
  IF NOT durable THEN
    PERFORM set_config('synchronous_commit', 'off', true);
  END IF;

  IF 0 = ANY (op_kind) THEN
    lost := ARRAY(
      SELECT DISTINCT o.commit
      FROM unnest(op_commit, op_kind, op_part, op_name, op_version) AS o (commit, kind, part, name, version)
      LEFT JOIN mcp_sessions.rows r ON r.part = o.part AND r.name = o.name
      WHERE o.kind = 0 AND r.version IS DISTINCT FROM o.version
    );
  END IF;
  failed := lost;

  IF cardinality(count_name) > 0 THEN
    SELECT f.commits, f.counts INTO full_commit, full_count
    FROM mcp_sessions.count_1(failed, count_commit, count_name, count_by, count_most) f;
    failed := failed || full_commit;
  END IF;

  IF 2 = ANY (op_kind) THEN
    DELETE FROM mcp_sessions.rows r
    USING unnest(op_commit, op_kind, op_part, op_name) AS o (commit, kind, part, name)
    WHERE o.kind = 2 AND o.commit <> ALL (failed) AND r.part = o.part AND r.name = o.name;
  END IF;
  IF 4 = ANY (op_kind) THEN
    DELETE FROM mcp_sessions.rows r
    USING unnest(op_commit, op_kind, op_part) AS o (commit, kind, part)
    WHERE o.kind = 4 AND o.commit <> ALL (failed) AND r.part = o.part;
  END IF;
  IF 5 = ANY (op_kind) THEN
    INSERT INTO mcp_sessions.rows (part, name, version, text)
    SELECT o.name, r.name, o.version, r.text
    FROM unnest(op_commit, op_kind, op_part, op_name, op_version) AS o (commit, kind, part, name, version)
    JOIN mcp_sessions.rows r ON r.part = o.part
    WHERE o.kind = 5 AND o.commit <> ALL (failed);
  END IF;
  IF 1 = ANY (op_kind) THEN
    -- An upsert takes twice as long. No other call can set the same rows: they are locked.
    UPDATE mcp_sessions.rows r SET version = o.version, text = o.text
    FROM unnest(op_commit, op_kind, op_part, op_name, op_version, op_text)
      AS o (commit, kind, part, name, version, text)
    WHERE o.kind = 1 AND o.commit <> ALL (failed) AND r.part = o.part AND r.name = o.name;
    GET DIAGNOSTICS updated = ROW_COUNT;
    IF updated < cardinality(array_positions(op_kind, 1)) THEN
      INSERT INTO mcp_sessions.rows AS r (part, name, version, text)
      SELECT o.part, o.name, o.version, o.text
      FROM unnest(op_commit, op_kind, op_part, op_name, op_version, op_text)
        AS o (commit, kind, part, name, version, text)
      WHERE o.kind = 1 AND o.commit <> ALL (failed) AND NOT EXISTS (
        SELECT FROM mcp_sessions.rows r WHERE r.part = o.part AND r.name = o.name
      );
    END IF;
  END IF;

  IF cardinality(lost) > 0 THEN
    RETURN QUERY SELECT l, 0, 0, NULL::text, NULL::text FROM unnest(lost) AS l;
    RETURN QUERY
      SELECT o.commit, 0, o.index::int4, encode(r.version, 'hex'), encode(r.text, 'hex')
      FROM unnest(op_commit, op_kind, op_part, op_name)
        WITH ORDINALITY AS o (commit, kind, part, name, index)
      JOIN mcp_sessions.rows r ON r.part = o.part AND r.name = o.name
      WHERE o.kind = 3 AND o.commit = ANY (lost);
  END IF;
  IF cardinality(full_commit) > 0 THEN
    RETURN QUERY
      SELECT f.commit, 1, f.index, NULL::text, NULL::text
      FROM unnest(full_commit, full_count) AS f (commit, index);
  END IF;
END $$;
`;

/**
 * Counts for those commits that have not failed, and tells which of them are full, and the index of
 * their first full counter. A sum that is near its limit is locked, and exact; one that is far from it
 * is not: nobody waits for it then.
 */
const COUNT = `
CREATE FUNCTION mcp_sessions.count_1(
  failed int4[],
  count_commit int4[], count_name bytea[], count_by int8[], count_most int8[],
  OUT commits int4[], OUT counts int4[]
) LANGUAGE plpgsql VOLATILE ${PLANS} AS $$
#variable_conflict use_column
DECLARE
  -- The counters of the batch in their order, each change's place among them, and their sums.
  names bytea[];
  places int4[];
  sums int8[];
  exact int8[];
  shard int4 := pg_backend_pid() % 16;
  shrunk bytea[];
  first int4 := 1;
  last int4;
  index int4;
  found int4;
BEGIN
  commits := '{}';
  counts := '{}';
  IF EXISTS (SELECT FROM unnest(count_most) AS m WHERE m IS NOT NULL) THEN
    -- What would not fit if all others of the moment took sixteen times as much, or 1,024.
    exact := ARRAY(
      SELECT hashtextextended(encode(c.name, 'hex'), 1)
      FROM (
        SELECT c.name, min(c.most) AS most, sum(greatest(c.by, 0)) AS by
        FROM unnest(count_name, count_by, count_most) AS c (name, by, most)
        GROUP BY c.name
      ) c
      WHERE c.most < 1024 + 17 * c.by + (
        SELECT coalesce(sum(s.value), 0) FROM mcp_sessions.counts s WHERE s.name = c.name
      )
      ORDER BY 1
    );
    IF cardinality(exact) > 0 THEN
      PERFORM pg_advisory_xact_lock(l) FROM unnest(exact) AS l;
      names := ARRAY(SELECT DISTINCT n FROM unnest(count_name) AS n ORDER BY n);
      places := ARRAY(
        SELECT array_position(names, c.name)
        FROM unnest(count_name) WITH ORDINALITY AS c (name, index) ORDER BY c.index
      );
      sums := ARRAY(
        SELECT (SELECT coalesce(sum(s.value), 0) FROM mcp_sessions.counts s WHERE s.name = n.name)
        FROM unnest(names) WITH ORDINALITY AS n (name, index) ORDER BY n.index
      );
      WHILE first <= cardinality(count_commit) LOOP
        last := first;
        found := NULL;
        WHILE last <= cardinality(count_commit) AND count_commit[last] = count_commit[first] LOOP
          index := places[last];
          sums[index] := sums[index] + count_by[last];
          IF count_by[last] > 0 AND sums[index] > count_most[last] THEN
            found := coalesce(found, last);
          END IF;
          last := last + 1;
        END LOOP;
        IF count_commit[first] = ANY (failed) OR found IS NOT NULL THEN
          FOR undone IN first .. last - 1 LOOP
            index := places[undone];
            sums[index] := sums[index] - count_by[undone];
          END LOOP;
          IF count_commit[first] <> ALL (failed) THEN
            commits := commits || count_commit[first];
            counts := counts || found;
          END IF;
        END IF;
        first := last;
      END LOOP;
    END IF;
  END IF;

  INSERT INTO mcp_sessions.counts AS s (name, shard, value)
  SELECT c.name, shard, sum(c.by)
  FROM unnest(count_commit, count_name, count_by) AS c (commit, name, by)
  WHERE c.commit <> ALL (failed) AND c.commit <> ALL (commits)
  GROUP BY c.name HAVING sum(c.by) <> 0
  ORDER BY c.name
  ON CONFLICT (name, shard) DO UPDATE SET value = s.value + excluded.value;
  -- Shards that add up to nothing take no room, unless another is changing them.
  IF 0 > ANY (count_by) THEN
    shrunk := ARRAY(
      SELECT c.name
      FROM unnest(count_name, count_by) AS c (name, by)
      GROUP BY c.name
      HAVING sum(c.by) < 0
        AND 0 = (SELECT sum(s.value) FROM mcp_sessions.counts s WHERE s.name = c.name)
    );
  END IF;
  IF cardinality(shrunk) > 0 THEN
    WITH free AS MATERIALIZED (
      SELECT s.name, s.shard, s.value FROM mcp_sessions.counts s
      WHERE s.name = ANY (shrunk) FOR UPDATE SKIP LOCKED
    )
    DELETE FROM mcp_sessions.counts s
    USING free f
    WHERE s.name = f.name AND s.shard = f.shard
      AND 0 = (SELECT sum(o.value) FROM free o WHERE o.name = f.name);
  END IF;
END $$;
`;

export const CREATE_SQL: string = TABLES + READ + COUNT + COMMIT;
