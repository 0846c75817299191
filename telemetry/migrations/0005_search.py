import django.contrib.postgres.search
from django.db import migrations, models

# What a call can be filtered by, as one array of words. One inverted index of them a day answers any combination of filters, at a
# byte or two for each word of a row; an index a filter would cost forty bytes each, and none would answer two filters at once.
# Amounts stand in it as steps of a logarithm: a range is the steps that it touches, and the column itself decides at its ends.
# telemetry/queries/facets.py writes the same words.
FACETS = """
CREATE FUNCTION log_facets(
    workspace_id uuid, status text, source text, operation text, provider text, model text, served_model text,
    user_id uuid, api_key_id uuid, end_user text, environment text, app text, version text, error_class text,
    finish_reason text, is_stream boolean, latency_ms integer, cost_usd numeric, tokens integer
) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT array_remove(ARRAY[
    'w:' || workspace_id::text, 's:' || status, 'd:' || source, 'o:' || operation, 'p:' || provider, 'm:' || model,
    'v:' || served_model, 'u:' || user_id::text, 'k:' || api_key_id::text, 'n:' || end_user, 'e:' || environment,
    'a:' || app, 'r:' || version, 'x:' || error_class, 'f:' || finish_reason, 'i:' || is_stream::text,
    'l:' || floor(ln(latency_ms::double precision + 1) * 3)::integer::text,
    'c:' || floor(ln(cost_usd::double precision * 1000000 + 1) * 3)::integer::text,
    't:' || floor(ln(tokens::double precision + 1) * 3)::integer::text
], NULL)
$$;
CREATE INDEX log_facets ON inference_log USING gin (
    log_facets(
        workspace_id, status, source, operation, provider, model, served_model, user_id, api_key_id, end_user, environment,
        app, version, error_class, finish_reason, is_stream, latency_ms, cost_usd,
        coalesce(input_tokens, 0) + coalesce(cache_read_tokens, 0) + coalesce(cache_write_tokens, 0)
            + coalesce(output_tokens, 0) + coalesce(reasoning_tokens, 0)
    ),
    tags
) WITH (gin_pending_list_limit = 1024);
CREATE INDEX log_errors ON inference_log (workspace_id, received_at, error_class)
    INCLUDE (provider, model, source, status, user_id, api_key_id) WHERE error_class IS NOT NULL;
CREATE INDEX log_session ON inference_log (session_id text_pattern_ops) WHERE session_id IS NOT NULL;
"""
FORGET_FACETS = """
DROP INDEX log_session;
DROP INDEX log_errors;
DROP INDEX log_facets;
DROP FUNCTION log_facets(
    uuid, text, text, text, text, text, text, uuid, uuid, text, text, text, text, text, text, boolean, integer, numeric, integer
);
"""

# The words of a call lie beside the log, not in it: they are as long as the row, and lists read the row alone.
ENTRIES = """
CREATE TABLE "search_entry" (
    "workspace_id" uuid NOT NULL,
    "received_at" timestamp with time zone NOT NULL,
    "id" uuid NOT NULL,
    "words" tsvector NOT NULL,
    PRIMARY KEY ("workspace_id", "received_at", "id")
) PARTITION BY RANGE ("received_at");
CREATE INDEX "search_words" ON "search_entry" USING gin ("words") WITH (gin_pending_list_limit = 1024);
"""

# The days that the log has already get theirs; telemetry.partitions makes the next ones.
DAYS = """
DO $$
DECLARE
    day date;
    child text;
BEGIN
    FOR day IN SELECT to_date(right(relname, 8), 'YYYYMMDD') FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
        WHERE inhparent = 'inference_log'::regclass
    LOOP
        child := 'search_entry_' || to_char(day, 'YYYYMMDD');
        EXECUTE format('CREATE TABLE %I (LIKE search_entry INCLUDING ALL, CONSTRAINT %I CHECK (received_at >= %L AND received_at < %L))',
            child, child || '_day', day || 'T00:00:00Z', (day + 1) || 'T00:00:00Z');
        EXECUTE format('ALTER TABLE search_entry ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
            child, day || 'T00:00:00Z', (day + 1) || 'T00:00:00Z');
    END LOOP;
END
$$;
"""

# Only where PostgreSQL has pgvector, and lets us have it: everything but the search by meaning works without. One table for all
# days, since the nearest of all is asked for; whoever embeds also deletes what is left of days that were dropped.
MEANINGS = """
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_available_extensions
        WHERE name = 'vector' AND string_to_array(split_part(default_version, '-', 1), '.')::int[] >= ARRAY[0, 7])
    THEN
        CREATE EXTENSION IF NOT EXISTS vector;
        CREATE TABLE search_meaning (
            workspace_id uuid NOT NULL,
            received_at timestamp with time zone NOT NULL,
            id uuid NOT NULL,
            model text NOT NULL,
            meaning halfvec(384) NOT NULL,
            PRIMARY KEY (workspace_id, received_at, id)
        );
        CREATE INDEX search_nearest ON search_meaning USING hnsw (meaning halfvec_cosine_ops);
    END IF;
EXCEPTION WHEN insufficient_privilege OR undefined_file THEN
    RAISE NOTICE 'The search by meaning is left out: %', SQLERRM;
END
$$;
"""


class Migration(migrations.Migration):

    dependencies = [("telemetry", "0004_prices")]

    operations = [
        migrations.RunSQL(FACETS, FORGET_FACETS),
        migrations.RunSQL(MEANINGS, "DROP TABLE IF EXISTS search_meaning"),
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(ENTRIES, 'DROP TABLE "search_entry"'),
                migrations.RunSQL(DAYS, migrations.RunSQL.noop),
            ],
            state_operations=[
                migrations.CreateModel(
                    name="SearchEntry",
                    fields=[
                        ("id", models.UUIDField(primary_key=True, serialize=False)),
                        ("workspace_id", models.UUIDField()),
                        ("received_at", models.DateTimeField()),
                        ("words", django.contrib.postgres.search.SearchVectorField()),
                    ],
                    options={"db_table": "search_entry"},
                ),
            ],
        ),
    ]
