"""What the database itself upholds: where account ids begin, and that the ledger only grows."""

from django.db import migrations

# Ids below are free for accounts of the house. SET START as well: a reset of the sequence keeps it.
FIRST_ACCOUNT = """
ALTER TABLE accounts_account ALTER COLUMN id SET START WITH 1001 RESTART WITH 1001;
"""

APPEND_ONLY = """
CREATE FUNCTION refuse_change_of_ledger() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% only grows: % is refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON accounts_ledgertransfer
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_ledger();
"""

# Balances change with every order: room on each page lets them change in place.
ROOM = "ALTER TABLE accounts_balance SET (fillfactor = 50);"

UNDO = """
DROP TRIGGER append_only ON accounts_ledgertransfer;
DROP FUNCTION refuse_change_of_ledger();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.RunSQL(FIRST_ACCOUNT, migrations.RunSQL.noop),
        migrations.RunSQL(APPEND_ONLY, UNDO),
        migrations.RunSQL(ROOM, migrations.RunSQL.noop),
    ]
