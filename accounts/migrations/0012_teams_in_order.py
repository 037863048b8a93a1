"""Acts only grow; accounts which are older than colours and places get theirs by number."""

from django.db import migrations

from compliance.groups import install_groups

APPEND_ONLY = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON accounts_act
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_ledger();
"""
UNDO = "DROP TRIGGER append_only ON accounts_act;"

BY_NUMBER = """
UPDATE accounts_account SET
    place = number,
    colour = (ARRAY['blue', 'teal', 'green', 'lime', 'amber', 'orange', 'red', 'pink', 'violet',
                    'slate'])[1 + number % 10];
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0011_teams")]

    operations = [
        migrations.RunSQL(APPEND_ONLY, UNDO),
        migrations.RunPython(install_groups, migrations.RunPython.noop),
        migrations.RunSQL(BY_NUMBER, migrations.RunSQL.noop),
    ]
