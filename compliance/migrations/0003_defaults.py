"""The rules, example licences and staff groups that a new installation starts with."""

from django.db import migrations

from compliance.defaults import install
from compliance.groups import install_groups


def forward(apps, schema_editor):
    install(
        entity_model=apps.get_model("compliance", "BookingEntity"),
        licence_model=apps.get_model("compliance", "Licence"),
        rule_model=apps.get_model("compliance", "Rule"),
    )
    install_groups(apps)


class Migration(migrations.Migration):
    dependencies = [
        ("compliance", "0002_append_only"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    # Backwards nothing: the tables go with 0001, and groups may have members by then.
    operations = [migrations.RunPython(forward, migrations.RunPython.noop)]
