"""Decisions and the audit trail only grow: the database refuses to change or delete them."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION refuse_change_of_record() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% only grows: % is refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON compliance_auditrecord
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_record();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON compliance_decision
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_record();
"""

BACKWARD = """
DROP TRIGGER append_only ON compliance_decision;
DROP TRIGGER append_only ON compliance_auditrecord;
DROP FUNCTION refuse_change_of_record();
"""


class Migration(migrations.Migration):
    dependencies = [("compliance", "0001_initial")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
