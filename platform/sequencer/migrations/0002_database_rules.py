"""What the database itself upholds: the journal only grows."""

from django.db import migrations

APPEND_ONLY = """
CREATE FUNCTION refuse_change_of_journal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% only grows: % is refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON sequencer_journalentry
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_journal();
"""

UNDO = """
DROP TRIGGER append_only ON sequencer_journalentry;
DROP FUNCTION refuse_change_of_journal();
"""

# Snapshots are compressed before they come: compressing them again would only cost time.
STORAGE = "ALTER TABLE sequencer_snapshot ALTER COLUMN state SET STORAGE EXTERNAL;"


class Migration(migrations.Migration):
    dependencies = [("sequencer", "0001_initial")]

    operations = [
        migrations.RunSQL(APPEND_ONLY, UNDO),
        migrations.RunSQL(STORAGE, migrations.RunSQL.noop),
    ]
