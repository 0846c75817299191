import uuid

import django.contrib.postgres.search
from django.db import migrations, models

# Lexemes of the 'simple' configuration know no language. Markup has no words to PostgreSQL's parser, and a path is one to it;
# telemetry/search_text.py takes them apart in the same way. A tsvector holds 16,383 positions and a megabyte.
ENTRIES = """
CREATE TABLE "chat_search_entry" (
    "id" uuid PRIMARY KEY,
    "conversation_id" uuid NOT NULL,
    "said_at" timestamp with time zone NOT NULL,
    "words" tsvector NOT NULL
);
CREATE INDEX "chat_search_words" ON "chat_search_entry" USING gin ("words") WITH (gin_pending_list_limit = 1024);

CREATE FUNCTION chat_search_words(owner uuid, content text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT to_tsvector('pg_catalog.simple', translate(left(content, 100000), '<>/' || chr(92), '    '))
    || array_to_tsvector(ARRAY['o:' || owner::text])
$$;
"""
FORGET_ENTRIES = """
DROP FUNCTION chat_search_words(uuid, text);
DROP TABLE "chat_search_entry";
"""

# A text that is still being written is indexed at its end; a temporary chat is not indexed at all.
TRIGGERS = """
CREATE FUNCTION chat_index_message() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO chat_search_entry (id, conversation_id, said_at, words)
    SELECT NEW.id, NEW.conversation_id, NEW.created_at, chat_search_words(owner_id, NEW.content)
    FROM chat_conversation WHERE id = NEW.conversation_id AND NOT is_temporary
    ON CONFLICT (id) DO UPDATE SET words = EXCLUDED.words;
    RETURN NULL;
END
$$;
CREATE TRIGGER chat_message_indexed AFTER INSERT OR UPDATE OF content, status ON chat_message
FOR EACH ROW WHEN (NEW.status <> 'streaming' AND NEW.role IN ('user', 'assistant')) EXECUTE FUNCTION chat_index_message();

CREATE FUNCTION chat_index_title() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO chat_search_entry (id, conversation_id, said_at, words)
    VALUES (NEW.id, NEW.id, NEW.created_at, setweight(chat_search_words(NEW.owner_id, NEW.title), 'A'))
    ON CONFLICT (id) DO UPDATE SET words = EXCLUDED.words;
    RETURN NULL;
END
$$;
CREATE TRIGGER chat_title_indexed AFTER INSERT OR UPDATE OF title, title_source ON chat_conversation
FOR EACH ROW WHEN (NEW.title_source <> 'prompt' AND NOT NEW.is_temporary) EXECUTE FUNCTION chat_index_title();

CREATE FUNCTION chat_forget_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM chat_search_entry WHERE id = OLD.id;
    RETURN NULL;
END
$$;
CREATE TRIGGER chat_message_forgotten AFTER DELETE ON chat_message
FOR EACH ROW EXECUTE FUNCTION chat_forget_words();
CREATE TRIGGER chat_title_forgotten AFTER DELETE ON chat_conversation
FOR EACH ROW EXECUTE FUNCTION chat_forget_words();
"""
FORGET_TRIGGERS = """
DROP TRIGGER chat_title_forgotten ON chat_conversation;
DROP TRIGGER chat_message_forgotten ON chat_message;
DROP TRIGGER chat_title_indexed ON chat_conversation;
DROP TRIGGER chat_message_indexed ON chat_message;
DROP FUNCTION chat_forget_words();
DROP FUNCTION chat_index_title();
DROP FUNCTION chat_index_message();
"""

# What was said before there was an index. Titles were first words until now, and these are in the first message.
FILL = """
INSERT INTO chat_search_entry (id, conversation_id, said_at, words)
SELECT message.id, message.conversation_id, message.created_at, chat_search_words(conversation.owner_id, message.content)
FROM chat_message AS message JOIN chat_conversation AS conversation ON conversation.id = message.conversation_id
WHERE message.status <> 'streaming' AND message.role IN ('user', 'assistant')
"""


class Migration(migrations.Migration):
    dependencies = [("chat", "0003_conversations")]

    operations = [
        migrations.RemoveIndex(model_name="conversation", name="conversation_listed"),
        migrations.AddIndex(
            model_name="conversation",
            index=models.Index(
                models.F("owner"),
                models.OrderBy(models.F("pinned_at"), descending=True, nulls_last=True),
                models.OrderBy(models.F("updated_at"), descending=True),
                models.OrderBy(models.F("id"), descending=True),
                condition=models.Q(archived_at=None, deleted_at=None, is_temporary=False),
                name="conversation_listed",
            ),
        ),
        migrations.AddIndex(
            model_name="conversation",
            index=models.Index(
                fields=["owner", "-archived_at", "-id"],
                condition=models.Q(archived_at__isnull=False, deleted_at=None, is_temporary=False),
                name="conversation_archived",
            ),
        ),
        migrations.AddIndex(
            model_name="conversation",
            index=models.Index(fields=["deleted_at"], condition=models.Q(deleted_at__isnull=False), name="conversation_deleted"),
        ),
        migrations.AddIndex(
            model_name="conversation",
            index=models.Index(fields=["updated_at"], condition=models.Q(is_temporary=True), name="conversation_temporary"),
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(ENTRIES, FORGET_ENTRIES),
                migrations.RunSQL(TRIGGERS, FORGET_TRIGGERS),
                migrations.RunSQL(FILL, migrations.RunSQL.noop),
            ],
            state_operations=[
                migrations.CreateModel(
                    name="SearchEntry",
                    fields=[
                        ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                        ("conversation_id", models.UUIDField()),
                        ("said_at", models.DateTimeField()),
                        ("words", django.contrib.postgres.search.SearchVectorField()),
                    ],
                    options={"db_table": "chat_search_entry"},
                ),
            ],
        ),
    ]
